"""A worker's loop: all clinics in turn, a piece of work in each."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import time
from time import monotonic
from typing import Final, Protocol
from uuid import UUID, uuid4

from mindbridge_core import MindBridge, Operator
from mindbridge_core.errors import DependencyUnavailable, MindBridgeError
from mindbridge_core.ids import PLATFORM_CLINIC_ID
from mindbridge_core.screening import JobLimits
from mindbridge_flask.unexpected import trace

__all__ = ["work"]

OVERDUE_SECONDS: Final = 60.0
"""How often each clinic's reviews are looked at for those that have become overdue."""
SWEEP_SECONDS: Final = 3600.0
"""How often what nothing can use any more is deleted."""

_log: Final = logging.getLogger("mindbridge.worker")


class Stop(Protocol):
    """What tells a worker to end: a `threading.Event`, or where a signal sets it an `Ending`."""

    def is_set(self) -> bool:
        """Whether it is told to."""

    def wait(self, timeout: float, /) -> bool:
        """Wait until it is, at most for so many seconds."""


def work(
    core: MindBridge, stop: Stop, *, limits: JobLimits, pause: float, once: bool = False, daily: time | None = None
) -> None:
    """Run batches until `stop` is set, or with `once` until there is none; what it had begun is left to others.

    From a clinic's own time on or else from `daily`, by its clock, the batch of its day is ordered. Alerts are raised
    of each clinic's reviews that have become overdue, every minute, and what nothing can use any more is deleted, every
    hour.
    """
    worker, clinics, chores = uuid4(), list[UUID](), _Chores(core)
    try:
        while not stop.is_set():
            try:
                clinics = [one for one in core.ports.trails.clinics() if one != PLATFORM_CLINIC_ID]
            except DependencyUnavailable:
                _log.warning("the database is not there: trying again")
            went_on = []
            for clinic in clinics:
                if not stop.is_set():
                    chores(clinic)
                    went_on.append(_piece(core, clinic, worker, limits, daily))
                    went_on.append(_asked(core, clinic, limits))
            if any(went_on):
                continue
            if once:
                break
            stop.wait(pause)
    finally:
        for clinic in clinics:
            _leave(core, clinic, worker)


class _Chores:
    """What is done for each clinic now and then: alerts of overdue reviews, and deleting what nothing can use."""

    def __init__(self, core: MindBridge) -> None:
        self.core, self.due = core, dict[tuple[UUID, str], float]()

    def __call__(self, clinic_id: UUID) -> None:
        """Do for the clinic what it is time for."""
        by = Operator(clinic_id=clinic_id)
        self._when_due(clinic_id, OVERDUE_SECONDS, "reviews wait to be looked at", lambda: self._escalate(by))
        self._when_due(clinic_id, SWEEP_SECONDS, "old sessions wait to be deleted", lambda: self._sweep(by))

    def _when_due(self, clinic_id: UUID, seconds: float, otherwise: str, task: Callable[[], bool]) -> None:
        if monotonic() >= self.due.get((clinic_id, otherwise), 0.0):
            self.due[clinic_id, otherwise] = monotonic() + seconds
            _kept_going(task, otherwise)

    def _escalate(self, by: Operator) -> bool:
        page = self.core.escalate_reviews(by, quiet=True)
        raised = page.raised
        while page.after is not None:
            page = self.core.escalate_reviews(by, after=page.after, quiet=True)
            raised += page.raised
        if raised:
            _log.info("%d reviews are newly overdue", raised)
        return raised > 0

    def _sweep(self, by: Operator) -> bool:
        swept = self.core.sweep_clinic(by, quiet=True)
        while swept.more:
            swept = self.core.sweep_clinic(by, quiet=True)
        return False


def _piece(core: MindBridge, clinic_id: UUID, worker: UUID, limits: JobLimits, daily: time | None) -> bool:
    """Go on with one of the clinic's batches; return whether there was one."""

    def go_on() -> bool:
        core.order_batch.daily(Operator(clinic_id=clinic_id), daily)
        batch = core.run_batch(Operator(clinic_id=clinic_id), worker, limits)
        if batch is not None and batch.ended:
            _log.info("batch %s: %s, %d of %d screened", batch.id, batch.state, batch.screened, batch.total)
            if batch.failed:
                where = f"/api/v1/tasks/{batch.id}/set-aside"
                _log.warning("%d could not be screened: the clinic's alerts, and GET %s, say who", batch.failed, where)
        return batch is not None

    return _kept_going(go_on, "a batch waits")


def _asked(core: MindBridge, clinic_id: UUID, limits: JobLimits) -> bool:
    """Go on with what the clinic's batches have asked of a model that takes a day; return whether anything was due."""
    by = Operator(clinic_id=clinic_id)
    return _kept_going(lambda: core.run_batch.enquiry(by, limits) is not None, "an enquiry waits")


def _kept_going(task: Callable[[], bool], otherwise: str) -> bool:
    """Return what the task returns, and False when it fails: a clinic's trouble is its own."""
    try:
        return task()
    except DependencyUnavailable:
        _log.warning("the database is not there: trying again")
    except Exception as error:  # noqa: BLE001 - a worker that ended would leave all clinics waiting
        _log.error("%s: %s at %s", otherwise, *trace(error))
    return False


def _leave(core: MindBridge, clinic_id: UUID, worker: UUID) -> None:
    try:
        core.run_batch.release(Operator(clinic_id=clinic_id), worker)
    except MindBridgeError:
        _log.warning("some patients of a batch wait until a lease is over")
