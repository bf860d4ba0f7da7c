"""Alerts of a `high` that nobody screened: given by hand, or in a file."""

from __future__ import annotations

from collections.abc import Iterable

from mindbridge_core.ids import NewId
from mindbridge_core.patients.alerts import Alert, AlertKind
from mindbridge_core.patients.entities import Patient, PatientStatus, RiskLevel
from mindbridge_core.patients.ports import PatientUnit

__all__ = ["at_high", "raise_given"]


def at_high(patient: Patient) -> bool:
    """Whether the patient is one of those whom a clinic must see first."""
    return patient.status is PatientStatus.ACTIVE and patient.current_risk_level is RiskLevel.HIGH


def raise_given(unit: PatientUnit, new_id: NewId, patients: Iterable[Patient]) -> int:
    """Store an alert for each of the patients who is at `high` now, in the unit that stores them; return how many.

    Whoever hands over a patient knows that they were not at `high` before.
    """
    alerts = [_alert(new_id, patient) for patient in patients if at_high(patient)]
    if alerts:
        unit.alerts.raise_all(alerts)
    return len(alerts)


def _alert(new_id: NewId, patient: Patient) -> Alert:
    alert_id = new_id()
    return Alert(
        id=alert_id,
        clinic_id=patient.clinic_id,
        kind=AlertKind.HIGH_RISK,
        patient_id=patient.id,
        cause_id=alert_id,
        created_at=patient.updated_at,
    )
