"""A batch as its worker sees it, and who may: who answers for it, how it ended."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from mindbridge_core.access import GRANTS, Action, Role
from mindbridge_core.actor import Actor, Operator, Origin
from mindbridge_core.errors import NotFound
from mindbridge_core.screening.batches import Batch
from mindbridge_core.screening.ports import ScreeningUnit
from mindbridge_core.work import Desk

__all__ = ["found_batch", "owner_of", "reached", "told"]

_PLAIN: Final = frozenset({"state", "total", "screened", "failed", "reason"})


def found_batch(desk: Desk[ScreeningUnit], batch_id: UUID) -> Batch:
    """Return a batch that there is."""
    batch = desk.unit.batches.get(batch_id)
    assert batch is not None  # noqa: S101 - batches are never deleted
    return batch


def reached(desk: Desk[ScreeningUnit], batch_id: UUID) -> Batch:
    """Return the batch if the caller may see it: to a case manager those that they ordered; else NotFound."""
    batch = desk.unit.batches.get(batch_id)
    if batch is None:
        raise NotFound
    if desk.principal.holder is Role.CASE_MANAGER and batch.ordered_by != desk.principal.user_id:
        raise NotFound
    return batch


def told(desk: Desk[ScreeningUnit], batch_id: UUID) -> Batch:
    """Enter how the batch ended, or how many it covers."""
    batch = found_batch(desk, batch_id)
    desk.resource_id = batch_id
    desk.changes({name: getattr(batch, name) for name in sorted(_PLAIN)}, plain=_PLAIN)
    desk.enter()
    return batch


def owner_of(desk: Desk[ScreeningUnit], batch: Batch) -> Actor | Operator | None:
    """Return who ordered the batch, with the role of now; None when they may not screen any more."""
    origin = Origin(request_id=f"task-{batch.id}")
    if batch.ordered_by is None:
        return Operator(clinic_id=batch.clinic_id, origin=origin)
    user = desk.unit.users.get(batch.ordered_by)
    if user is None or not user.active or user.role not in GRANTS[Action.SCREENING_BATCH].holders:
        return None
    return Actor(clinic_id=batch.clinic_id, user_id=user.id, role=user.role, origin=origin)
