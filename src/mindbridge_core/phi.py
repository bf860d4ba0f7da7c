"""Ports for the protection of PHI at rest: one cipher per clinic, under keys that a master key wraps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum, unique
from typing import Final, Protocol
from uuid import UUID

import attrs

from mindbridge_core.errors import DamagedRecord

__all__ = [
    "ClinicCipher",
    "ClinicKeys",
    "KeyPurpose",
    "MasterKey",
    "WrappedKey",
    "WrappedKeys",
    "cell_stamp",
    "current_key",
    "stamped_version",
]

CELL_FORMAT: Final = 1
STAMP_BYTES: Final = 3


@unique
class KeyPurpose(StrEnum):
    """What a clinic's key is for. Each purpose has keys of its own, so that each rotates alone."""

    AUDIT = "audit"
    DATA = "data"
    INDEX = "index"


@attrs.frozen(kw_only=True)
class WrappedKey:
    """A clinic's key as it is stored: encrypted under the master key named `master_key_id`."""

    id: UUID
    clinic_id: UUID
    purpose: KeyPurpose
    version: int
    wrapped: bytes = attrs.field(repr=False)
    master_key_id: str
    created_at: datetime
    retired_at: datetime | None = None


def current_key(keys: Sequence[WrappedKey], purpose: KeyPurpose) -> WrappedKey:
    """Return the key in use: the newest version that is not retired; DamagedRecord when there is none."""
    in_use = [key for key in keys if key.purpose is purpose and key.retired_at is None]
    if not in_use:
        raise DamagedRecord
    return max(in_use, key=lambda key: key.version)


def cell_stamp(version: int) -> bytes:
    """Return how every cell sealed under this version of a data key begins: format, and version in two bytes."""
    return bytes([CELL_FORMAT]) + version.to_bytes(STAMP_BYTES - 1, "big")


def stamped_version(cell: bytes) -> int:
    """Return which version a cell, or the beginning of one, says that it is sealed under; 0 when it says none."""
    if len(cell) < STAMP_BYTES or cell[0] != CELL_FORMAT:
        return 0
    return int.from_bytes(cell[1:STAMP_BYTES], "big")


class MasterKey(Protocol):
    """The key outside the database: a local key ring, or a key management service."""

    @property
    def id(self) -> str:
        """Name the key that `wrap` uses now."""

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """Encrypt `key`, bound to `context`."""

    def unwrap(self, master_key_id: str, wrapped: bytes, context: bytes) -> bytes:
        """Decrypt what `wrap` made under that master key; raise DamagedRecord when context or bytes differ."""


class WrappedKeys(Protocol):
    """Where clinics' wrapped keys are stored."""

    def of_clinic(self, clinic_id: UUID) -> Sequence[WrappedKey]:
        """Return the clinic's keys, oldest version first; empty when the clinic has none."""


class ClinicCipher(Protocol):
    """One clinic's protection of its own cells. Pure computation: no input or output."""

    @property
    def audit_key(self) -> bytes:
        """Return the 32-byte key of the clinic's audit chain."""

    @property
    def version(self) -> int:
        """Return the version of the data key that `encrypt` uses now; each cell's first bytes are its `cell_stamp`."""

    def encrypt(self, column: str, row: UUID, plaintext: str) -> bytes:
        """Return AES-256-GCM ciphertext bound to clinic, `table.column` and row."""

    def decrypt(self, column: str, row: UUID, ciphertext: bytes) -> str:
        """Return the text; raise DamagedRecord when the bytes were altered or belong to another cell."""

    def blind_index(self, column: str, text: str) -> bytes:
        """Return 16 bytes that are equal for equal text in this clinic and column, and say nothing else."""


class ClinicKeys(Protocol):
    """The clinics' ciphers, and the making of a new clinic's keys."""

    def cipher(self, clinic_id: UUID) -> ClinicCipher:
        """Return the clinic's cipher, from memory once loaded; raise UnknownClinic when it has no keys."""

    def make(self, clinic_id: UUID) -> Sequence[WrappedKey]:
        """Make one key per purpose for a new clinic, usable in this process at once; the caller stores them."""

    def forget(self, clinic_id: UUID) -> None:
        """Drop the clinic's keys from memory, as when storing the new ones failed."""
