"""The contract of the count of tries per address and e-mail."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod

from mindbridge_core.testing.store import together
from mindbridge_core.throttle import Count, Throttle

__all__ = ["ThrottleContract"]

SECONDS = 2
"""Short, for a count with a clock of its own is waited for."""


class ThrottleContract(ABC):
    """Every hit counts, once, for whoever shares the store; a window ends by itself and is not prolonged by hits."""

    @abstractmethod
    def throttle(self) -> Throttle:
        """Return a throttle; each call gives another process's, on the same store."""

    @abstractmethod
    def wait(self, seconds: int) -> None:
        """Let `seconds` pass on the throttle's clock."""

    def test_hits_count_from_one_and_keys_apart(self) -> None:
        """Each key has its own."""
        throttle, key, other = self.throttle(), secrets.token_bytes(16), secrets.token_bytes(16)
        assert [throttle.hit(key, 60).hits for _ in range(3)] == [1, 2, 3]
        assert throttle.hit(other, 60).hits == 1

    def test_two_processes_share_one_count(self) -> None:
        """What one has counted, the other goes on from."""
        key = secrets.token_bytes(16)
        assert self.throttle().hit(key, 60).hits == 1
        assert self.throttle().hit(key, 60).hits == 2

    def test_a_window_says_when_it_ends_and_ends_then(self) -> None:
        """Hits meanwhile do not prolong it."""
        throttle, key = self.throttle(), secrets.token_bytes(16)
        assert Count(hits=1, seconds_left=SECONDS) == throttle.hit(key, SECONDS)
        self.wait(SECONDS - 1)
        late = throttle.hit(key, SECONDS)
        assert (late.hits, late.seconds_left) == (2, 1)
        self.wait(1)
        assert throttle.hit(key, SECONDS).hits == 1

    def test_of_thirty_hits_at_once_exactly_as_many_as_a_limit_are_within_it(self) -> None:
        """None is lost, none is counted twice."""
        throttles, key = (self.throttle(), self.throttle()), secrets.token_bytes(16)
        counts = together(*[lambda: throttles[0].hit(key, 60), lambda: throttles[1].hit(key, 60)] * 15)
        hits = [count.hits for count in counts if isinstance(count, Count)]
        assert list(range(1, 31)) == sorted(hits)
        assert len([hit for hit in hits if hit <= 12]) == 12
