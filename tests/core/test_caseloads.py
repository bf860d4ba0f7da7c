"""Screening a caseload by rules, page by page."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import attrs
import pytest

from mindbridge_core import Action, Operator
from mindbridge_core.errors import Forbidden, LostUpdate, NotFound
from mindbridge_core.patients import Patient, PatientChanges, PatientFilter, PatientStatus, RiskLevel
from mindbridge_core.screening import CaseloadScope, ScreeningFilter
from mindbridge_memory.patients import MemoryPatients
from tests.core.house import House
from tests.core.test_screenings import Ward, ward

LOW, MEDIUM, HIGH = RiskLevel
OAKWOOD: Final = Path(__file__).resolve().parents[2] / "adapters/mindbridge_cli/data/oakwood.json"


def oakwood() -> tuple[House, Operator]:
    """The sample clinic's ten patients, on record since today."""
    house = House()
    house.core.prepare_platform()
    clinic = house.clinic("Main Campus")
    for one in json.loads(OAKWOOD.read_text("utf-8"))["patients"]:
        house.patient(
            clinic,
            medication_adherence=Decimal(one["medication_adherence"]),
            appointments_missed=one["appointments_missed"],
            crisis_calls_30days=one["crisis_calls_30days"],
        )
    return house, Operator(clinic_id=clinic)


def test_the_sample_clinic_is_screened_whole() -> None:
    house, operator = oakwood()
    page = house.core.screen_caseload(operator)
    assert {HIGH: 3, MEDIUM: 1, LOW: 6} == page.levels
    assert (10, None, 10) == (page.raised, page.after, page.total)
    high = house.core.list_patients(operator, PatientFilter(risk_level=HIGH))
    assert 3 == len(high.items)


def test_pages_follow_one_another_with_an_entry_each() -> None:
    house, operator = oakwood()
    first = house.core.screen_caseload(operator, limit=6)
    rest = house.core.screen_caseload(operator, after=first.after, limit=6)
    assert (6, 4) == (len(first.screenings), len(rest.screenings))
    assert (10, None, None) == (first.total, rest.total, rest.after)
    entries = [entry for entry in house.entries() if entry.action is Action.SCREENING_CASELOAD]
    assert [6, 4] == [len(entry.resource_ids) for entry in entries]
    assert {one.patient_id for one in first.screenings} == set(entries[0].resource_ids)
    assert {"screened": 6, "raised": 6, "alerts": 2, "rules_version": "2026.1"} == entries[0].changed_values
    assert 10 == len(house.store.tables.screenings.rows())


def test_a_second_run_raises_nobody_and_lowers_nobody() -> None:
    house, operator = oakwood()
    house.core.screen_caseload(operator)
    before = {one.id: (one.current_risk_level, one.version) for one in house.store.tables.patients.rows()}
    assert 0 == house.core.screen_caseload(operator).raised
    assert before == {one.id: (one.current_risk_level, one.version) for one in house.store.tables.patients.rows()}


def test_a_caseload_holds_the_active() -> None:
    here = ward()
    second = here.house.patient(here.clinic)
    gone = here.house.patient(here.clinic)
    here.house.core.change_patient(here.admin, gone, PatientChanges(status=PatientStatus.DISCHARGED))
    found = here.house.core.screen_caseload(Operator(clinic_id=here.clinic)).screenings
    assert [here.patient_id, second] == [one.patient_id for one in found]
    with pytest.raises(Forbidden):
        here.house.core.screen_caseload(here.admin)


def test_a_caseload_can_be_one_managers_or_one_levels() -> None:
    here = ward(crisis_calls_30days=6)
    second = here.house.patient(here.clinic)
    operator, screen = Operator(clinic_id=here.clinic), here.house.core.screen_caseload

    def found(**fields: Any) -> list[UUID]:
        page = screen(operator, only=CaseloadScope(**fields))
        assert len(page.screenings) == page.total
        return [one.patient_id for one in page.screenings]

    assert [here.patient_id] == found(case_manager_id=here.manager.user_id)
    assert [] == found(risk_level=LOW)
    assert [here.patient_id, second] == found()
    assert [here.patient_id] == found(risk_level=HIGH)
    for nobody in (here.admin.user_id, uuid4()):
        with pytest.raises(NotFound):
            found(case_manager_id=nobody)


def test_a_caseload_can_be_one_patient_active_or_not() -> None:
    here = ward(crisis_calls_30days=6)
    here.house.patient(here.clinic)
    here.house.core.change_patient(here.admin, here.patient_id, PatientChanges(status=PatientStatus.INACTIVE))
    operator, screen = Operator(clinic_id=here.clinic), here.house.core.screen_caseload
    page = screen(operator, only=CaseloadScope(patient_id=here.patient_id))
    assert ([here.patient_id], 1, 1, None) == (
        [one.patient_id for one in page.screenings],
        page.total,
        page.raised,
        page.after,
    )
    elsewhere = here.house.patient(here.house.clinic("South"))
    for nobody in (elsewhere, uuid4()):
        with pytest.raises(NotFound):
            screen(operator, only=CaseloadScope(patient_id=nobody))


def screened_alone_and_with_all(here: Ward) -> None:
    operator = Operator(clinic_id=here.clinic)
    alone = here.screen(operator)
    (with_all,) = here.house.core.screen_caseload(operator).screenings
    same = attrs.evolve(with_all, id=alone.id, screening_type=alone.screening_type, record=alone.record)
    assert alone == same


def test_a_patient_is_screened_alike_alone_and_with_all() -> None:
    for calls in (0, 3, 6):
        screened_alone_and_with_all(ward(crisis_calls_30days=calls))


def test_a_level_that_somebody_changed_meanwhile_keeps_nothing_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    here = ward()
    save = MemoryPatients.save_levels

    def late(patients: MemoryPatients, raised: list[Patient]) -> None:
        save(patients, [attrs.evolve(one, version=one.version - 1) for one in raised])

    monkeypatch.setattr(MemoryPatients, "save_levels", late)
    with pytest.raises(LostUpdate):
        here.house.core.screen_caseload(Operator(clinic_id=here.clinic))
    assert [] == here.house.store.tables.screenings.rows()
    monkeypatch.undo()
    assert 1 == here.house.core.screen_caseload(Operator(clinic_id=here.clinic)).raised
    assert 1 == len(here.house.core.list_reviews(here.admin, ScreeningFilter()).items)


def test_a_dashboard_names_in_the_trail_whom_it_names() -> None:
    here = ward(crisis_calls_30days=6)
    here.screen()
    here.house.clock.forward(hours=25)
    overview = here.house.core.show_dashboard(here.admin)
    assert (1, 1, 1) == (overview.active, overview.pending, overview.overdue)
    (entry,) = here.entries(Action.SCREENING_DASHBOARD)
    assert (here.patient_id,) == entry.resource_ids
