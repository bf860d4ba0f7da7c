"""A clinic, or a caseload, at a glance."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final, Protocol
from uuid import UUID

import attrs

from mindbridge_core.patients import RiskLevel
from mindbridge_core.screening.daily import DailyStanding
from mindbridge_core.screening.review import ReviewStatus

__all__ = ["Caseload", "Overview", "OverviewScope", "Overviews", "TrendDay", "UrgentPatient"]

TREND: Final = timedelta(days=30)
COVERAGE: Final = timedelta(days=7)
URGENT: Final = 10


@attrs.frozen(kw_only=True)
class OverviewScope:
    """Of whom: all of the clinic, or one caseload; as of `now`, by the calendar of `zone` (an IANA name).

    A `high` screened before `overdue_before` and not reviewed is overdue; an active patient without a screening since
    `missed_before` was missed.
    """

    case_manager_id: UUID | None
    now: datetime
    zone: str
    overdue_before: datetime
    missed_before: datetime

    @property
    def trend_from(self) -> datetime:
        """When the trend begins."""
        return self.now - TREND

    @property
    def covered_from(self) -> datetime:
        """Since when a patient must have been screened to be covered."""
        return self.now - COVERAGE


@attrs.frozen(kw_only=True)
class Caseload:
    """One case manager's active patients; None for those whom nobody has."""

    case_manager_id: UUID | None
    patients: int
    high: int


@attrs.frozen(kw_only=True)
class TrendDay:
    """How many screenings of a day found which level."""

    day: date
    high: int
    medium: int
    low: int


@attrs.frozen(kw_only=True)
class UrgentPatient:
    """An active patient at `high`, with what their last screening says; None where they were never screened.

    A name that cannot be read is None as well: nobody at `high` is left out for that, and nobody with them.
    """

    patient_id: UUID
    case_manager_id: UUID | None
    name: str | None = attrs.field(repr=False)
    risk_score: Decimal | None
    screened_at: datetime | None
    review_status: ReviewStatus | None


@attrs.frozen(kw_only=True)
class Overview:
    """Counts of active patients by level, the screenings of 30 days, the most urgent, caseloads, and what waits.

    `covered` of the `active` patients were screened within seven days. `urgent` holds at most ten: who was
    never screened first, then the highest score of the last screening. A day without screenings is not in the trend.
    `missed` of the active ones have no screening as young as the daily screening would make it; `daily` says how
    that stands in the clinic.
    """

    clinic_id: UUID
    active: int
    levels: Mapping[RiskLevel, int]
    unscreened: int
    covered: int
    missed: int
    pending: int
    overdue: int
    trend: tuple[TrendDay, ...]
    caseloads: tuple[Caseload, ...]
    urgent: tuple[UrgentPatient, ...]
    daily: DailyStanding | None = None


class Overviews(Protocol):
    """What is counted over the unit's clinic; removed patients are as if they were not there."""

    def of(self, scope: OverviewScope) -> Overview:
        """Return the overview; caseloads by id, nobody's last; days in their order."""


def assembled(
    clinic_id: UUID,
    counted: Mapping[tuple[UUID | None, RiskLevel | None], int],
    trend: Mapping[tuple[date, RiskLevel], int],
    *,
    covered: int,
    recent: int,
    pending: int,
    overdue: int,
    urgent: tuple[UrgentPatient, ...],
) -> Overview:
    """Put the overview together from active patients by case manager and level, and screenings by day and level.

    `recent` is how many active patients were not missed.
    """
    levels = {level: sum(n for (_, found), n in counted.items() if found is level) for level in RiskLevel}
    managers = sorted({manager for manager, _ in counted}, key=lambda one: (one is None, str(one)))
    return Overview(
        clinic_id=clinic_id,
        active=sum(counted.values()),
        levels=levels,
        unscreened=sum(n for (_, found), n in counted.items() if found is None),
        covered=covered,
        missed=sum(counted.values()) - recent,
        pending=pending,
        overdue=overdue,
        trend=tuple(_day(day, trend) for day in sorted({day for day, _ in trend})),
        caseloads=tuple(
            Caseload(
                case_manager_id=manager,
                patients=sum(n for (of, _), n in counted.items() if of == manager),
                high=counted.get((manager, RiskLevel.HIGH), 0),
            )
            for manager in managers
        ),
        urgent=urgent,
    )


def _day(day: date, trend: Mapping[tuple[date, RiskLevel], int]) -> TrendDay:
    high, medium, low = (trend.get((day, level), 0) for level in (RiskLevel.HIGH, RiskLevel.MEDIUM, RiskLevel.LOW))
    return TrendDay(day=day, high=high, medium=medium, low=low)
