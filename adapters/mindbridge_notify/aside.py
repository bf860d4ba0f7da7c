"""Threads beside the requests, for what nobody waits for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import Final

__all__ = ["Aside"]

_log: Final = logging.getLogger("mindbridge.aside")


class Aside:
    """`Later` of the core: a few threads, and so many tasks at most that wait for one.

    When the process is told to end, tasks that were taken on are finished first. A task that fails, or that finds no
    room, is logged by kind alone.
    """

    def __init__(self, threads: int = 2, waiting: int = 200) -> None:
        """Begin without threads: each is started when there is work for it."""
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="mindbridge-aside")
        self._room = BoundedSemaphore(threads + waiting)

    def __call__(self, task: Callable[[], None]) -> None:
        """Do the task on another thread, soon."""
        if not self._room.acquire(blocking=False):
            _log.warning("too much is waiting to be done: a task was dropped")
            return
        self._pool.submit(self._do, task)

    def _do(self, task: Callable[[], None]) -> None:
        try:
            task()
        except Exception as error:  # noqa: BLE001 - nobody else is there to catch it
            _log.warning("a task failed: %s", type(error).__name__)
        finally:
            self._room.release()

    def close(self) -> None:
        """Finish what was taken on, and take on nothing more."""
        self._pool.shutdown()
