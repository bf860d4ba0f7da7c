"""Comparing the screenings of late with those before."""

from __future__ import annotations

from datetime import timedelta

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Caller
from mindbridge_core.clock import Clock
from mindbridge_core.screening.drift import Drift, DriftRequest, compared
from mindbridge_core.screening.ports import ScreeningUnit
from mindbridge_core.screening.tally import Window, tallied
from mindbridge_core.work import Work

__all__ = ["WatchDrift"]


@attrs.frozen(kw_only=True)
class WatchDrift:
    """Compare the clinic's screenings of the last days with those of the days before. Only counts come out of it."""

    work: Work[ScreeningUnit]
    clock: Clock

    def __call__(self, caller: Caller, request: DriftRequest) -> Drift:
        """Return the comparison. The audit entry names no patient: none is shown."""
        with self.work(caller, Action.SCREENING_DRIFT) as desk:
            until = self.clock()
            since = until - timedelta(days=request.recent_days)
            before = Window(since=since - timedelta(days=request.reference_days), until=since)
            reference, recent = (
                tallied(desk.unit.tallies, window) for window in (before, Window(since=since, until=until))
            )
            return compared(desk.principal.clinic_id, reference, recent)
