"""Patients in PostgreSQL. PHI leaves and enters this file as ciphertext only."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final, LiteralString
from uuid import UUID

import attrs

from mindbridge_core.clock import Clock
from mindbridge_core.errors import LostUpdate
from mindbridge_core.pagination import Page, page_of
from mindbridge_core.patients import (
    Basis,
    Day,
    Given,
    Numbers,
    Patient,
    PatientFilter,
    PatientStatus,
    Recorded,
    RiskLevel,
    numbers,
    query_tokens,
)
from mindbridge_core.phi import ClinicCipher
from mindbridge_postgres.bulk import as_array, insert_patients
from mindbridge_postgres.database import Connection
from mindbridge_postgres.search import hashed, person_hash, search_hashes

__all__ = ["PostgresPatients"]

_COLUMNS: Final = (
    "id, case_manager_id, mrn, name, date_of_birth, diagnosis, diagnosis_code, medication_adherence, last_appointment,"
    " appointments_missed, crisis_calls_30days, current_risk_level, manually_escalated, admitted_at, status, version,"
    " created_at, updated_at, adherence_given_at, missed_given_at, calls_given_at"
)

# What the records say comes with the row; the clinic's zone with those rows alone that need to know what day it is.
_SHOWN: Final = f"""{_COLUMNS}, recorded_adherence, recorded_adherence_at, last_visit_at, visits_since, missed_at,
    calls_since, calls_at, CASE WHEN num_nonnulls(visits_since, calls_since, recorded_adherence_at) > 0
        THEN COALESCE(
            (SELECT s.timezone FROM clinic_settings s WHERE s.clinic_id = %(clinic_id)s),
            (SELECT timezone FROM clinics WHERE clinics.id = %(clinic_id)s)
        ) END"""

_GET: Final = f"SELECT {_SHOWN} FROM patients WHERE clinic_id = %(clinic_id)s AND id = %(id)s AND deleted_at IS NULL"

_GET_MANY: Final = f"""
SELECT {_SHOWN} FROM patients
WHERE clinic_id = %(clinic_id)s AND id = ANY(%(ids)s::uuid[]) AND deleted_at IS NULL ORDER BY id
"""

_MANAGERS: Final = """
SELECT id, case_manager_id FROM patients
WHERE clinic_id = %(clinic_id)s AND id = ANY(%(ids)s::uuid[]) AND deleted_at IS NULL
"""

_INDEX: Final = """
INSERT INTO patient_search (clinic_id, token, patient_id)
SELECT %(clinic_id)s::uuid, token, %(id)s::uuid FROM unnest(%(tokens)s::bytea[]) AS hashed (token)
WHERE EXISTS (SELECT FROM saved)
ON CONFLICT DO NOTHING
"""

_UNINDEX: Final = """
DELETE FROM patient_search
WHERE clinic_id = %(clinic_id)s AND patient_id = %(id)s AND NOT token = ANY(%(tokens)s::bytea[])
"""

_INSERT: Final = f"""
WITH saved AS (
    INSERT INTO patients (clinic_id, mrn_index, {_COLUMNS})
VALUES (%(clinic_id)s, %(mrn_index)s, %(id)s, %(case_manager_id)s, %(mrn)s, %(name)s, %(date_of_birth)s,
    %(diagnosis)s, %(diagnosis_code)s, %(medication_adherence)s, %(last_appointment)s, %(appointments_missed)s,
    %(crisis_calls_30days)s, %(current_risk_level)s, %(manually_escalated)s, %(admitted_at)s, %(status)s, %(version)s,
    %(created_at)s, %(updated_at)s, %(adherence_given_at)s, %(missed_given_at)s, %(calls_given_at)s)
    RETURNING id
)
{_INDEX}
"""

_UPDATE: Final = f"""
WITH saved AS (
    UPDATE patients SET
    case_manager_id = %(case_manager_id)s, mrn = %(mrn)s, mrn_index = %(mrn_index)s, name = %(name)s,
    date_of_birth = %(date_of_birth)s, diagnosis = %(diagnosis)s, diagnosis_code = %(diagnosis_code)s,
    medication_adherence = %(medication_adherence)s, last_appointment = %(last_appointment)s,
    appointments_missed = %(appointments_missed)s, crisis_calls_30days = %(crisis_calls_30days)s,
    current_risk_level = %(current_risk_level)s, manually_escalated = %(manually_escalated)s,
    adherence_given_at = %(adherence_given_at)s, missed_given_at = %(missed_given_at)s,
    calls_given_at = %(calls_given_at)s,
    admitted_at = %(admitted_at)s, status = %(status)s, version = %(version)s + 1, updated_at = %(updated_at)s,
    deleted_at = %(deleted_at)s, deleted_by = %(deleted_by)s
WHERE clinic_id = %(clinic_id)s AND id = %(id)s AND version = %(version)s AND deleted_at IS NULL
    RETURNING version
), gone AS ({_UNINDEX}), added AS ({_INDEX})
SELECT version FROM saved
"""

# In the order of ids, so that two who hold many never wait for one another.
_HOLD: Final = """
SELECT FROM patients
WHERE clinic_id = %(clinic_id)s AND deleted_at IS NULL AND (id, version) IN (
    SELECT id, version FROM unnest(%(ids)s::uuid[], %(versions)s::integer[]) AS sent (id, version))
ORDER BY id FOR NO KEY UPDATE
"""

_LEVELS_UPDATE: Final = """
UPDATE patients SET
    current_risk_level = sent.level, updated_at = sent.updated_at, version = patients.version + 1,
    adherence_given_at = CASE WHEN medication_adherence IS NULL THEN adherence_given_at
        ELSE COALESCE(adherence_given_at, patients.updated_at) END,
    missed_given_at = COALESCE(missed_given_at, patients.updated_at),
    calls_given_at = COALESCE(calls_given_at, patients.updated_at)
FROM unnest(%(ids)s::uuid[], %(versions)s::integer[], %(levels)s::text[], %(times)s::timestamptz[])
    AS sent (id, version, level, updated_at)
WHERE patients.clinic_id = %(clinic_id)s AND patients.id = sent.id AND patients.version = sent.version
    AND patients.deleted_at IS NULL
"""

_FOUND: Final = """
 AND (mrn_index = %(mrn_index)s OR id IN (
    SELECT patient_id FROM patient_search WHERE clinic_id = %(clinic_id)s AND token = ANY(%(tokens)s::bytea[])
    GROUP BY patient_id HAVING count(*) = cardinality(%(tokens)s::bytea[])))
"""

_KNOWN: Final = """
SELECT mrn_index FROM patients
WHERE clinic_id = %(clinic_id)s AND mrn_index = ANY(%(mrns)s::bytea[]) AND deleted_at IS NULL
UNION ALL
SELECT token FROM patient_search WHERE clinic_id = %(clinic_id)s AND token = ANY(%(people)s::bytea[])
"""

_GIVEN: Final = (*Numbers._fields, "adherence_given_at", "missed_given_at", "calls_given_at")

_ALL: Final = "clinic_id = %(clinic_id)s AND deleted_at IS NULL"
_CONDITIONS: Final[dict[str, LiteralString]] = {
    "case_manager_id": " AND case_manager_id = %(case_manager_id)s",
    "risk_level": " AND current_risk_level = %(risk_level)s",
    "status": " AND status = %(status)s",
}
_LEVELS: Final[dict[str | None, RiskLevel | None]] = {None: None, **{level.value: level for level in RiskLevel}}
_STATUSES: Final = {status.value: status for status in PatientStatus}


def _is_column(field: attrs.Attribute[Any], _: object) -> bool:
    return field.name != "basis"


class PostgresPatients:
    """`Patients` of the core."""

    def __init__(self, connection: Connection, clinic_id: UUID, cipher: ClinicCipher, clock: Clock) -> None:
        """Work in the open transaction of `connection`; by `clock` it is known which numbers hold today."""
        self._connection = connection
        self._clinic_id = clinic_id
        self._cipher = cipher
        self._clock = clock

    def add(self, patient: Patient) -> None:
        """Insert the patient."""
        self._connection.run(_INSERT, self._row(patient))

    def add_many(self, patients: Sequence[Patient]) -> None:
        """Insert the patients in one statement."""
        if patients:
            insert_patients(self._connection, self._clinic_id, [self._row(patient) for patient in patients])

    def mrn_mark(self, mrn: str) -> bytes:
        """Return the MRN's blind index."""
        return self._cipher.blind_index("patients.mrn", mrn)

    def person_mark(self, name: str, born: date) -> bytes:
        """Return the person's hash in the index."""
        return person_hash(self._cipher, name, born)

    def known(self, mrn_marks: Collection[bytes], person_marks: Collection[bytes]) -> frozenset[bytes]:
        """Return the marks that stand in the indexes; nothing is decrypted."""
        if not mrn_marks and not person_marks:
            return frozenset()
        params = {"clinic_id": self._clinic_id, "mrns": list(mrn_marks), "people": list(person_marks)}
        return frozenset(bytes(row[0]) for row in self._connection.run(_KNOWN, params).fetchall())

    def get(self, patient_id: UUID) -> Patient | None:
        """Return the living record."""
        row = self._connection.run(_GET, {"clinic_id": self._clinic_id, "id": patient_id}).fetchone()
        return None if row is None else self._patient(row, self._clock())

    def get_many(self, patient_ids: Collection[UUID]) -> Sequence[Patient]:
        """Return the living ones."""
        params = {"clinic_id": self._clinic_id, "ids": as_array(patient_ids, "uuid")}
        rows, now = self._connection.run(_GET_MANY, params).fetchall(), self._clock()
        return [self._patient(row, now) for row in rows]

    def list(self, only: PatientFilter) -> Page[Patient]:
        """Return a keyset page, reading one row more than it shows."""
        now = self._clock()
        rows, total = self._page(_SHOWN, only)
        return page_of([(row[0], self._patient(row, now)) for row in rows], only.limit, total)

    def ids(self, only: PatientFilter) -> Page[UUID]:
        """Return the page's ids, which are all that is read."""
        rows, total = self._page("id", only)
        return page_of([(row[0], row[0]) for row in rows], only.limit, total)

    def managers_of(self, patient_ids: Collection[UUID]) -> Mapping[UUID, UUID | None]:
        """Return the case managers of the living ones."""
        params = {"clinic_id": self._clinic_id, "ids": as_array(patient_ids, "uuid")}
        return dict(self._connection.run(_MANAGERS, params).fetchall())

    def _page(self, columns: LiteralString, only: PatientFilter) -> tuple[Sequence[Any], int | None]:
        params: dict[str, object] = {
            "clinic_id": self._clinic_id,
            "case_manager_id": only.case_manager_id,
            "risk_level": only.risk_level,
            "status": only.status,
            "after": only.after,
        }
        where: LiteralString = _ALL
        for name, condition in _CONDITIONS.items():
            where += condition if params[name] is not None else ""
        if only.query is not None:
            params |= {
                "mrn_index": self._cipher.blind_index("patients.mrn", only.query),
                "tokens": hashed(self._cipher, query_tokens(only.query)),
            }
            where += _FOUND
        keyset: LiteralString = " AND id > %(after)s" if only.after else ""
        count = self._connection.run(f"SELECT count(*) FROM patients WHERE {where}", params) if only.total else None
        # The limit stands in the text: the planner thinks a parameter to be a tenth of the table, and plans every time.
        query = f"SELECT {columns} FROM patients WHERE {where}{keyset} ORDER BY id LIMIT {int(only.limit) + 1}"
        rows = self._connection.run(query, params).fetchall()
        return rows, None if count is None else int(count.fetchall()[0][0])

    def hold(self, patients: Sequence[Patient]) -> None:
        """Lock the rows in one statement; one that changes while it waits is not of its version any more."""
        params = {
            "clinic_id": self._clinic_id,
            "ids": as_array([one.id for one in patients], "uuid"),
            "versions": as_array([one.version for one in patients], "integer"),
        }
        if patients and self._connection.run(_HOLD, params).rowcount != len(patients):
            raise LostUpdate

    def save_levels(self, patients: Sequence[Patient]) -> None:
        """Update the levels in one statement."""
        params = {
            "clinic_id": self._clinic_id,
            "ids": as_array([patient.id for patient in patients], "uuid"),
            "versions": as_array([patient.version for patient in patients], "integer"),
            "levels": as_array([patient.current_risk_level for patient in patients], "text"),
            "times": as_array([patient.updated_at for patient in patients], "timestamptz"),
        }
        if patients and self._connection.run(_LEVELS_UPDATE, params).rowcount != len(patients):
            raise LostUpdate

    def save(self, patient: Patient) -> Patient:
        """Update the record if its version is still the one that was read."""
        row = self._connection.run(_UPDATE, self._row(patient)).fetchone()
        if row is None:
            raise LostUpdate
        return attrs.evolve(patient, version=row[0])

    def _row(self, patient: Patient) -> dict[str, object]:
        born, given, changed = patient.date_of_birth, patient.given, patient.updated_at
        row = attrs.asdict(patient, recurse=False, filter=_is_column)
        row |= dict(zip(_GIVEN, given, strict=True))
        row |= {name: None if row[name] == changed else row[name] for name in _GIVEN[5:]}
        if given.medication_adherence is not None and given.adherence_at == changed:
            row["adherence_given_at"] = None  # where there is a value; else it says that nobody ever gave one
        row |= {
            "clinic_id": self._clinic_id,
            "mrn": self._sealed("mrn", patient, patient.mrn),
            "mrn_index": patient.mrn and self._cipher.blind_index("patients.mrn", patient.mrn),
            "name": self._sealed("name", patient, patient.name),
            "date_of_birth": self._sealed("date_of_birth", patient, None if born is None else born.isoformat()),
            "diagnosis": self._sealed("diagnosis", patient, patient.diagnosis),
            "diagnosis_code": self._sealed("diagnosis_code", patient, patient.diagnosis_code),
            "tokens": [] if patient.deleted_at else search_hashes(self._cipher, patient.name, born),
        }
        return row

    def _sealed(self, column: str, patient: Patient, text: str | None) -> bytes | None:
        return None if text is None else self._cipher.encrypt(f"patients.{column}", patient.id, text)

    def _patient(self, row: Sequence[Any], now: datetime) -> Patient:
        decrypt, row_id = self._cipher.decrypt, row[0]
        basis = _basis(row, now)
        adherence, last, missed, calls = numbers(basis)
        born = None if row[4] is None else date.fromisoformat(decrypt("patients.date_of_birth", row_id, row[4]))
        return Patient(
            id=row_id,
            clinic_id=self._clinic_id,
            case_manager_id=row[1],
            mrn=None if row[2] is None else decrypt("patients.mrn", row_id, row[2]),
            name=decrypt("patients.name", row_id, row[3]),
            date_of_birth=born,
            diagnosis=None if row[5] is None else decrypt("patients.diagnosis", row_id, row[5]),
            diagnosis_code=None if row[6] is None else decrypt("patients.diagnosis_code", row_id, row[6]),
            medication_adherence=adherence,
            last_appointment=last,
            appointments_missed=missed,
            crisis_calls_30days=calls,
            current_risk_level=_LEVELS[row[11]],
            manually_escalated=row[12],
            admitted_at=row[13],
            status=_STATUSES[row[14]],
            version=row[15],
            created_at=row[16],
            updated_at=row[17],
            basis=basis,
        )


def _basis(row: Sequence[Any], now: datetime) -> Basis:
    """Return what a row of `_SHOWN` knows of the patient's numbers."""
    changed, zone = row[17], row[28]
    said = row[18] or (None if row[7] is None else changed)
    given = Given(row[7], row[8], row[9], row[10], said, row[19] or changed, row[20] or changed)
    if zone is None:
        return Basis(given)
    missed, calls = tuple(row[25] or ()), tuple(row[27] or ())
    recorded = Recorded(row[21], row[22], row[23], row[24], missed, row[26], calls)
    return Basis(given, recorded, _day(now, zone))


@lru_cache(maxsize=64)
def _day(now: datetime, zone: str) -> Day:
    """Return the day once for all the rows of a list."""
    return Day.of(now, zone)
