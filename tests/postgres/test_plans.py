"""Statements are parsed once per connection and planned a few times: planning costs several times what running does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mindbridge_core import Role, SessionClaim
from mindbridge_core.patients import PatientDraft, PatientFilter
from tests.support.postgres import TestDatabase
from tests.support.product import Product, running_product

PLANNED_ANEW = 5
"""How often PostgreSQL plans for the values at hand before it keeps a plan that fits any (plan_cache_mode = auto)."""


def plans(product: Product) -> list[tuple[str, tuple[int, int]]]:
    """Return how often each prepared statement of the only connection ran by a kept plan, and by a new one.

    One text is prepared once for each set of parameter types: an absent value has another type than a given one.
    """
    query = "SELECT statement, generic_plans, custom_plans FROM pg_prepared_statements"
    with product.database.connection() as connection:
        return [(row[0], (row[1], row[2])) for row in connection.execute(query).fetchall()]


OPERATIONS: dict[str, Callable[[Product, SessionClaim], object]] = {
    "FROM patients": lambda product, claim: product.core.list_patients(claim, PatientFilter()),
    "FROM sessions": lambda product, claim: product.core.view_self(claim),
    "INSERT INTO audit_logs": lambda product, claim: product.core.list_patients(claim, PatientFilter()),
    "INSERT INTO patients": lambda product, claim: product.core.admit_patient(claim, PatientDraft(name="Ada")),
}


@pytest.mark.parametrize("part", OPERATIONS)
def test_a_statement_is_prepared_and_its_plan_kept(part: str, database: TestDatabase) -> None:
    with running_product(database, connections=1) as product:
        admin = product.session(product.staff(product.clinic(), Role.ADMIN))
        for _ in range(3 * PLANNED_ANEW):
            OPERATIONS[part](product, admin)
        found = plans(product)

    kept, anew = max(counts for statement, counts in found if part in statement)
    assert PLANNED_ANEW >= anew
    assert kept >= PLANNED_ANEW
