"""What answers about batches look like."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import msgspec

from mindbridge_core.patients import RiskLevel
from mindbridge_core.screening import Batch, BatchState

__all__ = ["TaskAccepted", "TaskResource"]


class TaskAccepted(msgspec.Struct, frozen=True):
    """A batch that was ordered, and where to see how far it is."""

    task_id: UUID
    status: BatchState
    progress_url: str
    events_url: str


class TaskResource(msgspec.Struct, frozen=True, kw_only=True):
    """How far a batch is. `failed` are patients who could not be screened; `reason` says why it was cancelled.

    While it is `preparing` its patients are being found: `total` is how many there are so far, and nobody is screened.
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

    @classmethod
    def of(cls, batch: Batch) -> TaskResource:
        """Show `batch`."""
        plain = {name: getattr(batch, name) for name in cls.__struct_fields__[2:]}
        return cls(task_id=batch.id, status=batch.state, **plain)
