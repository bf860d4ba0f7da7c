"""Batches and who runs them, in memory. Units are serial, so nobody holds a row for long."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import attrs

from mindbridge_core.errors import LostUpdate
from mindbridge_core.patients import PatientStatus
from mindbridge_core.screening import Batch, BatchState, Settled
from mindbridge_memory.tables import BatchLease, Tables

__all__ = ["MemoryBatches", "MemoryJobQueue"]


@attrs.frozen
class MemoryBatches:
    """`Batches` of the core."""

    tables: Tables
    clinic_id: UUID

    def add(self, batch: Batch) -> Batch | None:
        """Keep a new batch and its patients."""
        if batch.day is not None and self.has_day(batch.day):
            return None
        covered = [
            one.id
            for one in self.tables.patients.rows()
            if (one.clinic_id, one.status, one.deleted_at) == (self.clinic_id, PatientStatus.ACTIVE, None)
            and batch.case_manager_id in {None, one.case_manager_id}
            and batch.risk_level in {None, one.current_risk_level}
        ]
        if not covered:
            batch = attrs.evolve(batch, state=BatchState.DONE, ended_at=batch.created_at)
        self.tables.batches.put((self.clinic_id, batch.id), attrs.evolve(batch, total=len(covered)))
        for patient_id in covered:
            self.tables.batch_patients.put((self.clinic_id, batch.id, patient_id), Settled(patient_id=patient_id))
        return self.get(batch.id)

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

    def waiting(self, batch_id: UUID, limit: int) -> Sequence[UUID]:
        """Return those first who have the lowest ids."""
        return sorted(patient_id for patient_id, row in self._rows(batch_id) if _waits(row))[:limit]

    def settle(self, batch_id: UUID, settled: Sequence[Settled]) -> None:
        """Keep what became of them."""
        for one in settled:
            key = (self.clinic_id, batch_id, one.patient_id)
            row = self.tables.batch_patients.get(key)
            if row is None or not _waits(row):
                raise LostUpdate
            self.tables.batch_patients.put(key, one)

    def end(self, batch_id: UUID, at: datetime) -> bool:
        """Keep it as done."""
        return not self.waiting(batch_id, 1) and self._end(batch_id, at, BatchState.DONE, None)

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

    def claim(self, worker: UUID, now: datetime, until: datetime) -> UUID | None:
        """Keep the lease."""
        batches = (one for one in self.tables.batches.rows() if one.clinic_id == self.clinic_id and not one.ended)
        for batch in sorted(batches, key=lambda one: one.id):
            key = (self.clinic_id, batch.id)
            lease = self.tables.batch_leases.get(key) or BatchLease(batch.id)
            if lease.worker in {None, worker} or lease.until is None or lease.until < now:
                self.tables.batch_leases.put(key, BatchLease(batch.id, worker, until))
                running = attrs.evolve(batch, state=BatchState.RUNNING, started_at=batch.started_at or now)
                self.tables.batches.put(key, running)
                return batch.id
        return None

    def release(self, worker: UUID) -> None:
        """Keep the leases as nobody's."""
        for lease in self.tables.batch_leases.rows():
            key = (self.clinic_id, lease.batch_id)
            if lease.worker == worker and self.tables.batch_leases.get(key) is not None:
                self.tables.batch_leases.put(key, BatchLease(lease.batch_id))
