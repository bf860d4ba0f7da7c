"""Making a trail ready for its old months to be dropped, and verifying what is left."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import attrs
import pytest

from mindbridge_core import Operator
from mindbridge_core.errors import BrokenTrail, Conflict, InvalidInput
from mindbridge_core.oversight import Checkpoint, Examination, examine
from mindbridge_core.oversight.retention import Retained, youngest_end
from mindbridge_core.testing.records import an_entry
from tests.core.house import START, House

OLD = datetime(2019, 5, 10, tzinfo=UTC)
BEFORE = datetime(2019, 6, 1, tzinfo=UTC)


@attrs.define
class Old:
    """A clinic with three entries of an old month and, unless told otherwise, two of later."""

    house: House
    clinic_id: UUID
    checkpoint: Checkpoint

    def retain(self, before: datetime = BEFORE, *, dry_run: bool = False, **more: Any) -> Retained:
        given: dict[str, Any] = {"checkpoints": [self.checkpoint]} | more
        return self.house.core.retain_trail(Operator(clinic_id=self.clinic_id), before, dry_run=dry_run, **given)

    def drop(self, before: datetime = BEFORE) -> None:
        """Do what the database's owner does: drop old rows."""
        rows = self.house.store.tables.entries._kept  # noqa: SLF001 - a table deletes nothing by itself
        for key in [key for key, row in rows.items() if row.entry.created_at < before]:
            del rows[key]

    def verify(self, *checkpoints: Checkpoint) -> Examination:
        ports = self.house.core.ports
        key = ports.clinic_keys.cipher(self.clinic_id).audit_key
        return examine(ports.trails, key, self.clinic_id, checkpoints=checkpoints)

    def anchors(self) -> Any:
        return self.house.store.tables.anchors

    def kinds(self, *checkpoints: Checkpoint) -> list[tuple[int, str]]:
        return [(broken.seq, broken.kind) for broken in self.verify(*checkpoints).breaks]


def old(times: list[datetime] | None = None) -> Old:
    house = House()
    house.core.prepare_platform()
    house.clock.now = OLD - timedelta(days=3000)
    clinic_id = house.clinic("Old")
    house.clock.now = START
    times = times or [OLD, OLD + timedelta(days=1), OLD + timedelta(days=2), START, START + timedelta(days=1)]
    for time in times:
        with house.store.open_unit(clinic_id) as unit:
            unit.audit.append(an_entry(clinic_id, created_at=time))
    return Old(house, clinic_id, house.core.checkpoint_trail(Operator(clinic_id=clinic_id)))


def test_what_was_dropped_is_not_missed_and_the_rest_verifies_from_there() -> None:
    one = old()
    retained = one.retain()
    assert (4, [4]) == (retained.entries, [mark.seq for mark in retained.anchors.lanes])
    assert one.verify(one.checkpoint).verified  # ready, and nothing dropped yet
    one.drop()
    found = one.verify(retained.anchors, one.checkpoint)
    assert (True, {0: 5}) == (found.verified, dict(found.begins))
    assert one.verify().verified
    entered = [dict(entry.changed_values) for entry in one.house.entries() if entry.action == "audit.retain"]
    assert [{"before": str(BEFORE), "dry_run": False}, {"before": str(BEFORE), "entries": 4}] == entered


def test_a_dry_run_changes_nothing_but_says_that_it_was() -> None:
    one = old()
    assert 4 == one.retain(dry_run=True).entries
    assert [] == one.anchors().rows()
    one.drop()
    assert (1, "missing") == one.kinds()[0]


def test_a_month_is_refused_until_all_of_it_is_six_years_old() -> None:
    one = old()
    assert datetime(2020, 3, 1, tzinfo=UTC) == youngest_end(START)
    with pytest.raises(InvalidInput):
        one.retain(datetime(2020, 4, 1, tzinfo=UTC))
    with pytest.raises(InvalidInput):
        one.retain(youngest_end(START) + timedelta(microseconds=1))
    assert [] == one.anchors().rows()
    assert 4 == one.retain(youngest_end(START)).entries


def test_a_month_is_refused_until_a_checkpoint_covers_it() -> None:
    one = old()
    (mark,) = one.checkpoint.lanes
    early = attrs.evolve(one.checkpoint, lanes=(attrs.evolve(mark, seq=3),))
    for checkpoints in ([], [early], [attrs.evolve(one.checkpoint, clinic_id=UUID(int=9))]):
        with pytest.raises(Conflict):
            one.retain(checkpoints=checkpoints)
    assert [] == one.anchors().rows()
    assert 4 == one.retain().entries


def test_a_lane_that_crosses_the_months_end_keeps_it() -> None:
    one = old([OLD, START, OLD + timedelta(days=1), START])
    with pytest.raises(Conflict):
        one.retain()
    assert [] == one.anchors().rows()


def test_a_trail_that_does_not_verify_loses_nothing() -> None:
    one = old()
    entries = one.house.store.tables.entries
    ((key, row),) = [(key, row) for key, row in entries.items() if row.seq == 2 and key[0] == one.clinic_id]
    entries.put(key, attrs.evolve(row, mac=bytes(32)))
    entries.keep()
    with pytest.raises(BrokenTrail):
        one.retain()
    assert [] == one.anchors().rows()


def test_a_trail_that_has_nothing_old_stays_as_it_is() -> None:
    one = old()
    retained = one.retain(datetime(2005, 1, 1, tzinfo=UTC))
    assert (0, ()) == (retained.entries, retained.anchors.lanes)
    assert [] == one.anchors().rows()


def test_all_of_a_lane_may_go() -> None:
    one = old([OLD, OLD + timedelta(days=1)])
    one.retain()
    one.drop()
    assert one.verify().verified
    lane_left = [row for row in one.house.store.tables.entries.rows() if row.entry.clinic_id == one.clinic_id]
    assert {"audit.checkpoint", "audit.retain"} == {row.entry.action for row in lane_left}


def test_dropping_again_goes_on_from_the_first_anchor() -> None:
    one = old([OLD, datetime(2019, 6, 15, tzinfo=UTC), START])
    first = one.retain()
    one.drop()
    second = one.retain(datetime(2019, 7, 1, tzinfo=UTC), checkpoints=[one.checkpoint, first.anchors])
    assert (1, [3]) == (second.entries, [mark.seq for mark in second.anchors.lanes])
    one.drop(datetime(2019, 7, 1, tzinfo=UTC))
    found = one.verify(one.checkpoint, first.anchors, second.anchors)
    assert (True, {0: 4}) == (found.verified, dict(found.begins))


def test_entries_that_go_without_an_anchor_or_beyond_it_are_missed() -> None:
    one = old()
    one.retain()
    one.drop(START + timedelta(hours=1))
    assert (1, "missing") == one.kinds()[0]


@pytest.mark.parametrize("change", [{"mac": bytes(32)}, {"hash": bytes(32)}, {"entry_mac": bytes(32)}, {"seq": 9}])
def test_an_anchor_that_no_key_made_is_none(change: dict[str, Any]) -> None:
    one = old()
    one.retain()
    one.drop()
    ((key, anchor),) = one.anchors().items()
    one.anchors().put(key, attrs.evolve(anchor, **change))
    one.anchors().keep()
    assert (1, "missing") == one.kinds()[0]


def test_an_anchor_that_no_checkpoint_speaks_of_is_told() -> None:
    one = old()
    retained = one.retain()
    one.drop()
    assert [(5, "unanchored")] == one.kinds(one.checkpoint)
    (mark,) = retained.anchors.lanes
    forged = attrs.evolve(retained.anchors, lanes=(attrs.evolve(mark, hash=bytes(32)),))
    assert [(4, "rewritten")] == one.kinds(forged)
