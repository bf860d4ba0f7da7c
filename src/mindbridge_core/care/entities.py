"""What happens in a patient's care: appointments, crisis events, and metrics with their history."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core.errors import IllegalTransition
from mindbridge_core.pagination import Place

__all__ = [
    "STEPS",
    "Appointment",
    "AppointmentStatus",
    "AppointmentType",
    "CrisisEvent",
    "CrisisEventType",
    "MetricType",
    "PatientMetric",
    "Severity",
]


@unique
class AppointmentStatus(StrEnum):
    """How far an appointment has come."""

    SCHEDULED = "scheduled"
    COMPLETED = "completed"
    MISSED = "missed"
    CANCELLED = "cancelled"


STEPS: Final[Mapping[AppointmentStatus, frozenset[AppointmentStatus]]] = MappingProxyType(
    {
        AppointmentStatus.SCHEDULED: frozenset(
            {AppointmentStatus.COMPLETED, AppointmentStatus.MISSED, AppointmentStatus.CANCELLED}
        ),
        AppointmentStatus.COMPLETED: frozenset({AppointmentStatus.MISSED}),
        AppointmentStatus.MISSED: frozenset({AppointmentStatus.COMPLETED}),
        AppointmentStatus.CANCELLED: frozenset(),
    }
)
"""From which state which others are reached. Completed and missed are mistaken for one another, and are put right."""


@unique
class AppointmentType(StrEnum):
    """What an appointment is for. A closed vocabulary: it is stored in the clear."""

    INTAKE = "intake"
    THERAPY = "therapy"
    GROUP = "group"
    MEDICATION_REVIEW = "medication_review"
    CASE_MANAGEMENT = "case_management"
    CRISIS_FOLLOW_UP = "crisis_follow_up"
    OTHER = "other"


@unique
class Severity(StrEnum):
    """How grave a crisis event is."""

    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"
    CRITICAL = "critical"


@unique
class CrisisEventType(StrEnum):
    """What happened. A closed vocabulary: it is stored in the clear. A `crisis_call` counts in the 30-day window."""

    CRISIS_CALL = "crisis_call"
    ER_VISIT = "er_visit"
    HOSPITALIZATION = "hospitalization"
    SELF_HARM = "self_harm"
    SUICIDE_ATTEMPT = "suicide_attempt"
    OTHER = "other"


@unique
class MetricType(StrEnum):
    """What is measured: adherence in percent, PHQ-9 (Kroenke 2001), GAD-7 (Spitzer 2006)."""

    MEDICATION_ADHERENCE = "medication_adherence"
    PHQ_9 = "phq_9"
    GAD_7 = "gad_7"

    @property
    def most(self) -> int:
        """The greatest value; the least is 0."""
        return {"medication_adherence": 100, "phq_9": 27, "gad_7": 21}[self.value]

    @property
    def decimals(self) -> int:
        """How many digits may stand behind the point: a score is a whole number."""
        return 2 if self is MetricType.MEDICATION_ADHERENCE else 0


@attrs.frozen(kw_only=True)
class Appointment:
    """A meeting with the patient. The notes are PHI, and not shown in a repr.

    `closed_at` and `closed_by` say when and by whom it was last found completed, missed or cancelled.
    """

    id: UUID
    clinic_id: UUID
    patient_id: UUID
    scheduled_by: UUID | None = None
    scheduled_at: datetime
    status: AppointmentStatus = AppointmentStatus.SCHEDULED
    appointment_type: AppointmentType | None = None
    notes: str | None = attrs.field(default=None, repr=False)
    closed_at: datetime | None = None
    closed_by: UUID | None = None
    version: int = 1
    created_at: datetime

    @property
    def place(self) -> Place:
        """Where it stands in the patient's history."""
        return Place(self.scheduled_at, self.id)

    @property
    def attended_or_missed(self) -> bool:
        """Whether it is known if the patient came."""
        return self.status in {AppointmentStatus.COMPLETED, AppointmentStatus.MISSED}

    def moved(self, to: datetime) -> Appointment:
        """Take place at another time; IllegalTransition once it is closed."""
        if self.status is not AppointmentStatus.SCHEDULED:
            raise IllegalTransition
        return attrs.evolve(self, scheduled_at=to)

    def closed(self, status: AppointmentStatus, by: UUID, at: datetime) -> Appointment:
        """Be completed, missed or cancelled; IllegalTransition where `STEPS` has no such step."""
        if status not in STEPS[self.status]:
            raise IllegalTransition
        return attrs.evolve(self, status=status, closed_at=at, closed_by=by)


@attrs.frozen(kw_only=True)
class CrisisEvent:
    """A crisis and what became of it. Description and resolution are PHI, and not shown in a repr."""

    id: UUID
    clinic_id: UUID
    patient_id: UUID
    reported_by: UUID | None = None
    severity: Severity
    event_type: CrisisEventType
    description: str | None = attrs.field(default=None, repr=False)
    resolution: str | None = attrs.field(default=None, repr=False)
    follow_up_required: bool = False
    occurred_at: datetime
    resolved_at: datetime | None = None
    resolved_by: UUID | None = None
    version: int = 1
    created_at: datetime

    @property
    def place(self) -> Place:
        """Where it stands in the patient's history."""
        return Place(self.occurred_at, self.id)

    def resolved(self, resolution: str, by: UUID, at: datetime) -> CrisisEvent:
        """Be over, as `resolution` says; IllegalTransition when it was resolved before.

        A clock that was set back since does not date it before it occurred.
        """
        if self.resolved_at is not None:
            raise IllegalTransition
        return attrs.evolve(self, resolution=resolution, resolved_at=max(at, self.occurred_at), resolved_by=by)


@attrs.frozen(kw_only=True)
class PatientMetric:
    """One measurement. None is ever changed: a newer one takes its place, and the history stays."""

    id: UUID
    clinic_id: UUID
    patient_id: UUID
    metric_type: MetricType
    metric_value: Decimal
    recorded_at: datetime
    recorded_by: UUID | None = None

    @property
    def place(self) -> Place:
        """Where it stands in the patient's history."""
        return Place(self.recorded_at, self.id)
