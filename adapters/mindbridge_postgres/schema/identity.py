"""Organizations, clinics, staff, sessions and what guards the door.

Four tables are reference tables, without row-level security: `organizations` and `clinics` are what a clinic's
isolation hangs on, `login_directory` and `login_attempts` are read before it is known which clinic is asking.
None of them holds PHI in the clear.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from mindbridge_postgres.schema.columns import (
    SHORT,
    ciphertext,
    count,
    digest,
    json_object,
    line,
    metadata,
    moment,
    of_clinic,
    one_of,
    shaped,
    tenant_key,
    uuid,
    version,
    within_clinic,
)

ROLES = ("case_manager", "admin", "compliance_officer", "readonly")

EMAIL_LENGTH = 320
"""RFC 5321, 4.5.3.1: 64 octets before the `@`, 255 after; case-folding may have made it longer than what was typed."""

organizations = Table(
    "organizations",
    metadata,
    uuid("id", primary_key=True),
    *line("name", 255),
    *line("subscription_tier", 50, default="standard"),
    Column("hipaa_baa_signed", Boolean, nullable=False, server_default=text("false")),
    Column("hipaa_baa_date", Date),
    *json_object("settings", default="{}"),
    moment("created_at"),
    moment("updated_at"),
    Index(None, "name"),
)

clinics = Table(
    "clinics",
    metadata,
    uuid("id", primary_key=True),
    uuid("organization_id"),
    *line("name", 255),
    *ciphertext("address", SHORT, nullable=True),
    *line("phone", 20, nullable=True),
    *shaped("npi_number", "^[0-9]{10}$", nullable=True),
    *line("timezone", 64, default="America/New_York"),
    moment("created_at"),
    ForeignKeyConstraint(["organization_id"], ["organizations.id"]),
    Index(None, "organization_id", "name"),
)

users = Table(
    "users",
    metadata,
    *tenant_key(),
    *line("email", EMAIL_LENGTH, shortest=3),
    *line("password_hash", 255, nullable=True),
    *one_of("role", ROLES),
    *line("full_name", 255),
    *line("license_number", 50, nullable=True),
    Column("mfa_enabled", Boolean, nullable=False, server_default=text("false")),
    *ciphertext("mfa_secret", SHORT, nullable=True),
    Column("mfa_last_step", BigInteger),
    # An admin has taken the second factor away: a new one is owed, whatever the clinic demands of the role.
    Column("mfa_owed", Boolean, nullable=False, server_default=text("false")),
    moment("last_login", nullable=True),
    moment("password_changed_at", nullable=True),
    *version(),
    moment("created_at"),
    moment("deleted_at", nullable=True),
    of_clinic(),
    UniqueConstraint("clinic_id", "email"),
    # Stored normalised, so that EVIL@x and evil@x cannot be two accounts.
    CheckConstraint("email !~ '[A-Z]' AND position('@' IN email) > 1", name="email_normalised"),
    CheckConstraint("mfa_last_step >= 0", name="mfa_last_step"),
    CheckConstraint("NOT mfa_enabled OR mfa_secret IS NOT NULL", name="mfa_enrolled"),
    CheckConstraint("NOT (mfa_enabled AND mfa_owed)", name="mfa_owed"),
)

account_tokens = Table(
    "account_tokens",
    metadata,
    uuid("clinic_id", primary_key=True),
    uuid("user_id", primary_key=True),
    *one_of("purpose", ("invitation", "reset"), primary_key=True),
    *digest("token_hash"),
    moment("created_at"),
    moment("expires_at"),
    moment("used_at", nullable=True),
    within_clinic("user_id", "users"),
    UniqueConstraint("clinic_id", "token_hash"),
    CheckConstraint("expires_at > created_at", name="expires_after_created"),
    comment="The one-time token of each account and purpose, hashed; a new one takes the old one's place.",
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    *tenant_key(),
    uuid("user_id"),
    # A self-describing hash (argon2id or hex of a keyed digest): the adapter that hashes decides which.
    *line("code_hash", 255),
    moment("used_at", nullable=True),
    moment("created_at"),
    within_clinic("user_id", "users"),
    Index(None, "clinic_id", "user_id"),
)

clinic_policies = Table(
    "clinic_policies",
    metadata,
    uuid("clinic_id", primary_key=True),
    Column("mfa_roles", ARRAY(Text), nullable=False),
    *version(),
    moment("updated_at"),
    uuid("updated_by", nullable=True),
    of_clinic(),
    within_clinic("updated_by", "users"),
    CheckConstraint(f"mfa_roles <@ ARRAY{list(ROLES)}::text[]", name="mfa_roles"),
    comment="What a clinic demands of its staff. Apart from `clinics`, which the application may only add to.",
)

clinic_settings = Table(
    "clinic_settings",
    metadata,
    uuid("clinic_id", primary_key=True),
    *line("timezone", 64),
    *shaped("screening_time", "^([01][0-9]|2[0-3]):[0-5][0-9]$", nullable=True),
    *version(),
    moment("updated_at"),
    of_clinic(),
    comment="What a clinic has changed of itself since it was opened; `clinics` says the rest. No row: nothing.",
)

login_directory = Table(
    "login_directory",
    metadata,
    Column("email_norm", Text, primary_key=True),
    uuid("clinic_id"),
    uuid("user_id"),
    within_clinic("user_id", "users"),
    UniqueConstraint("clinic_id", "user_id"),
    CheckConstraint(f"char_length(email_norm) BETWEEN 3 AND {EMAIL_LENGTH}", name="email_norm"),
    CheckConstraint("email_norm !~ '[A-Z]'", name="email_norm_normalised"),
    comment="Which clinic an e-mail signs in to. No row-level security: it is asked before the clinic is known.",
)

login_attempts = Table(
    "login_attempts",
    metadata,
    # Keyed by digest, so that the table lists no address that anyone ever mistyped.
    *digest("email_digest", primary_key=True),
    *count("failures"),
    moment("locked_until", nullable=True),
    moment("updated_at"),
    comment="Failed logins in a row per e-mail, known or not, so that a lock tells nothing about accounts.",
)

throttle_windows = Table(
    "throttle_windows",
    metadata,
    # A keyed hash of an operation and an address or an e-mail: the table lists neither.
    Column("key", LargeBinary, primary_key=True),
    *count("hits"),
    moment("ends_at"),
    CheckConstraint("octet_length(key) = 16", name="key"),
    Index(None, "ends_at"),
    comment="Tries per address and per e-mail, counted before anything is known of who tries.",
)

sessions = Table(
    "sessions",
    metadata,
    *tenant_key(),
    uuid("user_id"),
    moment("created_at"),
    moment("last_seen_at"),
    moment("expires_at"),
    moment("revoked_at", nullable=True),
    *line("ip_address", 45, shortest=0, nullable=True),
    *line("user_agent", 255, shortest=0, nullable=True),
    within_clinic("user_id", "users"),
    CheckConstraint("expires_at > created_at", name="expires_after_created"),
    Index(None, "clinic_id", "user_id", postgresql_where=text("revoked_at IS NULL")),
    Index(None, "clinic_id", "expires_at"),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    *tenant_key(),
    uuid("session_id"),
    *digest("token_hash"),
    moment("created_at"),
    moment("used_at", nullable=True),
    within_clinic("session_id", "sessions"),
    UniqueConstraint("clinic_id", "token_hash"),
    Index(None, "clinic_id", "session_id"),
)
