"""Keys rotated, wrapped again, retired and destroyed; each with its entry, and each refusal with its twin."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import attrs
import pytest

from mindbridge_core import Action, Operator
from mindbridge_core.audit import Outcome
from mindbridge_core.custody import CellCount
from mindbridge_core.custody.use_cases import SETTLED, UNTOUCHED
from mindbridge_core.errors import DamagedRecord, KeyInUse, NotFound
from mindbridge_core.phi import KeyPurpose, WrappedKey, cell_stamp, current_key, stamped_version
from mindbridge_memory.custody import MemoryKeyStore
from tests.core.house import House


@pytest.fixture
def clinic(house: House) -> UUID:
    return house.clinic("North")


def data_keys(house: House, clinic: UUID) -> list[WrappedKey]:
    return [key for key in house.store.wrapped_keys.of_clinic(clinic) if key.purpose is KeyPurpose.DATA]


def rotated(house: House, clinic: UUID) -> WrappedKey:
    made = house.core.rotate_data_key(Operator(clinic_id=clinic))
    house.clock.forward(seconds=SETTLED.total_seconds())
    return made


def sealing(monkeypatch: pytest.MonkeyPatch, cells: Mapping[int, CellCount]) -> None:
    """Have every clinic hold these sealed cells."""
    monkeypatch.setattr(MemoryKeyStore, "cells", lambda _: cells)


def test_a_rotation_adds_a_version_and_says_so(house: House, clinic: UUID) -> None:
    made = house.core.rotate_data_key(Operator(clinic_id=clinic))
    assert [1, 2] == [key.version for key in data_keys(house, clinic)]
    entry = house.entries()[-1]
    assert (Action.KEY_ROTATE, clinic, made.id) == (entry.action, entry.clinic_id, entry.resource_id)
    assert {"purpose": "data", "version": 2} == entry.changed_values


def test_a_rotation_waits_for_the_one_before_it_to_be_finished(house: House, clinic: UUID) -> None:
    rotated(house, clinic)
    with pytest.raises(KeyInUse, match="finish that rotation"):
        house.core.rotate_data_key(Operator(clinic_id=clinic))
    assert (Outcome.FAILURE, {"reason": "key_in_use"}) == (
        house.entries()[-1].outcome,
        house.entries()[-1].changed_values,
    )
    house.core.retire_data_key(Operator(clinic_id=clinic), 1)
    assert 3 == house.core.rotate_data_key(Operator(clinic_id=clinic)).version


def test_keys_under_an_older_master_key_are_wrapped_again_once(house: House, clinic: UUID) -> None:
    keys = house.store.wrapped_keys.of_clinic(clinic)
    older = tuple(attrs.evolve(key, master_key_id="older") for key in keys[:2])
    house.store.tables.wrapped_keys.put(clinic, (*older, *keys[2:]))
    house.store.tables.keep()
    assert 2 == house.core.rewrap_keys(Operator(clinic_id=clinic)).keys
    assert {"process"} == {key.master_key_id for key in house.store.wrapped_keys.of_clinic(clinic)}
    assert {"master_key_id": "process", "keys": 2} == house.entries()[-1].changed_values
    assert 0 == house.core.rewrap_keys(Operator(clinic_id=clinic)).keys


def test_a_version_is_retired_once_every_server_has_the_next(house: House, clinic: UUID) -> None:
    operator = Operator(clinic_id=clinic)
    house.core.rotate_data_key(operator)
    with pytest.raises(KeyInUse, match="try again in 61 seconds"):
        house.core.retire_data_key(operator, 1)
    house.clock.forward(seconds=SETTLED.total_seconds())
    house.core.retire_data_key(operator, 1)
    assert [house.clock.now, None] == [key.retired_at for key in data_keys(house, clinic)]
    entry = house.entries()[-1]
    assert {"purpose": "data", "version": 1, "destroyed": False} == entry.changed_values


def test_without_servers_nothing_is_waited_for(house: House, clinic: UUID) -> None:
    operator = Operator(clinic_id=clinic)
    house.core.rotate_data_key(operator)
    house.core.retire_data_key(operator, 1, offline=True)
    house.core.retire_data_key(operator, 1, destroy=True, offline=True)
    assert [2] == [key.version for key in data_keys(house, clinic)]


def test_the_current_version_and_one_that_there_is_not_are_not_retired(house: House, clinic: UUID) -> None:
    operator = Operator(clinic_id=clinic)
    with pytest.raises(KeyInUse, match="current"):
        house.core.retire_data_key(operator, 1)
    with pytest.raises(NotFound):
        house.core.retire_data_key(operator, 2)
    rotated(house, clinic)
    house.core.retire_data_key(operator, 1)


def test_to_retire_a_version_again_changes_nothing(house: House, clinic: UUID) -> None:
    operator = Operator(clinic_id=clinic)
    rotated(house, clinic)
    house.core.retire_data_key(operator, 1)
    before = data_keys(house, clinic)
    house.clock.forward(minutes=1)
    house.core.retire_data_key(operator, 1)
    assert before == data_keys(house, clinic)


def test_a_version_that_a_record_is_sealed_under_is_not_retired(
    house: House, clinic: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = Operator(clinic_id=clinic)
    rotated(house, clinic)
    sealing(monkeypatch, {1: CellCount(records=7), 2: CellCount(records=9)})
    with pytest.raises(KeyInUse, match="7 cells"):
        house.core.retire_data_key(operator, 1)
    sealing(monkeypatch, {1: CellCount(trail=3), 2: CellCount(records=9)})
    house.core.retire_data_key(operator, 1)


def test_a_version_is_destroyed_an_hour_after_it_was_retired(house: House, clinic: UUID) -> None:
    operator = Operator(clinic_id=clinic)
    rotated(house, clinic)
    with pytest.raises(KeyInUse, match="retire it first"):
        house.core.retire_data_key(operator, 1, destroy=True)
    house.core.retire_data_key(operator, 1)
    with pytest.raises(KeyInUse, match="try again"):
        house.core.retire_data_key(operator, 1, destroy=True)
    house.clock.forward(seconds=UNTOUCHED.total_seconds())
    house.core.retire_data_key(operator, 1, destroy=True)
    assert [2] == [key.version for key in data_keys(house, clinic)]
    assert {"purpose": "data", "version": 1, "destroyed": True} == house.entries()[-1].changed_values


@pytest.mark.parametrize("found", [CellCount(records=1), CellCount(trail=1)])
def test_a_version_that_anything_is_sealed_under_is_not_destroyed(
    house: House, clinic: UUID, found: CellCount, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = Operator(clinic_id=clinic)
    rotated(house, clinic)
    house.core.retire_data_key(operator, 1)
    house.clock.forward(seconds=UNTOUCHED.total_seconds())
    sealing(monkeypatch, {1: found})
    with pytest.raises(KeyInUse, match="sealed under it"):
        house.core.retire_data_key(operator, 1, destroy=True)
    sealing(monkeypatch, {2: found})
    house.core.retire_data_key(operator, 1, destroy=True)


def test_a_master_key_is_retired_when_no_clinic_has_anything_under_it(house: House, clinic: UUID) -> None:
    keys = house.store.wrapped_keys.of_clinic(clinic)
    house.store.tables.wrapped_keys.put(clinic, (attrs.evolve(keys[0], master_key_id="older"), *keys[1:]))
    house.store.tables.keep()
    with pytest.raises(KeyInUse, match="1 keys are wrapped"):
        house.core.retire_master_key(Operator(), "older")
    with pytest.raises(KeyInUse, match="current"):
        house.core.retire_master_key(Operator(), "process")
    house.core.rewrap_keys(Operator(clinic_id=clinic))
    house.core.retire_master_key(Operator(), "older")
    entry = house.entries()[-1]
    assert (Action.KEY_RETIRE_MASTER, Outcome.SUCCESS) == (entry.action, entry.outcome)
    assert {"master_key_id": "older"} == entry.changed_values


def test_the_newest_version_that_is_not_retired_is_the_one_in_use(house: House, clinic: UUID) -> None:
    rotated(house, clinic)
    keys = house.store.wrapped_keys.of_clinic(clinic)
    assert 2 == current_key(keys, KeyPurpose.DATA).version
    retired = [attrs.evolve(key, retired_at=house.clock.now if key.version == 2 else None) for key in keys]
    assert 1 == current_key(retired, KeyPurpose.DATA).version
    with pytest.raises(DamagedRecord):
        current_key([key for key in keys if key.purpose is not KeyPurpose.DATA], KeyPurpose.DATA)


@pytest.mark.parametrize("version", [1, 2, 255, 256, 65_535])
def test_a_cell_says_its_version(version: int) -> None:
    assert version == stamped_version(cell_stamp(version) + bytes(28))


@pytest.mark.parametrize("cell", [b"", b"\x01", b"\x01\x00", b"\x00\x00\x01", b"\x02\x00\x01rest"])
def test_what_is_no_cell_says_none(cell: bytes) -> None:
    assert 0 == stamped_version(cell)
