"""Where sinks are, in PostgreSQL. Whoever feeds one holds it by an advisory lock of a connection of its own.

Positions are written on that same connection: whoever has lost the hold cannot move them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import attrs
import psycopg

from mindbridge_core.clock import Clock
from mindbridge_core.oversight import HeldSink, SinkStanding, Waiting
from mindbridge_postgres.database import Connection, Database, set_clinic
from mindbridge_postgres.errors import translated

__all__ = ["PostgresSinkBook"]

LOCKS: Final = 7_210_426_137
"""Keeps the sinks' advisory locks apart from all others."""

# The server finds out within a minute that the machine which held a sink is gone, and lets the next one have it.
_NOTICE: Final = "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3"
_HOLD: Final = "SELECT pg_try_advisory_lock(hashtextextended(%s, %s))"
_WAITING: Final = """
SELECT h.lane, coalesce(p.seq, 0), h.seq FROM audit_chain_heads h
LEFT JOIN audit_positions p ON p.clinic_id = %(clinic_id)s AND p.sink = %(sink)s AND p.lane = h.lane
WHERE h.clinic_id = %(clinic_id)s AND h.seq > coalesce(p.seq, 0)
"""
_MOVE: Final = """
INSERT INTO audit_positions AS p (clinic_id, sink, lane, seq, updated_at)
SELECT %(clinic_id)s::uuid, %(sink)s::text, reached.lane, reached.seq, %(now)s::timestamptz
FROM unnest(%(lanes)s::smallint[], %(seqs)s::bigint[]) AS reached (lane, seq)
ON CONFLICT (clinic_id, sink, lane)
DO UPDATE SET seq = greatest(p.seq, excluded.seq), updated_at = excluded.updated_at
"""
_COMPLETE: Final = """
INSERT INTO audit_sinks AS s (name, complete_until, failing_since) VALUES (%(name)s, %(at)s, NULL)
ON CONFLICT (name) DO UPDATE SET complete_until = excluded.complete_until, failing_since = NULL
"""
_FAILED: Final = """
INSERT INTO audit_sinks AS s (name, complete_until, failing_since) VALUES (%(name)s, NULL, %(at)s)
ON CONFLICT (name) DO UPDATE SET failing_since = coalesce(s.failing_since, excluded.failing_since)
"""


@attrs.frozen
class PostgresSinkBook:
    """`SinkBook` of the core."""

    database: Database
    clock: Clock

    @contextmanager
    def alone(self, sink: str) -> Iterator[HeldSink | None]:
        """Hold the sink on a connection that is closed at the end, and the hold with it."""
        with self.database.connection() as connection:
            try:
                with translated():
                    connection.command(_NOTICE)
                    row = connection.run(_HOLD, (sink, LOCKS)).fetchone()
                yield _Held(connection, sink, self.clock) if row == (True,) else None
            finally:
                connection.close()

    def standings(self) -> Mapping[str, SinkStanding]:
        """Return every sink that was fed."""
        with self.database.connection() as connection, translated():
            rows = connection.run("SELECT name, complete_until, failing_since FROM audit_sinks").fetchall()
        return {name: SinkStanding(complete_until=complete, failing_since=failing) for name, complete, failing in rows}


@attrs.frozen
class _Held:
    connection: Connection
    sink: str
    clock: Clock

    def waiting(self, clinic_id: UUID) -> Mapping[int, Waiting]:
        with self._of_clinic(clinic_id):
            rows = self.connection.run(_WAITING, {"clinic_id": clinic_id, "sink": self.sink}).fetchall()
        return {lane: Waiting(sent, last) for lane, sent, last in rows}

    def move(self, clinic_id: UUID, reached: Mapping[int, int]) -> None:
        row = {"clinic_id": clinic_id, "sink": self.sink, "now": self.clock()}
        with self._of_clinic(clinic_id):
            self.connection.run(_MOVE, row | {"lanes": list(reached), "seqs": list(reached.values())})

    def complete(self, until: datetime) -> None:
        self._note(_COMPLETE, until)

    def failed(self, at: datetime) -> None:
        self._note(_FAILED, at)

    def _note(self, statement: LiteralString, at: datetime) -> None:
        params: dict[str, Any] = {"name": self.sink, "at": at}
        with translated():
            self.connection.run(statement, params)

    @contextmanager
    def _of_clinic(self, clinic_id: UUID) -> Iterator[None]:
        """Work in a transaction on one clinic. After any failure the hold is given up with the connection."""
        with translated():
            try:
                self.connection.command(f"BEGIN; {set_clinic(clinic_id)}")
                yield
                self.connection.command("COMMIT")
            except psycopg.Error:
                self.connection.close()
                raise
