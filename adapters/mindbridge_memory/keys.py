"""Keys and tokens that live and die with the process, for those without the security extra."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, NoReturn
from uuid import UUID, uuid4

import attrs

from mindbridge_core.actor import Origin, SessionClaim
from mindbridge_core.errors import DependencyUnavailable, SessionEnded, UnknownClinic
from mindbridge_core.phi import ClinicCipher, KeyPurpose, WrappedKey, WrappedKeys

__all__ = ["OpaqueAccessTokens", "ProcessKeys", "utc_now"]

KEY_BYTES: Final = 32
TOKEN_BYTES: Final = 32
HERE: Final = "process"


def utc_now() -> datetime:
    """Return the present in UTC."""
    return datetime.now(UTC)


def _nothing_leaves() -> NoReturn:
    message = "These keys protect nothing outside this process. To store cells, install mindbridge-core[security]."
    raise DependencyUnavailable(message)


@attrs.frozen
class ProcessCipher:
    """A clinic's audit key. Records stay in the process, so no cell is ever encrypted."""

    audit_key: bytes = attrs.field(repr=False)
    version: int = 1

    def encrypt(self, column: str, row: UUID, plaintext: str) -> bytes:  # noqa: ARG002 - the port's signature
        """Raise DependencyUnavailable: nothing is stored outside."""
        _nothing_leaves()

    def decrypt(self, column: str, row: UUID, ciphertext: bytes) -> str:  # noqa: ARG002 - the port's signature
        """Raise DependencyUnavailable: nothing is stored outside."""
        _nothing_leaves()

    def blind_index(self, column: str, text: str) -> bytes:
        """Return a keyed hash: BLAKE2b (RFC 7693), under a key that ends with the process."""
        cell = len(column).to_bytes(4) + column.encode() + text.encode()
        return hashlib.blake2b(cell, digest_size=16, key=self.audit_key, person=b"blind index").digest()


@attrs.frozen
class ProcessKeys:
    """`ClinicKeys` of the core with random keys that are never stored: what they sealed, only this process verifies.

    `stored` says which clinics were opened in earnest; their keys are not forgotten, for nothing could bring them back.
    """

    stored: WrappedKeys
    clock: Callable[[], datetime] = utc_now
    _made: dict[UUID, tuple[ClinicCipher, Sequence[WrappedKey]]] = attrs.field(factory=dict, init=False, repr=False)

    def cipher(self, clinic_id: UUID) -> ClinicCipher:
        """Return the clinic's cipher; UnknownClinic when no keys were made for it."""
        made = self._made.get(clinic_id)
        if made is None:
            raise UnknownClinic
        return made[0]

    def make(self, clinic_id: UUID) -> Sequence[WrappedKey]:
        """Make the clinic's audit key, and return one entry per purpose that says where it is: here.

        Two that make keys for one clinic at the same time get the same ones.
        """
        keys = tuple(self._entry(clinic_id, purpose) for purpose in KeyPurpose)
        return self._made.setdefault(clinic_id, (ProcessCipher(secrets.token_bytes(KEY_BYTES)), keys))[1]

    def forget(self, clinic_id: UUID) -> None:
        """Drop the clinic's keys unless the store has their entries."""
        if not self.stored.of_clinic(clinic_id):
            self._made.pop(clinic_id, None)

    @property
    def master_key_id(self) -> str:
        """Name what stands in for a master key."""
        return HERE

    def renewed(self, clinic_id: UUID, version: int) -> WrappedKey:
        """Return one more entry: there is nothing that a new version would seal."""
        return self._entry(clinic_id, KeyPurpose.DATA, version)

    def rewrapped(self, key: WrappedKey) -> tuple[str, bytes]:
        """Return the entry's content: the key itself is not in it."""
        return HERE, key.wrapped

    def _entry(self, clinic_id: UUID, purpose: KeyPurpose, version: int = 1) -> WrappedKey:
        return WrappedKey(
            id=uuid4(),
            clinic_id=clinic_id,
            purpose=purpose,
            version=version,
            wrapped=b"never leaves the process",
            master_key_id=HERE,
            created_at=self.clock(),
        )


class OpaqueAccessTokens:
    """`AccessTokens` of the core: random names of claims that this process remembers until they expire."""

    def __init__(self) -> None:
        """Begin with no token."""
        self._claims: dict[str, tuple[SessionClaim, datetime, datetime]] = {}

    def issue(self, claim: SessionClaim, issued_at: datetime, expires_at: datetime) -> str:
        """Return a new token, and forget those that have expired."""
        expired = [token for token, (_, _, until) in list(self._claims.items()) if until <= issued_at]
        for token in expired:
            self._claims.pop(token, None)
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._claims[token] = (claim, issued_at, expires_at)
        return token

    def read(self, token: str, now: datetime, origin: Origin) -> SessionClaim:
        """Return the claim, as made from `origin`; SessionEnded for an unknown token or one out of its time."""
        claim, issued_at, expires_at = self._claims.get(token, (None, now, now))
        if claim is None or not issued_at <= now < expires_at:
            raise SessionEnded
        return attrs.evolve(claim, origin=origin)
