"""Made-up patients, encrypted here and copied into PostgreSQL in its binary format."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import psycopg

from mindbridge_core.ids import uuid7_maker
from mindbridge_core.phi import ClinicCipher

__all__ = ["load_patients", "new_patient"]

COLUMNS: Final = {
    "clinic_id": "uuid",
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
    "appointments_missed": "int4",
    "crisis_calls_30days": "int4",
    "current_risk_level": "text",
    "manually_escalated": "bool",
    "admitted_at": "timestamptz",
    "status": "text",
    "version": "int4",
    "created_at": "timestamptz",
    "updated_at": "timestamptz",
}
FIRST_NAMES: Final = ("Ada", "Bela", "Carmen", "Dorothea", "Emre", "Fatou", "Gabriel", "Hanneke")
LAST_NAMES: Final = ("Abernathy", "Brandt", "Castellanos", "Dubois", "Eriksson", "Fitzgerald-Owusu", "Grimaldi")
DIAGNOSES: Final = (
    ("Bipolar disorder, unspecified", "F31.9"),
    ("Schizophrenia", "F20.9"),
    ("Major depressive disorder, recurrent", "F33.1"),
    ("Generalized anxiety disorder", "F41.1"),
)
LEVELS: Final = ("low", "low", "medium", "high", None)
CASELOAD: Final = 20
"""One patient in so many is the case manager's."""
BEGAN: Final = datetime(2024, 1, 1, tzinfo=UTC)


def load_patients(url: str, clinic_id: UUID, cipher: ClinicCipher, manager_id: UUID, count: int) -> Sequence[UUID]:
    """Copy `count` patients into the clinic as the superuser; return their ids in order."""
    moment = [BEGAN]
    new_id = uuid7_maker(lambda: moment[0], secrets.token_bytes)
    ids: list[UUID] = []
    statement = f"COPY patients ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)"
    with psycopg.connect(url) as connection, connection.cursor().copy(statement.encode()) as copy:
        copy.set_types(list(COLUMNS.values()))
        for number in range(count):
            moment[0] += timedelta(seconds=30)
            ids.append(new_id())
            manager = manager_id if number % CASELOAD == 0 else None
            copy.write_row((clinic_id, ids[-1], manager, *_record(ids[-1], cipher, number, moment[0])))
    return ids


def _record(patient_id: UUID, cipher: ClinicCipher, number: int, now: datetime) -> Sequence[Any]:
    def sealed(column: str, text: str) -> bytes:
        return cipher.encrypt(f"patients.{column}", patient_id, text)

    diagnosis, code = DIAGNOSES[number % len(DIAGNOSES)]
    mrn = f"MRN-{number:08d}"
    return (
        sealed("mrn", mrn),
        cipher.blind_index("patients.mrn", mrn),
        sealed("name", f"{FIRST_NAMES[number % 8]} {LAST_NAMES[number % 7]}"),
        sealed("date_of_birth", (date(1940, 1, 1) + timedelta(days=number % 25_000)).isoformat()),
        sealed("diagnosis", diagnosis),
        sealed("diagnosis_code", code),
        Decimal(number % 10_001) / 100,
        date(2026, 1, 1) + timedelta(days=number % 200),
        number % 4,
        number % 3,
        LEVELS[number % len(LEVELS)],
        number % 11 == 0,
        now,
        "active",
        1,
        now,
        now,
    )


def new_patient(number: int) -> dict[str, object]:
    """Return a patient as a client sends one; `number` makes the MRN unique."""
    diagnosis, code = DIAGNOSES[number % len(DIAGNOSES)]
    return {
        "name": f"{FIRST_NAMES[number % 8]} {LAST_NAMES[number % 7]}",
        "mrn": f"NEW-{number:08d}-{secrets.token_hex(4)}",
        "date_of_birth": "1971-03-14",
        "diagnosis": diagnosis,
        "diagnosis_code": code,
        "medication_adherence": 87.5,
        "appointments_missed": 1,
        "current_risk_level": "medium",
        "status": "active",
    }
