"""How a use case comes by the one patient that it is about."""

from __future__ import annotations

from uuid import UUID

from mindbridge_core.errors import NotFound
from mindbridge_core.patients.entities import Patient
from mindbridge_core.patients.ports import PatientUnit
from mindbridge_core.patients.rules import in_caseload
from mindbridge_core.work import Desk

__all__ = ["reach"]


def reach(desk: Desk[PatientUnit], patient_id: UUID) -> Patient:
    """Return the patient if the caller may reach it; else NotFound, whatever the reason."""
    patient = desk.unit.patients.get(patient_id)
    if patient is None or not in_caseload(desk.principal, patient):
        raise NotFound
    return patient
