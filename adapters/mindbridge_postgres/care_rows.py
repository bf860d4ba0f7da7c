"""Appointments, crisis events and metrics as rows of one shape, so that a history of all of them is one statement."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Final, Generic, LiteralString, NamedTuple, TypeVar
from uuid import UUID

import attrs

from mindbridge_core.care import (
    Appointment,
    AppointmentStatus,
    AppointmentType,
    CrisisEvent,
    CrisisEventType,
    History,
    MetricType,
    PatientMetric,
    Severity,
    Span,
)
from mindbridge_core.pagination import Place
from mindbridge_core.phi import ClinicCipher
from mindbridge_postgres.database import Connection

__all__ = ["APPOINTMENTS", "CRISIS_EVENTS", "METRICS", "CareRows", "Kind"]

E_co = TypeVar("E_co", covariant=True)
E = TypeVar("E")

_APPOINTMENTS: Final[LiteralString] = """
SELECT 'appointment' AS kind, id, patient_id, scheduled_at AS at, scheduled_by AS who, created_at, status AS state,
    appointment_type AS type, notes AS words, NULL::bytea AS outcome, NULL::boolean AS flag, closed_at AS ended_at,
    closed_by AS ended_by, NULL::numeric AS value, version
FROM appointments WHERE clinic_id = %(clinic_id)s AND deleted_at IS NULL
"""
_CRISIS_EVENTS: Final[LiteralString] = """
SELECT 'crisis_event' AS kind, id, patient_id, occurred_at AS at, reported_by AS who, created_at, severity AS state,
    event_type AS type, description AS words, resolution AS outcome, follow_up_required AS flag,
    resolved_at AS ended_at, resolved_by AS ended_by, NULL::numeric AS value, version
FROM crisis_events WHERE clinic_id = %(clinic_id)s AND deleted_at IS NULL
"""
_METRICS: Final[LiteralString] = """
SELECT 'metric' AS kind, id, patient_id, recorded_at AS at, recorded_by AS who, NULL::timestamptz AS created_at,
    NULL::text AS state, metric_type AS type, NULL::bytea AS words, NULL::bytea AS outcome, NULL::boolean AS flag,
    NULL::timestamptz AS ended_at, NULL::uuid AS ended_by, metric_value AS value, NULL::integer AS version
FROM patient_metrics WHERE clinic_id = %(clinic_id)s AND deleted_at IS NULL
"""
_ONE: Final = " AND id = %(id)s"
_PATIENT: Final = " AND patient_id = %(patient_id)s"


class Row(NamedTuple):
    """One record of any kind; what a kind does not have is null."""

    kind: str
    id: UUID
    patient_id: UUID
    at: datetime
    who: UUID | None
    created_at: datetime
    state: str
    type: str
    words: bytes | None
    outcome: bytes | None
    flag: bool
    ended_at: datetime | None
    ended_by: UUID | None
    value: Decimal
    version: int


Unseal = Callable[[str, UUID, bytes | None], str | None]


@attrs.frozen
class Kind(Generic[E_co]):
    """How one kind of record is read: its rows, by which moment they stand in a history, and what a row is."""

    name: str
    rows: LiteralString
    moment: LiteralString
    read: Callable[[UUID, Row, Unseal], E_co]


def _appointment(clinic_id: UUID, row: Row, unseal: Unseal) -> Appointment:
    return Appointment(
        id=row.id,
        clinic_id=clinic_id,
        patient_id=row.patient_id,
        scheduled_by=row.who,
        scheduled_at=row.at,
        status=AppointmentStatus(row.state),
        appointment_type=AppointmentType(row.type) if row.type else None,
        notes=unseal("appointments.notes", row.id, row.words),
        closed_at=row.ended_at,
        closed_by=row.ended_by,
        version=row.version,
        created_at=row.created_at,
    )


def _crisis_event(clinic_id: UUID, row: Row, unseal: Unseal) -> CrisisEvent:
    return CrisisEvent(
        id=row.id,
        clinic_id=clinic_id,
        patient_id=row.patient_id,
        reported_by=row.who,
        severity=Severity(row.state),
        event_type=CrisisEventType(row.type),
        description=unseal("crisis_events.description", row.id, row.words),
        resolution=unseal("crisis_events.resolution", row.id, row.outcome),
        follow_up_required=row.flag,
        occurred_at=row.at,
        resolved_at=row.ended_at,
        resolved_by=row.ended_by,
        version=row.version,
        created_at=row.created_at,
    )


def _metric(clinic_id: UUID, row: Row, _: Unseal) -> PatientMetric:
    return PatientMetric(
        id=row.id,
        clinic_id=clinic_id,
        patient_id=row.patient_id,
        metric_type=MetricType(row.type),
        metric_value=row.value,
        recorded_at=row.at,
        recorded_by=row.who,
    )


APPOINTMENTS: Final = Kind("appointment", _APPOINTMENTS, "scheduled_at", _appointment)
CRISIS_EVENTS: Final = Kind("crisis_event", _CRISIS_EVENTS, "occurred_at", _crisis_event)
METRICS: Final = Kind("metric", _METRICS, "recorded_at", _metric)


@attrs.frozen
class CareRows:
    """Reads records in the open transaction of `connection`."""

    connection: Connection
    clinic_id: UUID
    cipher: ClinicCipher

    def one(self, kind: Kind[E], record_id: UUID) -> E | None:
        """Return the record; None when the clinic has none of this id."""
        params = {"clinic_id": self.clinic_id, "id": record_id}
        found = self.connection.run(kind.rows + _ONE, params).fetchone()
        return None if found is None else kind.read(self.clinic_id, Row._make(found), self._unsealed)

    def page(self, patient_id: UUID, span: Span, *kinds: Kind[E]) -> History[E]:
        """Return a page of the history that the kinds make together, reading one row more than it shows."""
        params: dict[str, object] = {"clinic_id": self.clinic_id, "patient_id": patient_id}
        if span.before is not None:
            params |= {"at": span.before.at, "id": span.before.id}
        rows = [Row._make(row) for row in self.connection.run(_history(span, kinds), params).fetchall()]
        reads = {kind.name: kind.read for kind in kinds}
        kept = rows[: span.limit]
        items = tuple(reads[row.kind](self.clinic_id, row, self._unsealed) for row in kept)
        return History(items=items, before=Place(kept[-1].at, kept[-1].id) if len(rows) > span.limit else None)

    def _unsealed(self, column: str, row_id: UUID, cell: bytes | None) -> str | None:
        return None if cell is None else self.cipher.decrypt(column, row_id, cell)


def _history(span: Span, kinds: tuple[Kind[E], ...]) -> LiteralString:
    """Return one statement for the page; each kind gives no more rows than the page could show."""
    # The limit stands in the text: the planner thinks a parameter to be a tenth of the table, and plans every time.
    limit: LiteralString = f"LIMIT {int(span.limit) + 1}"
    parts: list[LiteralString] = []
    for kind in kinds:
        before: LiteralString = f" AND ({kind.moment}, id) < (%(at)s, %(id)s)" if span.before else ""
        parts.append(f"({kind.rows}{_PATIENT}{before} ORDER BY {kind.moment} DESC, id DESC {limit})")
    return f"SELECT * FROM ({' UNION ALL '.join(parts)}) AS history ORDER BY at DESC, id DESC {limit}"
