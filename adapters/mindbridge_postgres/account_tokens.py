"""One-time tokens of accounts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import attrs

from mindbridge_core.identity import AccountToken, Purpose
from mindbridge_postgres.database import Connection

__all__ = ["PostgresAccountTokens"]

_PUT: Final = """
INSERT INTO account_tokens (clinic_id, user_id, purpose, token_hash, created_at, expires_at, used_at)
VALUES (%(clinic_id)s, %(user_id)s, %(purpose)s, %(token_hash)s, %(created_at)s, %(expires_at)s, %(used_at)s)
ON CONFLICT (clinic_id, user_id, purpose) DO UPDATE SET
    token_hash = excluded.token_hash, created_at = excluded.created_at, expires_at = excluded.expires_at,
    used_at = excluded.used_at
"""

_FIND: Final = """
SELECT user_id, created_at, expires_at, used_at FROM account_tokens
WHERE clinic_id = %s AND token_hash = %s AND purpose = %s
"""


class PostgresAccountTokens:
    """`AccountTokens` of the core. One row for each account and purpose: a new token takes the old one's place."""

    def __init__(self, connection: Connection, clinic_id: UUID) -> None:
        """Work in the open transaction of `connection`."""
        self._connection = connection
        self._clinic_id = clinic_id

    def put(self, token: AccountToken) -> None:
        """Insert the token's hash, or write it over the one before."""
        row = attrs.asdict(token, recurse=False) | {"clinic_id": self._clinic_id, "purpose": token.purpose.value}
        self._connection.run(_PUT, row)

    def find(self, token_hash: bytes, purpose: Purpose) -> AccountToken | None:
        """Return the token as it stands."""
        row = self._connection.run(_FIND, (self._clinic_id, token_hash, purpose.value)).fetchone()
        return None if row is None else self._token(row, token_hash, purpose)

    def use(self, token_hash: bytes, purpose: Purpose, at: datetime) -> AccountToken | None:
        """Use the token up; whoever comes second at the same moment waits and sees it used."""
        row = self._connection.run(f"{_FIND} FOR UPDATE", (self._clinic_id, token_hash, purpose.value)).fetchone()
        if row is None:
            return None
        token = self._token(row, token_hash, purpose)
        if token.used_at is None:
            self._connection.run(
                "UPDATE account_tokens SET used_at = %s WHERE clinic_id = %s AND token_hash = %s",
                (at, self._clinic_id, token_hash),
            )
        return token

    def end_all(self, user_id: UUID, at: datetime) -> None:
        """Use up all tokens of the account."""
        self._connection.run(
            "UPDATE account_tokens SET used_at = %s WHERE clinic_id = %s AND user_id = %s AND used_at IS NULL",
            (at, self._clinic_id, user_id),
        )

    def _token(self, row: Sequence[Any], token_hash: bytes, purpose: Purpose) -> AccountToken:
        return AccountToken(
            clinic_id=self._clinic_id,
            user_id=row[0],
            purpose=purpose,
            token_hash=token_hash,
            created_at=row[1],
            expires_at=row[2],
            used_at=row[3],
        )
