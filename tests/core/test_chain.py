"""The chain shows every edit, loss, insertion, exchange and cut, and where; nothing else alarms it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mindbridge_core.access import Action
from mindbridge_core.audit import AuditEntry, Outcome
from mindbridge_core.compliance import (
    LANES,
    ChainBreak,
    ChainHead,
    SealedEntry,
    first_head,
    is_genuine,
    seal,
    verify_clinic,
    verify_lane,
)
from mindbridge_core.testing.records import LATER, an_entry

KEY, OTHER_KEY = bytes(32), bytes(31) + b"\x01"
CLINIC = uuid4()
LANE = 3

TEXT = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ENTRY = st.builds(
    an_entry,
    st.just(CLINIC),
    id=st.uuids(),
    created_at=st.integers(0, 10**9).map(lambda seconds: LATER + timedelta(seconds=seconds)),
    action=st.sampled_from(Action),
    outcome=st.sampled_from(Outcome),
    resource_type=st.sampled_from(["patient", "user"]),
    resource_id=st.none() | st.uuids(),
    resource_ids=st.lists(st.uuids(), max_size=3).map(tuple),
    changed_fields=st.lists(st.sampled_from(["name", "status", "mrn"]), unique=True).map(tuple),
    changed_values=st.dictionaries(
        st.sampled_from(["status", "role"]), st.none() | st.booleans() | st.text(max_size=5)
    ),
    phi_accessed=st.booleans(),
    user_id=st.none() | st.uuids(),
    session_id=st.none() | st.uuids(),
    request_id=TEXT,
    ip_address=TEXT,
    user_agent=TEXT,
    access_reason=TEXT,
)
HISTORY = st.lists(ENTRY, min_size=1, max_size=8, unique_by=lambda entry: entry.id)


def written(entries: list[AuditEntry], key: bytes = KEY) -> tuple[ChainHead, list[SealedEntry]]:
    head, sealed = first_head(key, CLINIC, LANE), []
    for entry in entries:
        one, head = seal(key, head, entry)
        sealed.append(one)
    return head, sealed


def found(head: ChainHead, sealed: list[SealedEntry]) -> list[ChainBreak]:
    return list(verify_lane(KEY, head, sealed))


@settings(max_examples=50)
@given(HISTORY)
def test_what_was_written_verifies(history: list[AuditEntry]) -> None:
    assert found(*written(history)) == []


@settings(max_examples=200)
@given(HISTORY, ENTRY, st.data())
def test_an_edit_of_any_field_is_located(history: list[AuditEntry], other: AuditEntry, data: st.DataObject) -> None:
    head, sealed = written(history)
    place = data.draw(st.integers(0, len(sealed) - 1))
    names = [
        name
        for name in attrs.fields_dict(AuditEntry)
        if name != "clinic_id" and getattr(other, name) != getattr(history[place], name)
    ]
    name = data.draw(st.sampled_from(names))
    sealed[place] = attrs.evolve(sealed[place], entry=attrs.evolve(history[place], **{name: getattr(other, name)}))
    assert found(head, sealed) == [ChainBreak(lane=LANE, seq=place + 1, kind="altered")]


@settings(max_examples=100)
@given(HISTORY, st.data())
def test_a_dropped_entry_is_located(history: list[AuditEntry], data: st.DataObject) -> None:
    head, sealed = written(history)
    place = data.draw(st.integers(0, len(sealed) - 1))
    del sealed[place]
    kind = "truncated" if place == len(sealed) else "missing"
    assert found(head, sealed) == [ChainBreak(lane=LANE, seq=place + 1, kind=kind)]


@settings(max_examples=100)
@given(HISTORY, st.data())
def test_a_cut_tail_is_found_even_with_a_head_made_up_for_it(history: list[AuditEntry], data: st.DataObject) -> None:
    head, sealed = written(history)
    kept = data.draw(st.integers(0, len(sealed) - 1))
    last_mac = sealed[kept - 1].mac if kept else first_head(KEY, CLINIC, LANE).entry_mac
    cut = ChainBreak(lane=LANE, seq=kept + 1, kind="truncated")
    assert found(head, sealed[:kept]) == [cut]
    made_up = attrs.evolve(head, seq=kept, entry_mac=last_mac)
    assert found(made_up, sealed[:kept]) == [cut]
    assert not is_genuine(KEY, made_up)


@settings(max_examples=100)
@given(HISTORY, ENTRY, st.data())
def test_an_inserted_entry_is_located(history: list[AuditEntry], other: AuditEntry, data: st.DataObject) -> None:
    head, sealed = written(history)
    place = data.draw(st.integers(0, len(sealed)))
    before = sealed[place - 1].mac if place else first_head(KEY, CLINIC, LANE).entry_mac
    forged = SealedEntry(
        entry=other, lane=LANE, seq=place + 1, prev_mac=before, mac=data.draw(st.binary(min_size=32, max_size=32))
    )
    breaks = found(head, [*sealed[:place], forged, *sealed[place:]])
    assert breaks[0] == ChainBreak(lane=LANE, seq=place + 1, kind="altered")


@settings(max_examples=100)
@given(st.lists(ENTRY, min_size=2, max_size=8, unique_by=lambda entry: entry.id), st.data())
def test_two_exchanged_entries_are_located(history: list[AuditEntry], data: st.DataObject) -> None:
    head, sealed = written(history)
    place = data.draw(st.integers(0, len(sealed) - 2))
    moved = [*sealed[:place], sealed[place + 1], sealed[place], *sealed[place + 2 :]]
    assert found(head, moved)[0] == ChainBreak(lane=LANE, seq=place + 1, kind="missing")
    renumbered = list(sealed)
    renumbered[place] = attrs.evolve(sealed[place + 1], seq=place + 1)
    renumbered[place + 1] = attrs.evolve(sealed[place], seq=place + 2)
    assert [one.seq for one in found(head, renumbered)][:2] == [place + 1, place + 1]


@pytest.mark.parametrize("change", [{"lane": LANE + 1}, {"seq": 0}, {"entry": an_entry(uuid4())}])
def test_an_entry_of_another_place_is_misplaced(change: dict[str, Any]) -> None:
    head, sealed = written([an_entry(CLINIC)])
    moved = attrs.evolve(sealed[0], **change)
    breaks = found(head, [moved, *sealed])
    assert breaks == [ChainBreak(lane=LANE, seq=moved.seq, kind="misplaced")]


def test_a_relinked_entry_is_unlinked_from_what_was_before_it() -> None:
    head, sealed = written([an_entry(CLINIC), an_entry(CLINIC)])
    _, elsewhere = written([an_entry(CLINIC), sealed[1].entry])
    breaks = found(head, [sealed[0], elsewhere[1]])
    assert breaks[0] == ChainBreak(lane=LANE, seq=2, kind="unlinked")


def test_a_chain_under_another_key_does_not_verify() -> None:
    head, sealed = written([an_entry(CLINIC)], OTHER_KEY)
    assert {one.kind for one in found(head, sealed)} == {"altered", "truncated", "unlinked"}
    assert not is_genuine(KEY, head)
    assert is_genuine(OTHER_KEY, head)


def test_a_head_moved_to_another_lane_or_clinic_is_not_genuine() -> None:
    head, _ = written([an_entry(CLINIC)])
    assert is_genuine(KEY, head)
    assert not is_genuine(KEY, attrs.evolve(head, lane=LANE + 1))
    assert not is_genuine(KEY, attrs.evolve(head, clinic_id=uuid4()))


def test_a_clinics_trail_is_all_its_lanes() -> None:
    heads = {lane: first_head(KEY, CLINIC, lane) for lane in range(LANES)}
    heads[LANE], sealed = written([an_entry(CLINIC)])
    assert list(verify_clinic(KEY, heads, {LANE: sealed})) == []
    assert list(verify_clinic(KEY, heads, {})) == [ChainBreak(lane=LANE, seq=1, kind="truncated")]
    beyond = {LANE: sealed, LANES: sealed}
    assert list(verify_clinic(KEY, heads, beyond)) == [ChainBreak(lane=LANES, seq=0, kind="unknown_lane")]
    del heads[5]
    assert list(verify_clinic(KEY, heads, {LANE: sealed})) == [ChainBreak(lane=5, seq=0, kind="headless")]


@pytest.mark.parametrize("key", [b"k", bytes(range(32)), bytes(range(64)), bytes(range(65)), b"k" * 200])
def test_a_trail_verifies_under_a_key_of_any_length_and_under_no_other(key: bytes) -> None:
    first = first_head(key, CLINIC, 0)
    sealed, head = seal(key, first, an_entry(CLINIC))
    assert [] == list(verify_lane(key, head, [sealed]))
    assert {"altered", "truncated", "unlinked"} == {one.kind for one in verify_lane(key + b"k", head, [sealed])}
