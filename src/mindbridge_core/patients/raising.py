"""Alerts of a `high` that nobody screened: given by hand, or in a file."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from mindbridge_core.ids import NewId
from mindbridge_core.patients.alerts import Alert, AlertKind
from mindbridge_core.patients.entities import Patient, PatientStatus, RiskLevel
from mindbridge_core.patients.ports import PatientUnit
from mindbridge_core.work import Desk

__all__ = ["at_high", "raise_given"]


def at_high(patient: Patient) -> bool:
    """Whether the patient is one of those whom a clinic must see first."""
    return patient.status is PatientStatus.ACTIVE and patient.current_risk_level is RiskLevel.HIGH


def raise_given(desk: Desk[PatientUnit], new_id: NewId, patient_ids: Iterable[UUID], at: datetime) -> None:
    """Store an alert for each of the patients, who were not at `high` before, in the unit that stores them."""
    alerts = [_alert(new_id(), desk.principal.clinic_id, patient_id, at) for patient_id in patient_ids]
    if alerts:
        desk.unit.alerts.raise_all(alerts)


def _alert(alert_id: UUID, clinic_id: UUID, patient_id: UUID, at: datetime) -> Alert:
    return Alert(
        id=alert_id,
        clinic_id=clinic_id,
        kind=AlertKind.HIGH_RISK,
        patient_id=patient_id,
        cause_id=alert_id,
        created_at=at,
    )
