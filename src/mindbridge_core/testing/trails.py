"""The contract of the audit trail: every entry in a chain that verifies, whoever writes at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

import attrs

from mindbridge_core.access import Action
from mindbridge_core.audit import AuditEntry, Outcome
from mindbridge_core.compliance import LANES, SealedEntry, verify_lane
from mindbridge_core.testing.records import NOW, an_entry
from mindbridge_core.testing.store import ContractStore, StoreContract, breaks, raises, together

__all__ = ["AuditTrailContract"]


def _append(store: ContractStore, *entries: AuditEntry) -> None:
    with store.open_unit(entries[0].clinic_id) as unit:
        for entry in entries:
            unit.audit.append(entry)


def _sealed(store: ContractStore, clinic_id: UUID) -> Iterator[SealedEntry]:
    _, lanes = store.trail(clinic_id)
    for entries in lanes.values():
        yield from entries


def _ids(store: ContractStore, clinic_id: UUID) -> set[UUID]:
    return {sealed.entry.id for sealed in _sealed(store, clinic_id)}


class AuditTrailContract(StoreContract):
    """What a unit appends is in its clinic's chain once the unit has ended well, as it was appended."""

    def test_an_entry_comes_back_as_it_was_appended(self) -> None:
        """Every field, with nothing but the needed and with everything, for every action and outcome."""
        store = self.store()
        full = an_entry(
            store.clinic_a,
            resource_id=uuid4(),
            resource_ids=tuple(uuid4() for _ in range(100)),
            changed_fields=("name", "status"),
            changed_values={"none": None, "number": -1, "text": 'ü"\\', "truth": True},
            phi_accessed=True,
            user_id=uuid4(),
            session_id=uuid4(),
            request_id="r" * 128,
            ip_address="f" * 45,
            user_agent="ü" * 255,
            access_reason="Ärztlicher Notfall",
        )
        entries = [full, an_entry(store.clinic_a)]
        entries += [
            an_entry(store.clinic_a, action=action, outcome=outcome) for action in Action for outcome in Outcome
        ]
        for entry in entries:
            _append(store, entry)
        found = {sealed.entry.id: sealed.entry for sealed in _sealed(store, store.clinic_a)}
        assert found == {entry.id: entry for entry in entries}
        assert breaks(store, store.clinic_a) == []

    def test_every_lane_has_a_head_once_an_entry_is_written(self) -> None:
        """A missing head would hide the loss of a lane."""
        store = self.store()
        _append(store, an_entry(store.clinic_a))
        heads, _ = store.trail(store.clinic_a)
        assert sorted(heads) == list(range(LANES))

    def test_entries_of_one_unit_are_all_kept(self) -> None:
        """Each has a place of its own."""
        store = self.store()
        entries = [an_entry(store.clinic_a, created_at=NOW + timedelta(seconds=second)) for second in range(5)]
        _append(store, *entries)
        assert {entry.id for entry in entries} == _ids(store, store.clinic_a)
        assert breaks(store, store.clinic_a) == []

    def test_a_dropped_unit_leaves_no_gap(self) -> None:
        """The chain goes on as if it had not been."""
        store = self.store()
        before, after = an_entry(store.clinic_a), an_entry(store.clinic_a)
        _append(store, before)
        with raises(ValueError), store.open_unit(store.clinic_a) as unit:
            unit.audit.append(an_entry(store.clinic_a))
            raise ValueError
        _append(store, after)
        assert {before.id, after.id} == _ids(store, store.clinic_a)
        assert breaks(store, store.clinic_a) == []

    def test_units_at_once_never_fork_the_chain(self) -> None:
        """Eight writers, five entries each: every entry is there and every lane counts without a gap."""
        store = self.store()
        entries = [[an_entry(store.clinic_a) for _ in range(5)] for _ in range(8)]

        def write(place: int) -> None:
            for entry in entries[place]:
                _append(store, entry)

        assert together(*[partial(write, place) for place in range(8)]) == [None] * 8
        assert {entry.id for written in entries for entry in written} == _ids(store, store.clinic_a)
        assert breaks(store, store.clinic_a) == []

    def test_each_clinic_has_a_trail_under_a_key_of_its_own(self) -> None:
        """One clinic's entries are not in another's, nor do they verify under its key."""
        store = self.store()
        mine, foreign = an_entry(store.clinic_a), an_entry(store.clinic_b)
        _append(store, mine)
        _append(store, foreign)
        assert ({mine.id}, {foreign.id}) == (_ids(store, store.clinic_a), _ids(store, store.clinic_b))
        heads, lanes = store.trail(store.clinic_a)
        (lane,) = lanes
        found = verify_lane(store.keys.cipher(store.clinic_b).audit_key, heads[lane], lanes[lane])
        assert {broken.kind for broken in found} == {"altered", "truncated", "unlinked"}

    def test_an_edit_behind_the_stores_back_is_found(self) -> None:
        """What the trail returns is what was sealed, so a changed field breaks the chain."""
        store = self.store()
        _append(store, an_entry(store.clinic_a))
        heads, lanes = store.trail(store.clinic_a)
        ((lane, (sealed,)),) = lanes.items()
        edited = attrs.evolve(sealed, entry=attrs.evolve(sealed.entry, outcome=Outcome.DENIED))
        found = verify_lane(store.keys.cipher(store.clinic_a).audit_key, heads[lane], [edited])
        assert [broken.kind for broken in found] == ["altered"]
