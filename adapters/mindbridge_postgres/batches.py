"""Batches in PostgreSQL, with a row for each patient, and no PHI."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import attrs

from mindbridge_core.errors import LostUpdate
from mindbridge_core.pagination import Page, page_of
from mindbridge_core.patients import RiskLevel
from mindbridge_core.screening import AsideFilter, Batch, BatchState, Settled
from mindbridge_postgres.bulk import as_array
from mindbridge_postgres.database import Connection

__all__ = ["COLUMNS", "PostgresBatches", "batch_of"]

COLUMNS: Final = (
    "id, ordered_by, case_manager_id, risk_level, screening_type, day, state, reason, total, screened, failed,"
    " created_at, started_at, taken_at, ended_at"
)
_NOBODY: Final = UUID(int=0)

_ADD: Final = f"""
INSERT INTO batches (clinic_id, {COLUMNS})
VALUES (%(clinic_id)s, %(id)s, %(ordered_by)s, %(case_manager_id)s, %(risk_level)s, %(screening_type)s, %(day)s,
    %(state)s, %(reason)s, %(total)s, %(screened)s, %(failed)s, %(created_at)s, %(started_at)s, %(taken_at)s,
    %(ended_at)s)
ON CONFLICT (clinic_id, day) DO NOTHING
"""

_PREPARED: Final = """
SELECT case_manager_id, risk_level FROM batches
WHERE clinic_id = %(clinic_id)s AND id = %(id)s AND state = 'preparing' FOR NO KEY UPDATE
"""

# A statement of its own: one that had to wait for the batch would see of its patients what there was before.
_REACHED: Final = """
SELECT patient_id FROM batch_patients WHERE clinic_id = %(clinic_id)s AND batch_id = %(id)s
ORDER BY patient_id DESC LIMIT 1
"""

# One more than are covered is looked for: whether there is anybody left.
_COVER: Final = """
WITH page AS (
    SELECT id FROM patients
    WHERE clinic_id = %(clinic_id)s AND deleted_at IS NULL AND status = 'active'
        AND (%(case_manager_id)s::uuid IS NULL OR case_manager_id = %(case_manager_id)s)
        AND (%(risk_level)s::text IS NULL OR current_risk_level = %(risk_level)s) AND id > %(after)s::uuid
    ORDER BY id LIMIT %(limit)s + 1
), covered AS (
    INSERT INTO batch_patients (clinic_id, batch_id, patient_id)
    SELECT %(clinic_id)s::uuid, %(id)s::uuid, id FROM page ORDER BY id LIMIT %(limit)s
    RETURNING patient_id
), counted AS (
    SELECT (SELECT count(*) FROM covered) AS new, (SELECT count(*) FROM page) > %(limit)s AS more
)
UPDATE batches SET total = total + new,
    state = CASE WHEN more THEN state WHEN total + new = 0 THEN 'done' ELSE 'queued' END,
    ended_at = CASE WHEN NOT more AND total + new = 0 THEN created_at END
FROM counted WHERE clinic_id = %(clinic_id)s AND id = %(id)s
"""

_GET: Final = f"SELECT {COLUMNS} FROM batches WHERE clinic_id = %(clinic_id)s AND id = %(id)s"

_HAS_DAY: Final = "SELECT FROM batches WHERE clinic_id = %s AND day = %s"

_LAST_DAILY: Final = f"""
SELECT {COLUMNS} FROM batches
WHERE clinic_id = %(clinic_id)s AND day IS NOT NULL AND state NOT IN ('preparing', 'cancelled')
    AND screened + failed = total
ORDER BY day DESC LIMIT 1
"""

_WAITING: Final = """
SELECT patient_id FROM batch_patients
WHERE clinic_id = %(clinic_id)s AND batch_id = %(id)s AND patient_id = ANY(%(patients)s::uuid[])
    AND screening_id IS NULL AND failure IS NULL
ORDER BY patient_id FOR UPDATE SKIP LOCKED
"""

# The batch's own row comes last: it is locked until the transaction ends. First and last patient say nothing new, but
# else a planner that has not heard of a new batch yet reads all of it for each piece.
_SETTLE: Final = """
WITH settled AS (
    UPDATE batch_patients SET screening_id = sent.screening_id, failure = sent.failure
    FROM unnest(%(patients)s::uuid[], %(screenings)s::uuid[], %(failures)s::text[])
        AS sent (patient_id, screening_id, failure)
    WHERE batch_patients.clinic_id = %(clinic_id)s AND batch_patients.batch_id = %(id)s
        AND batch_patients.patient_id = sent.patient_id AND batch_patients.patient_id BETWEEN %(first)s AND %(last)s
        AND batch_patients.screening_id IS NULL AND batch_patients.failure IS NULL
    RETURNING batch_patients.screening_id
), counted AS (
    SELECT count(screening_id) AS screened, count(*) - count(screening_id) AS failed FROM settled
)
UPDATE batches SET screened = batches.screened + counted.screened, failed = batches.failed + counted.failed
FROM counted WHERE clinic_id = %(clinic_id)s AND id = %(id)s
RETURNING counted.screened + counted.failed
"""

_SET_ASIDE: Final[LiteralString] = """
SELECT patient_id, failure FROM batch_patients
    JOIN patients ON patients.clinic_id = batch_patients.clinic_id AND patients.id = batch_patients.patient_id
WHERE batch_patients.clinic_id = %(clinic_id)s AND patients.clinic_id = %(clinic_id)s AND batch_id = %(id)s
    AND failure IS NOT NULL AND deleted_at IS NULL AND (%(after)s::uuid IS NULL OR patient_id > %(after)s)
    AND (%(case_manager_id)s::uuid IS NULL OR case_manager_id = %(case_manager_id)s)
ORDER BY patient_id LIMIT %(limit)s
"""

_END: Final = """
UPDATE batches SET state = 'done', ended_at = %(at)s
WHERE clinic_id = %(clinic_id)s AND id = %(id)s AND state = 'running' AND screened + failed = total
"""

_CANCEL: Final = """
UPDATE batches SET state = 'cancelled', ended_at = %(at)s, reason = %(reason)s
WHERE clinic_id = %(clinic_id)s AND id = %(id)s AND ended_at IS NULL
"""


class PostgresBatches:
    """`Batches` of the core."""

    def __init__(self, connection: Connection, clinic_id: UUID) -> None:
        """Work in the open transaction of `connection`."""
        self._connection = connection
        self._clinic_id = clinic_id

    def add(self, batch: Batch) -> bool:
        """Insert the batch."""
        row = attrs.asdict(batch, recurse=False) | {"clinic_id": self._clinic_id}
        return self._connection.run(_ADD, row).rowcount == 1

    def cover(self, batch_id: UUID, limit: int) -> Batch:
        """Hold the batch, so that whoever covers it next goes on from here, and insert a row for each patient."""
        params = self._named(batch_id, limit=limit)
        asked = self._connection.run(_PREPARED, params).fetchone()
        if asked is not None:
            reached = self._connection.run(_REACHED, params).fetchone()
            params |= {"case_manager_id": asked[0], "risk_level": asked[1], "after": reached[0] if reached else _NOBODY}
            self._connection.run(_COVER, params)
        batch = self.get(batch_id)
        assert batch is not None  # noqa: S101 - batches are never deleted
        return batch

    def get(self, batch_id: UUID) -> Batch | None:
        """Return the batch."""
        row = self._connection.run(_GET, self._named(batch_id)).fetchone()
        return None if row is None else batch_of(row, self._clinic_id)

    def has_day(self, day: date) -> bool:
        """Whether one of the clinic's batches is the day's."""
        return self._connection.run(_HAS_DAY, (self._clinic_id, day)).rowcount == 1

    def last_daily(self) -> Batch | None:
        """Return the latest whose counts are whole."""
        row = self._connection.run(_LAST_DAILY, {"clinic_id": self._clinic_id}).fetchone()
        return None if row is None else batch_of(row, self._clinic_id)

    def waiting(self, batch_id: UUID, patient_ids: Sequence[UUID]) -> Sequence[UUID]:
        """Lock the rows that nobody has locked, in the order of their ids."""
        params = self._named(batch_id, patients=as_array(patient_ids, "uuid"))
        return [row[0] for row in self._connection.run(_WAITING, params).fetchall()]

    def settle(self, batch_id: UUID, settled: Sequence[Settled]) -> None:
        """Update the rows in one statement, which waits for whoever is settling one of them."""
        if not settled:
            return
        patients = [one.patient_id for one in settled]
        params = self._named(
            batch_id,
            first=min(patients),
            last=max(patients),
            patients=as_array(patients, "uuid"),
            screenings=as_array([one.screening_id for one in settled], "uuid"),
            failures=as_array([one.reason for one in settled], "text"),
        )
        if self._connection.run(_SETTLE, params).fetchall() != [(len(settled),)]:
            raise LostUpdate

    def set_aside(self, only: AsideFilter) -> Page[Settled]:
        """Return a keyset page, reading one row more than it shows."""
        named = {"after": only.after, "case_manager_id": only.case_manager_id, "limit": only.limit + 1}
        rows = self._connection.run(_SET_ASIDE, self._named(only.batch_id, **named)).fetchall()
        return page_of([(row[0], Settled(patient_id=row[0], reason=row[1])) for row in rows], only.limit)

    def end(self, batch_id: UUID, at: datetime) -> bool:
        """Update the batch."""
        return self._connection.run(_END, self._named(batch_id, at=at)).rowcount == 1

    def cancel(self, batch_id: UUID, at: datetime, reason: str) -> bool:
        """Update the batch."""
        return self._connection.run(_CANCEL, self._named(batch_id, at=at, reason=reason)).rowcount == 1

    def _named(self, batch_id: UUID, **values: object) -> dict[str, Any]:
        return {"clinic_id": self._clinic_id, "id": batch_id, **values}


def batch_of(row: Sequence[Any], clinic_id: UUID) -> Batch:
    """Return the batch whose `COLUMNS` are found."""
    fields = dict(zip(COLUMNS.split(", "), row, strict=True))
    fields["risk_level"] = None if fields["risk_level"] is None else RiskLevel(fields["risk_level"])
    fields["state"] = BatchState(fields["state"])
    return Batch(clinic_id=clinic_id, **fields)
