"""How a use case comes by the one patient that it is about."""

from __future__ import annotations

from typing import Protocol, TypeGuard, TypeVar
from uuid import UUID

from mindbridge_core.access import Role
from mindbridge_core.errors import Forbidden, NotFound
from mindbridge_core.identity import User
from mindbridge_core.patients.emergency import BreakGlass
from mindbridge_core.patients.entities import Patient
from mindbridge_core.patients.ports import PatientUnit
from mindbridge_core.patients.rules import in_caseload, is_own
from mindbridge_core.work import Desk, Emergency

__all__ = ["manages_cases", "reach", "reach_of", "reach_unopened"]


class OfPatient(Protocol):
    """A record that belongs to a patient."""

    @property
    def patient_id(self) -> UUID:
        """The patient whose it is."""


Record = TypeVar("Record", bound=OfPatient)
Found = TypeVar("Found")


def reach(desk: Desk[PatientUnit], patient_id: UUID) -> Patient:
    """Return the patient if the caller may reach it; else NotFound, whatever the reason.

    An emergency access of the caller stands in for the caseload where the grant's row says so, and marks the entry;
    for any other operation it is Forbidden, for who has one knows of the patient.
    """
    patient = desk.unit.patients.get(patient_id)
    if patient is not None and in_caseload(desk.principal, patient):
        return patient
    return _in_emergency(desk, patient_id, patient)


def reach_unopened(desk: Desk[PatientUnit], patient_id: UUID) -> None:
    """Refuse whom `reach` refuses, without opening the patient's record: it may be one that cannot be read."""
    managers = desk.unit.patients.managers_of([patient_id])
    if patient_id not in managers or not is_own(desk.principal, managers[patient_id]):
        _in_emergency(desk, patient_id, patient_id if patient_id in managers else None)


def _in_emergency(desk: Desk[PatientUnit], patient_id: UUID, found: Found | None) -> Found:
    # Asked for a patient that there is not as well: so a refusal takes as many statements whatever its cause.
    access = _emergency_access(desk, patient_id)
    if found is None or access is None:
        raise NotFound
    desk.under(Emergency(id=access.id, reason=access.access_reason))
    if not desk.grant.emergency:
        raise Forbidden("Emergency access is for reading.", reason="emergency_access_reads")
    return found


def reach_of(desk: Desk[PatientUnit], record: Record | None) -> Record:
    """Return the record if there is one and the caller may reach its patient; else NotFound, whatever the reason.

    The trail tells of the patient; whoever calls names the record among the values.
    """
    if record is None:
        raise NotFound
    desk.resource_id = reach(desk, record.patient_id).id
    return record


def _emergency_access(desk: Desk[PatientUnit], patient_id: UUID) -> BreakGlass | None:
    if desk.principal.holder is not Role.CASE_MANAGER:
        return None
    return desk.unit.emergency_accesses.standing(desk.actor.user_id, patient_id, desk.clock())


def manages_cases(user: User | None) -> TypeGuard[User]:
    """Whether patients can be given to this user: missing, foreign and retired ones, and other roles, answer alike."""
    return user is not None and user.active and user.role is Role.CASE_MANAGER
