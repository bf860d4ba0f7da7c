"""Batches and who runs them, in memory. Units are serial, so nobody holds a row for long."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import attrs

from mindbridge_core.errors import LostUpdate
from mindbridge_core.pagination import Page, page_of
from mindbridge_core.patients import PatientStatus
from mindbridge_core.screening import AsideFilter, Batch, BatchState, Piece, Settled
from mindbridge_memory.tables import BatchPiece, Tables

__all__ = ["MemoryBatches", "MemoryJobQueue"]

_NEVER_DONE = (BatchState.PREPARING, BatchState.CANCELLED)


@attrs.frozen
class MemoryBatches:
    """`Batches` of the core."""

    tables: Tables
    clinic_id: UUID

    def add(self, batch: Batch) -> bool:
        """Keep a new batch."""
        if batch.day is not None and self.has_day(batch.day):
            return False
        self.tables.batches.put((self.clinic_id, batch.id), batch)
        return True

    def cover(self, batch_id: UUID, limit: int) -> Batch:
        """Keep its next patients, and with the last of them its state."""
        batch = self.get(batch_id)
        assert batch is not None  # noqa: S101 - batches are never deleted
        if batch.state is not BatchState.PREPARING:
            return batch
        left = self._asked_for(batch, max((one for one, _ in self._rows(batch_id)), default=UUID(int=0)))
        for patient_id in left[:limit]:
            self.tables.batch_patients.put((self.clinic_id, batch_id, patient_id), Settled(patient_id=patient_id))
        batch = attrs.evolve(batch, total=batch.total + len(left[:limit]))
        if len(left) <= limit:
            batch = attrs.evolve(batch, state=BatchState.QUEUED)
        if batch.state is BatchState.QUEUED and batch.total == 0:
            batch = attrs.evolve(batch, state=BatchState.DONE, ended_at=batch.created_at)
        self.tables.batches.put((self.clinic_id, batch_id), batch)
        return batch

    def _asked_for(self, batch: Batch, after: UUID) -> list[UUID]:
        return sorted(
            one.id
            for one in self.tables.patients.rows()
            if (one.clinic_id, one.status, one.deleted_at) == (self.clinic_id, PatientStatus.ACTIVE, None)
            and batch.case_manager_id in {None, one.case_manager_id}
            and batch.risk_level in {None, one.current_risk_level}
            and one.id > after
        )

    def get(self, batch_id: UUID) -> Batch | None:
        """Return the batch, counted."""
        batch = self.tables.batches.get((self.clinic_id, batch_id))
        if batch is None:
            return None
        rows = [row for _, row in self._rows(batch_id)]
        screened = sum(row.screening_id is not None for row in rows)
        return attrs.evolve(batch, screened=screened, failed=sum(row.reason is not None for row in rows))

    def has_day(self, day: date) -> bool:
        """Whether one of the clinic's batches is the day's."""
        return any((one.clinic_id, one.day) == (self.clinic_id, day) for one in self.tables.batches.rows())

    def last_daily(self) -> Batch | None:
        """Return the latest that is settled."""
        rows = (one for one in self.tables.batches.rows() if one.clinic_id == self.clinic_id)
        days = sorted((one.day, one.id) for one in rows if one.day and one.state not in _NEVER_DONE)
        settled = [batch_id for _, batch_id in days if not self.all_waiting(batch_id)]
        return self.get(settled[-1]) if settled else None

    def waiting(self, batch_id: UUID, patient_ids: Sequence[UUID]) -> Sequence[UUID]:
        """Return them in the order of their ids."""
        return [patient_id for patient_id in self.all_waiting(batch_id) if patient_id in set(patient_ids)]

    def all_waiting(self, batch_id: UUID) -> list[UUID]:
        """Return all of whom nothing is settled, in the order of their ids."""
        return sorted(patient_id for patient_id, row in self._rows(batch_id) if _waits(row))

    def settle(self, batch_id: UUID, settled: Sequence[Settled]) -> None:
        """Keep what became of them."""
        for one in settled:
            key = (self.clinic_id, batch_id, one.patient_id)
            row = self.tables.batch_patients.get(key)
            if row is None or not _waits(row):
                raise LostUpdate
            self.tables.batch_patients.put(key, one)

    def set_aside(self, only: AsideFilter) -> Page[Settled]:
        """Return those with a reason."""
        found = []
        for patient_id, row in sorted(self._rows(only.batch_id), key=lambda one: one[0]):
            patient = self.tables.patients.get((self.clinic_id, patient_id))
            assert patient is not None  # noqa: S101 - rows of patients are never deleted
            own = only.case_manager_id in {None, patient.case_manager_id}
            if row.reason and own and patient.deleted_at is None and (only.after is None or patient_id > only.after):
                found.append((patient_id, row))
        return page_of(found[: only.limit + 1], only.limit)

    def end(self, batch_id: UUID, at: datetime) -> bool:
        """Keep it as done."""
        return not self.all_waiting(batch_id) and self._end(batch_id, at, BatchState.DONE, None)

    def cancel(self, batch_id: UUID, at: datetime, reason: str) -> bool:
        """Keep it as cancelled."""
        return self._end(batch_id, at, BatchState.CANCELLED, reason)

    def _end(self, batch_id: UUID, at: datetime, state: BatchState, reason: str | None) -> bool:
        batch = self.tables.batches.get((self.clinic_id, batch_id))
        if batch is None or batch.ended:
            return False
        ended = attrs.evolve(batch, state=state, ended_at=at, reason=reason)
        self.tables.batches.put((self.clinic_id, batch_id), ended)
        return True

    def _rows(self, batch_id: UUID) -> list[tuple[UUID, Settled]]:
        rows = self.tables.batch_patients.rows()
        keys = [(one, self.tables.batch_patients.get((self.clinic_id, batch_id, one.patient_id))) for one in rows]
        return list({one.patient_id: (one.patient_id, row) for one, row in keys if row is not None}.values())


def _waits(row: Settled) -> bool:
    return row.screening_id is None and row.reason is None


@attrs.frozen
class MemoryJobQueue:
    """`JobQueue` of the core."""

    tables: Tables
    clinic_id: UUID

    def open(self) -> Sequence[UUID]:
        """Return them in the order of their ids."""
        rows = self.tables.batches.rows()
        return sorted(one.id for one in rows if one.clinic_id == self.clinic_id and not one.ended)

    def claim(self, batch_id: UUID, worker: UUID, now: datetime, until: datetime, limit: int) -> Piece | None:
        """Keep the piece."""
        batches = MemoryBatches(self.tables, self.clinic_id)
        batch = batches.get(batch_id)
        if batch is None or batch.ended:
            return None
        if batch.state is BatchState.PREPARING:
            return Piece(batch=batch)
        self._bury(batch_id, worker, now)
        others = {patient for piece in self._pieces(batch_id, worker) for patient in piece.patients}
        left = [(self._deaths(batch_id, one), one) for one in batches.all_waiting(batch_id) if one not in others]
        deaths, _ = min(left, default=(0, None))
        taken = tuple(one for many, one in sorted(left) if many == deaths)[: limit if deaths == 0 else 1]
        self.tables.batch_pieces.put(
            (self.clinic_id, worker), BatchPiece(self.clinic_id, worker, batch_id, until, taken)
        )
        taken_at = now if taken else batch.taken_at
        running = attrs.evolve(batch, state=BatchState.RUNNING, started_at=batch.started_at or now, taken_at=taken_at)
        self.tables.batches.put((self.clinic_id, batch_id), running)
        return Piece(batch=running, patients=taken, deaths=deaths)

    def release(self, worker: UUID) -> None:
        """Keep the piece as nobody's."""
        piece = self.tables.batch_pieces.get((self.clinic_id, worker))
        if piece is not None:
            self._give_up(piece)

    def _bury(self, batch_id: UUID, worker: UUID, now: datetime) -> None:
        """Count against whoever is left of the pieces whose time has run out."""
        waiting = set(MemoryBatches(self.tables, self.clinic_id).all_waiting(batch_id))
        for piece in self._pieces(batch_id, worker):
            if piece.until < now:
                for one in waiting & set(piece.patients):
                    many = self._deaths(batch_id, one) + 1
                    self.tables.batch_deaths.put((self.clinic_id, batch_id, one), many)
                self._give_up(piece)

    def _pieces(self, batch_id: UUID, but: UUID) -> list[BatchPiece]:
        wanted = (self.clinic_id, batch_id)
        rows = self.tables.batch_pieces.rows()
        return [one for one in rows if (one.clinic_id, one.batch_id) == wanted and one.worker != but]

    def _deaths(self, batch_id: UUID, patient_id: UUID) -> int:
        return self.tables.batch_deaths.get((self.clinic_id, batch_id, patient_id)) or 0

    def _give_up(self, piece: BatchPiece) -> None:
        self.tables.batch_pieces.put((self.clinic_id, piece.worker), attrs.evolve(piece, patients=()))
