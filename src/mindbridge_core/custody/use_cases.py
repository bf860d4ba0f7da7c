"""Use cases of the operator on keys. Each is entered in the trail of the clinic whose key it is.

The order of a rotation: a new version, which seals from then on; the walk that reseals what is there, which is the
store's own; the old version retired, which then opens only; and, where that is wanted, destroyed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Caller
from mindbridge_core.clock import Clock
from mindbridge_core.custody.ports import CellCount, CustodyUnit, KeyMaking, KeyStore
from mindbridge_core.errors import KeyInUse, NotFound
from mindbridge_core.oversight import Trails
from mindbridge_core.phi import ClinicKeys, KeyPurpose, WrappedKey, WrappedKeys, current_key
from mindbridge_core.work import Work

__all__ = ["SETTLED", "UNTOUCHED", "RetireDataKey", "RetireMasterKey", "RewrapKeys", "Rewrapped", "RotateDataKey"]

SETTLED: Final = timedelta(seconds=60)
"""After this no server seals under the version before: each reads its keys again within 30 seconds, and no unit that
was open then lasts for 30 more."""

UNTOUCHED: Final = timedelta(hours=1)
"""How long a version must have been retired before it can be destroyed."""


@attrs.frozen(kw_only=True)
class Rewrapped:
    """A clinic's keys are under this master key; `keys` of them were not before."""

    clinic_id: UUID
    master_key_id: str
    keys: int


@attrs.frozen(kw_only=True)
class RewrapKeys:
    """Wrap those of the clinic's keys that lie under an older master key again. The keys stay what they are."""

    work: Work[CustodyUnit]
    making: KeyMaking

    def __call__(self, caller: Caller) -> Rewrapped:
        """Return what was done; done again it changes nothing."""
        with self.work(caller, Action.KEY_REWRAP) as desk:
            current = self.making.master_key_id
            older = [key for key in desk.unit.keys.all() if key.master_key_id != current]
            for key in older:
                desk.unit.keys.rewrap(key, *self.making.rewrapped(key))
            done = Rewrapped(clinic_id=desk.principal.clinic_id, master_key_id=current, keys=len(older))
            said = {"master_key_id": current, "keys": len(older)}
            desk.changes(said, plain=frozenset(said))
        return done


@attrs.frozen(kw_only=True)
class RotateDataKey:
    """Give the clinic a new version of its data key, which seals from now on; the older ones still open."""

    work: Work[CustodyUnit]
    making: KeyMaking
    keys: ClinicKeys

    def __call__(self, caller: Caller) -> WrappedKey:
        """Return the new key. KeyInUse when an older version is not retired yet: that rotation comes first."""
        with self.work(caller, Action.KEY_ROTATE) as desk:
            versions = _data_keys(desk.unit.keys)
            if len([key for key in versions if key.retired_at is None]) > 1:
                raise KeyInUse("An older data key is not retired yet: finish that rotation first.")
            made = self.making.renewed(desk.principal.clinic_id, versions[-1].version + 1)
            desk.unit.keys.add(made)
            desk.resource_id = made.id
            _say(desk.changes, made)
        self.keys.forget(made.clinic_id)
        return made


@attrs.frozen(kw_only=True)
class RetireDataKey:
    """Retire an older version of the clinic's data key, or destroy one that is retired."""

    work: Work[CustodyUnit]
    clock: Clock

    def __call__(self, caller: Caller, version: int, *, destroy: bool = False, offline: bool = False) -> None:
        """Return when it is done. KeyInUse while the version may be needed; `offline` says that no server runs.

        What the trail sealed under a version cannot be resealed: such a version is retired, but never destroyed.
        """
        with self.work(caller, Action.KEY_RETIRE) as desk:
            now, keys = self.clock(), desk.unit.keys
            key = next((one for one in _data_keys(keys) if one.version == version), None)
            if key is None:
                raise NotFound
            desk.resource_id = key.id
            _say(desk.changes, key, destroyed=destroy)
            since = current_key(keys.all(), KeyPurpose.DATA).created_at
            _require_older(keys, key)
            if destroy:
                _require_settled(key.retired_at, UNTOUCHED, now, offline=offline)
                _require_unused(keys, key, trail=True)
                keys.destroy(key)
            elif key.retired_at is None:
                _require_settled(since, SETTLED, now, offline=offline)
                _require_unused(keys, key, trail=False)
                keys.retire(key, now)


@attrs.frozen(kw_only=True)
class RetireMasterKey:
    """Permit that an older master key leaves the key ring: enter it, or refuse while a key is wrapped with it."""

    work: Work[CustodyUnit]
    making: KeyMaking
    trails: Trails
    wrapped_keys: WrappedKeys

    def __call__(self, caller: Caller, master_key_id: str) -> None:
        """Return when nothing is wrapped with it, in any clinic; KeyInUse else, and for the current one."""
        held = self.wrapped_with(master_key_id)  # each clinic's in a transaction of its own, before this one
        with self.work(caller, Action.KEY_RETIRE_MASTER) as desk:
            desk.changes({"master_key_id": master_key_id}, plain=frozenset({"master_key_id"}))
            if master_key_id == self.making.master_key_id:
                raise KeyInUse("It is the current master key: rotate first.")
            if held:
                raise KeyInUse(f"{held} keys are wrapped with this master key: rotate the master key to its end first.")

    def wrapped_with(self, master_key_id: str) -> int:
        """Count the keys of all clinics that are wrapped with this master key."""
        clinics = (self.wrapped_keys.of_clinic(clinic_id) for clinic_id in self.trails.clinics())
        return sum(key.master_key_id == master_key_id for keys in clinics for key in keys)


def _data_keys(keys: KeyStore) -> Sequence[WrappedKey]:
    return [key for key in keys.all() if key.purpose is KeyPurpose.DATA]


def _say(changes: Callable[..., None], key: WrappedKey, **more: object) -> None:
    said: Mapping[str, object] = {"purpose": key.purpose, "version": key.version, **more}
    changes(said, plain=frozenset(said))


def _require_older(keys: KeyStore, key: WrappedKey) -> None:
    if current_key(keys.all(), KeyPurpose.DATA).version == key.version:
        raise KeyInUse("It is the current version: rotate first.")


def _require_settled(since: datetime | None, wait: timedelta, now: datetime, *, offline: bool) -> None:
    if since is None:
        raise KeyInUse("The version is not retired: retire it first.")
    if not offline and now < since + wait:
        seconds = int((since + wait - now).total_seconds()) + 1
        raise KeyInUse(f"A server may still be at work with it: try again in {seconds} seconds.")


def _require_unused(keys: KeyStore, key: WrappedKey, *, trail: bool) -> None:
    found = keys.cells().get(key.version, CellCount())
    if found.records:
        raise KeyInUse(f"{found.records} cells are sealed under it: rotate the data key to its end first.")
    if trail and found.trail:
        raise KeyInUse(f"{found.trail} entries of the trail are sealed under it, and entries never change.")
