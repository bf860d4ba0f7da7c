"""Watching over the daily screening from outside of the worker that does it."""

from __future__ import annotations

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Caller
from mindbridge_core.clock import Clock
from mindbridge_core.patients import PatientFilter, PatientStatus
from mindbridge_core.screening.daily import DailyStanding, DailyWatch, standing_of
from mindbridge_core.screening.ports import ScreeningUnit
from mindbridge_core.work import Desk, Work

__all__ = ["WatchDaily"]


@attrs.frozen(kw_only=True)
class WatchDaily:
    """Say whether the clinic's daily screening is late. Nothing of a patient is read."""

    work: Work[ScreeningUnit]
    clock: Clock
    watch: DailyWatch

    def __call__(self, caller: Caller) -> DailyStanding:
        """Return how it stands; it is looked at again and again, so only a refusal leaves an entry."""
        with self.work(caller, Action.SCREENING_WATCH) as desk:
            return self.standing(desk)

    def standing(self, desk: Desk[ScreeningUnit]) -> DailyStanding:
        """Return how it stands, for whoever has a desk."""
        clinic = desk.unit.clinics.get()
        assert clinic is not None  # noqa: S101 - a unit is a clinic's
        return standing_of(
            clinic,
            self.watch,
            self.clock(),
            last=desk.unit.batches.last_daily(),
            anybody=bool(desk.unit.patients.ids(PatientFilter(status=PatientStatus.ACTIVE, limit=1)).items),
        )
