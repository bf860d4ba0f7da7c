"""Identity: organizations, clinics, staff and their sessions."""

from mindbridge_core.identity.entities import (
    Clinic,
    DirectoryEntry,
    Lockout,
    LoginAttempts,
    Organization,
    RefreshToken,
    Session,
    SessionLimits,
    SignedIn,
    User,
    normalize_email,
)
from mindbridge_core.identity.inputs import (
    ClinicDraft,
    Credentials,
    RefreshRequest,
    StaffChanges,
    StaffDraft,
    valid_npi,
)
from mindbridge_core.identity.overseers import Overseers, overseers
from mindbridge_core.identity.passwords import accept_password, normalize_password
from mindbridge_core.identity.ports import (
    AccessTokens,
    Clinics,
    CommonPasswords,
    Directory,
    IdentityUnit,
    LoginAttemptLog,
    PasswordHasher,
    RefreshTokens,
    Sessions,
    Users,
)
from mindbridge_core.identity.tokens import RefreshSecret, TokenPair

__all__ = [
    "AccessTokens",
    "Clinic",
    "ClinicDraft",
    "Clinics",
    "CommonPasswords",
    "Credentials",
    "Directory",
    "DirectoryEntry",
    "IdentityUnit",
    "Lockout",
    "LoginAttemptLog",
    "LoginAttempts",
    "Organization",
    "Overseers",
    "PasswordHasher",
    "RefreshRequest",
    "RefreshSecret",
    "RefreshToken",
    "RefreshTokens",
    "Session",
    "SessionLimits",
    "Sessions",
    "SignedIn",
    "StaffChanges",
    "StaffDraft",
    "TokenPair",
    "User",
    "Users",
    "accept_password",
    "normalize_email",
    "normalize_password",
    "overseers",
    "valid_npi",
]
