"""Learning at once that an alert was raised: the port, and the list of who waits that its adapters share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol
from uuid import UUID

__all__ = ["AlertFeed", "AlertWatchers"]

Wake = Callable[[], None]


class AlertFeed(Protocol):
    """Wakes whoever waits for a clinic's alerts. It says that there may be some, never what they hold.

    It spares waiting, and nothing rests upon it: a wake may come for nothing, and one may be missing while the feed has
    lost its source. Whoever watches looks now and then without having been woken.
    """

    def watch(self, clinic_id: UUID, wake: Wake) -> AbstractContextManager[None]:
        """Call `wake` whenever alerts of the clinic were raised and kept, for the length of the block.

        It is called from any thread, so it must return at once and raise nothing.
        """


class AlertWatchers:
    """Who waits for which clinic's alerts in this process."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._lock = threading.Lock()
        self._waiting: dict[object, tuple[UUID, Wake]] = {}

    @contextmanager
    def watch(self, clinic_id: UUID, wake: Wake) -> Iterator[None]:
        """Have `wake` called for the clinic, for the length of the block."""
        place = object()
        with self._lock:
            self._waiting[place] = (clinic_id, wake)
        try:
            yield
        finally:
            with self._lock:
                del self._waiting[place]

    def tell(self, clinic_id: UUID) -> None:
        """Wake all who wait for this clinic's alerts."""
        self._wake(lambda waiting: waiting == clinic_id)

    def tell_all(self) -> None:
        """Wake everybody: for after a time in which nothing was heard."""
        self._wake(lambda _: True)

    def _wake(self, concerns: Callable[[UUID], bool]) -> None:
        with self._lock:
            found = [wake for clinic_id, wake in self._waiting.values() if concerns(clinic_id)]
        for wake in found:
            wake()
