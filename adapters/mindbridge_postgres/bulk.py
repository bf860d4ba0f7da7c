"""Many rows in one statement.

COPY would be the way, but PostgreSQL has none for a role that row-level security binds. So each column travels as
one array, spelled out: adapting lists value by value costs the driver several times as much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from mindbridge_postgres.database import Connection

__all__ = ["as_array", "insert_patients"]

Row = Mapping[str, Any]
"""A patient's columns by name, sealed; `tokens` are what the patient is found by."""


def _plain(value: object) -> str:
    return "NULL" if value is None else str(value)


def _octets(value: bytes | None) -> str:
    return "NULL" if value is None else f'"\\\\x{value.hex()}"'


def _hexed(value: UUID | None) -> str:
    return "NULL" if value is None else value.hex


def _quoted(value: str | None) -> str:
    if value is None:
        return "NULL"
    if "\\" in value or '"' in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{value}"'


_SPELLED: Final[Mapping[str, Callable[[Any], str]]] = {
    "bytea": _octets,
    "jsonb": _quoted,
    "text": _quoted,
    "uuid": _hexed,
}


def as_array(values: Iterable[Any], kind: str) -> str:
    """Spell values of a type of PostgreSQL as its arrays are written; text, and JSON as text, may hold anything."""
    return "{" + ",".join(map(_SPELLED.get(kind, _plain), values)) + "}"


_TYPES: Final[Mapping[str, str]] = {
    "id": "uuid",
    "case_manager_id": "uuid",
    "mrn": "bytea",
    "mrn_index": "bytea",
    "name": "bytea",
    "date_of_birth": "bytea",
    "diagnosis": "bytea",
    "diagnosis_code": "bytea",
    "medication_adherence": "numeric",
    "last_appointment": "date",
    "appointments_missed": "integer",
    "crisis_calls_30days": "integer",
    "current_risk_level": "text",
    "manually_escalated": "boolean",
    "admitted_at": "timestamptz",
    "status": "text",
    "version": "integer",
    "created_at": "timestamptz",
    "updated_at": "timestamptz",
}
_NAMES: Final = ", ".join(_TYPES)

_INSERT: Final[Any] = f"""
WITH saved AS (
    INSERT INTO patients (clinic_id, {_NAMES})
    SELECT %(clinic_id)s::uuid, {_NAMES}
    FROM unnest({", ".join(f"%({name})s::{kind}[]" for name, kind in _TYPES.items())}) AS sent ({_NAMES})
)
INSERT INTO patient_search (clinic_id, token, patient_id)
SELECT %(clinic_id)s::uuid, token, (%(id)s::uuid[])[place]
FROM unnest(%(tokens)s::bytea[], %(places)s::integer[]) AS hashed (token, place)
"""


def insert_patients(connection: Connection, clinic_id: UUID, rows: Sequence[Row]) -> None:
    """Insert patients who are new, and what they are found by."""
    params: dict[str, object] = {name: as_array([row[name] for row in rows], kind) for name, kind in _TYPES.items()}
    found = sorted((token, place) for place, row in enumerate(rows, start=1) for token in row["tokens"])
    params["tokens"] = as_array([token for token, _ in found], "bytea")
    params["places"] = as_array([place for _, place in found], "integer")
    connection.run(_INSERT, params | {"clinic_id": clinic_id})
