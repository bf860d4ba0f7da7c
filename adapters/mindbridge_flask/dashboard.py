"""What the dashboard looks like."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from mindbridge_core.patients import RiskLevel
from mindbridge_core.screening import Caseload, DailyStanding, Overview, ReviewStatus, TrendDay, UrgentPatient

__all__ = ["DashboardResource"]


class LevelsResource(msgspec.Struct, frozen=True):
    """Active patients by their current level."""

    high: int
    medium: int
    low: int
    unscreened: int


class CaseloadResource(msgspec.Struct, frozen=True):
    """One case manager's active patients; null for those whom nobody has."""

    case_manager_id: UUID | None
    patients: int
    high: int

    @classmethod
    def of(cls, caseload: Caseload) -> CaseloadResource:
        """Show `caseload`."""
        return cls(caseload.case_manager_id, caseload.patients, caseload.high)


class TrendDayResource(msgspec.Struct, frozen=True):
    """The screenings of one day, by the level found; a day without any is left out."""

    day: date
    high: int
    medium: int
    low: int

    @classmethod
    def of(cls, day: TrendDay) -> TrendDayResource:
        """Show `day`."""
        return cls(day.day, day.high, day.medium, day.low)


class UrgentResource(msgspec.Struct, frozen=True):
    """An active patient at high risk; null for what a patient who was never screened does not have.

    The name is null where it cannot be read: then the record is damaged.
    """

    patient_id: UUID
    case_manager_id: UUID | None
    name: str | None
    risk_score: Decimal | None
    screened_at: datetime | None
    review_status: ReviewStatus | None

    @classmethod
    def of(cls, patient: UrgentPatient) -> UrgentResource:
        """Show `patient`."""
        return cls(**{name: getattr(patient, name) for name in cls.__struct_fields__})


class UnreviewedResource(msgspec.Struct, frozen=True):
    """Screenings that wait for a clinician, and the high ones among them that have waited too long."""

    pending: int
    overdue: int


class CoverageResource(msgspec.Struct, frozen=True):
    """How many of the active patients were screened within seven days."""

    active: int
    screened: int


class DailyResource(msgspec.Struct, frozen=True):
    """How the clinic's daily screening stands. When it is `late`, levels may be older than they look.

    `due_at` is when the last one was due that should have ended by now; null where there is none. `missed` of the
    active patients have no screening as young as a daily one would be.
    """

    late: bool
    due_at: datetime | None
    last_ended_at: datetime | None
    missed: int

    @classmethod
    def of(cls, overview: Overview) -> DailyResource:
        """Show how it stands."""
        daily = overview.daily or DailyStanding(clinic_id=overview.clinic_id)
        return cls(daily.late, daily.due_at, daily.last_ended_at, overview.missed)


class DashboardResource(msgspec.Struct, frozen=True):
    """A clinic, or a caseload, at a glance."""

    levels: LevelsResource
    trend: list[TrendDayResource]
    urgent: list[UrgentResource]
    caseloads: list[CaseloadResource]
    unreviewed: UnreviewedResource
    coverage: CoverageResource
    daily: DailyResource

    @classmethod
    def of(cls, overview: Overview) -> DashboardResource:
        """Show `overview`."""
        high, medium, low = (overview.levels[level] for level in (RiskLevel.HIGH, RiskLevel.MEDIUM, RiskLevel.LOW))
        return cls(
            LevelsResource(high, medium, low, overview.unscreened),
            [TrendDayResource.of(day) for day in overview.trend],
            [UrgentResource.of(patient) for patient in overview.urgent],
            [CaseloadResource.of(caseload) for caseload in overview.caseloads],
            UnreviewedResource(overview.pending, overview.overdue),
            CoverageResource(overview.active, overview.covered),
            DailyResource.of(overview),
        )
