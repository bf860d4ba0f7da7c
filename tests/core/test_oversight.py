"""Verifying a clinic's whole trail, checkpoints of it, and its export: whatever is tampered with is located."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mindbridge_core import Operator
from mindbridge_core.compliance import (
    LANES,
    ChainBreak,
    ChainHead,
    Link,
    SealedEntry,
    assemble,
    first_head,
    is_intact,
    link_of,
    quote,
    seal,
    spell_changes,
)
from mindbridge_core.errors import BrokenTrail, DamagedRecord
from mindbridge_core.oversight import (
    MOST_BREAKS,
    Checkpoint,
    ExportFormat,
    LaneMark,
    LaneReading,
    Period,
    TrailFilter,
    TrailRecord,
    examine,
    examine_export,
    export_text,
    joined,
    read_checkpoint,
    read_line,
    read_links,
    record_of,
    write_checkpoint,
)
from mindbridge_core.oversight import verification as going
from mindbridge_core.testing.records import NOW, an_entry
from tests.core.house import ORIGIN, START, Town, settled
from tests.core.test_chain import ENTRY

KEY = bytes(range(32))
CLINIC, OTHER = UUID(int=1), UUID(int=2)
Rows = list[SealedEntry]


@attrs.define
class Shelf:
    """Trails of two clinics as a tamperer left them."""

    heads: dict[tuple[UUID, int], ChainHead] = attrs.field(factory=dict)
    rows: Rows = attrs.field(factory=list)

    def write(self, clinic_id: UUID, lane: int, entry: Any) -> None:
        entry = attrs.evolve(entry, clinic_id=clinic_id)
        sealed, self.heads[clinic_id, lane] = seal(KEY, self.heads[clinic_id, lane], entry)
        self.rows.append(sealed)

    def clinics(self) -> Sequence[UUID]:
        return [CLINIC, OTHER]

    def length(self, _: UUID) -> int:
        raise NotImplementedError

    def unknown_lanes(self, clinic_id: UUID) -> Sequence[int]:
        known = {row.lane for row in self.rows if row.entry.clinic_id == clinic_id}
        return sorted(known - set(range(LANES)))

    @contextmanager
    def lane(self, clinic_id: UUID, lane: int) -> Iterator[LaneReading]:
        found = [row for row in self.rows if (row.entry.clinic_id, row.lane) == (clinic_id, lane)]
        links = map(link_of, sorted(found, key=lambda row: row.seq))
        yield LaneReading(head=self.heads.get((clinic_id, lane)), links=links)

    def batch(self, *_: object) -> Sequence[TrailRecord]:
        raise NotImplementedError

    def following(self, *_: object) -> Sequence[TrailRecord]:
        raise NotImplementedError

    def cuts(self, *_: object) -> Any:
        raise NotImplementedError

    def breaks(self) -> list[tuple[UUID, ChainBreak]]:
        return [(one, broken) for one in self.clinics() for broken in examine(self, KEY, one).breaks]


def shelf(history: Sequence[tuple[UUID, int, Any]] = ()) -> Shelf:
    made = Shelf({(clinic, lane): first_head(KEY, clinic, lane) for clinic in (CLINIC, OTHER) for lane in range(LANES)})
    for clinic_id, lane, entry in history:
        made.write(clinic_id, lane, entry)
    return made


def three(lane: int = 0) -> Shelf:
    return shelf([(CLINIC, lane, an_entry(CLINIC, created_at=NOW + timedelta(seconds=one))) for one in range(3)])


HISTORY = st.lists(
    st.tuples(st.sampled_from([CLINIC, OTHER]), st.integers(0, 3), ENTRY),
    min_size=2,
    max_size=10,
    unique_by=lambda item: item[2].id,
)


def edit(rows: Rows, place: int, data: st.DataObject) -> SealedEntry:
    row, other = rows[place], data.draw(ENTRY)
    names = [name for name in attrs.fields_dict(type(other)) if name != "clinic_id"]
    differing = [name for name in names if getattr(other, name) != getattr(row.entry, name)]
    name = data.draw(st.sampled_from(differing))
    rows[place] = attrs.evolve(row, entry=attrs.evolve(row.entry, **{name: getattr(other, name)}))
    return row


def drop(rows: Rows, place: int, _: st.DataObject) -> SealedEntry:
    return rows.pop(place)


def swap(rows: Rows, place: int, data: st.DataObject) -> SealedEntry:
    other = data.draw(st.integers(0, len(rows) - 1).filter(lambda one: one != place))
    first, second = rows[place], rows[other]
    rows[place] = attrs.evolve(second, entry=attrs.evolve(second.entry, clinic_id=first.entry.clinic_id))
    rows[place] = attrs.evolve(rows[place], lane=first.lane, seq=first.seq)
    rows[other] = attrs.evolve(first, entry=attrs.evolve(first.entry, clinic_id=second.entry.clinic_id))
    rows[other] = attrs.evolve(rows[other], lane=second.lane, seq=second.seq)
    return first


def insert(rows: Rows, place: int, data: st.DataObject) -> SealedEntry:
    row = rows[place]
    forged = attrs.evolve(data.draw(ENTRY), clinic_id=row.entry.clinic_id)
    rows.append(attrs.evolve(row, entry=forged, mac=data.draw(st.binary(min_size=32, max_size=32))))
    return row


def duplicate(rows: Rows, place: int, _: st.DataObject) -> SealedEntry:
    rows.append(rows[place])
    return rows[place]


def truncate(rows: Rows, place: int, _: st.DataObject) -> SealedEntry:
    cut = rows[place]
    rows[:] = [row for row in rows if chain(row) != chain(cut) or row.seq < cut.seq]
    return cut


def move_lane(rows: Rows, place: int, data: st.DataObject) -> SealedEntry:
    row = rows[place]
    lane = data.draw(st.integers(0, LANES + 1).filter(lambda one: one != row.lane))
    rows[place] = attrs.evolve(row, lane=lane)
    return row


def move_clinic(rows: Rows, place: int, _: st.DataObject) -> SealedEntry:
    row = rows[place]
    clinic_id = OTHER if row.entry.clinic_id == CLINIC else CLINIC
    rows[place] = attrs.evolve(row, entry=attrs.evolve(row.entry, clinic_id=clinic_id))
    return row


def relink(rows: Rows, place: int, data: st.DataObject) -> SealedEntry:
    row = rows[place]
    name = data.draw(st.sampled_from(["mac", "prev_mac"]))
    mac = data.draw(st.binary(min_size=32, max_size=32).filter(lambda one: one != getattr(row, name)))
    changed: dict[str, Any] = {name: mac}
    rows[place] = attrs.evolve(row, **changed)
    return row


def chain(row: SealedEntry) -> tuple[UUID, int]:
    return row.entry.clinic_id, row.lane


TAMPERINGS: Sequence[Callable[[Rows, int, st.DataObject], SealedEntry]] = (
    edit, drop, swap, insert, duplicate, truncate, move_lane, move_clinic, relink,
)  # fmt: skip


@settings(max_examples=60)
@given(HISTORY)
def test_no_tampering_is_no_alarm(history: list[tuple[UUID, int, Any]]) -> None:
    made = shelf(history)
    assert made.breaks() == []
    for clinic_id in made.clinics():
        links = [link_of(row) for row in made.rows if row.entry.clinic_id == clinic_id]
        offline = examine_export(links, [checkpoint_of(made, clinic_id)])
        assert [found.found for found in offline.examinations] == [0]
        assert offline.unproven == 0


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda tamper: tamper.__name__)
@settings(max_examples=60)
@given(history=HISTORY, data=st.data())
def test_one_tampering_is_located(
    tamper: Callable[[Rows, int, st.DataObject], SealedEntry], history: list[tuple[UUID, int, Any]], data: st.DataObject
) -> None:
    made = shelf(history)
    before = [checkpoint_of(made, clinic_id) for clinic_id in made.clinics()]
    hit = tamper(made.rows, data.draw(st.integers(0, len(made.rows) - 1)), data)
    located = [(broken.lane, broken.seq) for clinic_id, broken in made.breaks() if clinic_id == hit.entry.clinic_id]
    assert (hit.lane, hit.seq) in located
    # The same without any secret, out of an export: in the same lane, at the place or at the checkpoint after it.
    found = examine_export(map(link_of, sorted(made.rows, key=lambda row: (row.lane, row.seq))), before)
    told = [(one.clinic_id, broken.lane, broken.seq >= hit.seq) for one in found.examinations for broken in one.breaks]
    assert (hit.entry.clinic_id, hit.lane, True) in told


def checkpoint_of(trails: Shelf, clinic_id: UUID) -> Checkpoint:
    lanes = list[LaneMark]()
    assert examine(trails, KEY, clinic_id, reached=lanes.append).verified
    return Checkpoint(clinic_id=clinic_id, made_at=NOW, lanes=tuple(lanes))


def test_a_trail_put_back_with_its_heads_is_shown_by_a_checkpoint_alone() -> None:
    made = three()
    earlier = dict(made.heads)
    kept = list(made.rows)
    made.write(CLINIC, 0, an_entry(CLINIC))
    made.write(CLINIC, 7, an_entry(CLINIC))
    checkpoint = checkpoint_of(made, CLINIC)
    made.heads, made.rows = earlier, kept
    assert examine(made, KEY, CLINIC).verified
    found = examine(made, KEY, CLINIC, checkpoints=[checkpoint])
    assert list(found.breaks) == [
        ChainBreak(lane=0, seq=4, kind="rolled_back"), ChainBreak(lane=7, seq=1, kind="rolled_back"),
    ]  # fmt: skip


def test_entries_forged_with_the_chains_own_key_are_shown_by_a_checkpoint() -> None:
    made = three()
    checkpoint = checkpoint_of(made, CLINIC)
    forged = three()
    assert examine(forged, KEY, CLINIC).verified
    (broken,) = examine(forged, KEY, CLINIC, checkpoints=[checkpoint]).breaks
    assert (broken, broken.entry_id) == (ChainBreak(lane=0, seq=3, kind="rewritten"), forged.rows[-1].entry.id)
    assert examine(made, KEY, CLINIC, checkpoints=[checkpoint]).verified


def test_what_follows_a_checkpoint_is_unproven_offline() -> None:
    made = three()
    checkpoint = checkpoint_of(made, CLINIC)
    made.write(CLINIC, 0, an_entry(CLINIC))
    made.write(OTHER, 5, an_entry(OTHER))
    found = examine_export(map(link_of, made.rows), [checkpoint])
    assert ([one.verified for one in found.examinations], found.unproven) == ([True, True], 2)


def test_an_export_that_lacks_a_checkpointed_lane_is_found() -> None:
    checkpoint = checkpoint_of(three(lane=9), CLINIC)
    (found,) = examine_export([], [checkpoint]).examinations
    assert list(found.breaks) == [ChainBreak(lane=9, seq=3, kind="rolled_back")]


def test_an_examination_stops_where_it_is_told_and_says_so() -> None:
    made = three()
    made.write(CLINIC, 3, an_entry(CLINIC))
    found = examine(made, KEY, CLINIC, most=2)
    assert (found.entries, found.complete, found.verified, found.found) == (2, False, False, 0)
    whole = examine(made, KEY, CLINIC, most=4)
    assert (whole.entries, whole.verified) == (4, True)


def test_a_lane_without_head_is_found_and_the_others_are_examined() -> None:
    made = three(lane=2)
    del made.heads[CLINIC, 1]
    found = examine(made, KEY, CLINIC)
    assert (list(found.breaks), found.entries) == ([ChainBreak(lane=1, seq=0, kind="headless")], 3)


def test_breaks_are_named_up_to_a_bound_and_counted_beyond(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(going, "MOST_BREAKS", 2)
    made = three()
    made.rows = [attrs.evolve(row, entry=attrs.evolve(row.entry, request_id="x")) for row in made.rows]
    found = examine(made, KEY, CLINIC)
    assert ([broken.seq for broken in found.breaks], found.found) == ([1, 2], 3)
    links = [link_of(row)._replace(seq=0) for row in made.rows]
    (offline,) = examine_export(links, []).examinations
    assert (len(offline.breaks), offline.found) == (2, 3)
    assert MOST_BREAKS > 2


def test_progress_is_told_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(going, "EVERY", 2)
    made, told, offline = three(), list[int](), list[int]()
    examine(made, KEY, CLINIC, progress=told.append)
    examine_export(map(link_of, made.rows), [], offline.append)
    assert (told, offline) == ([2, 3], [2])


def test_a_row_with_a_flaw_is_found_whatever_its_mac_says() -> None:
    (row, *_) = three().rows
    assert is_intact(KEY, link_of(row))
    assert not is_intact(KEY, link_of(row)._replace(flaw="misfiled"))
    assert not is_intact(KEY, link_of(row)._replace(content=b"other"))


@settings(max_examples=60)
@given(ENTRY)
def test_the_quick_spelling_is_the_one_spelling(entry: Any) -> None:
    def text(value: str | None) -> str:
        return "null" if value is None else quote(value)

    def hexed(id: UUID | None) -> str:
        return "null" if id is None else f'"{id.hex}"'

    origin = f"{text(entry.request_id)},{text(entry.ip_address)},{text(entry.user_agent)}"
    quick = assemble(
        id=entry.id.hex,
        clinic_id=entry.clinic_id.hex,
        created_at=entry.created_at.isoformat(),
        action=quote(entry.action),
        outcome=quote(entry.outcome),
        resource_type=quote(entry.resource_type),
        resource_id=hexed(entry.resource_id),
        resource_ids="[" + ",".join(hexed(one) for one in entry.resource_ids) + "]",
        changes=spell_changes(entry.changed_fields, entry.changed_values),
        phi_accessed=entry.phi_accessed,
        user_id=hexed(entry.user_id),
        session_id=hexed(entry.session_id),
        origin=origin,
        access_reason=text(entry.access_reason),
    )
    sealed = seal(KEY, first_head(KEY, entry.clinic_id, 0), entry)[0]
    assert quick == link_of(sealed).content == record_of(sealed).link.content


def test_the_spelling_of_trails_that_exist_never_changes() -> None:
    entry = an_entry(CLINIC, id=UUID(int=5), user_agent="ü", changed_fields=("a",), changed_values={"b": 1, "a": None})
    assert link_of(seal(KEY, first_head(KEY, CLINIC, 0), entry)[0]).content == (
        b'["00000000000000000000000000000005","00000000000000000000000000000001","2026-03-02T09:30:15.123456+00:00",'
        b'"patient.view","success","patient",null,[],["a"],[["a",null],["b",1]],false,null,null,null,null,"\\u00fc",null]'
    )


@settings(max_examples=60)
@given(HISTORY)
def test_an_export_read_back_is_what_was_sealed(history: list[tuple[UUID, int, Any]]) -> None:
    made = shelf(history)
    lines = list(export_text(map(record_of, made.rows), ExportFormat.NDJSON))
    assert list(read_links(lines)) == list(map(link_of, made.rows))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: "",
        lambda _: "[]",
        lambda members: json.dumps({**members, "extra": 1}),
        lambda members: json.dumps({**members, "id": members["id"].upper()}),
        lambda members: json.dumps({**members, "mac": "zz"}),
        lambda members: json.dumps({name: value for name, value in members.items() if name != "seq"}),
    ],
)
def test_a_line_of_any_other_form_is_refused(spoil: Callable[[Any], str]) -> None:
    record = attrs.evolve(record_of(three().rows[0]), id=UUID("ffffffff-0000-4000-8000-000000000000"))
    (line,) = export_text([record], ExportFormat.NDJSON)
    assert read_line(line) == record
    with pytest.raises(DamagedRecord):
        read_line(spoil(json.loads(line)))


def test_a_spreadsheet_runs_nothing_out_of_an_export() -> None:
    entry = an_entry(CLINIC, user_agent='=HYPERLINK("http://x")', request_id="-1", changed_fields=("a", "b"))
    made = shelf([(CLINIC, 0, entry)])
    header, line = export_text(map(record_of, made.rows), ExportFormat.CSV)
    assert header.startswith('"lane","seq","id","clinic_id"')
    assert '"\'=HYPERLINK(""http://x"")"' in line
    assert '"\'-1"' in line
    assert '"[""a"", ""b""]"' in line
    assert line.endswith('"\r\n')


def test_a_checkpoint_is_read_back_with_the_statement_that_was_signed() -> None:
    checkpoint, signed = checkpoint_of(three(), CLINIC), list[bytes]()

    def sign(statement: bytes) -> bytes:
        signed.append(statement)
        return b"signature"

    line = write_checkpoint(checkpoint, "key-1", sign)
    read = read_checkpoint(line)
    assert (read.checkpoint, read.key_id, read.signature) == (checkpoint, "key-1", b"signature")
    assert [read.statement] == signed
    for spoiled in ("", "[]", "{}", line.replace("made_at", "made"), line.replace(str(CLINIC), CLINIC.hex)):
        with pytest.raises(DamagedRecord):
            read_checkpoint(spoiled)


def lived_in() -> Town:
    return settled()


def test_an_export_is_entered_before_its_first_record_is_read() -> None:
    town = lived_in()
    before = len(town.house.entries())
    records = town.house.core.export_trail(town.caller("compliance_officer"), Period(since=START), ExportFormat.CSV)
    (entry,) = town.house.entries()[before:]
    assert entry.changed_values == {"format": "csv", "since": str(START)}
    assert {record.created_at >= START for record in records} == {True}


def test_reading_says_which_filters_were_set() -> None:
    town = lived_in()
    caller = town.caller("admin")
    page = town.house.core.read_trail(caller, TrailFilter(phi_accessed=True, limit=1))
    assert [record.phi_accessed for record in page.items] == [True]
    assert town.house.entries()[-1].changed_values == {"phi_accessed": True}
    assert town.house.entries()[-1].ip_address == ORIGIN.ip_address


def test_no_checkpoint_is_made_of_a_broken_trail() -> None:
    town = lived_in()
    caller = town.caller("operator")
    made = town.house.core.checkpoint_trail(caller)
    assert made.clinic_id == town.clinic
    assert town.house.core.verify_trail(caller, checkpoints=[made]).verified
    tables = town.house.store.tables
    key, sealed = next((key, row) for key, row in tables.entries.items() if key[0] == town.clinic)
    tables.entries.put(key, attrs.evolve(sealed, entry=attrs.evolve(sealed.entry, user_agent="other")))
    tables.keep()
    with pytest.raises(BrokenTrail):
        town.house.core.checkpoint_trail(caller)
    (broken,) = town.house.core.verify_trail(caller).breaks
    assert (broken.lane, broken.seq, broken.entry_id) == (key[1], key[2], sealed.entry.id)
    assert [
        record.id for record in town.house.core.export_trail(caller, Period(), ExportFormat.CSV) if not record.intact
    ] == [sealed.entry.id]


def test_a_link_is_a_plain_tuple() -> None:
    assert Link._fields[:2] == ("lane", "seq")


@settings(max_examples=30)
@given(history=HISTORY, data=st.data())
def test_lanes_examined_apart_find_together_what_one_finds(history: list[tuple[UUID, int, Any]], data: Any) -> None:
    trail = shelf(history)
    for _ in range(data.draw(st.integers(0, 2))):
        if trail.rows:
            trail.rows.pop(data.draw(st.integers(0, len(trail.rows) - 1)))
    whole = examine(trail, KEY, CLINIC)
    parts = [examine(trail, KEY, CLINIC, lanes=range(first, LANES, 3)) for first in (2, 0, 1)]
    assert whole == joined(parts)


def test_an_entry_in_an_unknown_lane_is_found_by_one_part_alone() -> None:
    trail = three()
    trail.rows[0] = attrs.evolve(trail.rows[0], lane=LANES)
    parts = [examine(trail, KEY, CLINIC, lanes=range(first, LANES, 2)) for first in range(2)]
    assert examine(trail, KEY, CLINIC) == joined(parts)
    assert "unknown_lane" in [broken.kind for broken in joined(parts).breaks]


def test_verifying_may_be_done_by_others_and_is_entered_all_the_same() -> None:
    town = settled()
    ports = town.house.core.ports
    key = ports.clinic_keys.cipher(town.clinic).audit_key
    length = ports.trails.length(town.clinic)
    found = town.house.core.verify_trail(
        Operator(clinic_id=town.clinic),
        by=lambda clinic_id, checkpoints, progress: examine(
            ports.trails, key, clinic_id, checkpoints=checkpoints, progress=progress
        ),
    )
    assert (True, length + 1) == (found.verified, found.entries)
    assert "audit.verify" == town.house.entries()[-1].action
