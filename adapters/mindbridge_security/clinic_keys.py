"""The clinics' keys: loaded once, kept in memory, made for new clinics."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core.clock import Clock
from mindbridge_core.errors import DamagedRecord, MindBridgeError, UnknownClinic
from mindbridge_core.ids import NewId
from mindbridge_core.phi import ClinicCipher, KeyPurpose, MasterKey, WrappedKey, WrappedKeys, current_key
from mindbridge_security.cipher import ClinicSecrets, KeyedCipher

__all__ = ["ClinicKeyRing", "wrapping_context"]

KEY_BYTES: Final = 32
LOADERS: Final = 64
REFRESH_SECONDS: Final = 30.0


def wrapping_context(clinic_id: UUID, purpose: KeyPurpose, version: int) -> bytes:
    """Return what a clinic's key is bound to under its master key, so that it opens as no other clinic's or purpose's.

    Whoever wraps a key again, as under a new master key, does so in the same context.
    """
    return b"mindbridge clinic key" + clinic_id.bytes + version.to_bytes(4, "big") + purpose.value.encode()


@attrs.define
class _Kept:
    """What is in memory of a clinic. `made` are keys made here for a new clinic, which may not be stored yet."""

    cipher: KeyedCipher
    read_at: float
    made: tuple[WrappedKey, ...] | None = None
    failure: MindBridgeError | None = None
    failed_at: float = 0.0


@attrs.frozen(kw_only=True)
class ClinicKeyRing:
    """`ClinicKeys` and `KeyMaking` of the core, for any number of threads. Memory holds at most `capacity` clinics.

    Each clinic has one key per purpose, each of 32 random bytes. The newest version that is not retired is the one in
    use; all versions of the data key decrypt. Keys are read again when they are half of `refresh` seconds old, and once
    they are older than that nobody is given them any more, so that no process goes on with a version that another one
    has replaced, not even where reading fails.
    """

    master: MasterKey
    stored: WrappedKeys
    clock: Clock
    new_id: NewId
    capacity: int = attrs.field(default=10_000, validator=attrs.validators.ge(1))
    refresh: float = REFRESH_SECONDS
    seconds: Callable[[], float] = time.monotonic
    _kept: OrderedDict[UUID, _Kept] = attrs.field(factory=OrderedDict, init=False, repr=False)
    _lock: Lock = attrs.field(factory=Lock, init=False, repr=False)
    _loaders: tuple[Lock, ...] = attrs.field(init=False, repr=False)

    @_loaders.default
    def _one_loader_each(self) -> tuple[Lock, ...]:
        # Of the threads that miss a clinic at once one asks the store, and clinics hardly wait for one another.
        return tuple(Lock() for _ in range(LOADERS))

    def cipher(self, clinic_id: UUID) -> ClinicCipher:
        """Return the clinic's cipher; raises UnknownClinic, and DamagedRecord when a key does not unwrap.

        Call it before a unit opens, not in one: it may have to ask the store.
        """
        kept = self._find(clinic_id)
        if kept is None:
            return self._first(clinic_id).cipher
        age = self.seconds() - kept.read_at
        if age >= self.refresh / 2:
            self._read_again(clinic_id, kept, wait=age >= self.refresh)
        return kept.cipher

    def _first(self, clinic_id: UUID) -> _Kept:
        with self._loaders[hash(clinic_id) % LOADERS]:
            kept = self._find(clinic_id)
            if kept is None:
                read_at = self.seconds()
                cipher = self._cipher_of(clinic_id, self._load(clinic_id))
                kept = self._keep(clinic_id, _Kept(cipher, read_at))
        return kept

    def _read_again(self, clinic_id: UUID, kept: _Kept, *, wait: bool) -> None:
        """Have one thread read the keys. The others go on with those there are, until they must `wait` for it."""
        came, loader = self.seconds(), self._loaders[hash(clinic_id) % LOADERS]
        if not loader.acquire(blocking=wait):
            return
        try:
            if kept.read_at >= came:
                return
            if kept.failure is not None and kept.failed_at >= came:
                raise type(kept.failure) from kept.failure  # whoever waited for that try does not try once more
            self._read(clinic_id, kept)
        finally:
            loader.release()

    def _read(self, clinic_id: UUID, kept: _Kept) -> None:
        read_at = self.seconds()
        try:
            kept.cipher.take(self._load(clinic_id))
        except UnknownClinic:
            if kept.made is None:
                self.forget(clinic_id)
                raise
            kept.read_at = read_at  # made here, and not stored yet
        except MindBridgeError as failure:
            kept.failure, kept.failed_at = failure, self.seconds()
            raise
        else:
            kept.read_at, kept.made, kept.failure = read_at, None, None

    def make(self, clinic_id: UUID) -> Sequence[WrappedKey]:
        """Make a new clinic's keys, usable here at once; the caller stores them, or calls `forget` when that fails.

        Two that make keys for one clinic at the same time get the same ones, so that neither works under keys that
        the other's replaced. For a clinic whose keys are in memory already the keys returned are not used here: storing
        them is bound to fail.
        """
        secret = {purpose: secrets.token_bytes(KEY_BYTES) for purpose in KeyPurpose}
        made = tuple(self._wrap(clinic_id, purpose, key) for purpose, key in secret.items())
        fresh = ClinicSecrets(
            data={1: secret[KeyPurpose.DATA]},
            current=1,
            index=secret[KeyPurpose.INDEX],
            audit=secret[KeyPurpose.AUDIT],
        )
        kept = self._keep(clinic_id, _Kept(self._cipher_of(clinic_id, fresh), self.seconds(), made))
        return kept.made or made

    def forget(self, clinic_id: UUID) -> None:
        """Drop the clinic's keys from memory; the next use loads what is stored."""
        with self._lock:
            self._kept.pop(clinic_id, None)

    @property
    def master_key_id(self) -> str:
        """Name the master key that wraps now."""
        return self.master.id

    def renewed(self, clinic_id: UUID, version: int) -> WrappedKey:
        """Return a new data key of the clinic as this version; it is used once it is stored and read from there."""
        return self._wrap(clinic_id, KeyPurpose.DATA, secrets.token_bytes(KEY_BYTES), version)

    def rewrapped(self, key: WrappedKey) -> tuple[str, bytes]:
        """Wrap the key's secret under the current master key; DamagedRecord for a key that does not unwrap."""
        context = wrapping_context(key.clinic_id, key.purpose, key.version)
        return self._wrapped(self._unwrap(key.clinic_id, key), context)

    def _find(self, clinic_id: UUID) -> _Kept | None:
        with self._lock:
            kept = self._kept.get(clinic_id)
            if kept is not None:
                self._kept.move_to_end(clinic_id)
        return kept

    def _keep(self, clinic_id: UUID, kept: _Kept) -> _Kept:
        """Keep this, unless another thread was faster; return what is kept."""
        with self._lock:
            kept = self._kept.setdefault(clinic_id, kept)
            self._kept.move_to_end(clinic_id)
            if len(self._kept) > self.capacity:
                self._kept.popitem(last=False)
        return kept

    def _cipher_of(self, clinic_id: UUID, keys: ClinicSecrets) -> KeyedCipher:
        return KeyedCipher(clinic_id, keys, lambda: self._load(clinic_id))

    def _wrap(self, clinic_id: UUID, purpose: KeyPurpose, key: bytes, version: int = 1) -> WrappedKey:
        master_key_id, wrapped = self._wrapped(key, wrapping_context(clinic_id, purpose, version))
        return WrappedKey(
            id=self.new_id(),
            clinic_id=clinic_id,
            purpose=purpose,
            version=version,
            wrapped=wrapped,
            master_key_id=master_key_id,
            created_at=self.clock(),
        )

    def _wrapped(self, key: bytes, context: bytes) -> tuple[str, bytes]:
        """Wrap under the current master key and return which that is, also when it changes at this very moment."""
        while True:
            master_key_id, wrapped = self.master.id, self.master.wrap(key, context)
            if master_key_id == self.master.id:
                return master_key_id, wrapped

    def _load(self, clinic_id: UUID) -> ClinicSecrets:
        stored = self.stored.of_clinic(clinic_id)
        if not stored:
            raise UnknownClinic
        data = [key for key in stored if key.purpose is KeyPurpose.DATA]
        return ClinicSecrets(
            data={key.version: self._unwrap(clinic_id, key) for key in data},
            current=current_key(stored, KeyPurpose.DATA).version,
            index=self._unwrap(clinic_id, current_key(stored, KeyPurpose.INDEX)),
            audit=self._unwrap(clinic_id, current_key(stored, KeyPurpose.AUDIT)),
        )

    def _unwrap(self, clinic_id: UUID, key: WrappedKey) -> bytes:
        context = wrapping_context(clinic_id, key.purpose, key.version)
        secret = self.master.unwrap(key.master_key_id, key.wrapped, context)
        if len(secret) != KEY_BYTES:
            raise DamagedRecord
        return secret
