"""What the keeping of keys needs from the outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import attrs

from mindbridge_core.phi import WrappedKey
from mindbridge_core.work import Unit

__all__ = ["CellCount", "CustodyUnit", "KeyMaking", "KeyStore"]


@attrs.frozen
class CellCount:
    """How many cells are sealed under one version: those of records, and those of the trail, which nothing reseals."""

    records: int = 0
    trail: int = 0


class KeyStore(Protocol):
    """The wrapped keys of the unit's clinic."""

    def all(self) -> Sequence[WrappedKey]:
        """Return all keys, oldest version first, retired ones included."""

    def add(self, key: WrappedKey) -> None:
        """Store a further version; Conflict when the purpose has that version."""

    def rewrap(self, key: WrappedKey, master_key_id: str, wrapped: bytes) -> None:
        """Put `wrapped` in the place of the key's own bytes; LostUpdate when these are no longer the stored ones."""

    def retire(self, key: WrappedKey, at: datetime) -> None:
        """Have the key seal nothing from now on; it still opens what it sealed."""

    def destroy(self, key: WrappedKey) -> None:
        """Remove the key for ever, and with it whatever is still sealed under it."""

    def cells(self) -> Mapping[int, CellCount]:
        """Count the clinic's sealed cells by the version that they name; 0 stands for those that name none."""


class CustodyUnit(Unit, Protocol):
    """A transaction on one clinic's keys."""

    @property
    def keys(self) -> KeyStore:
        """The clinic's wrapped keys."""


class KeyMaking(Protocol):
    """Makes and wraps keys under the master key; what it returns is stored by the caller."""

    @property
    def master_key_id(self) -> str:
        """Name the master key that wraps now."""

    def renewed(self, clinic_id: UUID, version: int) -> WrappedKey:
        """Return a new data key of the clinic as this version."""

    def rewrapped(self, key: WrappedKey) -> tuple[str, bytes]:
        """Wrap the key's secret again; return the master key's id and the bytes.

        Raises DamagedRecord for a key that does not unwrap.
        """
