"""How often the database is asked: machine-independent, so a figure that grows is a test that fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest

from mindbridge_core import Role, SessionClaim
from mindbridge_core.patients import PatientChanges, PatientDraft, PatientFilter, PatientStatus
from mindbridge_postgres.database import Connection
from tests.support.product import Product

CAREFUL = PatientDraft(name="Ada")


class Counted:
    """Keeps what is sent from here on; each `execute` and each `command` is one round trip."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[str] = []
        execute = psycopg.Cursor.execute

        def counted(cursor: psycopg.Cursor[Any], statement: str, *rest: Any, **options: Any) -> Any:
            self.sent.append(statement.strip())
            return execute(cursor, statement, *rest, **options)

        command = Connection.command

        def counted_command(connection: Connection, text: str) -> str:
            self.sent.append(text)
            return command(connection, text)

        monkeypatch.setattr(psycopg.Cursor, "execute", counted)
        monkeypatch.setattr(Connection, "command", counted_command)


@pytest.fixture
def admin(product: Product) -> SessionClaim:
    return product.session(product.staff(product.clinic(), Role.ADMIN))


OPERATIONS: dict[str, tuple[int, Callable[[Product, SessionClaim], object]]] = {
    # One message opens the transaction for its clinic, one commits; between them the session, the records, the entry.
    "view": (5, lambda product, claim: product.core.view_patient(claim, PATIENT[claim])),
    "list": (5, lambda product, claim: product.core.list_patients(claim, PatientFilter())),
    "create": (5, lambda product, claim: product.core.admit_patient(claim, CAREFUL)),
    "change": (
        6,
        lambda product, claim: product.core.change_patient(
            claim, PATIENT[claim], PatientChanges(status=PatientStatus.INACTIVE)
        ),
    ),
    "me": (4, lambda product, claim: product.core.view_self(claim)),
}
PATIENT: dict[SessionClaim, UUID] = {}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_takes_its_few_round_trips_and_one_commit(
    operation: str, product: Product, admin: SessionClaim, monkeypatch: pytest.MonkeyPatch
) -> None:
    PATIENT[admin] = product.core.admit_patient(admin, CAREFUL).id
    expected, operate = OPERATIONS[operation]
    operate(product, admin)
    counted = Counted(monkeypatch)

    operate(product, admin)

    assert expected == len(counted.sent), counted.sent
    assert counted.sent[0].startswith("BEGIN; SET LOCAL app.clinic_id")
    assert 1 == counted.sent.count("COMMIT")
    assert "COMMIT" == counted.sent[-1]


def test_a_list_leaves_one_entry_with_all_that_it_returned(
    product: Product, admin: SessionClaim, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        product.core.admit_patient(admin, PatientDraft(name=f"Patient {number}"))
    counted = Counted(monkeypatch)

    product.core.list_patients(admin, PatientFilter())

    assert 1 == sum("INSERT INTO audit_logs" in statement for statement in counted.sent)
