"""The contract of what is counted over a clinic."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from mindbridge_core.patients import Patient, PatientStatus, RiskLevel
from mindbridge_core.screening import (
    Caseload,
    Confirmed,
    Overview,
    OverviewScope,
    ReviewStatus,
    TrendDay,
    UrgentPatient,
)
from mindbridge_core.testing.records import NOW, SCRIPTS, a_patient, a_user
from mindbridge_core.testing.screenings import a_screening
from mindbridge_core.testing.store import ContractStore, StoreContract

__all__ = ["OverviewsContract"]

LOW, MEDIUM, HIGH = RiskLevel


def scope(case_manager_id: UUID | None = None) -> OverviewScope:
    """Return the scope as of `NOW`, at a clinic where it is five hours earlier."""
    return OverviewScope(
        case_manager_id=case_manager_id,
        now=NOW,
        zone="America/New_York",
        overdue_before=NOW - timedelta(hours=24),
        missed_before=NOW - timedelta(hours=9),
    )


class OverviewsContract(StoreContract):
    """What is counted is what there is: no patient twice, none of another clinic, none who was removed."""

    def test_nothing_is_counted_as_nothing(self) -> None:
        """Of an empty clinic."""
        store = self.store()
        assert overview(store, store.clinic_a) == Overview(
            clinic_id=store.clinic_a,
            active=0,
            levels={LOW: 0, MEDIUM: 0, HIGH: 0},
            unscreened=0,
            covered=0,
            missed=0,
            pending=0,
            overdue=0,
            trend=(),
            caseloads=(),
            urgent=(),
        )

    def test_a_clinic_is_counted_whole_and_a_caseload_alone(self) -> None:
        """Levels, caseloads, the trend by the clinic's days, coverage, what waits and what waits too long."""
        store = self.store()
        manager, patients = settled(store)
        high, medium = patients["high"], patients["medium"]
        found = overview(store, store.clinic_a)
        assert (found.active, found.unscreened, found.levels) == (4, 1, {LOW: 0, MEDIUM: 1, HIGH: 2})
        assert (found.covered, found.missed, found.pending, found.overdue) == (2, 3, 3, 1)
        assert found.trend == (
            TrendDay(day=date(2026, 2, 20), high=0, medium=1, low=0),
            TrendDay(day=date(2026, 2, 28), high=1, medium=0, low=0),
            TrendDay(day=date(2026, 3, 1), high=0, medium=1, low=0),
            TrendDay(day=date(2026, 3, 2), high=1, medium=0, low=0),
        )
        assert found.caseloads == (
            Caseload(case_manager_id=manager, patients=2, high=1),
            Caseload(case_manager_id=None, patients=2, high=1),
        )
        never = patients["never screened"]
        assert found.urgent == (urgent(never, None), urgent(high, Decimal(90)))
        own = overview(store, store.clinic_a, manager)
        assert (own.active, own.levels, own.covered, own.pending) == (2, {LOW: 0, MEDIUM: 1, HIGH: 1}, 2, 3)
        assert own.missed == 1
        assert own.urgent == found.urgent[1:]
        assert medium.id not in {one.patient_id for one in found.urgent}

    def test_another_clinic_is_not_counted(self) -> None:
        """Nothing of it."""
        store = self.store()
        settled(store)
        assert overview(store, store.clinic_b).active == 0
        assert overview(store, store.clinic_b).pending == 0

    def test_the_urgent_are_ten_at_most_the_unknown_first_then_the_highest_score(self) -> None:
        """And of one score in the order of their ids: nobody is left out because nothing is known of them."""
        store = self.store()
        patients = [a_patient(store.clinic_a, current_risk_level=HIGH) for _ in range(12)]
        with store.open_unit(store.clinic_a) as unit:
            unit.patients.add_many(patients)
            for place, patient in enumerate(patients):
                score = Decimal(80 + place // 2)
                unit.screenings.add(a_screening(patient, risk_level=HIGH, risk_score=score))
        unknown = a_patient(store.clinic_a, current_risk_level=HIGH)
        with store.open_unit(store.clinic_a) as unit:
            unit.patients.add(unknown)
        found = overview(store, store.clinic_a).urgent
        ranked = sorted(enumerate(patients), key=lambda one: (-(one[0] // 2), one[1].id))
        assert [one.patient_id for one in found] == [unknown.id, *(patient.id for _, patient in ranked[:9])]


def overview(store: ContractStore, clinic_id: UUID, case_manager_id: UUID | None = None) -> Overview:
    """Return the overview of the clinic, or of one caseload."""
    with store.open_unit(clinic_id) as unit:
        return unit.overviews.of(scope(case_manager_id))


def urgent(patient: Patient, score: Decimal | None) -> UrgentPatient:
    """Return the patient as urgent; one with a score was screened now and not reviewed."""
    seen = score is not None
    return UrgentPatient(
        patient_id=patient.id,
        case_manager_id=patient.case_manager_id,
        name=patient.name,
        risk_score=score,
        screened_at=NOW if seen else None,
        review_status=ReviewStatus.PENDING_REVIEW if seen else None,
    )


def settled(store: ContractStore) -> tuple[UUID, dict[str, Patient]]:
    """Fill the first clinic: active patients screened and not, one who left, one who was removed."""
    manager = a_user(store.clinic_a)
    own: dict[str, Any] = {"case_manager_id": manager.id}
    patients = {
        "high": a_patient(store.clinic_a, name=SCRIPTS[0], current_risk_level=HIGH, **own),
        "medium": a_patient(store.clinic_a, current_risk_level=MEDIUM, **own),
        "never screened": a_patient(store.clinic_a, current_risk_level=HIGH),
        "unknown": a_patient(store.clinic_a),
        "left": a_patient(store.clinic_a, current_risk_level=HIGH, status=PatientStatus.DISCHARGED),
        "removed": a_patient(store.clinic_a, current_risk_level=HIGH, **own),
    }
    high, medium = patients["high"], patients["medium"]
    ids = iter(UUID(int=number, version=4) for number in range(1, 10))
    made = [
        a_screening(high, id=next(ids), risk_level=HIGH, risk_score=Decimal(75), screened_at=NOW - timedelta(days=2)),
        a_screening(high, id=next(ids), risk_level=HIGH, risk_score=Decimal(90)),
        # Half past nine in UTC less ten hours is the day before, there as here.
        a_screening(medium, id=next(ids), risk_level=MEDIUM, screened_at=NOW - timedelta(hours=10)),
        a_screening(
            medium,
            id=next(ids),
            risk_level=MEDIUM,
            screened_at=NOW - timedelta(days=10),
            review=Confirmed(by=manager.id, at=NOW),
        ),
        a_screening(
            medium,
            id=next(ids),
            screened_at=NOW - timedelta(days=31),
            review=Confirmed(by=manager.id, at=NOW),
        ),
        a_screening(patients["removed"], id=next(ids), risk_level=HIGH),
    ]
    with store.open_unit(store.clinic_a) as unit:
        unit.users.add(manager)
        unit.patients.add_many(list(patients.values()))
        unit.screenings.add_many(made)
        unit.patients.save(patients["removed"].removed(manager.id, NOW))
    return manager.id, patients
