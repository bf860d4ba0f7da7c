"""Reviewing screenings, and the queue of those that wait for it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core.access import Action, Role
from mindbridge_core.actor import Caller
from mindbridge_core.clock import Clock
from mindbridge_core.errors import AlreadyReviewed, Finding, InvalidInput, SecondClinicianRequired
from mindbridge_core.pagination import Page
from mindbridge_core.patients import Patient, RiskLevel
from mindbridge_core.screening.entities import Decision, ReviewRequest, Screening
from mindbridge_core.screening.lattice import join
from mindbridge_core.screening.ports import ScreeningFilter, ScreeningUnit
from mindbridge_core.screening.raising import Raised, RaiseHighs
from mindbridge_core.screening.reaching import calendar, reach_screening
from mindbridge_core.screening.review import (
    Confirmed,
    LoweringProposed,
    Overridden,
    Pending,
    Review,
    ReviewLimits,
    ReviewStatus,
)
from mindbridge_core.screening.rules import RuleSet, screen_by_rules
from mindbridge_core.screening.snapshot import snapshot_of
from mindbridge_core.screening.standing import says_more
from mindbridge_core.work import Desk, Work

__all__ = ["ListReviews", "ReviewScreening", "overdue_of"]

_PLAIN: Final = frozenset({"screening_id", "review_status", "risk_level", "current_risk_level", "lowering_proposed"})


@attrs.frozen(kw_only=True)
class ReviewScreening:
    """Confirm a screening, or put another level in its place and say why. To lower a `high` takes two clinicians."""

    work: Work[ScreeningUnit]
    rules: RuleSet
    clock: Clock
    alarm: RaiseHighs

    def __call__(self, caller: Caller, screening_id: UUID, request: ReviewRequest) -> Screening:
        """Return the reviewed screening; it stays pending where the lowering of a `high` is only proposed.

        Raises NotFound, InvalidInput, AlreadyReviewed, SecondClinicianRequired.
        """
        raised = Raised()
        with self.work(caller, Action.SCREENING_REVIEW, resource_id=screening_id) as desk:
            screening, patient = reach_screening(desk, screening_id, hold=True)
            latest = desk.unit.screenings.latest(patient.id) == screening.id
            review = self._reviewed(desk, screening, request)
            reviewed = attrs.evolve(screening, review=review)
            level = _level_after(reviewed, patient, may_fall=latest and not self._worse(desk, screening, patient))
            _two_of_them(screening, patient, level, review)
            reviewed = desk.unit.screenings.save(reviewed)
            if level is not patient.current_risk_level:
                changed = attrs.evolve(patient, current_risk_level=level, updated_at=self.clock())
                desk.unit.patients.save(changed)
                if level is RiskLevel.HIGH:
                    raised = self.alarm.by_review(desk.unit, patient, reviewed, changed.updated_at)
            values = {
                "screening_id": screening.id,
                "review_status": reviewed.review_status,
                "risk_level": reviewed.effective_level,
                "current_risk_level": level,
                "lowering_proposed": isinstance(review, LoweringProposed),
            }
            desk.changes(values, plain=_PLAIN)
        self.alarm.notify(raised)
        return reviewed

    def _worse(self, desk: Desk[ScreeningUnit], screening: Screening, patient: Patient) -> bool:
        """Whether the rules say more of the record as it is now than of the one that was screened."""
        now = snapshot_of(patient, self.clock(), calendar(desk))
        return says_more(screen_by_rules(self.rules, now), screening, patient)

    def _reviewed(self, desk: Desk[ScreeningUnit], screening: Screening, request: ReviewRequest) -> Review:
        now, by, before = self.clock(), desk.actor.user_id, screening.review
        if isinstance(before, Confirmed | Overridden):
            raise AlreadyReviewed
        if request.decision is Decision.CONFIRM:
            _refuse([] if request.risk_level is None else [_UNWANTED])
            return before.confirm(by=by, at=now, note=request.reason)
        level, reason = _override_of(screening, request)
        if isinstance(before, LoweringProposed):
            return before.override(level=level, by=by, at=now, reason=reason)
        return before.override(shown=screening.shown_level, level=level, by=by, at=now, reason=reason)


_UNWANTED: Final = Finding("/risk_level", "not_wanted", "belongs to an override")


def _override_of(screening: Screening, request: ReviewRequest) -> tuple[RiskLevel, str]:
    findings = []
    if request.risk_level is None:
        findings.append(Finding("/risk_level", "required", "is required of an override"))
    elif request.risk_level is screening.risk_level and not _found_less_than_a_shown_high(screening):
        findings.append(Finding("/risk_level", "unchanged", "is the screening's own level: confirm it"))
    if request.reason is None:
        findings.append(Finding("/reason", "required", "is required of an override"))
    _refuse(findings)
    assert request.risk_level is not None  # noqa: S101 - refused above
    assert request.reason is not None  # noqa: S101 - likewise
    return request.risk_level, request.reason


def _found_less_than_a_shown_high(screening: Screening) -> bool:
    """Whether the level found lowers a `high` that the patient still has: then two may agree on just that level."""
    return screening.shown_level is RiskLevel.HIGH and screening.risk_level is not RiskLevel.HIGH


def _refuse(findings: list[Finding]) -> None:
    if findings:
        raise InvalidInput(findings)


def _level_after(screening: Screening, patient: Patient, *, may_fall: bool) -> RiskLevel | None:
    """Return the level that the patient has after the review.

    It falls only if this is their latest screening and their record became no worse since (`may_fall`), they are not
    escalated by hand, and nobody has raised them since. What is not decided changes nothing; of a screening by which
    it may not fall, only a clinician's raise counts.
    """
    current, review = patient.current_risk_level, screening.review
    if isinstance(review, Pending | LoweringProposed):
        return current
    if not may_fall:
        raised = isinstance(review, Overridden) and review.level.rank > screening.risk_level.rank
        return join(screening.effective_level, current) if raised else current
    untouched = current is screening.shown_level and not patient.manually_escalated
    return screening.effective_level if untouched else join(screening.effective_level, current)


def _two_of_them(screening: Screening, patient: Patient, level: RiskLevel | None, review: Review) -> None:
    """Raise SecondClinicianRequired where a confirmation would lower the patient's `high` by one clinician's word.

    The other one is whoever made the screening, or proposed to lower it; nobody made what the clinic's own day did.
    """
    lowered = patient.current_risk_level is RiskLevel.HIGH and level is not RiskLevel.HIGH
    if lowered and isinstance(review, Confirmed):
        proposer = screening.review.by if isinstance(screening.review, LoweringProposed) else None
        if not {screening.performed_by, proposer} - {None, review.by}:
            raise SecondClinicianRequired


def overdue_of(only: ScreeningFilter, now: datetime, limits: ReviewLimits) -> ScreeningFilter:
    """Narrow `only` to the `high` ones that have waited for their review longer than the limit."""
    before = now - timedelta(hours=limits.high_hours)
    return attrs.evolve(
        only, risk_level=RiskLevel.HIGH, review_status=ReviewStatus.PENDING_REVIEW, screened_before=before
    )


@attrs.frozen(kw_only=True)
class ListReviews:
    """Show screenings page by page, the oldest first: the queue of what waits for review, and what was reviewed.

    To a case manager, those of their caseload. `overdue` are the `high` ones that have waited longer than the limit.
    """

    work: Work[ScreeningUnit]
    clock: Clock
    limits: ReviewLimits

    def __call__(self, caller: Caller, only: ScreeningFilter, *, overdue: bool = False) -> Page[Screening]:
        """Return the page; one audit entry records every patient on it."""
        with self.work(caller, Action.SCREENING_QUEUE) as desk:
            if desk.principal.holder is Role.CASE_MANAGER:
                if only.case_manager_id not in {None, desk.principal.user_id}:
                    return Page(items=(), after=None)
                only = attrs.evolve(only, case_manager_id=desk.principal.user_id)
            if overdue:
                only = overdue_of(only, self.clock(), self.limits)
            page = desk.unit.screenings.list(only)
            desk.returns(dict.fromkeys(screening.patient_id for screening in page.items))
        return page
