"""The count of tries in PostgreSQL: one statement per try, one count for all processes."""

from __future__ import annotations

import math
import threading
from datetime import datetime, timedelta
from typing import Final

import attrs

from mindbridge_core.clock import Clock
from mindbridge_core.throttle import Count
from mindbridge_postgres.database import Connection, Database
from mindbridge_postgres.errors import translated

__all__ = ["PostgresThrottle"]

PURGE_EVERY: Final = timedelta(minutes=1)
TRIES_KEPT: Final = timedelta(days=1)

_HIT: Final = """
INSERT INTO throttle_windows AS t (key, hits, ends_at) VALUES (%(key)s, 1, %(ends_at)s)
ON CONFLICT (key) DO UPDATE SET
    hits = CASE WHEN t.ends_at <= %(now)s THEN 1 ELSE least(t.hits, 2147483646) + 1 END,
    ends_at = CASE WHEN t.ends_at <= %(now)s THEN excluded.ends_at ELSE t.ends_at END
RETURNING hits, ends_at
"""

# Rows that somebody holds are left for the next purge: nobody waits for it, and it waits for nobody.
_PURGE_WINDOWS: Final = """
DELETE FROM throttle_windows WHERE key IN (
    SELECT key FROM throttle_windows WHERE ends_at <= %(now)s LIMIT 10000 FOR UPDATE SKIP LOCKED)
"""
_PURGE_TRIES: Final = """
DELETE FROM login_attempts WHERE email_digest IN (
    SELECT email_digest FROM login_attempts
    WHERE updated_at < %(old)s AND (locked_until IS NULL OR locked_until <= %(now)s)
    LIMIT 10000 FOR UPDATE SKIP LOCKED)
"""


@attrs.define
class PostgresThrottle:
    """`Throttle` of the core. Each process purges once a minute, so that the tables hold no more than is needed.

    That takes login tries of yesterday and before with it, whose lock has ended.
    """

    database: Database
    clock: Clock
    _purged_at: datetime | None = attrs.field(default=None, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def hit(self, key: bytes, seconds: int) -> Count:
        """Count by one upsert, which commits by itself: the row is held for no longer."""
        now = self.clock()
        row = {"key": key, "now": now, "ends_at": now + timedelta(seconds=seconds)}
        with self.database.connection() as connection, translated():
            if self._purge_is_due(now):
                self._purge(connection, now)
            found = connection.run(_HIT, row).fetchone()
        assert found is not None  # noqa: S101 - an upsert returns its row
        return Count(hits=found[0], seconds_left=max(1, math.ceil((found[1] - now).total_seconds())))

    def _purge_is_due(self, now: datetime) -> bool:
        """Say so to one thread of those that ask at once."""
        with self._lock:
            due = self._purged_at is None or now - self._purged_at >= PURGE_EVERY
            if due:
                self._purged_at = now
            return due

    def _purge(self, connection: Connection, now: datetime) -> None:
        connection.run(_PURGE_WINDOWS, {"now": now})
        connection.run(_PURGE_TRIES, {"now": now, "old": now - TRIES_KEPT})
