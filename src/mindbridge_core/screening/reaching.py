"""How a use case comes by the one screening that it is about."""

from __future__ import annotations

from uuid import UUID
from zoneinfo import ZoneInfo

from mindbridge_core.errors import NotFound
from mindbridge_core.identity import Clinic
from mindbridge_core.patients import Patient, reach
from mindbridge_core.screening.entities import Screening
from mindbridge_core.screening.ports import ScreeningUnit
from mindbridge_core.work import Desk

__all__ = ["calendar", "reach_screening", "zone_of"]


def reach_screening(desk: Desk[ScreeningUnit], screening_id: UUID, *, hold: bool = False) -> tuple[Screening, Patient]:
    """Return the screening and its patient, if the caller may reach the patient; else NotFound, whatever the reason.

    The trail tells of the patient. With `hold` both are as they are when nobody else holds the patient.
    """
    found = desk.unit.screenings.get(screening_id)
    if found is None:
        raise NotFound
    patient = reach(desk, found.patient_id)
    desk.resource_id = patient.id
    if not hold:
        return found, patient
    desk.unit.consents.held(patient.id)
    current = desk.unit.screenings.get(screening_id)
    assert current is not None  # noqa: S101 - screenings are never deleted
    return current, reach(desk, patient.id)


def calendar(desk: Desk[ScreeningUnit]) -> ZoneInfo:
    """Return the time zone by whose calendar the clinic counts days."""
    return zone_of(desk.unit.clinics.get())


def zone_of(clinic: Clinic | None) -> ZoneInfo:
    """Return the clinic's time zone."""
    return ZoneInfo("UTC" if clinic is None else clinic.timezone)
