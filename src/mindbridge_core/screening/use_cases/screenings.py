"""Screening a patient, and looking at screenings."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Caller
from mindbridge_core.clock import Clock
from mindbridge_core.errors import ConsentRequired
from mindbridge_core.idempotency import IdempotencyKey
from mindbridge_core.ids import NewId
from mindbridge_core.pagination import DEFAULT_LIMIT, Page
from mindbridge_core.patients import Patient, reach
from mindbridge_core.privacy import ConsentType, require_consent
from mindbridge_core.screening.assessment import AssessmentRequest, FailureReason, request_of
from mindbridge_core.screening.batches import Settled
from mindbridge_core.screening.consulting import Consultation, consult, willing
from mindbridge_core.screening.entities import Screening, ScreeningRequest
from mindbridge_core.screening.making import made
from mindbridge_core.screening.ports import RiskAssessor, ScreeningFilter, ScreeningUnit
from mindbridge_core.screening.raising import Raised, RaiseHighs
from mindbridge_core.screening.reaching import calendar, reach_screening
from mindbridge_core.screening.review import Pending
from mindbridge_core.screening.rules import RuleSet
from mindbridge_core.screening.snapshot import RecordSnapshot, snapshot_of
from mindbridge_core.work import Desk, Work

__all__ = ["ListScreenings", "Order", "ScreenPatient", "ViewScreening", "held"]

_PLAIN: Final = frozenset(
    {"screening_id", "risk_level", "current_risk_level", "rules_version", "assessor", "ai_failure", "asked"}
)


@attrs.frozen(kw_only=True)
class Order:
    """A screening under way."""

    request: ScreeningRequest
    started: datetime
    once: IdempotencyKey | None = None
    batch_id: UUID | None = None


def _named(_: ScreenPatient, __: attrs.Attribute[RiskAssessor], assessor: RiskAssessor) -> None:
    """Refuse an assessor whose name could not be stored, when it is wired and not when it is first asked."""
    if re.fullmatch("[a-z][a-z0-9_]{0,49}", assessor.name) is None:
        message = "an assessor's name must match the regex [a-z][a-z0-9_]{0,49}"
        raise ValueError(message)


@attrs.frozen(kw_only=True)
class ScreenPatient:
    """Screen one patient: by rules, and by the assessor as well where it asks and the patient consents to it.

    The assessor is asked between two units, so that no transaction waits for it; that it is about to be asked is
    entered before anything is sent. Whatever it answers or fails to, the rules' result stands and is stored.
    """

    work: Work[ScreeningUnit]
    assessor: RiskAssessor = attrs.field(validator=_named)
    rules: RuleSet
    clock: Clock
    new_id: NewId
    alarm: RaiseHighs

    def __call__(
        self,
        caller: Caller,
        request: ScreeningRequest,
        *,
        once: IdempotencyKey | None = None,
        batch_id: UUID | None = None,
    ) -> Screening:
        """Return the new screening; with a key used before, the one that its first request made.

        The patient's level rises with it in the same transaction; it falls only when a clinician has reviewed it.
        As one of a batch it settles the patient's row there in the same transaction too; LostUpdate, and nothing is
        kept, where that is settled already. Raises NotFound, IdempotencyKeyReused.
        """
        order = Order(request=request, once=once, batch_id=batch_id, started=self.clock())
        screening, raised = self._answered(caller, order)
        self.alarm.notify(raised)
        return screening

    def _answered(self, caller: Caller, order: Order) -> tuple[Screening, Raised]:
        patient_id = order.request.patient_id
        with self.work(caller, Action.SCREENING_CREATE, resource_id=patient_id) as desk:
            patient = held(desk, patient_id)
            if not willing(self.assessor):
                return self._screen(desk, patient, order, Consultation())
            if not self.consented(desk, patient):
                refused = Consultation(failure=FailureReason.NO_CONSENT)
                return self._screen(desk, patient, order, refused)
            asked, version = self.question(desk, patient), patient.version
            desk.changes({"asked": self.assessor.name}, plain=_PLAIN)
        consultation = consult(self.assessor, asked)
        with self.work(caller, Action.SCREENING_CREATE, resource_id=patient_id) as desk:
            patient = held(desk, patient_id)
            if not self.consented(desk, patient):
                consultation = Consultation(failure=FailureReason.NO_CONSENT)
            elif patient.version != version:
                consultation = consultation.outdated
            return self._screen(desk, patient, order, consultation)

    def consented(self, desk: Desk[ScreeningUnit], patient: Patient) -> bool:
        """Whether the patient consents now to a model's being asked; held until the unit ends."""
        try:
            require_consent(desk.unit, patient, ConsentType.AI_ANALYSIS, self.clock())
        except ConsentRequired:
            return False
        return True

    def question(self, desk: Desk[ScreeningUnit], patient: Patient) -> AssessmentRequest:
        """Return what would be told of the patient now."""
        return request_of(patient, self._snapshot(desk, patient))

    def _snapshot(self, desk: Desk[ScreeningUnit], patient: Patient) -> RecordSnapshot:
        return snapshot_of(patient, self.clock(), calendar(desk))

    def _screen(
        self, desk: Desk[ScreeningUnit], patient: Patient, order: Order, consultation: Consultation
    ) -> tuple[Screening, Raised]:
        once = order.once
        first = desk.unit.answers.first(desk.actor.user_id, once) if once else None
        if first is not None:
            return _repeat(desk, UUID(first)), Raised()
        screening, alarm = self.keep(desk, patient, order, consultation, self.assessor.name)
        if order.batch_id is not None:  # last: it holds up the others of the batch until the unit ends
            settled = Settled(patient_id=patient.id, screening_id=screening.id)
            desk.unit.batches.settle(order.batch_id, [settled])
        if once:
            desk.unit.answers.keep(desk.actor.user_id, once, str(screening.id))
        return screening, alarm

    def keep(
        self, desk: Desk[ScreeningUnit], patient: Patient, order: Order, consultation: Consultation, assessor: str
    ) -> tuple[Screening, Raised]:
        """Screen the patient, whom the unit holds, as of now; store it, and the level and alarm that follow from it.

        `assessor` is who was asked. Returns the alerts too, of which to notify when the unit has closed.
        """
        screening = self._screening(desk, patient, order, consultation, assessor)
        desk.unit.screenings.add(screening)
        level = screening.shown_level
        if level is not patient.current_risk_level:
            raised = attrs.evolve(patient, current_risk_level=level, updated_at=screening.screened_at)
            desk.unit.patients.save(raised)
        alarm = self.alarm(desk.unit, [(patient, screening)])
        values = {
            "screening_id": screening.id,
            "risk_level": screening.risk_level,
            "current_risk_level": level,
            "rules_version": screening.rules_version,
            "assessor": screening.assessor,
            "ai_failure": screening.ai_failure,
        }
        desk.changes(values, plain=_PLAIN)
        return screening, alarm

    def _screening(
        self, desk: Desk[ScreeningUnit], patient: Patient, order: Order, consultation: Consultation, assessor: str
    ) -> Screening:
        return made(
            patient,
            self._snapshot(desk, patient),
            self.rules,
            screening_id=self.new_id(),  # made while the patient is held: of two screenings the later has the later id
            performed_by=desk.principal.user_id,
            screening_type=order.request.screening_type,
            started=order.started,
            now=self.clock(),
            assessor=assessor,
            consultation=consultation,
        )


def held(desk: Desk[ScreeningUnit], patient_id: UUID) -> Patient:
    """Return the patient as they are when nobody else holds them, held until the unit ends."""
    reach(desk, patient_id)
    desk.unit.consents.held(patient_id)
    return reach(desk, patient_id)


def _repeat(desk: Desk[ScreeningUnit], screening_id: UUID) -> Screening:
    """Return the first answer: the screening as it was made, reviewed since or not."""
    screening, _ = reach_screening(desk, screening_id)
    desk.changes({"repeated": True}, plain=frozenset({"repeated"}))
    return attrs.evolve(screening, review=Pending(), version=1)


@attrs.frozen(kw_only=True)
class ViewScreening:
    """Show one screening."""

    work: Work[ScreeningUnit]

    def __call__(self, caller: Caller, screening_id: UUID) -> Screening:
        """Return the screening; NotFound as for its patient."""
        with self.work(caller, Action.SCREENING_VIEW, resource_id=screening_id) as desk:
            screening, _ = reach_screening(desk, screening_id)
            desk.returns([screening.id])
            return screening


@attrs.frozen(kw_only=True)
class ListScreenings:
    """Show a patient's history: their screenings, the newest first."""

    work: Work[ScreeningUnit]

    def __call__(
        self, caller: Caller, patient_id: UUID, *, after: UUID | None = None, limit: int = DEFAULT_LIMIT
    ) -> Page[Screening]:
        """Return the page; NotFound as for the patient."""
        with self.work(caller, Action.SCREENING_HISTORY, resource_id=patient_id) as desk:
            reach(desk, patient_id)
            page = desk.unit.screenings.list(
                ScreeningFilter(patient_id=patient_id, newest_first=True, after=after, limit=limit)
            )
            desk.returns(screening.id for screening in page.items)
            return page
