"""The count of tries in this process."""

from __future__ import annotations

import math
import threading
from datetime import datetime, timedelta

import attrs

from mindbridge_core.clock import Clock
from mindbridge_core.throttle import Count

__all__ = ["MemoryThrottle"]


@attrs.define
class MemoryThrottle:
    """`Throttle` of the core; windows that have ended are dropped as new ones begin."""

    clock: Clock
    _windows: dict[bytes, tuple[datetime, int]] = attrs.field(factory=dict, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def hit(self, key: bytes, seconds: int) -> Count:
        """Count under the one lock."""
        with self._lock:
            now = self.clock()
            ends_at, hits = self._windows.get(key, (now, 0))
            if ends_at <= now:
                self._windows = {one: window for one, window in self._windows.items() if window[0] > now}
                ends_at, hits = now + timedelta(seconds=seconds), 0
            self._windows[key] = ends_at, hits + 1
            return Count(hits=hits + 1, seconds_left=max(1, math.ceil((ends_at - now).total_seconds())))
