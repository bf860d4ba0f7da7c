"""The demo's worker: a process beside the server that runs batches and looks after overdue reviews."""

from __future__ import annotations

import os
import select
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

from mindbridge_cli.compose import compose
from mindbridge_cli.ending import end_asked
from mindbridge_cli.settings import Settings
from mindbridge_cli.worker import die_with_parent
from mindbridge_cli.working import work
from mindbridge_core.screening import JobLimits
from mindbridge_security import KeyRing

__all__ = ["worker_beside"]

PAUSE: Final = 0.5
PATIENCE: Final = 5.0
"""Seconds that the worker has to give back what it had begun, before it is killed."""


@contextmanager
def worker_beside(settings: Settings, ring: KeyRing, listener: socket.socket) -> Iterator[None]:
    """Run a worker for the length of the block; it is killed when this process dies, however that happens.

    Call it in the main thread of a process without other threads. The worker does not keep the `listener` open.
    """
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _work(settings, ring, listener, parent)
    # By its descriptor it is known even when somebody else has collected it and its number was given away.
    worker = os.pidfd_open(pid)
    try:
        yield
    finally:
        _end(worker)
        os.close(worker)


def _work(settings: Settings, ring: KeyRing, listener: socket.socket, parent: int) -> NoReturn:
    status = 1
    try:
        die_with_parent(parent)
        stop = end_asked()
        listener.close()
        product = compose(settings, ring)
        work(product.core, stop, limits=JobLimits(), pause=PAUSE)
        product.close()
        status = 0
    finally:
        os._exit(status)  # below lies all that the parent has yet to clean up


def _end(worker: int) -> None:
    gone = select.poll()
    gone.register(worker, select.POLLIN)
    for number, patience in ((signal.SIGTERM, PATIENCE), (signal.SIGKILL, PATIENCE)):
        if gone.poll(0):
            break
        signal.pidfd_send_signal(worker, number)
        gone.poll(patience * 1000)
