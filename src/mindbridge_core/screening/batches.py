"""Batches: many patients to be screened, counted before the first one is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum, unique
from typing import Final, Protocol
from uuid import UUID

import attrs

from mindbridge_core.pagination import DEFAULT_LIMIT, Page
from mindbridge_core.patients import RiskLevel
from mindbridge_core.screening.entities import CODE_WORD
from mindbridge_core.validation import checked

__all__ = [
    "AsideFilter",
    "Batch",
    "BatchRequest",
    "BatchState",
    "Batches",
    "JobLimits",
    "JobQueue",
    "Piece",
    "Settled",
]

PATIENCE: Final = timedelta(minutes=5)
"""How long a batch may be left alone before that is told: longer than a worker is at a piece, or dead unnoticed."""


@unique
class BatchState(StrEnum):
    """How far a batch is: the last two are final."""

    PREPARING = "preparing"
    """Whom it covers is being found out."""
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
    """A batch and its progress. `total` grows while it is prepared and never changes afterwards; no count ever falls.

    `ordered_by` is None for the clinic's own daily batch, which is that of `day`, and for the command line's.
    `reason` says why it was cancelled. `taken_at` is when a worker last took up patients of it.
    """

    id: UUID
    clinic_id: UUID
    ordered_by: UUID | None
    case_manager_id: UUID | None
    risk_level: RiskLevel | None
    screening_type: str
    day: date | None = None
    state: BatchState = BatchState.PREPARING
    reason: str | None = None
    total: int = 0
    screened: int = 0
    failed: int = 0
    created_at: datetime
    started_at: datetime | None = None
    taken_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.ended_at is not None

    def waits_since(self, now: datetime) -> datetime | None:
        """Return since when no worker has taken up anybody of those who wait; None until that is worth a word."""
        since = self.taken_at or self.created_at
        settled = self.state is not BatchState.PREPARING and self.screened + self.failed == self.total
        return None if self.ended or settled or now - since < PATIENCE else since


@attrs.frozen(kw_only=True)
class Settled:
    """What became of one patient of a batch: a screening, or a reason why there is none."""

    patient_id: UUID
    screening_id: UUID | None = None
    reason: str | None = None


@attrs.frozen(kw_only=True)
class Piece:
    """Patients of a batch that are one worker's for a while; nobody, when all who are left are others'.

    Of a batch that is still prepared there is nobody, and it is held until the unit ends.

    `deaths` is how often a worker's time ran out over them; of more than none there is one patient only.
    """

    batch: Batch
    patients: Sequence[UUID] = ()
    deaths: int = 0


@attrs.frozen(kw_only=True)
class JobLimits:
    """How much a worker takes on at a time, and how long a piece is its own."""

    covered: int = 1_000
    """Whom one unit puts into a batch: so few that neither who orders it waits long, nor who cancels it meanwhile."""
    lease: timedelta = timedelta(minutes=2)
    lease_asking: timedelta = timedelta(minutes=1)
    """The least lease of a piece for which the assessor is asked: longer than the budget of a question."""
    by_rules: int = 500
    """Patients in one transaction where nobody but the rules is asked."""
    at_once: int = 8
    """Questions to the assessor that are under way together."""
    deaths: int = 3
    """Over how many workers lost a patient is set aside."""
    look: timedelta = timedelta(minutes=1)
    """How long the first pause is before somebody who takes up to a day is asked how far they are."""
    longest_look: timedelta = timedelta(minutes=15)
    """How long the longest is: each is twice the one before."""
    send_within: timedelta = timedelta(hours=3)
    """How long it is tried to send questions."""
    answer_within: timedelta = timedelta(hours=26)
    """How long answers are waited for; the provider promises them, or an end without, within 24 hours."""


@attrs.frozen(kw_only=True)
class AsideFilter:
    """Whom which batch set aside; of a case manager, who is theirs now. `after` is the last id of the page before."""

    batch_id: UUID
    case_manager_id: UUID | None = None
    after: UUID | None = None
    limit: int = DEFAULT_LIMIT


class Batches(Protocol):
    """The batches of the unit's clinic, with a row for each of their patients."""

    def add(self, batch: Batch) -> bool:
        """Store a new batch, of nobody yet; False, and nothing is stored, when its `day` has one."""

    def cover(self, batch_id: UUID, limit: int) -> Batch:
        """Put the next patients into a batch that is prepared, at most `limit`, and return it.

        They are the clinic's active patients whom it asks for, as they are now, in the order of their ids. With the
        last of them its `total` is known and it is queued; one of nobody is done, at the time when it was ordered. A
        batch that is not prepared stays as it is.
        """

    def get(self, batch_id: UUID) -> Batch | None:
        """Return the batch; None when the clinic has none of this id."""

    def has_day(self, day: date) -> bool:
        """Whether the day's batch was ordered."""

    def last_daily(self) -> Batch | None:
        """Return the batch of the latest day of whose patients none waits any more.

        One that was cancelled is none, nor is one that is prepared.
        """

    def waiting(self, batch_id: UUID, patient_ids: Sequence[UUID]) -> Sequence[UUID]:
        """Return those of the patients of whom nothing is settled, and hold their rows until the unit ends.

        Those whose rows somebody else holds are passed over.
        """

    def settle(self, batch_id: UUID, settled: Sequence[Settled]) -> None:
        """Store what became of patients; LostUpdate when that of one of them is settled already."""

    def set_aside(self, only: AsideFilter) -> Page[Settled]:
        """Return at most `only.limit` of those who were not screened, with the reason, in ascending order of id.

        Whoever was removed is not shown.
        """

    def end(self, batch_id: UUID, at: datetime) -> bool:
        """Mark the batch as done if it runs and nobody is waiting; return whether it was so."""

    def cancel(self, batch_id: UUID, at: datetime, reason: str) -> bool:
        """Mark the batch as cancelled unless it has ended; return whether it was so."""


class JobQueue(Protocol):
    """Which patients of the clinic's batches which worker has. What was ordered in a unit is there when that is kept.

    Any number of workers may be at one batch, each with a piece of its own.
    """

    def open(self) -> Sequence[UUID]:
        """Return the batches that have not ended, the oldest first."""

    def claim(self, batch_id: UUID, worker: UUID, now: datetime, until: datetime, limit: int) -> Piece | None:
        """Make at most `limit` waiting patients the worker's until `until`, and the batch a running one.

        No two workers have the same. What this one had before is given up. Whoever another had when its time ran out
        comes last, alone, and with the count of such deaths. A batch that is prepared stays so, and nobody has anybody.
        None when the batch has ended.
        """

    def release(self, worker: UUID) -> None:
        """Give up what the worker has, in good order."""
