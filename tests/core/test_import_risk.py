"""Patients from CSV: none is shown at less than the rules say, and whoever is `high` is told of."""

from __future__ import annotations

from typing import Any

import pytest

from mindbridge_core import Operator, Role
from mindbridge_core.access import Action
from mindbridge_core.errors import AuditUnavailable
from mindbridge_core.patients import AlertFilter, PatientFilter, RiskLevel
from mindbridge_core.patients.importing import BATCH, ImportMode, ImportPlan, ImportReport
from mindbridge_core.screening import Screening
from tests.core.house import House, actor

LOW, MEDIUM, HIGH = RiskLevel
PARTIAL = ImportPlan(mode=ImportMode.PARTIAL)
BOTH = pytest.mark.parametrize("plan", [ImportPlan(), PARTIAL], ids=lambda plan: plan.mode)
HEADER = "name,mrn,medication_adherence,crisis_calls_30days,current_risk_level,status,manually_escalated\n"


class Clinic:
    """A clinic with an admin and a case manager, to import into."""

    def __init__(self) -> None:
        self.house = House()
        self.house.core.prepare_platform()
        self.id = self.house.clinic("North")
        self.admin, self.manager = (self.house.staff(self.id, role) for role in (Role.ADMIN, Role.CASE_MANAGER))

    def send(self, rows: str, plan: ImportPlan, header: str = HEADER) -> ImportReport:
        return self.house.core.import_patients(actor(self.admin), lambda: [(header + rows).encode()], plan)

    def levels(self) -> list[RiskLevel | None]:
        page = self.house.core.list_patients(actor(self.admin), PatientFilter(limit=200))
        return [patient.current_risk_level for patient in page.items]

    def screenings(self) -> list[Screening]:
        return list(self.house.store.tables.screenings.rows())

    def causes(self) -> list[Any]:
        return [
            alert.cause_id for alert in self.house.core.list_alerts(actor(self.admin), AlertFilter(limit=200)).items
        ]

    def told(self) -> list[tuple[str, str]]:
        return sorted((message.to, message.text) for message in self.house.messages.sent)


@pytest.fixture
def clinic() -> Clinic:
    return Clinic()


@pytest.mark.parametrize(
    ("row", "screened", "shown"),
    [
        ("95,5,,active,", True, HIGH),
        ("95,5,low,active,", True, HIGH),
        ("95,5,medium,active,", True, HIGH),
        ("95,5,high,active,", False, HIGH),
        ("95,3,low,active,", True, MEDIUM),
        (",0,low,active,", True, MEDIUM),  # nobody knows of their medication
        ("95,,,active,yes", True, HIGH),
        ("95,3,medium,active,", False, MEDIUM),
        ("95,3,,active,", False, None),
        ("95,0,low,active,", False, LOW),
        ("95,5,low,inactive,", False, LOW),
    ],
)
@BOTH
def test_a_row_is_screened_with_its_storing_where_the_rules_say_more(
    clinic: Clinic,
    plan: ImportPlan,
    row: str,
    screened: bool,  # noqa: FBT001 - a case
    shown: RiskLevel | None,
) -> None:
    report = clinic.send(f"Ann,1,{row}\n", plan)
    assert (1, int(screened), [shown]) == (report.stored, report.screened, clinic.levels())
    assert [(None, "record", shown)] * screened == [
        (one.performed_by, one.screening_type, one.risk_level) for one in clinic.screenings()
    ]
    (entry,) = [entry for entry in clinic.house.entries() if entry.action is Action.PATIENT_IMPORT]
    assert int(screened) == entry.changed_values["screened"]
    assert (shown is HIGH) == (len(clinic.causes()) == 1)


@BOTH
def test_of_a_file_of_highs_each_has_an_alert_of_its_screening_and_each_of_the_staff_one_message(
    clinic: Clinic, plan: ImportPlan
) -> None:
    header, email = "name,crisis_calls_30days,case_manager\n", clinic.manager.email
    report = clinic.send(f"Ann,6,{email}\n" * (BATCH + 2), plan, header)
    assert BATCH + 2 == report.screened
    alerts = clinic.house.store.tables.alerts.rows()
    assert {one.id for one in clinic.screenings()} == {alert.cause_id for alert in alerts}
    assert sorted([clinic.admin.email, clinic.manager.email]) == [to for to, _ in clinic.told()]
    assert all(f"{BATCH + 2} patients" in text and "Ann" not in text for _, text in clinic.told())


@pytest.mark.parametrize("plan", [ImportPlan(), ImportPlan(dry_run=True), ImportPlan(mode=PARTIAL.mode, dry_run=True)])
def test_what_is_not_kept_screens_nobody_and_tells_nobody(clinic: Clinic, plan: ImportPlan) -> None:
    report = clinic.send("Ann,1,95,5,,active,\n" * BATCH + ",2,,,,,\n", plan)
    assert (0, 0) == (report.stored, report.screened)
    assert ([], [], [], []) == (clinic.levels(), clinic.screenings(), clinic.causes(), clinic.told())


def test_of_an_import_that_breaks_off_is_told_what_was_stored(clinic: Clinic) -> None:
    class Breaking:
        def begin(self, _: Any) -> None: ...

        def note(self, row: Any) -> None:
            clinic.house.trail_broken = row.line > BATCH

    rows = "".join(f"Ann,{n},95,5,,active,\n" for n in range(2 * BATCH))
    with pytest.raises(AuditUnavailable):
        clinic.house.core.import_patients(
            Operator(clinic_id=clinic.id), lambda: [(HEADER + rows).encode()], PARTIAL, Breaking()
        )
    clinic.house.trail_broken = False
    assert BATCH == len(clinic.screenings()) == len(clinic.house.store.tables.alerts.rows())
    ((to, text),) = clinic.told()
    assert to == clinic.admin.email
    assert f"{BATCH} patients" in text
