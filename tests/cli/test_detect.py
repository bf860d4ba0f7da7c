"""`mindbridge audit detect`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from mindbridge_core import Role
from mindbridge_core.audit import Outcome
from mindbridge_core.identity import User
from mindbridge_core.oversight import window_of
from mindbridge_core.testing.records import an_entry
from mindbridge_postgres import PoolSettings
from mindbridge_security import KeyRing, utc_now
from tests.cli.conftest import Run
from tests.support.postgres import TestDatabase
from tests.support.product import Product, compose


@pytest.fixture
def product(database: TestDatabase, served: dict[str, str]) -> Iterator[Product]:
    made = compose(database.application_url, KeyRing.load(Path(served["key_ring_file"])), PoolSettings(most=2))
    try:
        made.core.prepare_platform()
        yield made
    finally:
        made.database.close()


@pytest.fixture
def suspect(product: Product) -> User:
    """A case manager who was refused six times in an hour of today or yesterday."""
    clinic_id = product.clinic()
    product.staff(clinic_id, Role.ADMIN)
    user = product.staff(clinic_id, Role.CASE_MANAGER)
    with product.core.ports.open_unit(clinic_id) as unit:
        for _ in range(6):
            at = window_of(utc_now()) - timedelta(hours=3)
            unit.audit.append(an_entry(clinic_id, created_at=at, user_id=user.id, outcome=Outcome.DENIED))
    return user


def test_a_finding_ends_the_command_with_3_and_is_new_once(run: Run, served: dict[str, str], suspect: User) -> None:
    settings = served | {"detect_refusals": "5", "notify": "console"}
    ended = run("audit", "detect", "--json", **settings)
    document = json.loads(ended.stdout)
    assert (3, 1, 1) == (ended.exit_code, document["found"], document["new"])
    (clinic,) = document["clinics"]
    (finding,) = clinic["findings"]
    assert (str(suspect.clinic_id), str(suspect.id)) == (clinic["clinic_id"], finding["user_id"])
    assert ("repeated_refusals", 6, 5, True) == (
        finding["rule"],
        finding["observed"],
        finding["threshold"],
        finding["new"],
    )
    assert ("Unusual access" in ended.stderr) is True  # the notice, on the console
    again = run("audit", "detect", "--json", "--clinic", str(suspect.clinic_id), **settings)
    document = json.loads(again.stdout)
    assert (3, 1, 0) == (again.exit_code, document["found"], document["new"])
    assert "" == again.stderr
    told = run("audit", "detect", **settings).stdout
    assert f"repeated_refusals: user {suspect.id}" in told


@pytest.mark.usefixtures("suspect")
def test_a_quiet_trail_ends_it_with_0(run: Run, served: dict[str, str]) -> None:
    ended = run("audit", "detect", "--json", **served)
    document = json.loads(ended.stdout)
    assert (0, 0, 0, []) == (
        ended.exit_code,
        document["found"],
        document["new"],
        document["clinics"][0]["findings"],
    )


def test_what_cannot_be_examined_is_said(run: Run, served: dict[str, str], suspect: User) -> None:
    assert 1 == run("audit", "detect", "--clinic", str(UUID(int=7)), **served).exit_code
    assert 1 == run("audit", "detect", "--since", "2001-01-01", **served).exit_code
    assert 2 == run("audit", "detect", "--since", "yesterday", **served).exit_code
    assert 2 == run("audit", "detect", **served, detect_day_begins="20", detect_day_ends="7").exit_code
    assert suspect.active
