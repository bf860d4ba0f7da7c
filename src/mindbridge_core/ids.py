"""Record ids: UUID version 7 (RFC 9562, 5.7), ordered by the time they were made."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from mindbridge_core.clock import Clock

__all__ = ["PLATFORM_CLINIC_ID", "PLATFORM_ORGANIZATION_ID", "NewId", "first_id", "id_before", "uuid7_maker"]

NewId = Callable[[], UUID]

PLATFORM_ORGANIZATION_ID = UUID("00000000-0000-7000-8000-000000000000")
PLATFORM_CLINIC_ID = UUID("00000000-0000-7000-8000-000000000001")
"""The reserved clinic whose trail holds what belongs to no clinic, such as a login with an unknown e-mail."""


def uuid7_maker(clock: Clock, random_bytes: Callable[[int], bytes]) -> NewId:
    """Return a thread-safe maker of strictly ascending ids.

    48 bits of milliseconds, then a 12-bit fraction of the millisecond (RFC 9562, 6.2, method 3), then
    62 random bits. When the clock stands still or goes back, the last fraction is counted on.
    """
    lock = threading.Lock()
    last = 0

    def new_id() -> UUID:
        nonlocal last
        tick = int(clock().timestamp() * 4_096_000)
        with lock:
            last = tick = max(tick, last + 1)
        random = int.from_bytes(random_bytes(8), "big") >> 2
        return UUID(int=(tick >> 12) << 80 | 0x7 << 76 | (tick & 0xFFF) << 64 | 0b10 << 62 | random)

    return new_id


def first_id(at: datetime) -> UUID:
    """Return the lowest id that could be made in the millisecond `at`; none that is made before is as high."""
    return _first(int(at.timestamp() * 1000))


def id_before(found: UUID, span: timedelta) -> UUID:
    """Return the lowest id that could be made `span` before `found` was."""
    return _first((found.int >> 80) - span // timedelta(milliseconds=1))


def _first(milliseconds: int) -> UUID:
    return UUID(int=max(0, milliseconds) << 80 | 0x7 << 76 | 0b10 << 62)
