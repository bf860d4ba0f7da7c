"""`mindbridge screen`: all active patients by rules, with a progress bar where somebody looks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from mindbridge_cli.commands import screen
from mindbridge_core import MindBridge, Operator, Role
from mindbridge_core.errors import LostUpdate
from mindbridge_core.patients import AlertFilter, AlertKind, PatientDraft, PatientFilter, RiskLevel
from tests.cli.conftest import Run
from tests.cli.test_worker import fill, prepared
from tests.support.postgres import TestDatabase
from tests.support.product import Product


def document(output: str) -> Any:
    return json.loads(output)


def test_the_sample_clinic_is_screened_and_told_in_json_and_in_words(run: Run, served: dict[str, str]) -> None:
    seeded = document(run("seed", "--json", **served).stdout)
    answer = run("screen", "--json", **served)
    assert 0 == answer.exit_code, answer.output
    (done,) = document(answer.stdout)["clinics"]
    assert {
        "clinic_id": seeded["clinic_id"],
        "screened": 10,
        "levels": {"high": 3, "medium": 1, "low": 6},
        "raised": 7,  # three were screened as they came
        "outreach": 10,
        "overdue": 0,
        "set_aside": 0,
    } == done
    again = run("screen", "--clinic", seeded["clinic_id"], **served)
    assert "10 screened: 3 high, 1 medium, 6 low" in again.stdout
    assert "0 raised" in again.stdout
    for name in ("Robert", "Davis", "Amanda"):
        assert name not in answer.output + again.output


def test_a_page_that_somebody_disturbs_is_screened_again(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    clinic_id = product.clinic()
    calls: list[int] = []
    whole = type(product.core.screen_caseload).__call__

    def disturbed(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) < screen.TRIES:
            raise LostUpdate
        return whole(*arguments, **named)

    monkeypatch.setattr(type(product.core.screen_caseload), "__call__", disturbed)
    assert 0 == screen._screened(product.core, clinic_id)["screened"]  # noqa: SLF001 - how often is seen here alone
    calls[:] = []
    monkeypatch.setattr(screen, "TRIES", screen.TRIES + 1)
    monkeypatch.setattr(type(product.core.screen_caseload), "__call__", _never)
    with pytest.raises(LostUpdate):
        screen._screened(product.core, clinic_id)  # noqa: SLF001 - likewise


def _never(*_: Any, **__: Any) -> Any:
    raise LostUpdate


def test_several_pages_are_one_caseload(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    clinic_id = product.clinic()
    operator = Operator(clinic_id=clinic_id)
    for calls in (0, 6, 6):
        product.core.admit_patient(operator, PatientDraft(name="Jane", crisis_calls_30days=calls))
    core: MindBridge = product.core
    whole = type(core.screen_caseload).__call__
    monkeypatch.setattr(
        type(core.screen_caseload), "__call__", lambda *given, **named: whole(*given, **named | {"limit": 2})
    )
    assert {"high": 2, "medium": 1, "low": 0} == screen._screened(core, clinic_id)["levels"]  # noqa: SLF001
    assert 2 == len(core.list_patients(operator, PatientFilter(risk_level=RiskLevel.HIGH)).items)


def test_a_managers_caseload_a_level_or_a_patient_can_be_screened(
    run: Run, served: dict[str, str], database: TestDatabase, key_ring: Path
) -> None:
    product, clinic_id = prepared(database, key_ring)
    operator = Operator(clinic_id=clinic_id)
    manager = product.staff(clinic_id, Role.CASE_MANAGER)
    own = PatientDraft(name="Jane", case_manager_id=manager.id, crisis_calls_30days=6)
    patient = product.core.admit_patient(operator, own)
    product.core.admit_patient(operator, PatientDraft(name="Joan"))

    def screened(*options: str) -> int:
        answer = run("screen", "--json", "--clinic", str(clinic_id), *options, **served)
        assert 0 == answer.exit_code, answer.output
        (done,) = document(answer.stdout)["clinics"]
        return int(done["screened"])

    assert 1 == screened("--case-manager", str(manager.id))
    assert 1 == screened("--risk-level", "high")
    assert 0 == screened("--risk-level", "low")
    assert 1 == screened("--patient", str(patient.id))
    assert 2 == screened()
    product.database.close()


@pytest.mark.parametrize(
    "options",
    [("--patient", str(UUID(int=1))), ("--case-manager", str(UUID(int=1)))],
)
def test_whoever_names_somebody_names_the_clinic_too(
    options: tuple[str, ...], run: Run, served: dict[str, str]
) -> None:
    answer = run("screen", *options, **served)
    assert 2 == answer.exit_code
    assert "need --clinic" in answer.stderr
    nobody = run("screen", "--clinic", str(UUID(int=2)), *options, **served)
    assert nobody.exit_code not in {0, 2}
    both = run("screen", "--clinic", str(UUID(int=2)), "--patient", str(UUID(int=1)), "--risk-level", "high", **served)
    assert 2 == both.exit_code


def test_who_cannot_be_screened_is_counted_and_keeps_nobody_from_being_screened(
    database: TestDatabase, key_ring: Path, served: dict[str, str], run: Run
) -> None:
    product, clinic_id = prepared(database, key_ring)
    fill(product.core, clinic_id, 8)
    with psycopg.connect(database.superuser_url) as superuser:
        row = superuser.execute("SELECT id FROM patients ORDER BY id OFFSET 3 LIMIT 1").fetchone()
        assert row is not None
        superuser.execute("UPDATE patients SET name = set_byte(name, 30, get_byte(name, 30) # 1) WHERE id = %s", row)
    answer = run("screen", **served)
    assert 3 == answer.exit_code, answer.output
    assert "7 screened" in answer.stdout
    assert "1 could not be screened: the clinic's alerts say who" in answer.stdout
    admin = product.session(product.staff(clinic_id, Role.ADMIN))
    not_screened = AlertFilter(kinds=frozenset({AlertKind.NOT_SCREENED}))
    assert [row[0]] == [one.patient_id for one in product.core.list_alerts(admin, not_screened).items]
    assert str(row[0]) not in answer.output
    product.database.close()
