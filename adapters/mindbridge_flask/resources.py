"""What answers look like: msgspec structs, because 50 frozen attrs values cost 15 times as much to make.

The field names are promised to clients. Times are RFC 3339 in UTC, decimals are numbers.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec

from mindbridge_core.access import Role
from mindbridge_core.identity import Session, TokenPair, User
from mindbridge_core.identity.use_cases.invitations import Invitation
from mindbridge_core.pagination import Page, encode_cursor
from mindbridge_core.patients import Patient, PatientStatus, RiskLevel
from mindbridge_flask.paging import Pagination

__all__ = [
    "Accepted",
    "AccountResource",
    "Health",
    "InvitedResource",
    "PatientPage",
    "PatientResource",
    "Readiness",
    "SessionList",
    "TokenResource",
    "UserPage",
    "UserResource",
    "encode",
]

encode: Final = msgspec.json.Encoder(decimal_format="number").encode


class Health(msgspec.Struct, frozen=True):
    """The process answers."""

    status: str = "healthy"
    service: str = "MindBridge Health AI"


class Accepted(msgspec.Struct, frozen=True):
    """The request was taken on; what comes of it is told by mail, if anything does."""

    status: str = "accepted"


class Readiness(msgspec.Struct, frozen=True):
    """All that the service needs is there: each check by name."""

    status: str
    checks: dict[str, str]


class TokenResource(msgspec.Struct, frozen=True):
    """The tokens of a session (RFC 6749, 5.1); `expires_in` is in seconds."""

    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int

    @classmethod
    def of(cls, pair: TokenPair) -> TokenResource:
        """Show `pair`."""
        return cls(pair.access_token, pair.refresh_token, pair.token_type, pair.expires_in)


class UserResource(msgspec.Struct, frozen=True):
    """A member of a clinic's staff."""

    id: UUID
    email: str
    full_name: str
    role: Role
    clinic_id: UUID
    mfa_enabled: bool
    license_number: str | None
    last_login: datetime | None

    @classmethod
    def of(cls, user: User) -> UserResource:
        """Show `user`, without what belongs to the password."""
        return cls(
            user.id,
            user.email,
            user.full_name,
            user.role,
            user.clinic_id,
            user.mfa_enabled,
            user.license_number,
            user.last_login,
        )


class UserPage(msgspec.Struct, frozen=True):
    """A page of accounts in ascending order of id."""

    data: list[AccountResource]
    pagination: Pagination

    @classmethod
    def of(cls, page: Page[User]) -> UserPage:
        """Show `page`."""
        shown = [AccountResource.of(user) for user in page.items]
        return cls(shown, Pagination.at(encode_cursor(page.after)))


class AccountResource(msgspec.Struct, frozen=True):
    """An account as an admin sees it; `active` is false for good once it is deactivated.

    `joined`: its owner has chosen a password; until then an invitation can be sent again.
    """

    id: UUID
    email: str
    full_name: str
    role: Role
    clinic_id: UUID
    mfa_enabled: bool
    license_number: str | None
    last_login: datetime | None
    active: bool
    joined: bool
    version: int
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> AccountResource:
        """Show `user`, without what belongs to the password."""
        return cls(
            user.id,
            user.email,
            user.full_name,
            user.role,
            user.clinic_id,
            user.mfa_enabled,
            user.license_number,
            user.last_login,
            user.active,
            user.password_hash is not None,
            user.version,
            user.created_at,
        )


class InvitedResource(msgspec.Struct, frozen=True):
    """An account whose owner was invited. `invitation_sent` is false when no mail was handed over: invite again."""

    id: UUID
    email: str
    full_name: str
    role: Role
    clinic_id: UUID
    license_number: str | None
    invitation_sent: bool
    invitation_expires_at: datetime

    @classmethod
    def of(cls, invitation: Invitation) -> InvitedResource:
        """Show `invitation`, without its secret."""
        user = invitation.user
        return cls(
            user.id,
            user.email,
            user.full_name,
            user.role,
            user.clinic_id,
            user.license_number,
            invitation.sent,
            invitation.expires_at,
        )


class SessionResource(msgspec.Struct, frozen=True):
    """One of the caller's own sessions; `current` is the one that asks."""

    id: UUID
    current: bool
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    ip_address: str | None
    user_agent: str | None

    @classmethod
    def of(cls, session: Session, current: UUID) -> SessionResource:
        """Show `session`."""
        return cls(
            session.id,
            session.id == current,
            session.created_at,
            session.last_seen_at,
            session.expires_at,
            session.ip_address,
            session.user_agent,
        )


class SessionList(msgspec.Struct, frozen=True):
    """The caller's sessions that are alive, the newest first."""

    data: list[SessionResource]


class PatientResource(msgspec.Struct, frozen=True):
    """A person in care. `medication_adherence` is in percent; null means unknown, 0 means never.

    `part2`: the record may leave the clinic only as 42 CFR Part 2 says.
    """

    id: UUID
    name: str
    mrn: str | None
    date_of_birth: date | None
    diagnosis: str | None
    diagnosis_code: str | None
    part2: bool
    medication_adherence: Decimal | None
    last_appointment: date | None
    appointments_missed: int
    crisis_calls_30days: int
    current_risk_level: RiskLevel | None
    manually_escalated: bool
    status: PatientStatus
    case_manager_id: UUID | None
    admitted_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, patient: Patient) -> PatientResource:
        """Show `patient`."""
        return cls(
            patient.id,
            patient.name,
            patient.mrn,
            patient.date_of_birth,
            patient.diagnosis,
            patient.diagnosis_code,
            patient.part2,
            patient.medication_adherence,
            patient.last_appointment,
            patient.appointments_missed,
            patient.crisis_calls_30days,
            patient.current_risk_level,
            patient.manually_escalated,
            patient.status,
            patient.case_manager_id,
            patient.admitted_at,
            patient.version,
            patient.created_at,
            patient.updated_at,
        )


class PatientPage(msgspec.Struct, frozen=True):
    """A page of patients, in ascending order of id. `total_count` is there when it was asked for."""

    data: list[PatientResource]
    pagination: Pagination

    @classmethod
    def of(cls, page: Page[Patient]) -> PatientPage:
        """Show `page`."""
        shown = PatientResource.of
        return cls(
            [shown(patient) for patient in page.items],
            Pagination.at(encode_cursor(page.after), page.total),
        )
