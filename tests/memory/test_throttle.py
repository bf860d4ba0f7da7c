"""The count in memory keeps the contract, and holds nothing that has ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mindbridge_core import testing
from mindbridge_memory import MemoryThrottle


class Time:
    now = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class TestThrottle(testing.ThrottleContract):
    """One object is the store of its process."""

    def setup_method(self) -> None:
        self.time = Time()
        self.one = MemoryThrottle(self.time)

    def throttle(self) -> MemoryThrottle:
        return self.one

    def wait(self, seconds: int) -> None:
        self.time.now += timedelta(seconds=seconds)


def test_windows_that_have_ended_are_dropped() -> None:
    time = Time()
    throttle = MemoryThrottle(time)
    for number in range(50):
        throttle.hit(bytes([number] * 16), 60)
    time.now += timedelta(seconds=60)
    throttle.hit(bytes(16), 60)
    assert 1 == len(throttle._windows)  # noqa: SLF001 - what is kept shows nowhere else
