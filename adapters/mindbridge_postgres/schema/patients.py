"""The patient's record and the history behind its numbers."""

from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Index,
    LargeBinary,
    Numeric,
    Table,
    text,
)

from mindbridge_postgres.schema.columns import (
    ALIVE,
    LONG,
    SHORT,
    blind_index,
    ciphertext,
    count,
    deletion,
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

RISK_LEVELS = ("high", "medium", "low")
PATIENT_STATUSES = ("active", "inactive", "discharged")
APPOINTMENT_STATUSES = ("scheduled", "completed", "missed", "cancelled")
SEVERITIES = ("low", "moderate", "high", "critical")

CODE_WORD = "^[a-z][a-z0-9_]{0,49}$"
"""A word of a vocabulary that stays open: `crisis_call`, `er_visit`, `medication_adherence`."""

patients = Table(
    "patients",
    metadata,
    *tenant_key(),
    uuid("case_manager_id", nullable=True),
    *ciphertext("mrn", SHORT, nullable=True),
    # Equality without decryption, and the uniqueness below.
    *blind_index("mrn_index", nullable=True),
    *ciphertext("name", SHORT),
    *ciphertext("date_of_birth", SHORT, nullable=True),
    # Sealed as well: a diagnosis in the clear, beside a name that is not, still tells on everyone in a small clinic.
    *ciphertext("diagnosis", SHORT, nullable=True),
    *ciphertext("diagnosis_code", SHORT, nullable=True),
    Column("medication_adherence", Numeric(5, 2)),
    Column("last_appointment", Date),
    *count("appointments_missed"),
    *count("crisis_calls_30days"),
    # Those four are as they were given, by hand or by import; null, they were given when the row was last changed, or
    # for an adherence that is null too: never.
    moment("adherence_given_at", nullable=True),
    moment("missed_given_at", nullable=True),
    moment("calls_given_at", nullable=True),
    # What the records say of them, written with every record, so that no list has to look at records.
    Column("recorded_adherence", Numeric(5, 2)),
    moment("recorded_adherence_at", nullable=True),
    moment("last_visit_at", nullable=True),
    moment("visits_since", nullable=True),
    Column("missed_at", ARRAY(DateTime(timezone=True))),
    moment("calls_since", nullable=True),
    Column("calls_at", ARRAY(DateTime(timezone=True))),
    *one_of("current_risk_level", RISK_LEVELS, nullable=True),
    Column("manually_escalated", Boolean, nullable=False, server_default=text("false")),
    moment("admitted_at", nullable=True),
    *one_of("status", PATIENT_STATUSES, default="active"),
    *version(),
    moment("created_at"),
    moment("updated_at"),
    *deletion(),
    of_clinic(),
    within_clinic("case_manager_id", "users"),
    CheckConstraint("medication_adherence BETWEEN 0 AND 100", name="medication_adherence"),
    CheckConstraint("(mrn IS NULL) = (mrn_index IS NULL)", name="mrn_indexed"),
    CheckConstraint("recorded_adherence BETWEEN 0 AND 100", name="recorded_adherence"),
    CheckConstraint("(recorded_adherence IS NULL) = (recorded_adherence_at IS NULL)", name="adherence_recorded"),
    Index(
        "uq_patients_clinic_id_mrn_index",
        "clinic_id",
        "mrn_index",
        unique=True,
        postgresql_where=text(f"mrn_index IS NOT NULL AND {ALIVE}"),
    ),
    # The keyset lists: the whole clinic, one caseload, one risk level. Status alone gets none: nearly every row of the
    # first two is active, and each index is paid for by every update that touches its columns.
    Index("ix_patients_alive", "clinic_id", "id", postgresql_where=text(ALIVE)),
    Index("ix_patients_caseload", "clinic_id", "case_manager_id", "id", postgresql_where=text(ALIVE)),
    Index("ix_patients_risk", "clinic_id", "current_risk_level", "id", postgresql_where=text(ALIVE)),
)

patient_search = Table(
    "patient_search",
    metadata,
    uuid("clinic_id", primary_key=True),
    # A keyed hash of one beginning of one word of a name; who may be found by it stands in the row, the word nowhere.
    Column("token", LargeBinary, primary_key=True),
    uuid("patient_id", primary_key=True),
    CheckConstraint("octet_length(token) = 16", name="token"),
    within_clinic("patient_id", "patients"),
    Index(None, "clinic_id", "patient_id"),
)

appointments = Table(
    "appointments",
    metadata,
    *tenant_key(),
    uuid("patient_id"),
    uuid("scheduled_by", nullable=True),
    moment("scheduled_at"),
    *one_of("status", APPOINTMENT_STATUSES, default="scheduled"),
    *line("appointment_type", 50, nullable=True),
    *ciphertext("notes", LONG, nullable=True),
    moment("closed_at", nullable=True),
    uuid("closed_by", nullable=True),
    *version(),
    moment("created_at"),
    *deletion(),
    within_clinic("patient_id", "patients"),
    within_clinic("scheduled_by", "users"),
    within_clinic("closed_by", "users"),
    CheckConstraint("(status = 'scheduled') = (closed_at IS NULL)", name="closed"),
    Index("ix_appointments_patient", "clinic_id", "patient_id", "scheduled_at", postgresql_where=text(ALIVE)),
)

crisis_events = Table(
    "crisis_events",
    metadata,
    *tenant_key(),
    uuid("patient_id"),
    uuid("reported_by", nullable=True),
    *one_of("severity", SEVERITIES),
    *shaped("event_type", CODE_WORD),
    *ciphertext("description", LONG, nullable=True),
    *ciphertext("resolution", LONG, nullable=True),
    Column("follow_up_required", Boolean, nullable=False, server_default=text("false")),
    moment("occurred_at"),
    moment("resolved_at", nullable=True),
    uuid("resolved_by", nullable=True),
    *version(),
    moment("created_at"),
    *deletion(),
    within_clinic("patient_id", "patients"),
    within_clinic("reported_by", "users"),
    within_clinic("resolved_by", "users"),
    CheckConstraint("resolved_at >= occurred_at", name="resolved_after_occurred"),
    Index("ix_crisis_events_patient", "clinic_id", "patient_id", "occurred_at", postgresql_where=text(ALIVE)),
)

patient_metrics = Table(
    "patient_metrics",
    metadata,
    *tenant_key(),
    uuid("patient_id"),
    *shaped("metric_type", CODE_WORD),
    Column("metric_value", Numeric(12, 2), nullable=False),
    moment("recorded_at"),
    uuid("recorded_by", nullable=True),
    *deletion(),
    within_clinic("patient_id", "patients"),
    within_clinic("recorded_by", "users"),
    # The upper bound refuses NaN and Infinity, which PostgreSQL orders above every number.
    CheckConstraint("metric_value BETWEEN 0 AND 9999999999.99", name="metric_value"),
    Index(
        "ix_patient_metrics_patient",
        "clinic_id",
        "patient_id",
        "metric_type",
        "recorded_at",
        postgresql_where=text(ALIVE),
    ),
    Index("ix_patient_metrics_history", "clinic_id", "patient_id", "recorded_at", postgresql_where=text(ALIVE)),
)
