"""Scheduling, showing, moving and closing appointments."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Caller
from mindbridge_core.care.entities import Appointment, AppointmentStatus
from mindbridge_core.care.inputs import AppointmentChanges, AppointmentDraft, closing_findings, schedule_findings
from mindbridge_core.care.ports import CareUnit, History, Span
from mindbridge_core.care.repeats import first_answer, keep_answer
from mindbridge_core.clock import Clock
from mindbridge_core.errors import Finding, InvalidInput
from mindbridge_core.idempotency import IdempotencyKey
from mindbridge_core.ids import NewId
from mindbridge_core.patients import reach, reach_of
from mindbridge_core.patients.at_once import NOTHING, AtOnce
from mindbridge_core.validation import Unset, given
from mindbridge_core.work import Desk, Work, require_version

__all__ = ["ChangeAppointment", "ListAppointments", "ScheduleAppointment"]

AUDITABLE: Final = frozenset({"appointment_id", "appointment_type", "scheduled_at", "status"})


@attrs.frozen(kw_only=True)
class ScheduleAppointment:
    """Enter an appointment of a patient."""

    work: Work[CareUnit]
    clock: Clock
    new_id: NewId

    def __call__(
        self, caller: Caller, patient_id: UUID, draft: AppointmentDraft, *, once: IdempotencyKey | None = None
    ) -> Appointment:
        """Return the appointment, or with a key used before the one that its first request made.

        Raises NotFound, InvalidInput, IdempotencyKeyReused.
        """
        with self.work(caller, Action.APPOINTMENT_SCHEDULE, resource_id=patient_id) as desk:
            reach(desk, patient_id)
            first = first_answer(desk, once, Appointment, patient_id)
            if first is not None:
                return first
            appointment = self._appointment(desk, patient_id, draft)
            desk.unit.appointments.add(appointment)
            sent = {name: value for name, value in given(draft).items() if value is not None}
            desk.changes({**sent, "appointment_id": appointment.id}, plain=AUDITABLE)
            keep_answer(desk, once, appointment)
        return appointment

    def _appointment(self, desk: Desk[CareUnit], patient_id: UUID, draft: AppointmentDraft) -> Appointment:
        now = self.clock()
        findings = schedule_findings(draft.scheduled_at, now)
        if findings:
            raise InvalidInput(findings)
        return Appointment(
            id=self.new_id(),
            clinic_id=desk.principal.clinic_id,
            patient_id=patient_id,
            scheduled_by=desk.actor.user_id,
            created_at=now,
            **given(draft),
        )


@attrs.frozen(kw_only=True)
class ListAppointments:
    """Show a page of a patient's appointments."""

    work: Work[CareUnit]

    def __call__(self, caller: Caller, patient_id: UUID, span: Span) -> History[Appointment]:
        """Return the page, the latest first; NotFound as for the patient."""
        with self.work(caller, Action.APPOINTMENT_LIST, resource_id=patient_id) as desk:
            reach(desk, patient_id)
            return desk.unit.appointments.of_patient(patient_id, span)


@attrs.frozen(kw_only=True)
class ChangeAppointment:
    """Move an appointment, close it, put its end right, or note something.

    Who is then shown at less than the rules say is screened by them at once.
    """

    work: Work[CareUnit]
    clock: Clock
    at_once: AtOnce

    def __call__(
        self, caller: Caller, appointment_id: UUID, changes: AppointmentChanges, *, version: int | None = None
    ) -> Appointment:
        """Return the changed appointment; the patient's numbers follow.

        Raises NotFound, PreconditionFailed, InvalidInput, IllegalTransition, and LostUpdate when another writer came
        between.
        """
        with self.work(caller, Action.APPOINTMENT_CHANGE, resource_id=appointment_id) as desk:
            found = reach_of(desk, desk.unit.appointments.get(appointment_id))
            require_version(found, version)
            sent = given(changes)
            changed = self._changed(desk, found, changes)
            saved = desk.unit.appointments.save(changed) if sent else found
            followed = NOTHING
            if "status" in sent:
                followed = self.at_once(desk, desk.unit.patients.get(found.patient_id))
            noted = {**sent, "appointment_id": found.id, **followed.changes}
            desk.changes(noted, plain=AUDITABLE | followed.changes.keys())
        followed.tell()
        return saved

    def _changed(self, desk: Desk[CareUnit], found: Appointment, changes: AppointmentChanges) -> Appointment:
        now, to, status = self.clock(), changes.scheduled_at, changes.status
        changed, findings = found, list[Finding]()
        if not isinstance(to, Unset):
            changed, findings = changed.moved(to), schedule_findings(to, now)
        if not isinstance(status, Unset):
            changed, findings = self._closed(desk, changed, status, now, findings)
        if findings:
            raise InvalidInput(findings)
        plain = {name: value for name, value in given(changes).items() if name in {"appointment_type", "notes"}}
        return attrs.evolve(changed, **plain)

    def _closed(
        self,
        desk: Desk[CareUnit],
        appointment: Appointment,
        status: AppointmentStatus,
        now: datetime,
        findings: list[Finding],
    ) -> tuple[Appointment, list[Finding]]:
        closed = appointment.closed(status, desk.actor.user_id, now)
        return closed, findings + closing_findings(status, appointment.scheduled_at, now)
