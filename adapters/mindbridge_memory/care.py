"""Appointments, crisis events and metrics in memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar
from uuid import UUID

import attrs

from mindbridge_core.care import Appointment, CrisisEvent, Event, History, PatientMetric, Span, evidence
from mindbridge_core.clock import Clock
from mindbridge_core.errors import LostUpdate
from mindbridge_memory.tables import Table, Tables

__all__ = ["MemoryAppointments", "MemoryCrisisEvents", "MemoryMetrics", "MemoryTimeline"]

E = TypeVar("E", Appointment, CrisisEvent, PatientMetric, Event)
V = TypeVar("V", Appointment, CrisisEvent)


def _of(table: Table[tuple[UUID, UUID], E], clinic_id: UUID, patient_id: UUID) -> list[E]:
    place = (clinic_id, patient_id)
    return [one for one in table.rows() if (one.clinic_id, one.patient_id) == place]


def _page(events: Iterable[E], span: Span) -> History[E]:
    """Return the part of the history that comes before the span's place, the latest first."""
    found = sorted(events, key=lambda one: one.place, reverse=True)
    rest = [one for one in found if span.before is None or one.place < span.before]
    kept = rest[: span.limit]
    return History(items=tuple(kept), before=kept[-1].place if len(rest) > span.limit else None)


def _saved(table: Table[tuple[UUID, UUID], V], record: V) -> V:
    """Keep the changed record if the version is still the one that was read."""
    stored = table.get((record.clinic_id, record.id))
    if stored is None or stored.version != record.version:
        raise LostUpdate
    saved = attrs.evolve(record, version=record.version + 1)
    table.put((record.clinic_id, record.id), saved)
    return saved


def _follow(tables: Tables, clinic_id: UUID, patient_id: UUID, clock: Clock) -> None:
    """Bring what the records say of the patient's numbers up to date."""
    found = evidence(
        _of(tables.appointments, clinic_id, patient_id),
        _of(tables.crisis_events, clinic_id, patient_id),
        _of(tables.metrics, clinic_id, patient_id),
        clock(),
    )
    if found is not None:
        tables.recorded.put((clinic_id, patient_id), found)


@attrs.frozen
class MemoryAppointments:
    """`Appointments` of the core."""

    tables: Tables
    clinic_id: UUID
    clock: Clock

    def add(self, appointment: Appointment) -> None:
        """Keep a new appointment."""
        self.tables.appointments.put((self.clinic_id, appointment.id), appointment)
        _follow(self.tables, self.clinic_id, appointment.patient_id, self.clock)

    def get(self, appointment_id: UUID) -> Appointment | None:
        """Return the appointment."""
        return self.tables.appointments.get((self.clinic_id, appointment_id))

    def of_patient(self, patient_id: UUID, span: Span) -> History[Appointment]:
        """Return a page of the patient's appointments."""
        return _page(_of(self.tables.appointments, self.clinic_id, patient_id), span)

    def save(self, appointment: Appointment) -> Appointment:
        """Keep the changed appointment."""
        saved = _saved(self.tables.appointments, appointment)
        _follow(self.tables, self.clinic_id, saved.patient_id, self.clock)
        return saved


@attrs.frozen
class MemoryCrisisEvents:
    """`CrisisEvents` of the core."""

    tables: Tables
    clinic_id: UUID
    clock: Clock

    def add(self, event: CrisisEvent) -> None:
        """Keep a new event."""
        self.tables.crisis_events.put((self.clinic_id, event.id), event)
        _follow(self.tables, self.clinic_id, event.patient_id, self.clock)

    def get(self, event_id: UUID) -> CrisisEvent | None:
        """Return the event."""
        return self.tables.crisis_events.get((self.clinic_id, event_id))

    def of_patient(self, patient_id: UUID, span: Span) -> History[CrisisEvent]:
        """Return a page of the patient's events."""
        return _page(_of(self.tables.crisis_events, self.clinic_id, patient_id), span)

    def save(self, event: CrisisEvent) -> CrisisEvent:
        """Keep the changed event."""
        saved = _saved(self.tables.crisis_events, event)
        _follow(self.tables, self.clinic_id, saved.patient_id, self.clock)
        return saved


@attrs.frozen
class MemoryMetrics:
    """`Metrics` of the core."""

    tables: Tables
    clinic_id: UUID
    clock: Clock

    def add(self, metric: PatientMetric) -> None:
        """Keep a new measurement."""
        self.tables.metrics.put((self.clinic_id, metric.id), metric)
        _follow(self.tables, self.clinic_id, metric.patient_id, self.clock)

    def of_patient(self, patient_id: UUID, span: Span) -> History[PatientMetric]:
        """Return a page of the patient's measurements."""
        return _page(_of(self.tables.metrics, self.clinic_id, patient_id), span)


@attrs.frozen
class MemoryTimeline:
    """`Timeline` of the core."""

    tables: Tables
    clinic_id: UUID

    def of_patient(self, patient_id: UUID, span: Span) -> History[Event]:
        """Return a page of all three."""
        events: list[Event] = [
            *_of(self.tables.appointments, self.clinic_id, patient_id),
            *_of(self.tables.crisis_events, self.clinic_id, patient_id),
            *_of(self.tables.metrics, self.clinic_id, patient_id),
        ]
        return _page(events, span)
