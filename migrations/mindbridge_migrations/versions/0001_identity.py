"""Organizations, clinics, staff, sessions, and the reserved platform clinic."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from mindbridge_postgres.tenancy import isolation_statements

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "organizations",
    "clinics",
    "users",
    "recovery_codes",
    "login_directory",
    "login_attempts",
    "sessions",
    "refresh_tokens",
)
ISOLATED = ("users", "recovery_codes", "sessions", "refresh_tokens")


def upgrade() -> None:
    _create_organizations()
    _create_clinics()
    _create_users()
    _create_recovery_codes()
    _create_login_directory()
    _create_login_attempts()
    _create_sessions()
    _create_refresh_tokens()
    _create_foreign_keys()
    _create_indexes()
    for table in ISOLATED:
        for statement in isolation_statements(table):
            op.execute(statement)
    _reserve_platform_clinic()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _create_organizations() -> None:
    op.create_table(
        "organizations",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("subscription_tier", sa.Text, nullable=False, server_default="standard"),
        sa.Column("hipaa_baa_signed", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("hipaa_baa_date", sa.Date),
        sa.Column("settings", postgresql.JSONB, nullable=False, server_default="{}"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organizations")),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 255", name=op.f("ck_organizations_name")),
        sa.CheckConstraint(
            "char_length(subscription_tier) BETWEEN 1 AND 50", name=op.f("ck_organizations_subscription_tier")
        ),
        sa.CheckConstraint("jsonb_typeof(settings) = 'object'", name=op.f("ck_organizations_settings")),
    )


def _create_clinics() -> None:
    op.create_table(
        "clinics",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("organization_id", sa.Uuid, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("address", sa.LargeBinary),
        sa.Column("phone", sa.Text),
        sa.Column("npi_number", sa.Text),
        sa.Column("timezone", sa.Text, nullable=False, server_default="America/New_York"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clinics")),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 255", name=op.f("ck_clinics_name")),
        sa.CheckConstraint("octet_length(address) BETWEEN 1 AND 4096", name=op.f("ck_clinics_address")),
        sa.CheckConstraint("char_length(phone) BETWEEN 1 AND 20", name=op.f("ck_clinics_phone")),
        sa.CheckConstraint("npi_number ~ '^[0-9]{10}$'", name=op.f("ck_clinics_npi_number")),
        sa.CheckConstraint("char_length(timezone) BETWEEN 1 AND 64", name=op.f("ck_clinics_timezone")),
    )


def _create_users() -> None:
    op.create_table(
        "users",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("full_name", sa.Text, nullable=False),
        sa.Column("license_number", sa.Text),
        sa.Column("mfa_enabled", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("mfa_secret", sa.LargeBinary),
        sa.Column("mfa_last_step", sa.BigInteger),
        sa.Column("last_login", sa.DateTime(timezone=True)),
        sa.Column("password_changed_at", sa.DateTime(timezone=True)),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_users")),
        sa.UniqueConstraint("clinic_id", "email", name=op.f("uq_users_clinic_id_email")),
        sa.CheckConstraint("char_length(email) BETWEEN 3 AND 320", name=op.f("ck_users_email")),
        sa.CheckConstraint("char_length(password_hash) BETWEEN 1 AND 255", name=op.f("ck_users_password_hash")),
        sa.CheckConstraint(
            "role IN ('case_manager', 'admin', 'compliance_officer', 'readonly')", name=op.f("ck_users_role")
        ),
        sa.CheckConstraint("char_length(full_name) BETWEEN 1 AND 255", name=op.f("ck_users_full_name")),
        sa.CheckConstraint("char_length(license_number) BETWEEN 1 AND 50", name=op.f("ck_users_license_number")),
        sa.CheckConstraint("octet_length(mfa_secret) BETWEEN 1 AND 4096", name=op.f("ck_users_mfa_secret")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_users_version")),
        sa.CheckConstraint("email !~ '[A-Z]' AND position('@' IN email) > 1", name=op.f("ck_users_email_normalised")),
        sa.CheckConstraint("mfa_last_step >= 0", name=op.f("ck_users_mfa_last_step")),
        sa.CheckConstraint("NOT mfa_enabled OR mfa_secret IS NOT NULL", name=op.f("ck_users_mfa_enrolled")),
    )


def _create_recovery_codes() -> None:
    op.create_table(
        "recovery_codes",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("code_hash", sa.Text, nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_recovery_codes")),
        sa.CheckConstraint("char_length(code_hash) BETWEEN 1 AND 255", name=op.f("ck_recovery_codes_code_hash")),
    )


def _create_login_directory() -> None:
    op.create_table(
        "login_directory",
        sa.Column("email_norm", sa.Text, nullable=False),
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.PrimaryKeyConstraint("email_norm", name=op.f("pk_login_directory")),
        sa.UniqueConstraint("clinic_id", "user_id", name=op.f("uq_login_directory_clinic_id_user_id")),
        sa.CheckConstraint("char_length(email_norm) BETWEEN 3 AND 320", name=op.f("ck_login_directory_email_norm")),
        sa.CheckConstraint("email_norm !~ '[A-Z]'", name=op.f("ck_login_directory_email_norm_normalised")),
        comment="Which clinic an e-mail signs in to. No row-level security: it is asked before the clinic is known.",
    )


def _create_login_attempts() -> None:
    op.create_table(
        "login_attempts",
        sa.Column("email_digest", sa.LargeBinary, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("locked_until", sa.DateTime(timezone=True)),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("email_digest", name=op.f("pk_login_attempts")),
        sa.CheckConstraint("octet_length(email_digest) = 32", name=op.f("ck_login_attempts_email_digest")),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_login_attempts_failures")),
        comment="Failed logins in a row per e-mail, known or not, so that a lock tells nothing about accounts.",
    )


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.Column("ip_address", sa.Text),
        sa.Column("user_agent", sa.Text),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_sessions")),
        sa.CheckConstraint("char_length(ip_address) BETWEEN 0 AND 45", name=op.f("ck_sessions_ip_address")),
        sa.CheckConstraint("char_length(user_agent) BETWEEN 0 AND 255", name=op.f("ck_sessions_user_agent")),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_sessions_expires_after_created")),
    )


def _create_refresh_tokens() -> None:
    op.create_table(
        "refresh_tokens",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("session_id", sa.Uuid, nullable=False),
        sa.Column("token_hash", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_refresh_tokens")),
        sa.UniqueConstraint("clinic_id", "token_hash", name=op.f("uq_refresh_tokens_clinic_id_token_hash")),
        sa.CheckConstraint("octet_length(token_hash) = 32", name=op.f("ck_refresh_tokens_token_hash")),
    )


def _create_foreign_keys() -> None:
    op.create_foreign_key(op.f("fk_clinics_organization_id"), "clinics", "organizations", ["organization_id"], ["id"])
    op.create_foreign_key(op.f("fk_users_clinic_id"), "users", "clinics", ["clinic_id"], ["id"])
    op.create_foreign_key(
        op.f("fk_recovery_codes_clinic_id_user_id"),
        "recovery_codes",
        "users",
        ["clinic_id", "user_id"],
        ["clinic_id", "id"],
    )
    op.create_foreign_key(
        op.f("fk_login_directory_clinic_id_user_id"),
        "login_directory",
        "users",
        ["clinic_id", "user_id"],
        ["clinic_id", "id"],
    )
    op.create_foreign_key(
        op.f("fk_sessions_clinic_id_user_id"), "sessions", "users", ["clinic_id", "user_id"], ["clinic_id", "id"]
    )
    op.create_foreign_key(
        op.f("fk_refresh_tokens_clinic_id_session_id"),
        "refresh_tokens",
        "sessions",
        ["clinic_id", "session_id"],
        ["clinic_id", "id"],
    )


def _create_indexes() -> None:
    op.create_index(op.f("ix_organizations_name"), "organizations", ["name"])
    op.create_index(op.f("ix_clinics_organization_id_name"), "clinics", ["organization_id", "name"])
    op.create_index(op.f("ix_recovery_codes_clinic_id_user_id"), "recovery_codes", ["clinic_id", "user_id"])
    op.create_index(
        op.f("ix_sessions_clinic_id_user_id"),
        "sessions",
        ["clinic_id", "user_id"],
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
    op.create_index(op.f("ix_refresh_tokens_clinic_id_session_id"), "refresh_tokens", ["clinic_id", "session_id"])


def _reserve_platform_clinic() -> None:
    """Make the clinic whose trail takes what belongs to no clinic, such as a login with an unknown e-mail."""
    op.execute(
        "INSERT INTO organizations (id, name, created_at, updated_at)"
        " VALUES ('00000000-0000-7000-8000-000000000000', 'MindBridge platform', now(), now())"
    )
    op.execute(
        "INSERT INTO clinics (id, organization_id, name, timezone, created_at)"
        " VALUES ('00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000000',"
        " 'MindBridge platform', 'UTC', now())"
    )
