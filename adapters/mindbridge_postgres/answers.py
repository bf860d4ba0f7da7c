"""First answers to repeated requests, kept for a day."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from mindbridge_core.errors import IdempotencyKeyReused
from mindbridge_core.idempotency import IdempotencyKey
from mindbridge_core.ids import NewId
from mindbridge_core.phi import ClinicCipher
from mindbridge_postgres.database import Connection

__all__ = ["PostgresAnswers"]

ANSWER: Final = "idempotency_keys.answer"

_FORGET_OLD: Final = """
DELETE FROM idempotency_keys WHERE clinic_id = %s AND created_at < now() - interval '24 hours'
"""

_FORGET: Final = """
DELETE FROM idempotency_keys WHERE clinic_id = %(clinic_id)s AND id IN (
    SELECT id FROM idempotency_keys WHERE clinic_id = %(clinic_id)s AND created_at < %(before)s
    LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
"""

_CLAIM: Final = """
INSERT INTO idempotency_keys (clinic_id, id, user_id, key_digest, fingerprint, created_at)
VALUES (%s, %s, %s, %s, %s, now())
ON CONFLICT (clinic_id, user_id, key_digest) DO NOTHING
RETURNING id
"""

_FIND: Final = """
SELECT id, fingerprint, answer FROM idempotency_keys WHERE clinic_id = %s AND user_id = %s AND key_digest = %s
"""

_KEEP: Final = "UPDATE idempotency_keys SET answer = %s WHERE clinic_id = %s AND id = %s"


class PostgresAnswers:
    """`Answers` of the core."""

    def __init__(self, connection: Connection, clinic_id: UUID, cipher: ClinicCipher, new_id: NewId) -> None:
        """Work in the open transaction of `connection`."""
        self._connection = connection
        self._clinic_id = clinic_id
        self._cipher = cipher
        self._new_id = new_id

    def first(self, user_id: UUID, key: IdempotencyKey) -> str | None:
        """Claim the key, waiting for whoever claims it at the same moment, or return its first answer."""
        self._connection.run(_FORGET_OLD, (self._clinic_id,))
        fingerprint = self._keyed(key.fingerprint)
        claim = (self._clinic_id, self._new_id(), user_id, key.digest, fingerprint)
        if self._connection.run(_CLAIM, claim).fetchone() is not None:
            return None
        row_id, claimed, answer = self._find(user_id, key)
        if bytes(claimed) != fingerprint:
            raise IdempotencyKeyReused
        return self._cipher.decrypt(ANSWER, row_id, bytes(answer))

    def keep(self, user_id: UUID, key: IdempotencyKey, answer: str) -> None:
        """Store the answer, encrypted, for the key that this transaction has claimed."""
        row_id, _, _ = self._find(user_id, key)
        sealed = self._cipher.encrypt(ANSWER, row_id, answer)
        self._connection.run(_KEEP, (sealed, self._clinic_id, row_id))

    def forget(self, before: datetime, limit: int) -> int:
        """Delete old keys that nobody holds at the moment."""
        params = {"clinic_id": self._clinic_id, "before": before, "limit": limit}
        return self._connection.run(_FORGET, params).rowcount

    def _keyed(self, fingerprint: bytes) -> bytes:
        """Return what tells requests apart under the clinic's key: a plain hash of PHI could be guessed."""
        halves = ("idempotency_keys.fingerprint#1", "idempotency_keys.fingerprint#2")
        return b"".join(self._cipher.blind_index(half, fingerprint.hex()) for half in halves)

    def _find(self, user_id: UUID, key: IdempotencyKey) -> tuple[UUID, bytes, bytes]:
        found = self._connection.run(_FIND, (self._clinic_id, user_id, key.digest)).fetchone()
        assert found is not None  # noqa: S101 - claimed by this transaction, or by one that has committed
        return found[0], found[1], found[2]
