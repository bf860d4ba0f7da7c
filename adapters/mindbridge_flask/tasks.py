"""What answers about batches look like."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final
from uuid import UUID

import msgspec

from mindbridge_core.pagination import Page, encode_cursor
from mindbridge_core.patients import RiskLevel
from mindbridge_core.screening import Batch, BatchState, Settled
from mindbridge_flask.paging import Pagination

__all__ = ["SetAsidePage", "SetAsideResource", "TaskAccepted", "TaskResource"]


HINT: Final = (
    "No worker has taken this task up for some minutes. Others may come before it; if it stays so, ask the operator"
    " whether `mindbridge worker` is running."
)


class TaskAccepted(msgspec.Struct, frozen=True):
    """A batch that was ordered, and where to see how far it is."""

    task_id: UUID
    status: BatchState
    progress_url: str
    events_url: str


class TaskResource(msgspec.Struct, frozen=True, kw_only=True):
    """How far a batch is. `failed` are patients who could not be screened, whom `/tasks/{task_id}/set-aside` names.

    While it is `preparing` its patients are being found: `total` is how many there are so far, and nobody is screened.
    `reason` says why it was cancelled. `waiting_since` is since when no worker has gone on with it, once that is some
    minutes; `hint` says then what to look at.
    """

    task_id: UUID
    status: BatchState
    reason: str | None
    total: int
    screened: int
    failed: int
    ordered_by: UUID | None
    case_manager_id: UUID | None
    risk_level: RiskLevel | None
    screening_type: str
    day: date | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    waiting_since: datetime | None
    hint: str | None

    @classmethod
    def of(cls, batch: Batch, now: datetime) -> TaskResource:
        """Show `batch` as it is at `now`."""
        plain = {name: getattr(batch, name) for name in cls.__struct_fields__[2:-2]}
        since = batch.waits_since(now)
        hint = None if since is None else HINT
        return cls(task_id=batch.id, status=batch.state, waiting_since=since, hint=hint, **plain)


class SetAsideResource(msgspec.Struct, frozen=True):
    """A patient whom a batch could not screen, and a word for why, such as `damaged_record` or `worker_died`."""

    patient_id: UUID
    reason: str

    @classmethod
    def of(cls, settled: Settled) -> SetAsideResource:
        """Show `settled`."""
        return cls(settled.patient_id, settled.reason or "")


class SetAsidePage(msgspec.Struct, frozen=True):
    """A page of those whom a batch set aside, by id."""

    data: list[SetAsideResource]
    pagination: Pagination

    @classmethod
    def of(cls, page: Page[Settled]) -> SetAsidePage:
        """Show `page`."""
        shown = [SetAsideResource.of(settled) for settled in page.items]
        return cls(shown, Pagination.at(encode_cursor(page.after)))
