"""Ordering, watching and cancelling batches of screenings."""

from __future__ import annotations

from datetime import date, time
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core.access import Action, Role
from mindbridge_core.actor import Caller
from mindbridge_core.clock import Clock
from mindbridge_core.errors import NotFound
from mindbridge_core.idempotency import IdempotencyKey
from mindbridge_core.ids import NewId
from mindbridge_core.pagination import Page
from mindbridge_core.patients.reach import manages_cases
from mindbridge_core.screening.batches import AsideFilter, Batch, BatchRequest, BatchState, JobLimits, Settled
from mindbridge_core.screening.ports import ScreeningUnit
from mindbridge_core.screening.reaching import zone_of
from mindbridge_core.screening.use_cases.owning import reached
from mindbridge_core.work import Desk, Work

__all__ = ["CancelTask", "ListSetAside", "OrderBatch", "ViewTask"]

_ORDERED: Final = frozenset({"state", "total", "screening_type", "case_manager_id", "risk_level", "day"})


@attrs.frozen(kw_only=True)
class OrderBatch:
    """Order the screening of many patients, which a worker does later.

    Up to `at_once` it covers now. Of more the others are covered by a worker, and who they are is settled then.
    """

    work: Work[ScreeningUnit]
    clock: Clock
    new_id: NewId
    at_once: int = JobLimits().covered

    def __call__(self, caller: Caller, request: BatchRequest, *, once: IdempotencyKey | None = None) -> Batch:
        """Return the new batch; with a key used before, the one that its first request made, as it is now.

        A case manager orders for their own caseload. NotFound for another's, and for who manages no cases;
        IdempotencyKeyReused.
        """
        with self.work(caller, Action.SCREENING_BATCH) as desk:
            first = desk.unit.answers.first(desk.actor.user_id, once) if once else None
            if first is not None:
                return _repeat(desk, UUID(first))
            batch = self._ordered(desk, request)
            assert batch is not None  # noqa: S101 - only the batch of a day can be there already
            if once:
                desk.unit.answers.keep(desk.actor.user_id, once, str(batch.id))
            return batch

    def daily(self, caller: Caller, at: time | None) -> Batch | None:
        """Order the batch of the clinic's day, if its time has come there and it was not ordered; return it.

        Its time is the clinic's own, or else `at`; with neither it has no such batch. Both are the clinic's wall clock:
        an hour that the day lacks counts from the next, one that comes twice counts the first time. However many ask
        at once, and however often the clinic's time or zone is changed, a day has one batch.
        """
        with self.work(caller, Action.SCREENING_BATCH, entered=False) as desk:
            clinic = desk.unit.clinics.get()
            own = None if clinic is None else clinic.screening_time
            due, here = at if own is None else own, self.clock().astimezone(zone_of(clinic))
            if due is None or here.time() < due or desk.unit.batches.has_day(here.date()):
                return None
            request = BatchRequest(screening_type="daily")
            batch = self._ordered(desk, request, here.date())
            if batch is not None:
                desk.enter()
            return batch

    def _ordered(self, desk: Desk[ScreeningUnit], request: BatchRequest, day: date | None = None) -> Batch | None:
        """Store the batch and note it; None when its day has one."""
        batch = Batch(
            id=self.new_id(),
            clinic_id=desk.principal.clinic_id,
            ordered_by=desk.principal.user_id,
            case_manager_id=_caseload(desk, request.case_manager_id),
            risk_level=request.risk_level,
            screening_type=request.screening_type,
            day=day,
            created_at=self.clock(),
        )
        if not desk.unit.batches.add(batch):
            return None
        covered = desk.unit.batches.cover(batch.id, self.at_once)
        desk.resource_id = batch.id
        values = {name: getattr(covered, name) for name in sorted(_ORDERED)}
        if covered.state is BatchState.PREPARING:
            del values["total"]  # an entry of the worker's says it
        desk.changes(values, plain=_ORDERED)
        return covered


def _caseload(desk: Desk[ScreeningUnit], asked: UUID | None) -> UUID | None:
    own = desk.principal.user_id if desk.principal.holder is Role.CASE_MANAGER else None
    if asked is None or asked == own:
        return own
    if own is not None or not manages_cases(desk.unit.users.get(asked)):
        raise NotFound
    return asked


def _repeat(desk: Desk[ScreeningUnit], batch_id: UUID) -> Batch:
    desk.resource_id = batch_id
    desk.changes({"repeated": True}, plain=frozenset({"repeated"}))
    return reached(desk, batch_id)


@attrs.frozen(kw_only=True)
class ViewTask:
    """Show how far a batch is."""

    work: Work[ScreeningUnit]

    def __call__(self, caller: Caller, batch_id: UUID) -> Batch:
        """Return the batch; NotFound, for a case manager also when somebody else ordered it."""
        with self.work(caller, Action.TASK_VIEW, resource_id=batch_id) as desk:
            return reached(desk, batch_id)


@attrs.frozen(kw_only=True)
class ListSetAside:
    """Show whom a batch could not screen, and why; to a case manager, those who are in their caseload now."""

    work: Work[ScreeningUnit]

    def __call__(self, caller: Caller, only: AsideFilter) -> Page[Settled]:
        """Return the page; NotFound as for viewing the batch. One entry names the patients on it."""
        with self.work(caller, Action.TASK_SET_ASIDE, resource_id=only.batch_id) as desk:
            reached(desk, only.batch_id)
            own = desk.principal.user_id if desk.principal.holder is Role.CASE_MANAGER else only.case_manager_id
            page = desk.unit.batches.set_aside(attrs.evolve(only, case_manager_id=own))
            desk.returns(one.patient_id for one in page.items)
            return page


@attrs.frozen(kw_only=True)
class CancelTask:
    """Cancel a batch: nobody is begun with any more, and what was stored stays."""

    work: Work[ScreeningUnit]
    clock: Clock

    def __call__(self, caller: Caller, batch_id: UUID) -> Batch:
        """Return the batch, cancelled unless it had ended before; NotFound as for viewing it."""
        with self.work(caller, Action.TASK_CANCEL, resource_id=batch_id) as desk:
            reached(desk, batch_id)
            cancelled = desk.unit.batches.cancel(batch_id, self.clock(), "by_request")
            desk.changes({"cancelled": cancelled}, plain=frozenset({"cancelled"}))
            return reached(desk, batch_id)
