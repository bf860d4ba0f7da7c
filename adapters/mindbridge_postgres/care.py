"""Appointments, crisis events and metrics in PostgreSQL. PHI leaves and enters this file as ciphertext only.

Whatever is written holds the patient's row first, and brings what it says of the records up to date last: two that
write for one patient at once take turns, and the second sees what the first committed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, LiteralString
from uuid import UUID

import attrs

from mindbridge_core.care import Appointment, CrisisEvent, Event, History, PatientMetric, Span
from mindbridge_core.clock import Clock
from mindbridge_core.errors import LostUpdate
from mindbridge_core.patients import KEPT_LONGEST
from mindbridge_core.phi import ClinicCipher
from mindbridge_postgres.care_rows import APPOINTMENTS, CRISIS_EVENTS, METRICS, CareRows
from mindbridge_postgres.database import Connection

__all__ = ["PostgresAppointments", "PostgresCrisisEvents", "PostgresMetrics", "PostgresTimeline"]

_HOLD: Final = "SELECT FROM patients WHERE clinic_id = %(clinic_id)s AND id = %(patient_id)s FOR NO KEY UPDATE"

# The words of `care.evidence`; the contract holds both against one another.
_FOLLOW: Final = """
WITH visit AS MATERIALIZED (
    SELECT status, scheduled_at, closed_at FROM appointments
    WHERE clinic_id = %(clinic_id)s AND patient_id = %(patient_id)s AND deleted_at IS NULL
        AND status IN ('completed', 'missed')
), call AS MATERIALIZED (
    SELECT occurred_at, created_at FROM crisis_events
    WHERE clinic_id = %(clinic_id)s AND patient_id = %(patient_id)s AND deleted_at IS NULL
        AND event_type = 'crisis_call'
), newest AS (
    SELECT metric_value, recorded_at FROM patient_metrics
    WHERE clinic_id = %(clinic_id)s AND patient_id = %(patient_id)s AND deleted_at IS NULL
        AND metric_type = 'medication_adherence'
    ORDER BY recorded_at DESC, metric_value LIMIT 1
)
UPDATE patients SET
    recorded_adherence = (SELECT metric_value FROM newest),
    recorded_adherence_at = (SELECT recorded_at FROM newest),
    last_visit_at = (SELECT max(scheduled_at) FROM visit WHERE status = 'completed'),
    visits_since = (SELECT min(closed_at) FROM visit),
    missed_at = (SELECT array_agg(scheduled_at ORDER BY scheduled_at) FROM visit
        WHERE status = 'missed' AND scheduled_at >= %(oldest)s),
    calls_since = (SELECT min(created_at) FROM call),
    calls_at = (SELECT array_agg(occurred_at ORDER BY occurred_at) FROM call WHERE occurred_at >= %(oldest)s)
WHERE clinic_id = %(clinic_id)s AND id = %(patient_id)s
"""

_ADD_APPOINTMENT: Final = """
INSERT INTO appointments (clinic_id, id, patient_id, scheduled_by, scheduled_at, status, appointment_type, notes,
    closed_at, closed_by, version, created_at)
VALUES (%(clinic_id)s, %(id)s, %(patient_id)s, %(scheduled_by)s, %(scheduled_at)s, %(status)s, %(appointment_type)s,
    %(notes)s, %(closed_at)s, %(closed_by)s, %(version)s, %(created_at)s)
"""
_SAVE_APPOINTMENT: Final = """
UPDATE appointments SET scheduled_at = %(scheduled_at)s, status = %(status)s, appointment_type = %(appointment_type)s,
    notes = %(notes)s, closed_at = %(closed_at)s, closed_by = %(closed_by)s, version = %(version)s + 1
WHERE clinic_id = %(clinic_id)s AND id = %(id)s AND version = %(version)s AND deleted_at IS NULL
"""
_ADD_EVENT: Final = """
INSERT INTO crisis_events (clinic_id, id, patient_id, reported_by, severity, event_type, description, resolution,
    follow_up_required, occurred_at, resolved_at, resolved_by, version, created_at)
VALUES (%(clinic_id)s, %(id)s, %(patient_id)s, %(reported_by)s, %(severity)s, %(event_type)s, %(description)s,
    %(resolution)s, %(follow_up_required)s, %(occurred_at)s, %(resolved_at)s, %(resolved_by)s, %(version)s,
    %(created_at)s)
"""
_SAVE_EVENT: Final = """
UPDATE crisis_events SET severity = %(severity)s, description = %(description)s, resolution = %(resolution)s,
    follow_up_required = %(follow_up_required)s, resolved_at = %(resolved_at)s, resolved_by = %(resolved_by)s,
    version = %(version)s + 1
WHERE clinic_id = %(clinic_id)s AND id = %(id)s AND version = %(version)s AND deleted_at IS NULL
"""
_ADD_METRIC: Final = """
INSERT INTO patient_metrics (clinic_id, id, patient_id, metric_type, metric_value, recorded_at, recorded_by)
VALUES (%(clinic_id)s, %(id)s, %(patient_id)s, %(metric_type)s, %(metric_value)s, %(recorded_at)s, %(recorded_by)s)
"""


_SEALED_APPOINTMENT: Final = {"notes": "appointments.notes"}
_SEALED_EVENT: Final = {"description": "crisis_events.description", "resolution": "crisis_events.resolution"}


class _Written:
    """Records that are written in the open transaction of `connection`."""

    def __init__(self, connection: Connection, clinic_id: UUID, cipher: ClinicCipher, clock: Clock) -> None:
        """By `clock` it is known which moments are too old to be kept at hand."""
        self._connection = connection
        self._clinic_id = clinic_id
        self._cipher = cipher
        self._clock = clock
        self._rows = CareRows(connection, clinic_id, cipher)

    def _write(self, statement: LiteralString, record: Event, sealed: Mapping[str, str]) -> None:
        """Write the record while its patient is held; LostUpdate when there is no row to write."""
        patient = {"clinic_id": self._clinic_id, "patient_id": record.patient_id}
        self._connection.run(_HOLD, patient)
        row = attrs.asdict(record, recurse=False) | {"clinic_id": self._clinic_id}
        texts = {name: column for name, column in sealed.items() if row[name] is not None}
        row |= {name: self._cipher.encrypt(column, record.id, row[name]) for name, column in texts.items()}
        if self._connection.run(statement, row).rowcount != 1:
            raise LostUpdate
        self._connection.run(_FOLLOW, {**patient, "oldest": self._clock() - KEPT_LONGEST})


class PostgresAppointments(_Written):
    """`Appointments` of the core."""

    def add(self, appointment: Appointment) -> None:
        """Insert the appointment."""
        self._write(_ADD_APPOINTMENT, appointment, _SEALED_APPOINTMENT)

    def get(self, appointment_id: UUID) -> Appointment | None:
        """Return the appointment."""
        return self._rows.one(APPOINTMENTS, appointment_id)

    def of_patient(self, patient_id: UUID, span: Span) -> History[Appointment]:
        """Return a page of the patient's appointments."""
        return self._rows.page(patient_id, span, APPOINTMENTS)

    def save(self, appointment: Appointment) -> Appointment:
        """Update the appointment if the version is still the one that was read."""
        self._write(_SAVE_APPOINTMENT, appointment, _SEALED_APPOINTMENT)
        return attrs.evolve(appointment, version=appointment.version + 1)


class PostgresCrisisEvents(_Written):
    """`CrisisEvents` of the core."""

    def add(self, event: CrisisEvent) -> None:
        """Insert the event."""
        self._write(_ADD_EVENT, event, _SEALED_EVENT)

    def get(self, event_id: UUID) -> CrisisEvent | None:
        """Return the event."""
        return self._rows.one(CRISIS_EVENTS, event_id)

    def of_patient(self, patient_id: UUID, span: Span) -> History[CrisisEvent]:
        """Return a page of the patient's events."""
        return self._rows.page(patient_id, span, CRISIS_EVENTS)

    def save(self, event: CrisisEvent) -> CrisisEvent:
        """Update the event if the version is still the one that was read."""
        self._write(_SAVE_EVENT, event, _SEALED_EVENT)
        return attrs.evolve(event, version=event.version + 1)


class PostgresMetrics(_Written):
    """`Metrics` of the core."""

    def add(self, metric: PatientMetric) -> None:
        """Insert the measurement."""
        self._write(_ADD_METRIC, metric, {})

    def of_patient(self, patient_id: UUID, span: Span) -> History[PatientMetric]:
        """Return a page of the patient's measurements."""
        return self._rows.page(patient_id, span, METRICS)


class PostgresTimeline:
    """`Timeline` of the core."""

    def __init__(self, connection: Connection, clinic_id: UUID, cipher: ClinicCipher) -> None:
        """Work in the open transaction of `connection`."""
        self._rows = CareRows(connection, clinic_id, cipher)

    def of_patient(self, patient_id: UUID, span: Span) -> History[Event]:
        """Return a page of all three."""
        return self._rows.page(patient_id, span, APPOINTMENTS, CRISIS_EVENTS, METRICS)
