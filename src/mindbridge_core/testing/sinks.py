"""The contracts of audit sinks and of the book that remembers how far each has been fed."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from mindbridge_core.audit import AuditEntry
from mindbridge_core.oversight import (
    AuditSink,
    Sent,
    Shipment,
    SinkEntry,
    SinkStanding,
    SinkUnavailable,
    TrailRecord,
    Waiting,
    sink_entry,
)
from mindbridge_core.testing.records import NOW, an_entry
from mindbridge_core.testing.store import ContractStore, StoreContract, raises

__all__ = ["AuditSinkContract", "SinkBookContract"]


def _entries(count: int, first: int = 1, **members: Any) -> list[SinkEntry]:  # noqa: ANN401 - any field of a record
    return [
        sink_entry(
            TrailRecord(
                lane=3, seq=seq, id=uuid4(), clinic_id=uuid4(), created_at=NOW, phi_accessed=True, prev_mac=bytes(32),
                mac=bytes(32), **{"action": "patient.view", "outcome": "success", "resource_type": "patient"} | members,
            )
        )
        for seq in range(first, first + count)
    ]  # fmt: skip


class AuditSinkContract(ABC):
    """What a sink took is there: whole, in order. What it did not take, it says."""

    @abstractmethod
    def sink(self) -> AuditSink:
        """Return the sink under test; each call another process's, on the same place."""

    @abstractmethod
    def arrived(self) -> Sequence[str]:
        """Return the JSON texts that arrived at the place so far, in their order."""

    @abstractmethod
    def break_place(self) -> None:
        """Have the place take nothing from now on."""

    @abstractmethod
    def mend_place(self) -> None:
        """Have the place take entries again."""

    def test_what_was_sent_is_there_in_order(self) -> None:
        """Over several batches, and by another process that goes on."""
        entries = _entries(7)
        sink = self.sink()
        sink.send(entries[:3])
        sink.send(entries[3:6])
        self.sink().send(entries[6:])
        assert list(self.arrived()) == [entry.text for entry in entries]

    def test_nothing_to_send_is_no_error(self) -> None:
        """And nothing arrives."""
        self.sink().send([])
        assert list(self.arrived()) == []

    def test_every_text_comes_through_whole(self) -> None:
        """Line breaks, quotes, other scripts, nothing at all, and the ids of a long list."""
        entries = [
            *_entries(1, user_agent='a\r\nb\x00"\\ü\N{LINE SEPARATOR}' + "€" * 40, request_id="<13>1 - - - - - -"),
            *_entries(1, resource_ids=tuple(uuid4() for _ in range(2_000)), outcome="unheard of", action="x y\n" * 20),
        ]
        self.sink().send(entries)
        assert list(self.arrived()) == [entry.text for entry in entries]
        assert [json.loads(text)["seq"] for text in self.arrived()] == [1, 1]

    def test_a_place_that_takes_nothing_is_told_and_later_takes_the_same(self) -> None:
        """By the sink that had failed."""
        entries, sink = _entries(4), self.sink()
        sink.send(entries[:2])
        self.break_place()
        with raises(SinkUnavailable):
            sink.send(entries[2:])
        self.mend_place()
        sink.send(entries[2:])
        assert list(self.arrived()) == [entry.text for entry in entries]


class _Kept:
    name = "kept"

    def __init__(self) -> None:
        self.arrived = list[SinkEntry]()
        self.down = False

    def send(self, entries: Sequence[SinkEntry]) -> None:
        if self.down:
            raise SinkUnavailable
        self.arrived += entries


def _append(store: ContractStore, clinic_id: UUID, count: int) -> list[AuditEntry]:
    entries = [an_entry(clinic_id, created_at=NOW - timedelta(seconds=number)) for number in range(count)]
    for entry in entries:
        with store.open_unit(clinic_id) as unit:
            unit.audit.append(entry)
    return entries


def _becomes_free(store: ContractStore, sink: str) -> bool:
    """Whether the sink can be held again; a server may take a moment to notice that whoever held it is gone."""
    return any(_free_after(store, sink, pause) for pause in (0, 0.1, 0.5, 2, 5, 20))


def _free_after(store: ContractStore, sink: str, seconds: float) -> bool:
    time.sleep(seconds)
    with store.sink_book.alone(sink) as held:
        return held is not None


class SinkBookContract(StoreContract):
    """How far a sink has been fed is kept per clinic and lane, by one process at a time."""

    def test_what_waits_is_what_was_not_sent(self) -> None:
        """Of this sink and this clinic; a position never goes back."""
        store = self.store()
        _append(store, store.clinic_a, 3)
        with store.sink_book.alone("one") as held:
            assert held is not None
            assert held.waiting(store.clinic_b) == {}
            ((lane, waiting),) = held.waiting(store.clinic_a).items()
            assert waiting == Waiting(0, 3)
            held.move(store.clinic_a, {lane: 2})
            held.move(store.clinic_a, {lane: 1})
            assert held.waiting(store.clinic_a) == {lane: Waiting(2, 3)}
            held.move(store.clinic_a, {lane: 3})
            assert held.waiting(store.clinic_a) == {}
        with store.sink_book.alone("two") as held:
            assert held is not None
            assert held.waiting(store.clinic_a) == {lane: Waiting(0, 3)}

    def test_one_holds_a_sink_at_a_time(self) -> None:
        """Another sink meanwhile; the same one once it is free."""
        store = self.store()
        with store.sink_book.alone("one") as held, store.sink_book.alone("two") as other:
            assert held is not None
            assert other is not None
            with store.sink_book.alone("one") as second:
                assert second is None
        with raises(ValueError), store.sink_book.alone("one"):
            raise ValueError
        assert _becomes_free(store, "one")

    def test_a_sink_stands_where_it_was_last_complete_and_fails_since_the_first_failure(self) -> None:
        """Until it is complete again."""
        store = self.store()
        later, latest = NOW + timedelta(minutes=1), NOW + timedelta(minutes=2)
        assert store.sink_book.standings() == {}
        with store.sink_book.alone("one") as held:
            assert held is not None
            held.failed(NOW)
            held.failed(later)
            assert store.sink_book.standings() == {"one": SinkStanding(complete_until=None, failing_since=NOW)}
            held.complete(later)
            assert store.sink_book.standings() == {"one": SinkStanding(complete_until=later, failing_since=None)}
            held.failed(latest)
            assert store.sink_book.standings() == {"one": SinkStanding(complete_until=later, failing_since=latest)}

    def test_every_entry_arrives_in_the_order_of_its_lane_whatever_its_time(self) -> None:
        """Also what is appended between two batches; of another clinic none."""
        store = self.store()
        sink, expected = _Kept(), _append(store, store.clinic_a, 3)
        _append(store, store.clinic_b, 1)
        shipment = Shipment(clinic_id=store.clinic_a, trails=store.trails, sink=sink)
        with store.sink_book.alone("kept") as held:
            assert held is not None
            assert shipment(held) == Sent(3, complete=True)
            assert shipment(held) == Sent(0, complete=True)
            expected += _append(store, store.clinic_a, 2)
            assert shipment(held) == Sent(2, complete=True)
        assert [entry.id for entry in sink.arrived] == [entry.id for entry in expected]
        assert [entry.seq for entry in sink.arrived] == [1, 2, 3, 4, 5]
        assert {entry.clinic_id for entry in sink.arrived} == {store.clinic_a}

    def test_a_sink_that_is_down_loses_nothing(self) -> None:
        """The positions stay, and the next run goes on from them."""
        store = self.store()
        sink, expected = _Kept(), _append(store, store.clinic_a, 2)
        shipment = Shipment(clinic_id=store.clinic_a, trails=store.trails, sink=sink)
        sink.down = True
        with raises(SinkUnavailable), store.sink_book.alone("kept") as held:
            assert held is not None
            shipment(held)
        sink.down = False
        assert _becomes_free(store, "kept")
        with store.sink_book.alone("kept") as held:
            assert held is not None
            assert shipment(held) == Sent(2, complete=True)
        assert [entry.id for entry in sink.arrived] == [entry.id for entry in expected]

    def test_of_each_lane_comes_as_much_as_was_asked_for(self) -> None:
        """From behind the number that was named."""
        store = self.store()
        expected = _append(store, store.clinic_a, 5)
        first = store.trails.following(store.clinic_a, {0: 0, **self._lanes(store)}, 2)
        assert [record.id for record in first] == [entry.id for entry in expected[:2]]
        rest = store.trails.following(store.clinic_a, {first[-1].lane: first[-1].seq}, 9)
        assert [record.id for record in rest] == [entry.id for entry in expected[2:]]

    def _lanes(self, store: ContractStore) -> dict[int, int]:
        return dict.fromkeys(store.trail(store.clinic_a)[1], 0)
