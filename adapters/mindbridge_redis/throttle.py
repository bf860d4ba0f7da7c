"""The count of tries in Redis: one script per try, one count for all processes."""

from __future__ import annotations

import math
import time
from typing import Final

import attrs
from limits.errors import StorageError
from limits.storage import RedisStorage

from mindbridge_core.errors import DependencyUnavailable
from mindbridge_core.throttle import Count

__all__ = ["RedisThrottle"]

PREFIX: Final = "mindbridge:throttle"


@attrs.frozen
class RedisThrottle:
    """`Throttle` of the core. Windows follow the server's clock, and vanish from it by themselves."""

    storage: RedisStorage = attrs.field(repr=False)

    @classmethod
    def connect(cls, url: str, *, timeout: float = 2.0) -> RedisThrottle:
        """Return a throttle that connects at its first hit; `timeout` in seconds holds for connecting and answers."""
        return cls(
            RedisStorage(
                url, key_prefix=PREFIX, wrap_exceptions=True, socket_connect_timeout=timeout, socket_timeout=timeout
            )
        )

    def hit(self, key: bytes, seconds: int) -> Count:
        """Count by the library's script, which is atomic."""
        try:
            hits = self.storage.incr(key.hex(), seconds)
            ends_at = self.storage.get_expiry(key.hex())
        except StorageError as error:
            raise DependencyUnavailable from error
        return Count(hits=hits, seconds_left=min(seconds, max(1, math.ceil(ends_at - time.time()))))

    def answers(self) -> bool:
        """Say whether the server is there and lets us in."""
        return self.storage.check()

    def close(self) -> None:
        """Close all connections."""
        self.storage.storage.close()
