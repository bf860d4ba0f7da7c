"""One-time tokens of accounts, in memory."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import attrs

from mindbridge_core.identity import AccountToken, Purpose
from mindbridge_memory.tables import Tables

__all__ = ["MemoryAccountTokens"]


@attrs.frozen
class MemoryAccountTokens:
    """`AccountTokens` of the core."""

    tables: Tables
    clinic_id: UUID

    def put(self, token: AccountToken) -> None:
        """Keep the token in the place of the account's other one for this purpose."""
        self.tables.account_tokens.put((self.clinic_id, token.user_id, token.purpose), token)

    def find(self, token_hash: bytes, purpose: Purpose) -> AccountToken | None:
        """Return the token as it stands."""
        rows = (one for one in self.tables.account_tokens.rows() if one.clinic_id == self.clinic_id)
        return next((one for one in rows if (one.token_hash, one.purpose) == (token_hash, purpose)), None)

    def use(self, token_hash: bytes, purpose: Purpose, at: datetime) -> AccountToken | None:
        """Use the token up and return it as it was before; the open unit itself keeps everybody else out."""
        token = self.find(token_hash, purpose)
        if token is not None and token.used_at is None:
            self.put(attrs.evolve(token, used_at=at))
        return token

    def end_all(self, user_id: UUID, at: datetime) -> None:
        """Use up all tokens of the account."""
        rows = (one for one in self.tables.account_tokens.rows() if one.clinic_id == self.clinic_id)
        for token in rows:
            if token.user_id == user_id and token.used_at is None:
                self.put(attrs.evolve(token, used_at=at))
