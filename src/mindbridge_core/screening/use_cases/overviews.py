"""Showing a clinic, or a caseload, at a glance."""

from __future__ import annotations

from datetime import timedelta

import attrs

from mindbridge_core.access import Action, Role
from mindbridge_core.actor import Caller
from mindbridge_core.clock import Clock
from mindbridge_core.screening.overview import Overview, OverviewScope
from mindbridge_core.screening.ports import ScreeningUnit
from mindbridge_core.screening.reaching import calendar
from mindbridge_core.screening.review import ReviewLimits
from mindbridge_core.screening.use_cases.watching import WatchDaily
from mindbridge_core.work import Work

__all__ = ["ShowDashboard"]


@attrs.frozen(kw_only=True)
class ShowDashboard:
    """Show the counts, the trend, the most urgent and what waits for review; to a case manager, of their caseload."""

    work: Work[ScreeningUnit]
    clock: Clock
    limits: ReviewLimits
    daily: WatchDaily

    def __call__(self, caller: Caller) -> Overview:
        """Return the overview; one audit entry records the patients whom it names."""
        with self.work(caller, Action.SCREENING_DASHBOARD) as desk:
            now = self.clock()
            scope = OverviewScope(
                case_manager_id=desk.actor.user_id if desk.principal.holder is Role.CASE_MANAGER else None,
                now=now,
                zone=calendar(desk).key,
                overdue_before=now - timedelta(hours=self.limits.high_hours),
                missed_before=now - self.daily.watch.longest_gap,
            )
            overview = desk.unit.overviews.of(scope)
            desk.returns(patient.patient_id for patient in overview.urgent)
            return attrs.evolve(overview, daily=self.daily.standing(desk))
