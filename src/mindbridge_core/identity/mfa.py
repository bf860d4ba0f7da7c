"""The second factor: time-based codes (RFC 6238), recovery codes, and the clinic's rule on who must have one."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

import attrs

from mindbridge_core.access import GRANTS, Role
from mindbridge_core.validation import Text, checked, ruled

__all__ = [
    "PHI_ROLES",
    "CodeAgain",
    "Enrolment",
    "MfaPolicies",
    "MfaPolicy",
    "MfaPolicyDraft",
    "OneTimeCodes",
    "PasswordAgain",
    "PasswordAndCode",
    "RecoveryCode",
    "SecondFactor",
    "SecondFactors",
]

PHI_ROLES: Final = frozenset(
    holder for grant in GRANTS.values() if grant.phi for holder in grant.holders if isinstance(holder, Role)
)
"""The roles that see PHI: those of whom a clinic demands a second factor unless it says otherwise."""

RECOVERY_CODES: Final = 10
_CODE_LENGTH: Final = 25  # of base32: 125 bits, past the 112 from which a plain hash will do (ASVS 5.0, 6.5.2)
_GROUP: Final = 5

_PASSWORD: Final = Text(least=1, most=1024, verbatim=True)
_OTP: Final = Text(least=6, most=32)


@attrs.frozen(kw_only=True)
class SecondFactor:
    """A user's secret. Until its first code has been typed it is only proposed, and asked for by nobody."""

    secret: str = attrs.field(repr=False)
    confirmed: bool
    last_step: int | None = None
    """The newest time step whose code was used; no code of it or of an earlier one is taken again."""


@attrs.frozen(kw_only=True)
class Enrolment:
    """What an authenticator needs to know, shown once: the secret, also as address and as picture (SVG) of it."""

    secret: str = attrs.field(repr=False)
    uri: str = attrs.field(repr=False)
    qr_svg: str = attrs.field(repr=False)


@attrs.frozen
class RecoveryCode:
    """125 random bits in base32, to be used once in the place of a code that cannot be had."""

    letters: str = attrs.field(repr=False)

    @classmethod
    def made_of(cls, secret: str) -> RecoveryCode:
        """Make a code of 256 random bits in base64url."""
        return cls(base64.b32encode(base64.urlsafe_b64decode(secret + "=")).decode()[:_CODE_LENGTH])

    @classmethod
    def typed(cls, text: str) -> RecoveryCode:
        """Read what somebody typed, with or without hyphens and spaces, in any case."""
        return cls("".join(text.replace("-", " ").split()).upper())

    @property
    def text(self) -> str:
        """The code as it is shown: five groups of five."""
        return "-".join(self.letters[at : at + _GROUP] for at in range(0, len(self.letters), _GROUP))

    def digest(self, user_id: UUID) -> str:
        """The code as it is stored, of one user's alone. A plain hash will do: nobody guesses 125 random bits."""
        return "sha256:" + hashlib.sha256(user_id.bytes + self.letters.encode()).hexdigest()


@attrs.frozen(kw_only=True)
class MfaPolicy:
    """Whose second factor the clinic demands; version 0 as long as it has never said."""

    clinic_id: UUID
    roles: frozenset[Role] = frozenset()
    version: int = 0
    updated_at: datetime | None = None
    updated_by: UUID | None = None


@attrs.frozen(kw_only=True)
class PasswordAgain:
    """The caller's own password, asked for again."""

    password: str = attrs.field(repr=False, metadata=ruled(_PASSWORD))

    __attrs_post_init__ = checked


@attrs.frozen(kw_only=True)
class CodeAgain:
    """A code of the caller's authenticator."""

    otp: str = attrs.field(repr=False, metadata=ruled(_OTP))

    __attrs_post_init__ = checked


@attrs.frozen(kw_only=True)
class PasswordAndCode:
    """The caller's own password and a code of their authenticator, or one of their recovery codes."""

    password: str = attrs.field(repr=False, metadata=ruled(_PASSWORD))
    otp: str = attrs.field(repr=False, metadata=ruled(_OTP))

    __attrs_post_init__ = checked


@attrs.frozen(kw_only=True)
class MfaPolicyDraft:
    """Whether the clinic demands a second factor, and of which roles: unless said otherwise, all that see PHI."""

    required: bool
    admin: bool = Role.ADMIN in PHI_ROLES
    case_manager: bool = Role.CASE_MANAGER in PHI_ROLES
    compliance_officer: bool = Role.COMPLIANCE_OFFICER in PHI_ROLES
    readonly: bool = Role.READONLY in PHI_ROLES

    @property
    def roles(self) -> frozenset[Role]:
        """The roles of which it is demanded."""
        return frozenset(role for role in Role if self.required and getattr(self, role.value))


class OneTimeCodes(Protocol):
    """Codes of six digits that change every 30 seconds. Pure computation: no input or output."""

    def new_secret(self) -> str:
        """Return at least 160 random bits in base32 (RFC 4226, 4)."""

    def step(self, secret: str, code: str, now: datetime) -> int | None:
        """Return the time step whose code this is: that of `now`, the one before or the one after; else None.

        Were it the code of several, the latest counts, so that using it up uses up all of them.
        """

    def enrolment(self, secret: str, account: str) -> Enrolment:
        """Return what an authenticator needs to know to make the codes of `account`."""


class SecondFactors(Protocol):
    """The second factors of the staff of the unit's clinic.

    Whether a user has one stands in the user's record, so enabling and removing make its next version.
    """

    def propose(self, user_id: UUID, secret: str) -> bool:
        """Store a new secret that waits for its first code; False, and nothing changes, when one is confirmed."""

    def held(self, user_id: UUID) -> SecondFactor | None:
        """Return the user's secret and hold it against everybody else until the unit closes."""

    def enable(self, user_id: UUID, step: int) -> None:
        """Confirm the held secret, whose code of `step` is thereby used; what an admin's reset left owing is paid."""

    def use_step(self, user_id: UUID, step: int) -> bool:
        """Use up `step` of a confirmed secret: True for exactly one caller, and for none once a later one is used."""

    def remove(self, user_id: UUID, at: datetime, *, owed: bool = False) -> None:
        """Forget secret and recovery codes. Where a new one is `owed`, sessions can do nothing before it."""

    def replace_codes(self, user_id: UUID, digests: Sequence[tuple[UUID, str]], at: datetime) -> None:
        """Store the recovery codes, id and digest of each, and void all earlier ones."""

    def use_code(self, user_id: UUID, digest: str, at: datetime) -> bool:
        """Use up one of the user's recovery codes: True for exactly one caller."""


class MfaPolicies(Protocol):
    """The rule of the unit's own clinic."""

    def get(self) -> MfaPolicy:
        """Return the rule; version 0, demanding nothing, as long as none was stored."""

    def save(self, policy: MfaPolicy) -> MfaPolicy:
        """Store the rule and return it with its next version; LostUpdate when `version` is not current."""
