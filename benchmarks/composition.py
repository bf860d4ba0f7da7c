"""The product as `mindbridge serve` composes it, with one thing switched off: for comparison, never for use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

import attrs

from mindbridge_cli.compose import Composed, compose
from mindbridge_cli.settings import Settings
from mindbridge_core import MindBridge
from mindbridge_core.audit import AuditEntry
from mindbridge_core.identity import PasswordHasher
from mindbridge_core.phi import ClinicCipher, ClinicKeys, WrappedKey
from mindbridge_postgres import PostgresUnits
from mindbridge_postgres.audit import PostgresAuditTrail
from mindbridge_postgres.units import PostgresUnit

__all__ = ["PaddedKeys", "product_settings", "unaudited", "unencrypted", "with_hasher"]

OVERHEAD: Final = 31
"""Bytes that encryption adds to a text, so that unencrypted cells are as long as encrypted ones."""


def product_settings(url: str, ring_path: Path) -> Settings:
    """Return the defaults over a database and a key ring."""
    return Settings(database_url=url, key_ring_file=ring_path)


def with_hasher(settings: Settings, hasher: PasswordHasher) -> Composed:
    """Compose with another password hasher."""
    composed = compose(settings)
    ports = attrs.evolve(composed.core.ports, password_hasher=hasher)
    return attrs.evolve(composed, core=MindBridge.build(ports))


class _SilentTrail(PostgresAuditTrail):
    """Takes entries and writes none."""

    def append(self, entry: AuditEntry) -> None:
        """Do nothing."""


@attrs.frozen
class _UnauditedUnits:
    units: PostgresUnits

    @contextmanager
    def __call__(self, clinic_id: UUID) -> Iterator[PostgresUnit]:
        with self.units(clinic_id) as unit:
            unit.audit = _SilentTrail(unit.connection, unit.clinic_id, unit.cipher)
            yield unit


def unaudited(composed: Composed) -> Composed:
    """Return the product without its audit trail."""
    ports = composed.core.ports
    units = PostgresUnits(composed.database, composed.keys, new_id=ports.new_id, clock=ports.clock)
    return attrs.evolve(composed, core=MindBridge.build(attrs.evolve(ports, open_unit=_UnauditedUnits(units))))


@attrs.frozen
class _PaddedText:
    """A clinic's cipher that hides nothing: cells are the text behind as many bytes as encryption would add."""

    real: ClinicCipher

    @property
    def audit_key(self) -> bytes:
        return self.real.audit_key

    @property
    def version(self) -> int:
        return self.real.version

    def encrypt(self, column: str, row: UUID, plaintext: str) -> bytes:  # noqa: ARG002 - the port's signature
        return bytes(OVERHEAD) + plaintext.encode()

    def decrypt(self, column: str, row: UUID, ciphertext: bytes) -> str:  # noqa: ARG002 - the port's signature
        return ciphertext[OVERHEAD:].decode()

    def blind_index(self, column: str, text: str) -> bytes:
        """Return the real index: it belongs to searching, not to encryption."""
        return self.real.blind_index(column, text)


@attrs.frozen
class PaddedKeys:
    """Real keys for the audit trail, and no encryption of cells."""

    keys: ClinicKeys

    def cipher(self, clinic_id: UUID) -> ClinicCipher:
        """Return a cipher that hides nothing."""
        return _PaddedText(self.keys.cipher(clinic_id))

    def make(self, clinic_id: UUID) -> Sequence[WrappedKey]:
        """Make the real keys."""
        return self.keys.make(clinic_id)

    def forget(self, clinic_id: UUID) -> None:
        """Drop the real keys."""
        self.keys.forget(clinic_id)


def unencrypted(composed: Composed) -> Composed:
    """Return the product without encryption."""
    keys = PaddedKeys(composed.keys)
    ports = composed.core.ports
    units = PostgresUnits(composed.database, keys, new_id=ports.new_id, clock=ports.clock)
    ports = attrs.evolve(composed.core.ports, open_unit=units, clinic_keys=keys)
    return attrs.evolve(composed, core=MindBridge.build(ports))
