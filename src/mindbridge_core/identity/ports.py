"""What identity needs from the outside."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from mindbridge_core.actor import Origin, SessionClaim
from mindbridge_core.identity.account_tokens import AccountTokens
from mindbridge_core.identity.entities import (
    Clinic,
    DirectoryEntry,
    LoginAttempts,
    Organization,
    RefreshToken,
    Session,
    SignedIn,
    User,
)
from mindbridge_core.identity.mfa import MfaPolicies, SecondFactors
from mindbridge_core.pagination import Page
from mindbridge_core.phi import WrappedKey
from mindbridge_core.work import Unit

__all__ = [
    "AccessTokens",
    "Clinics",
    "CommonPasswords",
    "Directory",
    "IdentityUnit",
    "LoginAttemptLog",
    "PasswordHasher",
    "RefreshTokens",
    "Sessions",
    "Users",
]


class Clinics(Protocol):
    """Organizations, their clinics, and the keys that each clinic starts with."""

    def take_turns(self) -> None:
        """Wait until nobody else is between this and the end of their unit; what they stored is found from then on."""

    def add_organization(self, organization: Organization) -> None:
        """Store a new organization."""

    def find_organization(self, name: str) -> Organization | None:
        """Return the oldest organization of exactly this name; the reserved one is never found."""

    def add(self, clinic: Clinic, keys: Sequence[WrappedKey]) -> None:
        """Store the unit's own clinic with its keys; Conflict when it has keys already.

        The reserved platform clinic exists from the start: for it the keys alone are stored.
        """

    def get(self) -> Clinic | None:
        """Return the unit's own clinic."""

    def save(self, clinic: Clinic) -> Clinic:
        """Store time zone, screening time and `updated_at` of the unit's own clinic, and nothing else.

        Return it with its next version; LostUpdate when `version` is not current.
        """

    def find(self, organization_id: UUID, name: str) -> UUID | None:
        """Return the id of the organization's oldest clinic of exactly this name."""


class Users(Protocol):
    """The staff of the unit's clinic."""

    def add(self, user: User) -> None:
        """Store a new user and their e-mail in the directory; DuplicateEmail when any clinic has it."""

    def get(self, user_id: UUID) -> User | None:
        """Return the user, deleted ones too; None when the clinic has none of this id."""

    def list(self, after: UUID | None, limit: int) -> Page[User]:
        """Return at most `limit` users in ascending order of id, deactivated ones too."""

    def active_admins(self) -> frozenset[UUID]:
        """Return the active admins and hold them against every change by others until the unit closes."""

    def save(self, user: User) -> User:
        """Store the changed user and return it with its next version; LostUpdate when `version` is not current.

        An e-mail never changes: the directory and the audit trail know the person by it.
        """

    def rehash(self, user_id: UUID, old_hash: str | None, new_hash: str | None) -> None:
        """Put `new_hash` in the place of `old_hash`; nothing when another hash stands there. No new version."""

    def note_login(self, user_id: UUID, at: datetime) -> None:
        """Set `last_login`; no new version, so that logins at the same moment do not collide."""


class Directory(Protocol):
    """Which account has an e-mail, across all clinics."""

    def find(self, email: str) -> DirectoryEntry | None:
        """Return where the account of the normalised `email` lies."""


class Sessions(Protocol):
    """The sessions of the unit's clinic."""

    def add(self, session: Session) -> None:
        """Store a new session."""

    def signed_in(self, session_id: UUID) -> SignedIn | None:
        """Return the session with its user's standing and the clinic's rule on second factors, in one look-up."""

    def of_user(self, user_id: UUID) -> Sequence[Session]:
        """Return the user's sessions that are not revoked, the newest first."""

    def touch(self, session_id: UUID, at: datetime) -> None:
        """Note that the session was used; never moves `last_seen_at` back."""

    def end(self, session_id: UUID, at: datetime) -> None:
        """Revoke the session; one that has ended stays as it is."""

    def end_all(self, user_id: UUID, at: datetime) -> None:
        """Revoke all sessions of the user."""

    def forget(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` sessions whose last moment was before then, with their refresh tokens.

        Returns how many sessions that were.
        """


class RefreshTokens(Protocol):
    """The refresh tokens of the unit's clinic, by hash."""

    def add(self, token: RefreshToken) -> None:
        """Store a new, unused token."""

    def use(self, token_hash: bytes, at: datetime) -> RefreshToken | None:
        """Use the token up and return it as it was before, so that `used_at` is None for exactly one caller.

        Returns None when the clinic has no such token.
        """


class LoginAttemptLog(Protocol):
    """The count of tries per e-mail, one for all processes."""

    def locked(self, email_digest: bytes) -> LoginAttempts:
        """Return the tries and hold them against everybody else until the unit closes."""

    def save(self, attempts: LoginAttempts) -> None:
        """Store the tries."""


class IdentityUnit(Unit, Protocol):
    """A transaction on one clinic's accounts."""

    @property
    def account_tokens(self) -> AccountTokens:
        """The clinic's one-time tokens."""

    @property
    def attempts(self) -> LoginAttemptLog:
        """Tries, across all clinics."""

    @property
    def clinics(self) -> Clinics:
        """Organizations and clinics."""

    @property
    def directory(self) -> Directory:
        """E-mails, across all clinics."""

    @property
    def mfa_policies(self) -> MfaPolicies:
        """The clinic's rule on second factors."""

    @property
    def refresh_tokens(self) -> RefreshTokens:
        """The clinic's refresh tokens."""

    @property
    def second_factors(self) -> SecondFactors:
        """The second factors of the clinic's staff."""

    @property
    def sessions(self) -> Sessions:
        """The clinic's sessions."""

    @property
    def users(self) -> Users:
        """The clinic's staff."""


class PasswordHasher(Protocol):
    """A slow, salted hash; its cost is the adapter's setting."""

    def hash(self, password: str) -> str:
        """Return an encoded hash with its scheme, cost and salt."""

    def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password fits; takes as long, and is False, when there is no hash."""

    def outdated(self, password_hash: str) -> bool:
        """Whether the hash was made at another cost than today's."""


class CommonPasswords(Protocol):
    """A list of passwords that attackers try first."""

    def include(self, password: str, related: Collection[str]) -> bool:
        """Whether the password is common, or built from the `related` words (a name, an e-mail, a clinic)."""


class AccessTokens(Protocol):
    """Signed, short-lived names of sessions (RFC 7519, RFC 6750)."""

    def issue(self, claim: SessionClaim, issued_at: datetime, expires_at: datetime) -> str:
        """Return a token for the claim."""

    def read(self, token: str, now: datetime, origin: Origin) -> SessionClaim:
        """Return the claim of a genuine, current access token; raise SessionEnded for anything else."""
