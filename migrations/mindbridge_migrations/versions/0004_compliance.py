"""The audit trail with its partitions, chain heads, wrapped keys and kept answers."""

from datetime import date

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from mindbridge_postgres.tenancy import (
    append_only_statements,
    default_partition_statements,
    isolation_statements,
    make_partitions,
)

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = ("audit_logs", "audit_chain_heads", "clinic_keys", "idempotency_keys")
ISOLATED = ("audit_logs", "audit_chain_heads", "clinic_keys", "idempotency_keys")


def upgrade() -> None:
    _create_audit_logs()
    _create_audit_chain_heads()
    _create_clinic_keys()
    _create_idempotency_keys()
    _create_foreign_keys()
    _create_indexes()
    for table in ISOLATED:
        for statement in isolation_statements(table):
            op.execute(statement)
    _keep_the_trail()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    op.execute("DROP FUNCTION refuse_audit_change()")


def _create_audit_logs() -> None:
    op.create_table(
        "audit_logs",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("lane", sa.SmallInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.Uuid),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("resource_type", sa.Text, nullable=False),
        sa.Column("resource_id", sa.Uuid),
        sa.Column("resource_ids", sa.ARRAY(sa.Uuid), nullable=False, server_default="{}"),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("changes", postgresql.JSONB, nullable=False, server_default="{}"),
        sa.Column("ip_address", sa.Text),
        sa.Column("user_agent", sa.Text),
        sa.Column("session_id", sa.Uuid),
        sa.Column("request_id", sa.Text),
        sa.Column("phi_accessed", sa.Boolean, nullable=False),
        sa.Column("access_reason", sa.LargeBinary),
        sa.Column("prev_mac", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "created_at", "id", name=op.f("pk_audit_logs")),
        sa.CheckConstraint("char_length(action) BETWEEN 1 AND 64", name=op.f("ck_audit_logs_action")),
        sa.CheckConstraint("char_length(resource_type) BETWEEN 1 AND 64", name=op.f("ck_audit_logs_resource_type")),
        sa.CheckConstraint("outcome IN ('success', 'denied', 'failure')", name=op.f("ck_audit_logs_outcome")),
        sa.CheckConstraint("jsonb_typeof(changes) = 'object'", name=op.f("ck_audit_logs_changes")),
        sa.CheckConstraint("char_length(ip_address) BETWEEN 0 AND 45", name=op.f("ck_audit_logs_ip_address")),
        sa.CheckConstraint("char_length(user_agent) BETWEEN 0 AND 255", name=op.f("ck_audit_logs_user_agent")),
        sa.CheckConstraint("char_length(request_id) BETWEEN 1 AND 128", name=op.f("ck_audit_logs_request_id")),
        sa.CheckConstraint(
            "octet_length(access_reason) BETWEEN 1 AND 1048576", name=op.f("ck_audit_logs_access_reason")
        ),
        sa.CheckConstraint("octet_length(prev_mac) = 32", name=op.f("ck_audit_logs_prev_mac")),
        sa.CheckConstraint("octet_length(mac) = 32", name=op.f("ck_audit_logs_mac")),
        sa.CheckConstraint("lane BETWEEN 0 AND 63", name=op.f("ck_audit_logs_lane")),
        sa.CheckConstraint("seq >= 1", name=op.f("ck_audit_logs_seq")),
        postgresql_partition_by="RANGE (created_at)",
    )


def _create_audit_chain_heads() -> None:
    op.create_table(
        "audit_chain_heads",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("lane", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("entry_mac", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "lane", name=op.f("pk_audit_chain_heads")),
        sa.CheckConstraint("octet_length(entry_mac) = 32", name=op.f("ck_audit_chain_heads_entry_mac")),
        sa.CheckConstraint("octet_length(mac) = 32", name=op.f("ck_audit_chain_heads_mac")),
        sa.CheckConstraint("lane BETWEEN 0 AND 63", name=op.f("ck_audit_chain_heads_lane")),
        sa.CheckConstraint("seq >= 0", name=op.f("ck_audit_chain_heads_seq")),
    )


def _create_clinic_keys() -> None:
    op.create_table(
        "clinic_keys",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary, nullable=False),
        sa.Column("master_key_id", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_clinic_keys")),
        sa.UniqueConstraint("clinic_id", "purpose", "version", name=op.f("uq_clinic_keys_clinic_id_purpose_version")),
        sa.CheckConstraint("purpose IN ('data', 'audit', 'index')", name=op.f("ck_clinic_keys_purpose")),
        sa.CheckConstraint("octet_length(wrapped_key) BETWEEN 1 AND 4096", name=op.f("ck_clinic_keys_wrapped_key")),
        sa.CheckConstraint("char_length(master_key_id) BETWEEN 1 AND 128", name=op.f("ck_clinic_keys_master_key_id")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_clinic_keys_version")),
    )


def _create_idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("key_digest", sa.LargeBinary, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("answer", sa.LargeBinary),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_idempotency_keys")),
        sa.UniqueConstraint(
            "clinic_id", "user_id", "key_digest", name=op.f("uq_idempotency_keys_clinic_id_user_id_key_digest")
        ),
        sa.CheckConstraint("octet_length(key_digest) = 32", name=op.f("ck_idempotency_keys_key_digest")),
        sa.CheckConstraint("octet_length(fingerprint) = 32", name=op.f("ck_idempotency_keys_fingerprint")),
        sa.CheckConstraint("octet_length(answer) BETWEEN 1 AND 1048576", name=op.f("ck_idempotency_keys_answer")),
    )


def _create_foreign_keys() -> None:
    op.create_foreign_key(op.f("fk_audit_chain_heads_clinic_id"), "audit_chain_heads", "clinics", ["clinic_id"], ["id"])
    op.create_foreign_key(op.f("fk_clinic_keys_clinic_id"), "clinic_keys", "clinics", ["clinic_id"], ["id"])
    op.create_foreign_key(
        op.f("fk_idempotency_keys_clinic_id_user_id"),
        "idempotency_keys",
        "users",
        ["clinic_id", "user_id"],
        ["clinic_id", "id"],
    )


def _create_indexes() -> None:
    op.create_index(op.f("ix_audit_logs_chain"), "audit_logs", ["clinic_id", "lane", "seq"])
    op.create_index(
        op.f("ix_audit_logs_resource"),
        "audit_logs",
        ["clinic_id", "resource_id", "created_at"],
        postgresql_where=sa.text("resource_id IS NOT NULL"),
    )
    op.create_index(op.f("ix_idempotency_keys_clinic_id_created_at"), "idempotency_keys", ["clinic_id", "created_at"])


def _keep_the_trail() -> None:
    """Refuse changes to the trail, then divide it: the row trigger passes to every partition made after it."""
    for statement in (*append_only_statements(), *default_partition_statements()):
        op.execute(statement)
    make_partitions(op.get_bind(), date(2026, 1, 1), 24)
