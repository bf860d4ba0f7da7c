"""Patients, their appointments, crisis events and metrics."""

import sqlalchemy as sa
from alembic import op

from mindbridge_postgres.tenancy import isolation_statements

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = ("patients", "appointments", "crisis_events", "patient_metrics")
ISOLATED = ("patients", "appointments", "crisis_events", "patient_metrics")


def upgrade() -> None:
    _create_patients()
    _create_appointments()
    _create_crisis_events()
    _create_patient_metrics()
    _create_foreign_keys()
    _create_indexes()
    for table in ISOLATED:
        for statement in isolation_statements(table):
            op.execute(statement)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _create_patients() -> None:
    op.create_table(
        "patients",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("case_manager_id", sa.Uuid),
        sa.Column("mrn", sa.LargeBinary),
        sa.Column("mrn_index", sa.LargeBinary),
        sa.Column("name", sa.LargeBinary, nullable=False),
        sa.Column("date_of_birth", sa.LargeBinary),
        sa.Column("diagnosis", sa.LargeBinary),
        sa.Column("diagnosis_code", sa.LargeBinary),
        sa.Column("medication_adherence", sa.Numeric(5, 2)),
        sa.Column("last_appointment", sa.Date),
        sa.Column("appointments_missed", sa.Integer, nullable=False, server_default="0"),
        sa.Column("crisis_calls_30days", sa.Integer, nullable=False, server_default="0"),
        sa.Column("current_risk_level", sa.Text),
        sa.Column("manually_escalated", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("admitted_at", sa.DateTime(timezone=True)),
        sa.Column("status", sa.Text, nullable=False, server_default="active"),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.Column("deleted_by", sa.Uuid),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_patients")),
        sa.CheckConstraint("octet_length(mrn) BETWEEN 1 AND 4096", name=op.f("ck_patients_mrn")),
        sa.CheckConstraint("octet_length(mrn_index) = 16", name=op.f("ck_patients_mrn_index")),
        sa.CheckConstraint("octet_length(name) BETWEEN 1 AND 4096", name=op.f("ck_patients_name")),
        sa.CheckConstraint("octet_length(date_of_birth) BETWEEN 1 AND 4096", name=op.f("ck_patients_date_of_birth")),
        sa.CheckConstraint("octet_length(diagnosis) BETWEEN 1 AND 4096", name=op.f("ck_patients_diagnosis")),
        sa.CheckConstraint("octet_length(diagnosis_code) BETWEEN 1 AND 4096", name=op.f("ck_patients_diagnosis_code")),
        sa.CheckConstraint("appointments_missed >= 0", name=op.f("ck_patients_appointments_missed")),
        sa.CheckConstraint("crisis_calls_30days >= 0", name=op.f("ck_patients_crisis_calls_30days")),
        sa.CheckConstraint(
            "current_risk_level IN ('high', 'medium', 'low')", name=op.f("ck_patients_current_risk_level")
        ),
        sa.CheckConstraint("status IN ('active', 'inactive', 'discharged')", name=op.f("ck_patients_status")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_patients_version")),
        sa.CheckConstraint("(deleted_at IS NULL) = (deleted_by IS NULL)", name=op.f("ck_patients_deletion")),
        sa.CheckConstraint("medication_adherence BETWEEN 0 AND 100", name=op.f("ck_patients_medication_adherence")),
        sa.CheckConstraint("(mrn IS NULL) = (mrn_index IS NULL)", name=op.f("ck_patients_mrn_indexed")),
    )


def _create_appointments() -> None:
    op.create_table(
        "appointments",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("patient_id", sa.Uuid, nullable=False),
        sa.Column("scheduled_by", sa.Uuid),
        sa.Column("scheduled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text, nullable=False, server_default="scheduled"),
        sa.Column("appointment_type", sa.Text),
        sa.Column("notes", sa.LargeBinary),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.Column("deleted_by", sa.Uuid),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_appointments")),
        sa.CheckConstraint(
            "status IN ('scheduled', 'completed', 'missed', 'cancelled')", name=op.f("ck_appointments_status")
        ),
        sa.CheckConstraint(
            "char_length(appointment_type) BETWEEN 1 AND 50", name=op.f("ck_appointments_appointment_type")
        ),
        sa.CheckConstraint("octet_length(notes) BETWEEN 1 AND 1048576", name=op.f("ck_appointments_notes")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_appointments_version")),
        sa.CheckConstraint("(deleted_at IS NULL) = (deleted_by IS NULL)", name=op.f("ck_appointments_deletion")),
    )


def _create_crisis_events() -> None:
    op.create_table(
        "crisis_events",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("patient_id", sa.Uuid, nullable=False),
        sa.Column("reported_by", sa.Uuid),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("description", sa.LargeBinary),
        sa.Column("resolution", sa.LargeBinary),
        sa.Column("follow_up_required", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True)),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.Column("deleted_by", sa.Uuid),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_crisis_events")),
        sa.CheckConstraint(
            "severity IN ('low', 'moderate', 'high', 'critical')", name=op.f("ck_crisis_events_severity")
        ),
        sa.CheckConstraint("event_type ~ '^[a-z][a-z0-9_]{0,49}$'", name=op.f("ck_crisis_events_event_type")),
        sa.CheckConstraint(
            "octet_length(description) BETWEEN 1 AND 1048576", name=op.f("ck_crisis_events_description")
        ),
        sa.CheckConstraint("octet_length(resolution) BETWEEN 1 AND 1048576", name=op.f("ck_crisis_events_resolution")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_crisis_events_version")),
        sa.CheckConstraint("(deleted_at IS NULL) = (deleted_by IS NULL)", name=op.f("ck_crisis_events_deletion")),
        sa.CheckConstraint("resolved_at >= occurred_at", name=op.f("ck_crisis_events_resolved_after_occurred")),
    )


def _create_patient_metrics() -> None:
    op.create_table(
        "patient_metrics",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("patient_id", sa.Uuid, nullable=False),
        sa.Column("metric_type", sa.Text, nullable=False),
        sa.Column("metric_value", sa.Numeric(12, 2), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Uuid),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.Column("deleted_by", sa.Uuid),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_patient_metrics")),
        sa.CheckConstraint("metric_type ~ '^[a-z][a-z0-9_]{0,49}$'", name=op.f("ck_patient_metrics_metric_type")),
        sa.CheckConstraint("(deleted_at IS NULL) = (deleted_by IS NULL)", name=op.f("ck_patient_metrics_deletion")),
        sa.CheckConstraint("metric_value BETWEEN 0 AND 9999999999.99", name=op.f("ck_patient_metrics_metric_value")),
    )


def _create_foreign_keys() -> None:
    op.create_foreign_key(
        op.f("fk_patients_clinic_id_deleted_by"), "patients", "users", ["clinic_id", "deleted_by"], ["clinic_id", "id"]
    )
    op.create_foreign_key(op.f("fk_patients_clinic_id"), "patients", "clinics", ["clinic_id"], ["id"])
    op.create_foreign_key(
        op.f("fk_patients_clinic_id_case_manager_id"),
        "patients",
        "users",
        ["clinic_id", "case_manager_id"],
        ["clinic_id", "id"],
    )
    op.create_foreign_key(
        op.f("fk_appointments_clinic_id_deleted_by"),
        "appointments",
        "users",
        ["clinic_id", "deleted_by"],
        ["clinic_id", "id"],
    )
    op.create_foreign_key(
        op.f("fk_appointments_clinic_id_patient_id"),
        "appointments",
        "patients",
        ["clinic_id", "patient_id"],
        ["clinic_id", "id"],
    )
    op.create_foreign_key(
        op.f("fk_appointments_clinic_id_scheduled_by"),
        "appointments",
        "users",
        ["clinic_id", "scheduled_by"],
        ["clinic_id", "id"],
    )
    op.create_foreign_key(
        op.f("fk_crisis_events_clinic_id_deleted_by"),
        "crisis_events",
        "users",
        ["clinic_id", "deleted_by"],
        ["clinic_id", "id"],
    )
    op.create_foreign_key(
        op.f("fk_crisis_events_clinic_id_patient_id"),
        "crisis_events",
        "patients",
        ["clinic_id", "patient_id"],
        ["clinic_id", "id"],
    )
    op.create_foreign_key(
        op.f("fk_crisis_events_clinic_id_reported_by"),
        "crisis_events",
        "users",
        ["clinic_id", "reported_by"],
        ["clinic_id", "id"],
    )
    op.create_foreign_key(
        op.f("fk_patient_metrics_clinic_id_deleted_by"),
        "patient_metrics",
        "users",
        ["clinic_id", "deleted_by"],
        ["clinic_id", "id"],
    )
    op.create_foreign_key(
        op.f("fk_patient_metrics_clinic_id_patient_id"),
        "patient_metrics",
        "patients",
        ["clinic_id", "patient_id"],
        ["clinic_id", "id"],
    )
    op.create_foreign_key(
        op.f("fk_patient_metrics_clinic_id_recorded_by"),
        "patient_metrics",
        "users",
        ["clinic_id", "recorded_by"],
        ["clinic_id", "id"],
    )


def _create_indexes() -> None:
    op.create_index(
        op.f("ix_patients_alive"), "patients", ["clinic_id", "id"], postgresql_where=sa.text("deleted_at IS NULL")
    )
    op.create_index(
        op.f("ix_patients_caseload"),
        "patients",
        ["clinic_id", "case_manager_id", "id"],
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        op.f("ix_patients_risk"),
        "patients",
        ["clinic_id", "current_risk_level", "id"],
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        op.f("uq_patients_clinic_id_mrn_index"),
        "patients",
        ["clinic_id", "mrn_index"],
        unique=True,
        postgresql_where=sa.text("mrn_index IS NOT NULL AND deleted_at IS NULL"),
    )
    op.create_index(
        op.f("ix_appointments_patient"),
        "appointments",
        ["clinic_id", "patient_id", "scheduled_at"],
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        op.f("ix_crisis_events_patient"),
        "crisis_events",
        ["clinic_id", "patient_id", "occurred_at"],
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        op.f("ix_patient_metrics_patient"),
        "patient_metrics",
        ["clinic_id", "patient_id", "metric_type", "recorded_at"],
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
