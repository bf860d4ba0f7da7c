"""What answers about a patient's care look like."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from mindbridge_core.care import (
    Appointment,
    AppointmentStatus,
    AppointmentType,
    CrisisEvent,
    CrisisEventType,
    Event,
    History,
    MetricType,
    PatientMetric,
    Severity,
)
from mindbridge_core.pagination import encode_place
from mindbridge_flask.paging import Pagination

__all__ = [
    "AppointmentPage",
    "AppointmentResource",
    "CrisisEventPage",
    "CrisisEventResource",
    "MetricPage",
    "MetricResource",
    "TimelinePage",
]


class AppointmentResource(msgspec.Struct, frozen=True):
    """A meeting with the patient; who closed it, as completed, missed or cancelled, and when."""

    id: UUID
    patient_id: UUID
    scheduled_by: UUID | None
    scheduled_at: datetime
    status: AppointmentStatus
    appointment_type: AppointmentType | None
    notes: str | None
    closed_at: datetime | None
    closed_by: UUID | None
    version: int
    created_at: datetime

    @classmethod
    def of(cls, appointment: Appointment) -> AppointmentResource:
        """Show `appointment`."""
        return cls(**{name: getattr(appointment, name) for name in cls.__struct_fields__})


class AppointmentPage(msgspec.Struct, frozen=True):
    """A page of a patient's appointments by the time they are scheduled at, the latest first."""

    data: list[AppointmentResource]
    pagination: Pagination

    @classmethod
    def of(cls, history: History[Appointment]) -> AppointmentPage:
        """Show `history`."""
        return cls([AppointmentResource.of(one) for one in history.items], Pagination.at(encode_place(history.before)))


class CrisisEventResource(msgspec.Struct, frozen=True):
    """A crisis and what became of it."""

    id: UUID
    patient_id: UUID
    reported_by: UUID | None
    severity: Severity
    event_type: CrisisEventType
    description: str | None
    resolution: str | None
    follow_up_required: bool
    occurred_at: datetime
    resolved_at: datetime | None
    resolved_by: UUID | None
    version: int
    created_at: datetime

    @classmethod
    def of(cls, event: CrisisEvent) -> CrisisEventResource:
        """Show `event`."""
        return cls(**{name: getattr(event, name) for name in cls.__struct_fields__})


class CrisisEventPage(msgspec.Struct, frozen=True):
    """A page of a patient's crisis events by the time they occurred at, the latest first."""

    data: list[CrisisEventResource]
    pagination: Pagination

    @classmethod
    def of(cls, history: History[CrisisEvent]) -> CrisisEventPage:
        """Show `history`."""
        return cls([CrisisEventResource.of(one) for one in history.items], Pagination.at(encode_place(history.before)))


class MetricResource(msgspec.Struct, frozen=True):
    """One measurement."""

    id: UUID
    patient_id: UUID
    metric_type: MetricType
    metric_value: Decimal
    recorded_at: datetime
    recorded_by: UUID | None

    @classmethod
    def of(cls, metric: PatientMetric) -> MetricResource:
        """Show `metric`."""
        return cls(**{name: getattr(metric, name) for name in cls.__struct_fields__})


class MetricPage(msgspec.Struct, frozen=True):
    """A page of a patient's measurements by the time they were recorded at, the latest first."""

    data: list[MetricResource]
    pagination: Pagination

    @classmethod
    def of(cls, history: History[PatientMetric]) -> MetricPage:
        """Show `history`."""
        return cls([MetricResource.of(one) for one in history.items], Pagination.at(encode_place(history.before)))


class TimelineItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that happened: its `kind` names the one field that holds the record."""

    kind: str
    at: datetime
    appointment: AppointmentResource | msgspec.UnsetType = msgspec.UNSET
    crisis_event: CrisisEventResource | msgspec.UnsetType = msgspec.UNSET
    metric: MetricResource | msgspec.UnsetType = msgspec.UNSET

    @classmethod
    def of(cls, event: Event) -> TimelineItem:
        """Show `event`."""
        at = event.place.at
        if isinstance(event, Appointment):
            return cls("appointment", at, appointment=AppointmentResource.of(event))
        if isinstance(event, CrisisEvent):
            return cls("crisis_event", at, crisis_event=CrisisEventResource.of(event))
        return cls("metric", at, metric=MetricResource.of(event))


class TimelinePage(msgspec.Struct, frozen=True):
    """A page of all that happened in a patient's care, the latest first."""

    data: list[TimelineItem]
    pagination: Pagination

    @classmethod
    def of(cls, history: History[Event]) -> TimelinePage:
        """Show `history`."""
        return cls([TimelineItem.of(one) for one in history.items], Pagination.at(encode_place(history.before)))
