"""Which worker has which patients of a batch, in PostgreSQL. Whoever claims holds the batch's row meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

import attrs

from mindbridge_core.screening import BatchState, Piece
from mindbridge_postgres.batches import COLUMNS, batch_of
from mindbridge_postgres.bulk import as_array
from mindbridge_postgres.database import Connection

__all__ = ["PostgresJobQueue"]

_OPEN: Final = "SELECT id FROM batches WHERE clinic_id = %s AND ended_at IS NULL ORDER BY id"

_HOLD: Final = f"""
SELECT {COLUMNS}, reached FROM batches
WHERE clinic_id = %(clinic_id)s AND id = %(id)s AND ended_at IS NULL FOR NO KEY UPDATE
"""

_DEAD: Final = """
DELETE FROM batch_pieces
WHERE clinic_id = %(clinic_id)s AND batch_id = %(id)s AND id <> %(worker)s AND leased_until < %(now)s
RETURNING patients
"""

# A row that somebody holds is being settled: whoever does so is not dead.
_BURY: Final = """
UPDATE batch_patients SET deaths = deaths + 1
WHERE clinic_id = %(clinic_id)s AND batch_id = %(id)s AND patient_id IN (
    SELECT patient_id FROM batch_patients
    WHERE clinic_id = %(clinic_id)s AND batch_id = %(id)s AND patient_id = ANY(%(patients)s::uuid[])
        AND screening_id IS NULL AND failure IS NULL
    FOR UPDATE SKIP LOCKED
)
"""

_WAITING: Final[LiteralString] = """
SELECT patient_id, deaths FROM batch_patients
WHERE clinic_id = %(clinic_id)s AND batch_id = %(id)s AND screening_id IS NULL AND failure IS NULL
"""

_NOT_HELD: Final[LiteralString] = """
    AND NOT patient_id = ANY (ARRAY(
        SELECT unnest(patients) FROM batch_pieces
        WHERE clinic_id = %(clinic_id)s AND batch_id = %(id)s AND id <> %(worker)s
    ))
"""

# Patients are taken in the order of their ids, so beyond the last one taken nobody has been; whoever a piece left
# behind is looked for when there are no more of these.
_FRESH: Final[LiteralString] = f"{_WAITING} AND patient_id > %(reached)s AND deaths = 0 ORDER BY patient_id"
_LEFT_BEHIND: Final[LiteralString] = f"{_WAITING} {_NOT_HELD} AND deaths = 0 ORDER BY patient_id"
_SUSPECT: Final[LiteralString] = f"{_WAITING} {_NOT_HELD} AND deaths > 0 ORDER BY deaths, patient_id"

_TAKE: Final = """
WITH taken AS (
    INSERT INTO batch_pieces (clinic_id, id, batch_id, leased_until, patients)
    VALUES (%(clinic_id)s, %(worker)s, %(id)s, %(until)s, %(patients)s::uuid[])
    ON CONFLICT (clinic_id, id) DO UPDATE SET
        batch_id = excluded.batch_id, leased_until = excluded.leased_until, patients = excluded.patients
)
UPDATE batches SET state = 'running', started_at = COALESCE(started_at, %(now)s),
    reached = GREATEST(reached, %(last)s::uuid),
    taken_at = CASE WHEN %(last)s::uuid IS NULL THEN taken_at ELSE %(now)s END
WHERE clinic_id = %(clinic_id)s AND id = %(id)s
RETURNING started_at, taken_at
"""

_RELEASE: Final = "DELETE FROM batch_pieces WHERE clinic_id = %s AND id = %s"


class PostgresJobQueue:
    """`JobQueue` of the core: the batches that have not ended, and a row for each worker that has a piece of one."""

    def __init__(self, connection: Connection, clinic_id: UUID) -> None:
        """Work in the open transaction of `connection`."""
        self._connection = connection
        self._clinic_id = clinic_id

    def open(self) -> Sequence[UUID]:
        """Return the ids."""
        return [row[0] for row in self._connection.run(_OPEN, (self._clinic_id,)).fetchall()]

    def claim(self, batch_id: UUID, worker: UUID, now: datetime, until: datetime, limit: int) -> Piece | None:
        """Hold the batch until the transaction ends, so that whoever claims next sees what was taken."""
        params: dict[str, object] = {
            "clinic_id": self._clinic_id,
            "id": batch_id,
            "worker": worker,
            "now": now,
            "until": until,
        }
        row = self._connection.run(_HOLD, params).fetchone()
        if row is None:
            return None
        held = batch_of(row[:-1], self._clinic_id)
        if held.state is BatchState.PREPARING:
            return Piece(batch=held)
        self._bury(params)
        found = self._found(params | {"reached": row[-1] or UUID(int=0)}, limit)
        patients, deaths = [one for one, _ in found], max((many for _, many in found), default=0)
        params |= {"patients": as_array(patients, "uuid"), "last": patients[-1] if patients else None}
        ((started_at, taken_at),) = self._connection.run(_TAKE, params).fetchall()
        running = attrs.evolve(held, state=BatchState.RUNNING, started_at=started_at, taken_at=taken_at)
        return Piece(batch=running, patients=patients, deaths=deaths)

    def release(self, worker: UUID) -> None:
        """Delete the worker's row."""
        self._connection.run(_RELEASE, (self._clinic_id, worker))

    def _bury(self, params: dict[str, object]) -> None:
        for (patients,) in self._connection.run(_DEAD, params).fetchall():
            self._connection.run(_BURY, params | {"patients": as_array(patients, "uuid")})

    def _found(self, params: dict[str, object], limit: int) -> list[tuple[UUID, int]]:
        for query, most in ((_FRESH, limit), (_LEFT_BEHIND, limit), (_SUSPECT, 1)):
            # The limit stands in the text, as in the list of patients.
            rows = self._connection.run(f"{query} LIMIT {int(most)}", params).fetchall()
            if rows:
                return [(row[0], row[1]) for row in rows]
        return []
