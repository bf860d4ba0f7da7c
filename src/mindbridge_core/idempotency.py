"""Requests that may be sent twice and are done once (the Idempotency-Key header's meaning)."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

import attrs

__all__ = ["ANSWERS_LAST", "Answers", "IdempotencyKey"]

ANSWERS_LAST: Final = timedelta(days=1)
"""How long a key is good."""


@attrs.frozen
class IdempotencyKey:
    """A caller's own name for a request, and the digest of what the request asks."""

    key: str = attrs.field(repr=False)
    fingerprint: bytes = attrs.field(repr=False)

    @property
    def digest(self) -> bytes:
        """The key as it is stored: a caller may have put anything into it."""
        return hashlib.sha256(self.key.encode("utf-8", "surrogatepass")).digest()


class Answers(Protocol):
    """The first answers to requests that carried a key, kept with the change that they answer."""

    def first(self, user_id: UUID, key: IdempotencyKey) -> str | None:
        """Claim the key and return None, or return the first answer if the key was claimed before.

        A claim made at the same moment by another unit is waited for. Raises IdempotencyKeyReused when
        the first request asked something else.
        """

    def keep(self, user_id: UUID, key: IdempotencyKey, answer: str) -> None:
        """Store the answer, which may hold PHI, for a claimed key."""

    def forget(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` keys, with their answers, that were claimed before then; return how many."""
