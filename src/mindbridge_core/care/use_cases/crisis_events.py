"""Reporting, showing and resolving crisis events."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Caller
from mindbridge_core.care.entities import CrisisEvent
from mindbridge_core.care.inputs import CrisisEventChanges, CrisisEventDraft, past_findings
from mindbridge_core.care.ports import CareUnit, History, Span
from mindbridge_core.care.repeats import first_answer, keep_answer
from mindbridge_core.clock import Clock
from mindbridge_core.errors import InvalidInput
from mindbridge_core.idempotency import IdempotencyKey
from mindbridge_core.ids import NewId
from mindbridge_core.patients import reach, reach_of
from mindbridge_core.patients.at_once import AtOnce
from mindbridge_core.validation import Unset, given
from mindbridge_core.work import Desk, Work, require_version

__all__ = ["ChangeCrisisEvent", "ListCrisisEvents", "ReportCrisisEvent"]

AUDITABLE: Final = frozenset({"crisis_event_id", "event_type", "follow_up_required", "occurred_at", "severity"})


@attrs.frozen(kw_only=True)
class ReportCrisisEvent:
    """Enter a crisis of a patient, who is screened at once where the rules then say more than is shown."""

    work: Work[CareUnit]
    clock: Clock
    new_id: NewId
    at_once: AtOnce

    def __call__(
        self, caller: Caller, patient_id: UUID, draft: CrisisEventDraft, *, once: IdempotencyKey | None = None
    ) -> CrisisEvent:
        """Return the event, or with a key used before the one that its first request made.

        Raises NotFound, InvalidInput, IdempotencyKeyReused.
        """
        with self.work(caller, Action.CRISIS_EVENT_REPORT, resource_id=patient_id) as desk:
            reach(desk, patient_id)
            first = first_answer(desk, once, CrisisEvent, patient_id)
            if first is not None:
                return first
            event = self._event(desk, patient_id, draft)
            desk.unit.crisis_events.add(event)
            sent = {name: value for name, value in given(draft).items() if value is not None}
            followed = self.at_once(desk, desk.unit.patients.get(patient_id))
            noted = {**sent, "crisis_event_id": event.id, **followed.changes}
            desk.changes(noted, plain=AUDITABLE | followed.changes.keys())
            keep_answer(desk, once, event)
        followed.tell()
        return event

    def _event(self, desk: Desk[CareUnit], patient_id: UUID, draft: CrisisEventDraft) -> CrisisEvent:
        now = self.clock()
        findings = past_findings("occurred_at", draft.occurred_at, now)
        if findings:
            raise InvalidInput(findings)
        return CrisisEvent(
            id=self.new_id(),
            clinic_id=desk.principal.clinic_id,
            patient_id=patient_id,
            reported_by=desk.actor.user_id,
            created_at=now,
            **given(draft),
        )


@attrs.frozen(kw_only=True)
class ListCrisisEvents:
    """Show a page of a patient's crisis events."""

    work: Work[CareUnit]

    def __call__(self, caller: Caller, patient_id: UUID, span: Span) -> History[CrisisEvent]:
        """Return the page, the latest first; NotFound as for the patient."""
        with self.work(caller, Action.CRISIS_EVENT_LIST, resource_id=patient_id) as desk:
            reach(desk, patient_id)
            return desk.unit.crisis_events.of_patient(patient_id, span)


@attrs.frozen(kw_only=True)
class ChangeCrisisEvent:
    """Resolve a crisis event, or say more of it. What happened and when stays as it was reported."""

    work: Work[CareUnit]
    clock: Clock

    def __call__(
        self, caller: Caller, event_id: UUID, changes: CrisisEventChanges, *, version: int | None = None
    ) -> CrisisEvent:
        """Return the changed event.

        Raises NotFound, PreconditionFailed, IllegalTransition (it was resolved before), and LostUpdate when another
        writer came between.
        """
        with self.work(caller, Action.CRISIS_EVENT_CHANGE, resource_id=event_id) as desk:
            found = reach_of(desk, desk.unit.crisis_events.get(event_id))
            require_version(found, version)
            sent = given(changes)
            changed = self._changed(desk, found, changes)
            saved = desk.unit.crisis_events.save(changed) if sent else found
            desk.changes({**sent, "crisis_event_id": found.id}, plain=AUDITABLE)
        return saved

    def _changed(self, desk: Desk[CareUnit], found: CrisisEvent, changes: CrisisEventChanges) -> CrisisEvent:
        plain = {name: value for name, value in given(changes).items() if name != "resolution"}
        changed = attrs.evolve(found, **plain)
        if isinstance(changes.resolution, Unset):
            return changed
        return changed.resolved(changes.resolution, desk.actor.user_id, self.clock())
