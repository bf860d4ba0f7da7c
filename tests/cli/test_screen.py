"""`mindbridge screen`: all active patients by rules, with a progress bar where somebody looks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mindbridge_cli.commands import screen
from mindbridge_core import MindBridge, Operator
from mindbridge_core.errors import LostUpdate
from mindbridge_core.patients import PatientDraft, PatientFilter, RiskLevel
from tests.cli.conftest import Run
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
        "raised": 10,
        "outreach": 10,
        "overdue": 0,
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
