"""The clinic's wrapped keys in memory, where no cell is sealed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import attrs

from mindbridge_core.custody import CellCount
from mindbridge_core.errors import Conflict, LostUpdate
from mindbridge_core.phi import WrappedKey
from mindbridge_memory.tables import Tables

__all__ = ["MemoryKeyStore"]


@attrs.frozen
class MemoryKeyStore:
    """`KeyStore` of the core."""

    tables: Tables
    clinic_id: UUID

    def all(self) -> Sequence[WrappedKey]:
        """Return all keys, oldest version first."""
        return self.tables.wrapped_keys.get(self.clinic_id) or ()

    def add(self, key: WrappedKey) -> None:
        """Keep a further version."""
        if (key.purpose, key.version) in {(one.purpose, one.version) for one in self.all()}:
            raise Conflict
        self._put([*self.all(), key])

    def rewrap(self, key: WrappedKey, master_key_id: str, wrapped: bytes) -> None:
        """Put `wrapped` in the place of the key's own bytes."""
        self._replace(key, attrs.evolve(key, master_key_id=master_key_id, wrapped=wrapped))

    def retire(self, key: WrappedKey, at: datetime) -> None:
        """Set when the key was retired."""
        self._replace(key, attrs.evolve(key, retired_at=at))

    def destroy(self, key: WrappedKey) -> None:
        """Remove the key."""
        self._replace(key)

    def cells(self) -> Mapping[int, CellCount]:
        """Return nothing: no cell is sealed here."""
        return {}

    def _replace(self, key: WrappedKey, *by: WrappedKey) -> None:
        if key not in self.all():
            raise LostUpdate
        self._put([*(one for one in self.all() if one != key), *by])

    def _put(self, keys: Sequence[WrappedKey]) -> None:
        ordered = sorted(keys, key=lambda key: (key.version, key.purpose))
        self.tables.wrapped_keys.put(self.clinic_id, tuple(ordered))
