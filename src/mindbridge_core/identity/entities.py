"""Organizations, clinics, staff, and the sessions in which staff act."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from uuid import UUID

import attrs

from mindbridge_core.access import Role

__all__ = [
    "Clinic",
    "DirectoryEntry",
    "Lockout",
    "LoginAttempts",
    "Organization",
    "RefreshToken",
    "Session",
    "SessionLimits",
    "SignedIn",
    "User",
    "email_digest",
    "normalize_email",
]


def normalize_email(email: str) -> str:
    """Return the form in which two spellings of one address are equal: NFKC, trimmed, case-folded."""
    return unicodedata.normalize("NFKC", email).strip().casefold()


def email_digest(email: str) -> bytes:
    """Return the name under which tries on a normalised e-mail are counted."""
    return hashlib.sha256(email.encode()).digest()


@attrs.frozen(kw_only=True)
class Organization:
    """A company of one or more clinics."""

    id: UUID
    name: str
    subscription_tier: str = "standard"
    hipaa_baa_signed: bool = False
    hipaa_baa_date: date | None = None
    settings: Mapping[str, object] = MappingProxyType({})
    created_at: datetime
    updated_at: datetime


@attrs.frozen(kw_only=True)
class Clinic:
    """A place of care; nothing of one clinic is ever seen by another. `address` is PHI-grade.

    `screening_time` is when, by the clock of `timezone`, all its active patients are screened every day; None leaves
    that to the installation.
    """

    id: UUID
    organization_id: UUID
    name: str
    address: str | None = attrs.field(default=None, repr=False)
    phone: str | None = None
    npi_number: str | None = None
    timezone: str = "America/New_York"
    screening_time: time | None = None
    version: int = 1
    created_at: datetime
    updated_at: datetime | None = None


@attrs.frozen(kw_only=True)
class User:
    """A member of staff of one clinic. Without a password hash nobody can log in as them yet."""

    id: UUID
    clinic_id: UUID
    email: str
    full_name: str
    role: Role
    license_number: str | None = None
    password_hash: str | None = attrs.field(default=None, repr=False)
    password_changed_at: datetime | None = None
    mfa_enabled: bool = False
    last_login: datetime | None = None
    version: int = 1
    created_at: datetime
    deleted_at: datetime | None = None

    @property
    def active(self) -> bool:
        """Whether the account may be used."""
        return self.deleted_at is None


@attrs.frozen(kw_only=True)
class DirectoryEntry:
    """Where the account of an e-mail lies."""

    clinic_id: UUID
    user_id: UUID


@attrs.frozen(kw_only=True)
class SessionLimits:
    """How long access lasts. NIST SP 800-63B-4, AAL3: 12 hours in all, 15 minutes idle."""

    access: timedelta = timedelta(minutes=30)
    idle: timedelta = timedelta(minutes=15)
    absolute: timedelta = timedelta(hours=12)
    touch_every: timedelta = timedelta(minutes=1)

    def __attrs_post_init__(self) -> None:
        """Refuse limits that are not limits."""
        if not timedelta(0) < self.touch_every < self.idle <= self.absolute <= timedelta(days=7):
            message = "sessions need 0 < touch_every < idle <= absolute <= 7 days"
            raise ValueError(message)


@attrs.frozen(kw_only=True)
class Session:
    """One login. It ends at `expires_at`, when idle for too long, or when it is revoked."""

    id: UUID
    clinic_id: UUID
    user_id: UUID
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    ip_address: str | None = None
    user_agent: str | None = None

    def alive(self, now: datetime, limits: SessionLimits) -> bool:
        """Whether the session may still be used."""
        return self.revoked_at is None and now < self.expires_at and now < self.last_seen_at + limits.idle


@attrs.frozen(kw_only=True)
class SignedIn:
    """A session with the standing of its user as of now."""

    session: Session
    role: Role
    user_active: bool
    mfa_owed: bool = False
    """Whether the user must set up a second factor before anything else."""


@attrs.frozen(kw_only=True)
class RefreshToken:
    """A refresh token as it is stored: its SHA-256, and when it was used up."""

    id: UUID
    clinic_id: UUID
    session_id: UUID
    token_hash: bytes = attrs.field(repr=False)
    created_at: datetime
    used_at: datetime | None = None


@attrs.frozen(kw_only=True)
class Lockout:
    """How many wrong passwords in a row lock an e-mail, and for how long."""

    limit: int = 5
    lasts: timedelta = timedelta(minutes=30)


@attrs.frozen(kw_only=True)
class LoginAttempts:
    """The tries in a row on one e-mail, known or not, that have not (yet) ended in a login.

    A try is counted before the password is looked at, so that tries at the same moment cannot all pass
    under the limit; a right password clears the count.
    """

    email_digest: bytes
    failures: int = 0
    locked_until: datetime | None = None

    def locked(self, now: datetime) -> bool:
        """Whether even the right password is refused."""
        return self.locked_until is not None and now < self.locked_until

    def counted(self, now: datetime, lockout: Lockout) -> LoginAttempts:
        """Count one more try. A lock that has run out starts a new row of tries; a standing one is not prolonged."""
        if self.locked(now):
            return self
        failures = 1 if self.locked_until is not None else self.failures + 1
        locked_until = now + lockout.lasts if failures >= lockout.limit else None
        return attrs.evolve(self, failures=failures, locked_until=locked_until)

    def uncounted(self, lockout: Lockout) -> LoginAttempts:
        """Take one try back: it was no wrong one, but proved too little to clear the others."""
        failures = max(self.failures - 1, 0)
        locked_until = self.locked_until if failures >= lockout.limit else None
        return attrs.evolve(self, failures=failures, locked_until=locked_until)

    def cleared(self) -> LoginAttempts:
        """Forget the tries: the password was right."""
        return attrs.evolve(self, failures=0, locked_until=None)
