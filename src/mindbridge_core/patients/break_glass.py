"""Opening an emergency access, and the review that each one owes."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Caller
from mindbridge_core.clock import Clock
from mindbridge_core.errors import AlreadyReviewed, Forbidden, InCaseload, NotFound, ReviewOverdue
from mindbridge_core.identity import Overseers, overseers
from mindbridge_core.ids import NewId
from mindbridge_core.pagination import Page
from mindbridge_core.patients.alerts import Alert, AlertKind
from mindbridge_core.patients.emergency import (
    BreakGlass,
    BreakGlassFilter,
    BreakGlassRequest,
    BreakGlassReview,
    EmergencyLimits,
)
from mindbridge_core.patients.ports import PatientUnit
from mindbridge_core.patients.rules import in_caseload
from mindbridge_core.work import Desk, Emergency, Work

__all__ = ["BreakTheGlass", "ListEmergencyAccesses", "ReviewEmergencyAccess"]


@attrs.frozen(kw_only=True)
class BreakTheGlass:
    """Open one patient outside the caller's caseload to them, for a limited time."""

    work: Work[PatientUnit]
    clock: Clock
    new_id: NewId
    limits: EmergencyLimits
    tell: Overseers

    def __call__(self, caller: Caller, patient_id: UUID, request: BreakGlassRequest) -> BreakGlass:
        """Return the access: the one that stands, or a new one, of which admins and compliance officers are told.

        Raises NotFound for a patient that the clinic has not, InCaseload, and ReviewOverdue while an earlier access
        has waited too long for its review. That nobody could be told undoes nothing: the trail says so.
        """
        with self.work(caller, Action.BREAK_GLASS_OPEN, resource_id=patient_id) as desk:
            now = self.clock()
            self._check(desk, patient_id)
            desk.unit.emergency_accesses.hold(desk.actor.user_id)
            access = desk.unit.emergency_accesses.standing(desk.actor.user_id, patient_id, now)
            is_new = access is None
            if access is None:
                access = self._open(desk, patient_id, request, now)
            desk.under(Emergency(id=access.id, reason=access.access_reason))
            values = {"expires_at": access.expires_at, "repeated": not is_new}
            desk.changes(values, plain=frozenset(values))
            told = overseers(desk.unit.users) if is_new else ()
        unsent = self.tell(told, "Emergency access to a patient", _notice(access))
        if unsent:
            with self.work(caller, Action.BREAK_GLASS_OPEN, resource_id=patient_id) as desk:
                desk.under(Emergency(id=access.id, reason=access.access_reason))
                desk.changes({"notices_unsent": unsent}, plain=frozenset({"notices_unsent"}))
        return access

    def _check(self, desk: Desk[PatientUnit], patient_id: UUID) -> None:
        patient = desk.unit.patients.get(patient_id)
        if patient is None:
            raise NotFound
        if in_caseload(desk.principal, patient):
            raise InCaseload

    def _open(self, desk: Desk[PatientUnit], patient_id: UUID, request: BreakGlassRequest, now: datetime) -> BreakGlass:
        waiting_since = desk.unit.emergency_accesses.waiting_since(desk.actor.user_id)
        if waiting_since is not None and waiting_since + self.limits.review_within <= now:
            raise ReviewOverdue
        access = BreakGlass(
            id=self.new_id(),
            clinic_id=desk.principal.clinic_id,
            user_id=desk.actor.user_id,
            patient_id=patient_id,
            access_reason=request.access_reason,
            granted_at=now,
            expires_at=now + self.limits.lasts,
        )
        desk.unit.emergency_accesses.add(access)
        desk.unit.alerts.raise_all([self._alert(access)])
        return access

    def _alert(self, access: BreakGlass) -> Alert:
        return Alert(
            id=self.new_id(),
            clinic_id=access.clinic_id,
            kind=AlertKind.BREAK_GLASS,
            patient_id=access.patient_id,
            cause_id=access.id,
            created_at=access.granted_at,
        )


def _notice(access: BreakGlass) -> str:
    """Tell of the access by its id alone: who it is about stays inside."""
    return (
        f"A case manager opened a patient outside their caseload at {access.granted_at:%Y-%m-%d %H:%M} UTC,"
        f" until {access.expires_at:%H:%M} UTC.\nEmergency access: {access.id}\n"
        "Log in to see who, whose record and why, and to review it.\n"
    )


@attrs.frozen(kw_only=True)
class ListEmergencyAccesses:
    """Show the clinic's emergency accesses, those that wait for a review or all."""

    work: Work[PatientUnit]

    def __call__(self, caller: Caller, only: BreakGlassFilter) -> Page[BreakGlass]:
        """Return the page, oldest first; one entry records the patients on it."""
        with self.work(caller, Action.BREAK_GLASS_LIST) as desk:
            page = desk.unit.emergency_accesses.list(only)
            desk.returns(dict.fromkeys(access.patient_id for access in page.items))
        return page


@attrs.frozen(kw_only=True)
class ReviewEmergencyAccess:
    """Say of an emergency access whether it was justified."""

    work: Work[PatientUnit]
    clock: Clock

    def __call__(self, caller: Caller, access_id: UUID, review: BreakGlassReview) -> BreakGlass:
        """Return the reviewed access; one that was not justified has ended.

        Raises NotFound, Forbidden for one's own access, and AlreadyReviewed; LostUpdate when another review came
        between.
        """
        with self.work(caller, Action.BREAK_GLASS_REVIEW, resource_id=access_id) as desk:
            access = desk.unit.emergency_accesses.get(access_id)
            if access is None:
                raise NotFound
            # The trail tells of the patient; the access is named among the values.
            desk.resource_id = access.patient_id
            if access.user_id == desk.actor.user_id:
                raise Forbidden("Nobody reviews their own emergency access.", reason="own_emergency_access")
            if access.reviewed_at is not None:
                raise AlreadyReviewed
            access = desk.unit.emergency_accesses.save(access.reviewed(desk.actor.user_id, self.clock(), review))
            values = {"break_glass_id": access.id, "outcome": access.outcome, "note": access.note}
            desk.changes(values, plain=frozenset({"break_glass_id", "outcome"}))
        return access
