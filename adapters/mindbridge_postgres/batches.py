"""Batches in PostgreSQL, and the queue that they are: no table but theirs, and no PHI in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import attrs

from mindbridge_core.errors import LostUpdate
from mindbridge_core.patients import RiskLevel
from mindbridge_core.screening import Batch, BatchState, Settled
from mindbridge_postgres.database import Connection

__all__ = ["PostgresBatches", "PostgresJobQueue"]

_COLUMNS: Final = (
    "id, ordered_by, case_manager_id, risk_level, screening_type, day, state, reason, total, created_at, started_at,"
    " ended_at"
)

_ADD: Final = f"""
INSERT INTO batches (clinic_id, {_COLUMNS})
VALUES (%(clinic_id)s, %(id)s, %(ordered_by)s, %(case_manager_id)s, %(risk_level)s, %(screening_type)s, %(day)s,
    %(state)s, %(reason)s, %(total)s, %(created_at)s, %(started_at)s, %(ended_at)s)
ON CONFLICT (clinic_id, day) DO NOTHING
"""

_COVER: Final = """
INSERT INTO batch_patients (clinic_id, batch_id, patient_id)
SELECT %(clinic_id)s::uuid, %(id)s::uuid, id FROM patients
WHERE clinic_id = %(clinic_id)s AND deleted_at IS NULL AND status = 'active'
    AND (%(case_manager_id)s::uuid IS NULL OR case_manager_id = %(case_manager_id)s)
    AND (%(risk_level)s::text IS NULL OR current_risk_level = %(risk_level)s)
"""

_TOTAL: Final = """
UPDATE batches SET total = %(total)s, state = CASE WHEN %(total)s::integer = 0 THEN 'done' ELSE state END,
    ended_at = CASE WHEN %(total)s::integer = 0 THEN created_at END
WHERE clinic_id = %(clinic_id)s AND id = %(id)s
"""

_GET: Final = f"""
SELECT {_COLUMNS}, screened, failed FROM batches CROSS JOIN LATERAL (
    SELECT count(screening_id) AS screened, count(failure) AS failed FROM batch_patients
    WHERE clinic_id = %(clinic_id)s AND batch_id = %(id)s
) AS counted WHERE clinic_id = %(clinic_id)s AND id = %(id)s
"""

_HAS_DAY: Final = "SELECT FROM batches WHERE clinic_id = %s AND day = %s"

_WAITING: Final = """
SELECT patient_id FROM batch_patients
WHERE clinic_id = %s AND batch_id = %s AND screening_id IS NULL AND failure IS NULL
ORDER BY patient_id LIMIT %s FOR UPDATE SKIP LOCKED
"""

_SETTLE: Final = """
UPDATE batch_patients SET screening_id = sent.screening_id, failure = sent.failure
FROM unnest(%(patients)s::uuid[], %(screenings)s::uuid[], %(failures)s::text[])
    AS sent (patient_id, screening_id, failure)
WHERE batch_patients.clinic_id = %(clinic_id)s AND batch_patients.batch_id = %(id)s
    AND batch_patients.patient_id = sent.patient_id
    AND batch_patients.screening_id IS NULL AND batch_patients.failure IS NULL
"""

_END: Final = """
UPDATE batches SET state = 'done', ended_at = %(at)s
WHERE clinic_id = %(clinic_id)s AND id = %(id)s AND state = 'running' AND NOT EXISTS (
    SELECT FROM batch_patients
    WHERE clinic_id = %(clinic_id)s AND batch_id = %(id)s AND screening_id IS NULL AND failure IS NULL)
"""

_CANCEL: Final = """
UPDATE batches SET state = 'cancelled', ended_at = %(at)s, reason = %(reason)s
WHERE clinic_id = %(clinic_id)s AND id = %(id)s AND ended_at IS NULL
"""

_CLAIM: Final = """
UPDATE batches SET state = 'running', worker = %(worker)s, leased_until = %(until)s,
    started_at = COALESCE(started_at, %(now)s)
WHERE clinic_id = %(clinic_id)s AND id = (
    SELECT id FROM batches
    WHERE clinic_id = %(clinic_id)s AND ended_at IS NULL
        AND (worker IS NULL OR worker = %(worker)s OR leased_until < %(now)s)
    ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING id
"""

_RELEASE: Final = "UPDATE batches SET worker = NULL, leased_until = NULL WHERE clinic_id = %s AND worker = %s"


class PostgresBatches:
    """`Batches` of the core."""

    def __init__(self, connection: Connection, clinic_id: UUID) -> None:
        """Work in the open transaction of `connection`."""
        self._connection = connection
        self._clinic_id = clinic_id

    def add(self, batch: Batch) -> Batch | None:
        """Insert the batch and a row for each patient, in three statements however many they are."""
        row = attrs.asdict(batch, recurse=False) | {"clinic_id": self._clinic_id}
        if self._connection.run(_ADD, row).rowcount != 1:
            return None
        total = self._connection.run(_COVER, row).rowcount
        self._connection.run(_TOTAL, self._named(batch.id, total=total))
        return self.get(batch.id)

    def get(self, batch_id: UUID) -> Batch | None:
        """Return the batch, counted."""
        row = self._connection.run(_GET, self._named(batch_id)).fetchone()
        if row is None:
            return None
        fields = dict(zip((*_COLUMNS.split(", "), "screened", "failed"), row, strict=True))
        fields["risk_level"] = None if fields["risk_level"] is None else RiskLevel(fields["risk_level"])
        fields["state"] = BatchState(fields["state"])
        return Batch(clinic_id=self._clinic_id, **fields)

    def has_day(self, day: date) -> bool:
        """Whether one of the clinic's batches is the day's."""
        return self._connection.run(_HAS_DAY, (self._clinic_id, day)).rowcount == 1

    def waiting(self, batch_id: UUID, limit: int) -> Sequence[UUID]:
        """Lock the rows of those with the lowest ids that nobody has locked."""
        rows = self._connection.run(_WAITING, (self._clinic_id, batch_id, limit)).fetchall()
        return [row[0] for row in rows]

    def settle(self, batch_id: UUID, settled: Sequence[Settled]) -> None:
        """Update the rows in one statement, which waits for whoever is settling one of them."""
        params = self._named(
            batch_id,
            patients=[one.patient_id for one in settled],
            screenings=[one.screening_id for one in settled],
            failures=[one.reason for one in settled],
        )
        if settled and self._connection.run(_SETTLE, params).rowcount != len(settled):
            raise LostUpdate

    def end(self, batch_id: UUID, at: datetime) -> bool:
        """Update the batch."""
        return self._connection.run(_END, self._named(batch_id, at=at)).rowcount == 1

    def cancel(self, batch_id: UUID, at: datetime, reason: str) -> bool:
        """Update the batch."""
        return self._connection.run(_CANCEL, self._named(batch_id, at=at, reason=reason)).rowcount == 1

    def _named(self, batch_id: UUID, **values: object) -> dict[str, Any]:
        return {"clinic_id": self._clinic_id, "id": batch_id, **values}


class PostgresJobQueue:
    """`JobQueue` of the core: the batches that have not ended, with a lease on each."""

    def __init__(self, connection: Connection, clinic_id: UUID) -> None:
        """Work in the open transaction of `connection`."""
        self._connection = connection
        self._clinic_id = clinic_id

    def claim(self, worker: UUID, now: datetime, until: datetime) -> UUID | None:
        """Update the lease; a batch that another worker is claiming is passed over."""
        params = {"clinic_id": self._clinic_id, "worker": worker, "now": now, "until": until}
        row = self._connection.run(_CLAIM, params).fetchone()
        return None if row is None else row[0]

    def release(self, worker: UUID) -> None:
        """Update the leases."""
        self._connection.run(_RELEASE, (self._clinic_id, worker))
