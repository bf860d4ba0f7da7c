"""One-time tokens that let the owner of an account set its password: what they look like, and how they are kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Protocol
from uuid import UUID

import attrs

from mindbridge_core.errors import AccountTokenRefused
from mindbridge_core.identity.tokens import ClinicSecret

__all__ = ["AccountLinks", "AccountSecret", "AccountToken", "AccountTokens", "Purpose"]


@unique
class Purpose(StrEnum):
    """What a token is for; it is good for nothing else."""

    INVITATION = "invitation"
    RESET = "reset"


@attrs.frozen
class AccountSecret(ClinicSecret):
    """A one-time token as its holder has it; what is none raises AccountTokenRefused."""

    refusal = AccountTokenRefused


@attrs.frozen(kw_only=True)
class AccountToken:
    """A token as it is stored: its SHA-256, how long it is good, and when it was used or ended."""

    clinic_id: UUID
    user_id: UUID
    purpose: Purpose
    token_hash: bytes = attrs.field(repr=False)
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None

    def good(self, now: datetime) -> bool:
        """Whether the token may still be used."""
        return self.used_at is None and now < self.expires_at


class AccountTokens(Protocol):
    """The one-time tokens of the unit's clinic: one at most for each account and purpose."""

    def put(self, token: AccountToken) -> None:
        """Store the token in the place of any other of its account and purpose, which is good for nothing then."""

    def find(self, token_hash: bytes, purpose: Purpose) -> AccountToken | None:
        """Return the token as it stands; None when the clinic has no such token for this purpose."""

    def use(self, token_hash: bytes, purpose: Purpose, at: datetime) -> AccountToken | None:
        """Use the token up and return it as it was before, so that `used_at` is None for exactly one caller.

        Returns None when the clinic has no such token for this purpose.
        """

    def end_all(self, user_id: UUID, at: datetime) -> None:
        """Use up all tokens of the account; those that were used stay as they are."""


@attrs.frozen(kw_only=True)
class AccountLinks:
    """How long tokens are good, and the address of the pages that take them.

    Without `base` a message holds the token alone. A token stands behind the `#` of a link: browsers send that to no
    server, so that it gets into no log.
    """

    base: str | None = None
    invitation: timedelta = timedelta(hours=72)
    reset: timedelta = timedelta(minutes=30)

    def lasts(self, purpose: Purpose) -> timedelta:
        """Return how long a new token is good."""
        return self.invitation if purpose is Purpose.INVITATION else self.reset

    def told(self, purpose: Purpose, secret: AccountSecret) -> str:
        """Return what the holder is told to open or to enter."""
        return secret.text if self.base is None else f"{self.base.rstrip('/')}/{purpose}#token={secret.text}"
