"""A sink that keeps what it is sent, and the positions of sinks, in this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

import attrs

from mindbridge_core.oversight import HeldSink, SinkEntry, SinkStanding, SinkUnavailable, Waiting
from mindbridge_memory.tables import Tables

__all__ = ["KeptEntries", "MemorySinkBook"]


@attrs.define
class KeptEntries:
    """`AuditSink` of the core: whatever arrives is in `arrived`, until `down` is set."""

    name: str = "kept"
    arrived: list[SinkEntry] = attrs.field(factory=list)
    down: bool = False

    def send(self, entries: Sequence[SinkEntry]) -> None:
        """Keep the entries."""
        if self.down:
            raise SinkUnavailable
        self.arrived.extend(entries)


@attrs.define
class MemorySinkBook:
    """`SinkBook` of the core."""

    tables: Tables
    _held: set[str] = attrs.field(factory=set, init=False)
    _positions: dict[tuple[str, UUID, int], int] = attrs.field(factory=dict, init=False)
    _standings: dict[str, SinkStanding] = attrs.field(factory=dict, init=False)

    @contextmanager
    def alone(self, sink: str) -> Iterator[HeldSink | None]:
        """Hold the sink."""
        if sink in self._held:
            yield None
            return
        self._held.add(sink)
        try:
            yield _Held(self, sink)
        finally:
            self._held.discard(sink)

    def standings(self) -> Mapping[str, SinkStanding]:
        """Return every sink that was fed."""
        return dict(self._standings)

    def waiting(self, sink: str, clinic_id: UUID) -> Mapping[int, Waiting]:
        """Compare heads and positions."""
        found: dict[int, Waiting] = {}
        for head in self.tables.heads.rows():
            sent = self._positions.get((sink, clinic_id, head.lane), 0)
            if head.clinic_id == clinic_id and head.seq > sent:
                found[head.lane] = Waiting(sent, head.seq)
        return found

    def move(self, sink: str, clinic_id: UUID, reached: Mapping[int, int]) -> None:
        """Keep positions."""
        for lane, seq in reached.items():
            key = (sink, clinic_id, lane)
            self._positions[key] = max(seq, self._positions.get(key, 0))

    def note(self, sink: str, *, complete_until: datetime | None = None, failed_at: datetime | None = None) -> None:
        """Keep how the sink stands."""
        before = self._standings.get(sink, SinkStanding(complete_until=None, failing_since=None))
        self._standings[sink] = SinkStanding(
            complete_until=complete_until or before.complete_until,
            failing_since=None if failed_at is None else before.failing_since or failed_at,
        )


@attrs.frozen
class _Held:
    book: MemorySinkBook
    sink: str

    def waiting(self, clinic_id: UUID) -> Mapping[int, Waiting]:
        return self.book.waiting(self.sink, clinic_id)

    def move(self, clinic_id: UUID, reached: Mapping[int, int]) -> None:
        self.book.move(self.sink, clinic_id, reached)

    def complete(self, until: datetime) -> None:
        self.book.note(self.sink, complete_until=until)

    def failed(self, at: datetime) -> None:
        self.book.note(self.sink, failed_at=at)
