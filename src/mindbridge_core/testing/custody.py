"""The contract of a clinic's wrapped keys, as their keeper changes them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid4

import attrs

from mindbridge_core.errors import Conflict, LostUpdate
from mindbridge_core.phi import KeyPurpose, WrappedKey
from mindbridge_core.testing.records import LATER, NOW
from mindbridge_core.testing.store import ContractStore, StoreContract, raises

__all__ = ["KeyStoreContract"]


def _keys(store: ContractStore, clinic_id: UUID) -> Sequence[WrappedKey]:
    with store.open_unit(clinic_id) as unit:
        return list(unit.keys.all())


def _data(store: ContractStore, clinic_id: UUID) -> WrappedKey:
    return next(key for key in _keys(store, clinic_id) if key.purpose is KeyPurpose.DATA)


def _second(store: ContractStore, clinic_id: UUID) -> WrappedKey:
    first = _data(store, clinic_id)
    return attrs.evolve(first, id=uuid4(), version=2, created_at=LATER)


class KeyStoreContract(StoreContract):
    """Keys are added, wrapped again, retired and destroyed one by one, in their own clinic alone."""

    def test_all_keys_are_those_that_units_are_opened_with(self) -> None:
        """Oldest version first; each clinic has its own."""
        store = self.store()
        assert list(store.wrapped_keys.of_clinic(store.clinic_a)) == _keys(store, store.clinic_a)
        assert {key.clinic_id for key in _keys(store, store.clinic_b)} == {store.clinic_b}

    def test_a_further_version_is_kept_and_the_same_one_is_a_conflict(self) -> None:
        """The other clinic's keys stay as they are."""
        store = self.store()
        before, others = _keys(store, store.clinic_a), _keys(store, store.clinic_b)
        second = _second(store, store.clinic_a)
        with store.open_unit(store.clinic_a) as unit:
            unit.keys.add(second)
        assert _keys(store, store.clinic_a) == [*before, second]
        with raises(Conflict), store.open_unit(store.clinic_a) as unit:
            unit.keys.add(attrs.evolve(second, id=uuid4()))
        assert _keys(store, store.clinic_a) == [*before, second]
        assert _keys(store, store.clinic_b) == others

    def test_a_key_wrapped_again_is_the_same_key_under_another_master_key(self) -> None:
        """Bytes and name change together, and nothing else."""
        store = self.store()
        key, before = _data(store, store.clinic_a), _keys(store, store.clinic_a)
        with store.open_unit(store.clinic_a) as unit:
            unit.keys.rewrap(key, "another", b"other bytes")
        changed = attrs.evolve(key, master_key_id="another", wrapped=b"other bytes")
        assert _keys(store, store.clinic_a) == [changed if one == key else one for one in before]

    def test_a_key_that_changed_meanwhile_is_not_wrapped_again(self) -> None:
        """What the other one stored stays."""
        store = self.store()
        key = _data(store, store.clinic_a)
        with store.open_unit(store.clinic_a) as unit:
            unit.keys.rewrap(key, "another", b"first")
        with raises(LostUpdate), store.open_unit(store.clinic_a) as unit:
            unit.keys.rewrap(key, "another", b"second")
        assert _data(store, store.clinic_a).wrapped == b"first"

    def test_a_key_is_retired_once(self) -> None:
        """Its time stays the first one."""
        store = self.store()
        key = _data(store, store.clinic_a)
        with store.open_unit(store.clinic_a) as unit:
            unit.keys.retire(key, NOW)
        assert _data(store, store.clinic_a) == attrs.evolve(key, retired_at=NOW)
        with raises(LostUpdate), store.open_unit(store.clinic_a) as unit:
            unit.keys.retire(key, LATER)
        assert _data(store, store.clinic_a).retired_at == NOW

    def test_a_retired_key_is_destroyed_and_one_that_is_not_as_it_was_read_is_not(self) -> None:
        """Whoever destroys must have seen what is there."""
        store = self.store()
        second = _second(store, store.clinic_a)
        key = _data(store, store.clinic_a)
        with store.open_unit(store.clinic_a) as unit:
            unit.keys.add(second)
            unit.keys.retire(key, NOW)
        with raises(LostUpdate), store.open_unit(store.clinic_a) as unit:
            unit.keys.destroy(attrs.evolve(key, retired_at=LATER))
        with store.open_unit(store.clinic_a) as unit:
            unit.keys.destroy(attrs.evolve(key, retired_at=NOW))
        assert _data(store, store.clinic_a) == second

    def test_another_clinics_key_is_out_of_reach(self) -> None:
        """A key that the unit's clinic does not have is one that is not there."""
        store = self.store()
        key = _data(store, store.clinic_b)
        for change in ("rewrap", "retire", "destroy"):
            with raises(LostUpdate), store.open_unit(store.clinic_a) as unit:
                if change == "rewrap":
                    unit.keys.rewrap(key, "another", b"bytes")
                elif change == "retire":
                    unit.keys.retire(key, NOW)
                else:
                    unit.keys.destroy(key)
        assert _data(store, store.clinic_b) == key

    def test_a_clinic_in_which_nothing_is_sealed_has_no_cells(self) -> None:
        """The count names versions that are found, and no others."""
        store = self.store()
        with store.open_unit(store.clinic_a) as unit:
            assert dict(unit.keys.cells()) == {}
