"""Whether each day's screening has happened: found out from what is stored, for a worker that is gone says nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs

from mindbridge_core.identity import Clinic
from mindbridge_core.screening.batches import Batch

__all__ = ["DailyStanding", "DailyWatch", "standing_of"]

_DAY: Final = timedelta(days=1)


@attrs.frozen(kw_only=True)
class DailyWatch:
    """When, by each clinic's clock, its active patients are screened every day, and how long that may take.

    A clinic that has a time of its own goes by that. Where there is neither nobody screens them every day, so nothing
    is late.
    """

    at: time | None = None
    within: timedelta = timedelta(hours=2)

    @property
    def longest_gap(self) -> timedelta:
        """How long a patient who is screened every day may be without a screening."""
        return _DAY + self.within


@attrs.frozen(kw_only=True)
class DailyStanding:
    """How a clinic's daily screening stands: when it was last due, when it last ended, and whether it is late.

    `due_at` is the last time from which it should have ended by now. Late it is when it has not ended for that day nor
    for a later one, and there is somebody to be screened.
    """

    clinic_id: UUID
    due_at: datetime | None = None
    last_ended_at: datetime | None = None
    late: bool = False


def standing_of(
    clinic: Clinic, watch: DailyWatch, now: datetime, *, last: Batch | None, anybody: bool
) -> DailyStanding:
    """Return how it stands at `now`; `last` is the latest day's batch that has settled all, `anybody` who is active.

    What was due before the clinic was there is not missed.
    """
    ended = None if last is None else last.ended_at or last.taken_at
    due = _last_due(clinic, watch, now)
    if due is None:
        return DailyStanding(clinic_id=clinic.id, last_ended_at=ended)
    day, due_at = due
    missed = last is None or last.day is None or last.day < day
    return DailyStanding(clinic_id=clinic.id, due_at=due_at, last_ended_at=ended, late=missed and anybody)


def _last_due(clinic: Clinic, watch: DailyWatch, now: datetime) -> tuple[date, datetime] | None:
    """Return the latest day that should be done, and when it was due.

    The day before yesterday too: of a time late in the evening yesterday's may still be under way.
    """
    at = watch.at if clinic.screening_time is None else clinic.screening_time
    if at is None:
        return None
    zone = ZoneInfo(clinic.timezone)
    today = now.astimezone(zone).date()
    for day in (today, today - _DAY, today - 2 * _DAY):
        due_at = datetime.combine(day, at, zone).astimezone(UTC)
        if clinic.created_at <= due_at <= now - watch.within:
            return day, due_at
    return None
