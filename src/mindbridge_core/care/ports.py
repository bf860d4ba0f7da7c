"""What the record of care needs from the outside.

Whatever is added or saved here, the patient's numbers follow in the same unit: the patient that `patients` returns
afterwards, in this unit and in every later one, is `patients.numbers` over what was given and all that is recorded.
"""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar
from uuid import UUID

import attrs

from mindbridge_core.care.entities import Appointment, CrisisEvent, PatientMetric
from mindbridge_core.pagination import DEFAULT_LIMIT, Place
from mindbridge_core.patients import PatientUnit

__all__ = ["Appointments", "CareUnit", "CrisisEvents", "Event", "History", "Metrics", "Span", "Timeline"]

T = TypeVar("T")

Event = Appointment | CrisisEvent | PatientMetric


@attrs.frozen(kw_only=True)
class Span:
    """Which part of a history: before a place in it, at most `limit`."""

    before: Place | None = None
    limit: int = DEFAULT_LIMIT


@attrs.frozen(kw_only=True)
class History(Generic[T]):
    """At most `limit` items, the latest first; `before` is the place of the last when more follow, else None."""

    items: tuple[T, ...]
    before: Place | None


class Appointments(Protocol):
    """The appointments of the unit's clinic."""

    def add(self, appointment: Appointment) -> None:
        """Store a new appointment."""

    def get(self, appointment_id: UUID) -> Appointment | None:
        """Return the appointment; None when the clinic has none of this id."""

    def of_patient(self, patient_id: UUID, span: Span) -> History[Appointment]:
        """Return a page of the patient's appointments by the time they are scheduled at, the latest first."""

    def save(self, appointment: Appointment) -> Appointment:
        """Store the changed appointment and return its next version; LostUpdate when `version` is not the stored."""


class CrisisEvents(Protocol):
    """The crisis events of the unit's clinic."""

    def add(self, event: CrisisEvent) -> None:
        """Store a new event."""

    def get(self, event_id: UUID) -> CrisisEvent | None:
        """Return the event; None when the clinic has none of this id."""

    def of_patient(self, patient_id: UUID, span: Span) -> History[CrisisEvent]:
        """Return a page of the patient's events by the time they occurred at, the latest first."""

    def save(self, event: CrisisEvent) -> CrisisEvent:
        """Store the changed event and return its next version; LostUpdate when `version` is not the stored one."""


class Metrics(Protocol):
    """The measurements of the unit's clinic: only added to."""

    def add(self, metric: PatientMetric) -> None:
        """Store a new measurement."""

    def of_patient(self, patient_id: UUID, span: Span) -> History[PatientMetric]:
        """Return a page of the patient's measurements by the time they were recorded at, the latest first."""


class Timeline(Protocol):
    """All of it together."""

    def of_patient(self, patient_id: UUID, span: Span) -> History[Event]:
        """Return a page of what happened in the patient's care, the latest first."""


class CareUnit(PatientUnit, Protocol):
    """A transaction on one clinic's record of care."""

    @property
    def appointments(self) -> Appointments:
        """The clinic's appointments."""

    @property
    def crisis_events(self) -> CrisisEvents:
        """The clinic's crisis events."""

    @property
    def metrics(self) -> Metrics:
        """The clinic's measurements."""

    @property
    def timeline(self) -> Timeline:
        """All of it together."""
