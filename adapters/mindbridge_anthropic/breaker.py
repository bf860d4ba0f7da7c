"""A circuit breaker: whoever failed several times in a row is left alone for a while, then tried once."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

import attrs

__all__ = ["CircuitBreaker"]


@attrs.define
class CircuitBreaker:
    """Closed at first. `limit` failures in a row open it for `seconds`; then one trial decides. For many threads."""

    limit: int
    seconds: float
    clock: Callable[[], float] = time.monotonic
    _failures: int = attrs.field(default=0, init=False)
    _closed_until: float = attrs.field(default=0.0, init=False)
    """When an open breaker lets the next trial pass."""
    _lock: Lock = attrs.field(factory=Lock, init=False, repr=False, eq=False)

    @property
    def open(self) -> bool:
        """Whether calls are held back for the moment."""
        with self._lock:
            return self._failures >= self.limit

    def lets_pass(self) -> bool:
        """Say whether to call now; after each yes, report `succeeded` or `failed`."""
        with self._lock:
            if self._failures < self.limit:
                return True
            now = self.clock()
            if now < self._closed_until:
                return False
            # Until the trial has ended, or as long again when nobody reports, the others wait.
            self._closed_until = now + self.seconds
            return True

    def succeeded(self) -> None:
        """Close it."""
        with self._lock:
            self._failures = 0

    def failed(self) -> None:
        """Count a failure."""
        with self._lock:
            self._failures += 1
            if self._failures >= self.limit:
                self._closed_until = self.clock() + self.seconds
