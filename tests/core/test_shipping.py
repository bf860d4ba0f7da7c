"""Feeding sinks: what they get, in which order, and what is entered of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

import attrs
import pytest

from mindbridge_core import Action, Operator
from mindbridge_core.audit import Outcome
from mindbridge_core.compliance import first_head, seal
from mindbridge_core.oversight import (
    Feeder,
    Sent,
    Shipment,
    SinkStanding,
    SinkUnavailable,
    TrailRecord,
    record_of,
    sink_entry,
)
from mindbridge_core.oversight import shipping as module
from mindbridge_core.patients import PatientFilter
from mindbridge_core.testing.records import NOW, an_entry
from mindbridge_memory import KeptEntries, MemorySinkBook
from mindbridge_memory.tables import Tables
from tests.core.house import House, settled

CLINIC = UUID(int=7)


def feeder(house: House, sink: KeptEntries) -> Feeder:
    ports = house.core.ports
    return Feeder(ship=house.core.ship_trail, trails=ports.trails, clock=ports.clock, sink=sink)


def feed(house: House, feeding: Feeder) -> Sent:
    with house.core.ports.sink_book.alone(feeding.sink.name) as held:
        assert held is not None
        return feeding(held)


def test_an_entry_is_sent_without_its_reason_and_says_that_it_had_one() -> None:
    sealed, _ = seal(bytes(32), first_head(bytes(32), CLINIC, 0), an_entry(CLINIC, access_reason="Jane Roe fell"))
    told = sink_entry(record_of(sealed, intact=False))
    members = json.loads(told.text)
    assert "Jane" not in told.text
    assert "access_reason" not in members
    assert (members["access_reason_given"], members["intact"]) == (True, False)
    assert (members["lane"], members["seq"], members["mac"]) == (0, 1, sealed.mac.hex())
    bare = json.loads(sink_entry(attrs.evolve(record_of(sealed), access_reason=None)).text)
    assert (bare["access_reason_given"], bare["intact"]) == (False, True)
    assert set(bare) == set(members)


def test_all_clinics_are_fed_and_each_beginning_is_entered_once_a_run() -> None:
    town = settled()
    sink = KeptEntries()
    feeding = feeder(town.house, sink)
    first = feed(town.house, feeding)
    assert first.complete
    assert {entry.id for entry in sink.arrived} == {entry.id for entry in town.house.entries()}
    entered = [entry for entry in town.house.entries() if entry.clinic_id == town.clinic]
    begun = [entry for entry in entered if entry.action is Action.AUDIT_SHIP]
    assert [(Outcome.SUCCESS, {"sink": "kept"}, True)] == [
        (entry.outcome, dict(entry.changed_values), entry.phi_accessed) for entry in begun
    ]
    assert Sent(0, complete=True) == feed(town.house, feeding)
    town.house.core.list_patients(Operator(clinic_id=town.clinic), PatientFilter())
    assert Sent(1, complete=True) == feed(town.house, feeding)
    entered = [entry for entry in town.house.entries() if entry.clinic_id == town.clinic]
    assert 1 == len([entry for entry in entered if entry.action is Action.AUDIT_SHIP])


def test_a_run_that_finds_nothing_enters_nothing() -> None:
    town = settled()
    feed(town.house, feeder(town.house, KeptEntries()))
    before = town.house.entries()
    assert Sent(0, complete=True) == feed(town.house, feeder(town.house, KeptEntries()))
    assert before == town.house.entries()


def test_a_clinic_with_much_to_send_sends_a_batch_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    town, sink = settled(), KeptEntries()
    monkeypatch.setattr(module, "BATCH", 2)
    feeding = feeder(town.house, sink)
    found = feed(town.house, feeding)
    assert (False, {}) == (found.complete, dict(town.house.core.ports.sink_book.standings()))
    while not found.complete:
        assert found.entries
        found = feed(town.house, feeding)
    seqs = [entry.seq for entry in sink.arrived if entry.clinic_id == town.clinic]
    assert len([one for one in town.house.entries() if one.clinic_id == town.clinic]) == len(seqs)
    assert list(range(1, len(seqs) + 1)) == seqs


def test_a_sink_that_is_down_is_noted_and_gets_everything_later() -> None:
    town, sink = settled(), KeptEntries(down=True)
    feeding, book = feeder(town.house, sink), town.house.core.ports.sink_book
    with pytest.raises(SinkUnavailable):
        feed(town.house, feeding)
    assert {"kept": SinkStanding(complete_until=None, failing_since=town.house.clock.now)} == book.standings()
    sink.down = False
    assert feed(town.house, feeding).complete
    assert {"kept": SinkStanding(complete_until=town.house.clock.now, failing_since=None)} == book.standings()
    assert {entry.id for entry in town.house.entries()} <= {entry.id for entry in sink.arrived}


@attrs.frozen
class Lanes:
    """Trails of which only what follows is asked."""

    records: Sequence[TrailRecord]

    def following(self, clinic_id: UUID, after: Mapping[int, int], limit: int) -> Sequence[TrailRecord]:
        assert clinic_id == CLINIC
        behind = {lane: [one for one in self.records if one.lane == lane and one.seq > after[lane]] for lane in after}
        return [one for records in behind.values() for one in records[:limit]]


def two_lanes() -> tuple[list[TrailRecord], MemorySinkBook]:
    """Lane 0 at seconds 9 and 2, lane 1 at seconds 3 and 4: the first of lane 0 was committed before its second."""
    tables, records = Tables(), list[TrailRecord]()
    for lane, seconds in ((0, (9, 2)), (1, (3, 4))):
        head = first_head(bytes(32), CLINIC, lane)
        for second in seconds:
            sealed, head = seal(bytes(32), head, an_entry(CLINIC, created_at=NOW + timedelta(seconds=second)))
            records.append(record_of(sealed))
        tables.heads.put((CLINIC, lane), head)
    tables.keep()
    return records, MemorySinkBook(tables)


def test_lanes_are_merged_by_time_and_each_keeps_its_own_order() -> None:
    records, book = two_lanes()
    sink = KeptEntries()
    shipment = Shipment(clinic_id=CLINIC, trails=Lanes(records), sink=sink)  # type: ignore[arg-type]  # it asks for no more
    with book.alone("kept") as held:
        assert held is not None
        assert Sent(4, complete=True) == shipment(held)
    assert [(1, 1), (1, 2), (0, 1), (0, 2)] == [(entry.lane, entry.seq) for entry in sink.arrived]


def test_entries_that_a_head_speaks_of_and_the_trail_lacks_leave_the_sink_incomplete() -> None:
    records, book = two_lanes()
    shipment = Shipment(clinic_id=CLINIC, trails=Lanes(records[:3]), sink=KeptEntries())  # type: ignore[arg-type]  # likewise
    with book.alone("kept") as held:
        assert held is not None
        assert Sent(3, complete=False) == shipment(held)
        assert Sent(0, complete=False) == shipment(held)
