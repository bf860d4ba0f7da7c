"""Escalating the reviews of high risks that have waited too long."""

from __future__ import annotations

from uuid import UUID

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Caller
from mindbridge_core.clock import Clock
from mindbridge_core.pagination import MAX_LIMIT
from mindbridge_core.screening.ports import ScreeningFilter, ScreeningUnit
from mindbridge_core.screening.raising import RaiseOverdue
from mindbridge_core.screening.review import ReviewLimits
from mindbridge_core.screening.use_cases.reviews import overdue_of
from mindbridge_core.work import Work

__all__ = ["EscalateReviews", "Escalation"]


@attrs.frozen(kw_only=True)
class Escalation:
    """How many alerts a page of overdue reviews raised; `after` is None at the end."""

    clinic_id: UUID
    raised: int
    after: UUID | None


@attrs.frozen(kw_only=True)
class EscalateReviews:
    """Raise an alert for each screening that found a `high` and has waited for its review beyond the limit.

    Once for each screening, however often it is done.
    """

    work: Work[ScreeningUnit]
    clock: Clock
    limits: ReviewLimits
    alarm: RaiseOverdue

    def __call__(
        self, caller: Caller, *, after: UUID | None = None, limit: int = MAX_LIMIT, quiet: bool = False
    ) -> Escalation:
        """Go through a page of the clinic's overdue reviews, oldest first; one entry names the patients on it.

        With `quiet` a page that raised nothing leaves no entry: for whoever looks every minute and is shown nothing.
        """
        with self.work(caller, Action.SCREENING_ESCALATE, entered=False) as desk:
            now = self.clock()
            only = overdue_of(ScreeningFilter(after=after, limit=limit), now, self.limits)
            page = desk.unit.screenings.refs(only)
            raised = self.alarm(desk.unit, page.items, now)
            desk.returns(dict.fromkeys(screening.patient_id for screening in page.items))
            desk.changes({"alerts": raised.number}, plain=frozenset({"alerts"}))
            if raised.number or not quiet:
                desk.enter()
            result = Escalation(clinic_id=desk.principal.clinic_id, raised=raised.number, after=page.after)
        self.alarm.notify(raised)
        return result
