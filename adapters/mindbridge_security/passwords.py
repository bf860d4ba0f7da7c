"""How passwords are hashed: argon2id (RFC 9106)."""

from __future__ import annotations

import base64
import os
import secrets
from threading import BoundedSemaphore
from typing import Final

import attrs
from argon2 import PasswordHasher
from argon2.exceptions import HashingError, VerificationError, VerifyMismatchError
from argon2.low_level import error_to_str

from mindbridge_core.errors import DependencyUnavailable

__all__ = ["Argon2Hasher", "Argon2Settings"]

HASH_BYTES: Final = 32
SALT_BYTES: Final = 16
OUT_OF_MEMORY: Final = error_to_str(-22)
"""In argon2's own words; -22 is its ARGON2_MEMORY_ALLOCATION_ERROR."""


def _cores() -> int:
    return len(os.sched_getaffinity(0))


@attrs.frozen(kw_only=True)
class Argon2Settings:
    """What a hash costs: `time_cost` passes over `memory_kib` KiB in `parallelism` lanes, at most `at_once` at a time.

    The default is OWASP's least for argon2id (Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane), some 20 ms of
    one core. The second choice of RFC 9106 (64 MiB, 3 passes, 4 lanes) takes ten times as long: on a small
    server a few logins at once would hold up everything else. Raise the cost where there is room; hashes follow at
    the next login.
    """

    time_cost: int = attrs.field(default=2, validator=attrs.validators.ge(1))
    memory_kib: int = attrs.field(default=19_456, validator=attrs.validators.ge(8))
    parallelism: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    at_once: int = attrs.field(factory=_cores, validator=attrs.validators.ge(1))


class Argon2Hasher:
    """`PasswordHasher` of the core. No more hashes run at once than the settings say: the others wait their turn.

    That bounds the memory that a flood of logins takes, and a further one would not end sooner on a busy core.
    Raises DependencyUnavailable when the machine has no memory left for a hash.
    """

    def __init__(self, settings: Argon2Settings | None = None) -> None:
        cost = settings or Argon2Settings()
        self._argon2 = PasswordHasher(
            time_cost=cost.time_cost,
            memory_cost=cost.memory_kib,
            parallelism=cost.parallelism,
            hash_len=HASH_BYTES,
            salt_len=SALT_BYTES,
        )
        self._turn = BoundedSemaphore(cost.at_once)
        self._nobody = (
            f"$argon2id$v=19$m={cost.memory_kib},t={cost.time_cost},p={cost.parallelism}"
            f"${_random_text(SALT_BYTES)}${_random_text(HASH_BYTES)}"
        )

    def hash(self, password: str) -> str:
        """Return the password's hash in PHC form, with a salt of its own."""
        with self._turn:
            try:
                return self._argon2.hash(_as_bytes(password))
            except HashingError as error:
                raise DependencyUnavailable from error

    def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password fits. No hash takes as long as one; a hash that is none of argon2's fits nothing."""
        stored = self._nobody if password_hash is None else password_hash
        with self._turn:
            try:
                return self._argon2.verify(stored, _as_bytes(password))
            except (VerifyMismatchError, ValueError):  # the latter for what has not the form of a hash
                return False
            except VerificationError as error:
                if str(error) == OUT_OF_MEMORY:  # not the password's fault, and no try to count
                    raise DependencyUnavailable from error
                return False

    def outdated(self, password_hash: str) -> bool:
        """Whether the hash was made at another cost than today's, or by something else."""
        try:
            return self._argon2.check_needs_rehash(password_hash)
        except ValueError:
            return True


def _as_bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")


def _random_text(size: int) -> str:
    return base64.b64encode(secrets.token_bytes(size)).rstrip(b"=").decode()
