"""Batches: many patients to be screened, counted before the first one is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum, unique
from typing import Protocol
from uuid import UUID

import attrs

from mindbridge_core.patients import RiskLevel
from mindbridge_core.screening.entities import CODE_WORD
from mindbridge_core.validation import checked

__all__ = ["Batch", "BatchRequest", "BatchState", "Batches", "JobLimits", "JobQueue", "Settled"]


@unique
class BatchState(StrEnum):
    """How far a batch is: the last two are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"


@attrs.frozen(kw_only=True)
class BatchRequest:
    """Whom to screen: the active patients of a case manager, of a level, or all; and on what occasion."""

    case_manager_id: UUID | None = None
    risk_level: RiskLevel | None = None
    screening_type: str = attrs.field(default="batch", metadata=CODE_WORD)

    __attrs_post_init__ = checked


@attrs.frozen(kw_only=True)
class Batch:
    """A batch and its progress. `total` never changes; `screened` and `failed` never fall.

    `ordered_by` is None for the clinic's own daily batch, which is that of `day`, and for the command line's.
    `reason` says why it was cancelled.
    """

    id: UUID
    clinic_id: UUID
    ordered_by: UUID | None
    case_manager_id: UUID | None
    risk_level: RiskLevel | None
    screening_type: str
    day: date | None = None
    state: BatchState = BatchState.QUEUED
    reason: str | None = None
    total: int = 0
    screened: int = 0
    failed: int = 0
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.ended_at is not None


@attrs.frozen(kw_only=True)
class Settled:
    """What became of one patient of a batch: a screening, or a reason why there is none."""

    patient_id: UUID
    screening_id: UUID | None = None
    reason: str | None = None


@attrs.frozen(kw_only=True)
class JobLimits:
    """How much a worker takes on at a time, and how long a batch is its own without a sign of life."""

    lease: timedelta = timedelta(minutes=2)
    by_rules: int = 500
    """Patients in one transaction where nobody but the rules is asked."""
    at_once: int = 8
    """Questions to the assessor that are under way together."""


class Batches(Protocol):
    """The batches of the unit's clinic, with a row for each of their patients."""

    def add(self, batch: Batch) -> Batch | None:
        """Store a new batch of the clinic's active patients whom it asks for, as they are now, and return it.

        One of nobody is done at once. None, and nothing is stored, when its `day` has one.
        """

    def get(self, batch_id: UUID) -> Batch | None:
        """Return the batch; None when the clinic has none of this id."""

    def has_day(self, day: date) -> bool:
        """Whether the day's batch was ordered."""

    def waiting(self, batch_id: UUID, limit: int) -> Sequence[UUID]:
        """Return patients of whom nothing is settled, and hold their rows until the unit ends.

        Those whose rows somebody else holds are passed over.
        """

    def settle(self, batch_id: UUID, settled: Sequence[Settled]) -> None:
        """Store what became of patients; LostUpdate when that of one of them is settled already."""

    def end(self, batch_id: UUID, at: datetime) -> bool:
        """Mark the batch as done if it runs and nobody is waiting; return whether it was so."""

    def cancel(self, batch_id: UUID, at: datetime, reason: str) -> bool:
        """Mark the batch as cancelled unless it has ended; return whether it was so."""


class JobQueue(Protocol):
    """Which of the clinic's batches a worker runs. What was ordered in a unit is in the queue when that is kept."""

    def claim(self, worker: UUID, now: datetime, until: datetime) -> UUID | None:
        """Return the oldest batch that has not ended and is this worker's or nobody's, and make it this worker's.

        It is nobody's again after `until`. Of workers that ask at once none waits, and no two get the same.
        """

    def release(self, worker: UUID) -> None:
        """Leave all of the worker's batches to others."""
