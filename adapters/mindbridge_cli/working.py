"""A worker's loop: all clinics in turn, a piece of work in each."""

from __future__ import annotations

import logging
from datetime import time
from threading import Event
from typing import Final
from uuid import UUID, uuid4

from mindbridge_core import MindBridge, Operator
from mindbridge_core.errors import DependencyUnavailable, MindBridgeError
from mindbridge_core.ids import PLATFORM_CLINIC_ID
from mindbridge_core.screening import JobLimits
from mindbridge_flask.unexpected import trace

__all__ = ["work"]

_log: Final = logging.getLogger("mindbridge.worker")


def work(
    core: MindBridge, stop: Event, *, limits: JobLimits, pause: float, once: bool = False, daily: time | None = None
) -> None:
    """Run batches until `stop` is set, or with `once` until there is none; what it had begun is left to others.

    From `daily` on, by each clinic's clock, the batch of its day is ordered.
    """
    worker, clinics = uuid4(), list[UUID]()
    try:
        while not stop.is_set():
            try:
                clinics = [one for one in core.ports.trails.clinics() if one != PLATFORM_CLINIC_ID]
            except DependencyUnavailable:
                _log.warning("the database is not there: trying again")
            went_on = [_piece(core, clinic, worker, limits, daily) for clinic in clinics if not stop.is_set()]
            if any(went_on):
                continue
            if once:
                break
            stop.wait(pause)
    finally:
        for clinic in clinics:
            _leave(core, clinic, worker)


def _piece(core: MindBridge, clinic_id: UUID, worker: UUID, limits: JobLimits, daily: time | None) -> bool:
    """Go on with one of the clinic's batches; return whether there was one. A clinic's trouble is its own."""
    try:
        if daily is not None:
            core.order_batch.daily(Operator(clinic_id=clinic_id), daily)
        batch = core.run_batch(Operator(clinic_id=clinic_id), worker, limits)
    except DependencyUnavailable:
        _log.warning("the database is not there: trying again")
        return False
    except Exception as error:  # noqa: BLE001 - a worker that ended would leave all clinics waiting
        _log.error("a batch waits: %s at %s", *trace(error))
        return False
    if batch is not None and batch.ended:
        _log.info("batch %s: %s, %d of %d screened", batch.id, batch.state, batch.screened, batch.total)
    return batch is not None


def _leave(core: MindBridge, clinic_id: UUID, worker: UUID) -> None:
    try:
        core.run_batch.release(Operator(clinic_id=clinic_id), worker)
    except MindBridgeError:
        _log.warning("a batch waits until its lease is over")
