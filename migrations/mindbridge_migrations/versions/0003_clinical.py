"""Screenings, consents and reports."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from mindbridge_postgres.tenancy import isolation_statements

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = ("screenings", "patient_consents", "reports")
ISOLATED = ("screenings", "patient_consents", "reports")


def upgrade() -> None:
    _create_screenings()
    _create_patient_consents()
    _create_reports()
    _create_foreign_keys()
    _create_indexes()
    for table in ISOLATED:
        for statement in isolation_statements(table):
            op.execute(statement)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _create_screenings() -> None:
    op.create_table(
        "screenings",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("patient_id", sa.Uuid, nullable=False),
        sa.Column("performed_by", sa.Uuid),
        sa.Column("risk_level", sa.Text, nullable=False),
        sa.Column("risk_score", sa.Numeric(5, 2)),
        sa.Column("primary_risk_factor", sa.LargeBinary),
        sa.Column("contributing_factors", sa.LargeBinary),
        sa.Column("recommended_actions", sa.LargeBinary),
        sa.Column("clinical_notes", sa.LargeBinary),
        sa.Column("screening_type", sa.Text, nullable=False),
        sa.Column("assessor", sa.Text, nullable=False),
        sa.Column("ai_model", sa.Text),
        sa.Column("ai_prompt_hash", sa.Text),
        sa.Column("ai_raw_response", sa.LargeBinary),
        sa.Column("guardrails", postgresql.JSONB, nullable=False, server_default="[]"),
        sa.Column("review_status", sa.Text, nullable=False, server_default="pending_review"),
        sa.Column("reviewed_by", sa.Uuid),
        sa.Column("reviewed_at", sa.DateTime(timezone=True)),
        sa.Column("review_note", sa.LargeBinary),
        sa.Column("duration_ms", sa.Integer),
        sa.Column("screened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.Column("deleted_by", sa.Uuid),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_screenings")),
        sa.CheckConstraint("risk_level IN ('high', 'medium', 'low')", name=op.f("ck_screenings_risk_level")),
        sa.CheckConstraint(
            "octet_length(primary_risk_factor) BETWEEN 1 AND 4096", name=op.f("ck_screenings_primary_risk_factor")
        ),
        sa.CheckConstraint(
            "octet_length(contributing_factors) BETWEEN 1 AND 1048576", name=op.f("ck_screenings_contributing_factors")
        ),
        sa.CheckConstraint(
            "octet_length(recommended_actions) BETWEEN 1 AND 1048576", name=op.f("ck_screenings_recommended_actions")
        ),
        sa.CheckConstraint(
            "octet_length(clinical_notes) BETWEEN 1 AND 1048576", name=op.f("ck_screenings_clinical_notes")
        ),
        sa.CheckConstraint("screening_type ~ '^[a-z][a-z0-9_]{0,49}$'", name=op.f("ck_screenings_screening_type")),
        sa.CheckConstraint("assessor ~ '^[a-z][a-z0-9_]{0,49}$'", name=op.f("ck_screenings_assessor")),
        sa.CheckConstraint("char_length(ai_model) BETWEEN 1 AND 100", name=op.f("ck_screenings_ai_model")),
        sa.CheckConstraint("ai_prompt_hash ~ '^[0-9a-f]{64}$'", name=op.f("ck_screenings_ai_prompt_hash")),
        sa.CheckConstraint(
            "octet_length(ai_raw_response) BETWEEN 1 AND 1048576", name=op.f("ck_screenings_ai_raw_response")
        ),
        sa.CheckConstraint(
            "review_status IN ('pending_review', 'confirmed', 'overridden')", name=op.f("ck_screenings_review_status")
        ),
        sa.CheckConstraint("octet_length(review_note) BETWEEN 1 AND 1048576", name=op.f("ck_screenings_review_note")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_screenings_version")),
        sa.CheckConstraint("(deleted_at IS NULL) = (deleted_by IS NULL)", name=op.f("ck_screenings_deletion")),
        sa.CheckConstraint("risk_score BETWEEN 0 AND 100", name=op.f("ck_screenings_risk_score")),
        sa.CheckConstraint("jsonb_typeof(guardrails) = 'array'", name=op.f("ck_screenings_guardrails")),
        sa.CheckConstraint("duration_ms >= 0", name=op.f("ck_screenings_duration_ms")),
        sa.CheckConstraint(
            "(review_status = 'pending_review') = (reviewed_by IS NULL)"
            " AND (review_status = 'pending_review') = (reviewed_at IS NULL)",
            name=op.f("ck_screenings_reviewed"),
        ),
        sa.CheckConstraint(
            "review_status <> 'overridden' OR review_note IS NOT NULL", name=op.f("ck_screenings_override_states_why")
        ),
    )


def _create_patient_consents() -> None:
    op.create_table(
        "patient_consents",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("patient_id", sa.Uuid, nullable=False),
        sa.Column("consent_type", sa.Text, nullable=False),
        sa.Column("granted", sa.Boolean, nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.Column("consent_form_version", sa.Text),
        sa.Column("witness_user_id", sa.Uuid),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_patient_consents")),
        sa.CheckConstraint(
            "consent_type IN ('treatment', 'ai_analysis', 'data_sharing', 'sud_disclosure')",
            name=op.f("ck_patient_consents_consent_type"),
        ),
        sa.CheckConstraint(
            "char_length(consent_form_version) BETWEEN 1 AND 50", name=op.f("ck_patient_consents_consent_form_version")
        ),
        sa.CheckConstraint("version >= 1", name=op.f("ck_patient_consents_version")),
        sa.CheckConstraint("NOT granted OR granted_at IS NOT NULL", name=op.f("ck_patient_consents_granted_at")),
        sa.CheckConstraint(
            "revoked_at IS NULL OR revoked_at >= granted_at", name=op.f("ck_patient_consents_revoked_after_granted")
        ),
    )


def _create_reports() -> None:
    op.create_table(
        "reports",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("screening_id", sa.Uuid),
        sa.Column("caseload_filter", sa.LargeBinary),
        sa.Column("generated_by", sa.Uuid, nullable=False),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("storage_key", sa.Text, nullable=False),
        sa.Column("file_size_bytes", sa.BigInteger, nullable=False),
        sa.Column("checksum", sa.LargeBinary, nullable=False),
        sa.Column("patient_count", sa.Integer, nullable=False, server_default="0"),
        sa.Column("high_risk_count", sa.Integer, nullable=False, server_default="0"),
        sa.Column("medium_risk_count", sa.Integer, nullable=False, server_default="0"),
        sa.Column("low_risk_count", sa.Integer, nullable=False, server_default="0"),
        sa.Column("generated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_reports")),
        sa.CheckConstraint("octet_length(caseload_filter) BETWEEN 1 AND 4096", name=op.f("ck_reports_caseload_filter")),
        sa.CheckConstraint("format IN ('pdf', 'docx', 'xlsx')", name=op.f("ck_reports_format")),
        sa.CheckConstraint("char_length(storage_key) BETWEEN 1 AND 512", name=op.f("ck_reports_storage_key")),
        sa.CheckConstraint("octet_length(checksum) = 32", name=op.f("ck_reports_checksum")),
        sa.CheckConstraint("patient_count >= 0", name=op.f("ck_reports_patient_count")),
        sa.CheckConstraint("high_risk_count >= 0", name=op.f("ck_reports_high_risk_count")),
        sa.CheckConstraint("medium_risk_count >= 0", name=op.f("ck_reports_medium_risk_count")),
        sa.CheckConstraint("low_risk_count >= 0", name=op.f("ck_reports_low_risk_count")),
        sa.CheckConstraint("num_nonnulls(screening_id, caseload_filter) = 1", name=op.f("ck_reports_subject")),
        sa.CheckConstraint("file_size_bytes >= 0", name=op.f("ck_reports_file_size_bytes")),
        sa.CheckConstraint("expires_at > generated_at", name=op.f("ck_reports_expires_after_generated")),
    )


def _create_foreign_keys() -> None:
    op.create_foreign_key(
        op.f("fk_screenings_clinic_id_deleted_by"),
        "screenings",
        "users",
        ["clinic_id", "deleted_by"],
        ["clinic_id", "id"],
    )
    op.create_foreign_key(
        op.f("fk_screenings_clinic_id_patient_id"),
        "screenings",
        "patients",
        ["clinic_id", "patient_id"],
        ["clinic_id", "id"],
    )
    op.create_foreign_key(
        op.f("fk_screenings_clinic_id_performed_by"),
        "screenings",
        "users",
        ["clinic_id", "performed_by"],
        ["clinic_id", "id"],
    )
    op.create_foreign_key(
        op.f("fk_screenings_clinic_id_reviewed_by"),
        "screenings",
        "users",
        ["clinic_id", "reviewed_by"],
        ["clinic_id", "id"],
    )
    op.create_foreign_key(
        op.f("fk_patient_consents_clinic_id_patient_id"),
        "patient_consents",
        "patients",
        ["clinic_id", "patient_id"],
        ["clinic_id", "id"],
    )
    op.create_foreign_key(
        op.f("fk_patient_consents_clinic_id_witness_user_id"),
        "patient_consents",
        "users",
        ["clinic_id", "witness_user_id"],
        ["clinic_id", "id"],
    )
    op.create_foreign_key(
        op.f("fk_reports_clinic_id_screening_id"),
        "reports",
        "screenings",
        ["clinic_id", "screening_id"],
        ["clinic_id", "id"],
    )
    op.create_foreign_key(
        op.f("fk_reports_clinic_id_generated_by"),
        "reports",
        "users",
        ["clinic_id", "generated_by"],
        ["clinic_id", "id"],
    )


def _create_indexes() -> None:
    op.create_index(
        op.f("ix_screenings_patient"),
        "screenings",
        ["clinic_id", "patient_id", "screened_at"],
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        op.f("ix_screenings_unreviewed"),
        "screenings",
        ["clinic_id", "id"],
        postgresql_where=sa.text("review_status = 'pending_review' AND deleted_at IS NULL"),
    )
    op.create_index(
        op.f("ix_patient_consents_clinic_id_patient_id_consent_type"),
        "patient_consents",
        ["clinic_id", "patient_id", "consent_type"],
    )
    op.create_index(op.f("ix_reports_clinic_id_generated_by_id"), "reports", ["clinic_id", "generated_by", "id"])
    op.create_index(
        op.f("ix_reports_clinic_id_screening_id"),
        "reports",
        ["clinic_id", "screening_id"],
        postgresql_where=sa.text("screening_id IS NOT NULL"),
    )
