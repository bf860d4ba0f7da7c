"""The product as production composes it, and with one thing switched off: for comparison, never for use."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core import MindBridge, Ports
from mindbridge_core.audit import AuditEntry
from mindbridge_core.identity import Lockout, SessionLimits
from mindbridge_core.ids import uuid7_maker
from mindbridge_core.phi import ClinicCipher, ClinicKeys, WrappedKey
from mindbridge_postgres import Database, PoolSettings, PostgresUnits, PostgresWrappedKeys
from mindbridge_postgres.audit import PostgresAuditTrail
from mindbridge_postgres.units import PostgresUnit
from mindbridge_security import (
    Argon2Hasher,
    Argon2Settings,
    ClinicKeyRing,
    JwtAccessTokens,
    KeyRing,
    LocalMasterKey,
    ZxcvbnPasswords,
    random_secret,
    utc_now,
)

__all__ = ["CHEAPEST", "Composed", "PaddedText", "compose"]

CHEAPEST: Final = Argon2Settings(time_cost=1, memory_kib=8, parallelism=1)
OVERHEAD: Final = 31
"""Bytes that encryption adds to a text, so that unencrypted cells are as long as encrypted ones."""


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


@attrs.frozen
class PaddedText:
    """A clinic's cipher that hides nothing: cells are the text behind as many bytes as encryption would add."""

    real: ClinicCipher

    @property
    def audit_key(self) -> bytes:
        """Return the real key: the trail is not what is switched off here."""
        return self.real.audit_key

    def encrypt(self, column: str, row: UUID, plaintext: str) -> bytes:  # noqa: ARG002 - the port's signature
        """Return the text, padded."""
        return bytes(OVERHEAD) + plaintext.encode()

    def decrypt(self, column: str, row: UUID, ciphertext: bytes) -> str:  # noqa: ARG002 - the port's signature
        """Return the text without the padding."""
        return ciphertext[OVERHEAD:].decode()

    def blind_index(self, column: str, text: str) -> bytes:
        """Return the real index: it belongs to searching, not to encryption."""
        return self.real.blind_index(column, text)


@attrs.frozen
class _PaddedKeys:
    keys: ClinicKeys

    def cipher(self, clinic_id: UUID) -> PaddedText:
        return PaddedText(self.keys.cipher(clinic_id))

    def make(self, clinic_id: UUID) -> Sequence[WrappedKey]:
        return self.keys.make(clinic_id)

    def forget(self, clinic_id: UUID) -> None:
        self.keys.forget(clinic_id)


@attrs.frozen(kw_only=True)
class Composed:
    """The core over PostgreSQL; whoever composed it closes `database`."""

    core: MindBridge
    database: Database
    keys: ClinicKeys


def compose(
    url: str,
    ring: KeyRing,
    *,
    pool: PoolSettings,
    password_cost: Argon2Settings | None = None,
    audited: bool = True,
    encrypted: bool = True,
) -> Composed:
    """Wire the product to the database at `url` as the application's role."""
    database = Database.connect(url, pool)
    new_id = uuid7_maker(utc_now, secrets.token_bytes)
    real = ClinicKeyRing(
        master=LocalMasterKey(ring), stored=PostgresWrappedKeys(database), clock=utc_now, new_id=new_id
    )
    keys: ClinicKeys = real if encrypted else _PaddedKeys(real)
    units = PostgresUnits(database, keys, new_id=new_id)
    core = MindBridge.build(
        Ports(
            open_unit=units if audited else _UnauditedUnits(units),
            clinic_keys=keys,
            password_hasher=Argon2Hasher(password_cost or Argon2Settings()),
            common_passwords=ZxcvbnPasswords(),
            access_tokens=JwtAccessTokens(ring, issuer="benchmarks", audience="benchmarks"),
            clock=utc_now,
            new_id=new_id,
            new_secret=random_secret,
            session_limits=SessionLimits(),
            lockout=Lockout(),
        )
    )
    return Composed(core=core, database=database, keys=keys)
