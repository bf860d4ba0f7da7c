"""What those who watch over a clinic look at: emergency accesses and reviews, unusual access, alerts."""

from sqlalchemy import CheckConstraint, Column, Index, Integer, Table, UniqueConstraint, text

from mindbridge_postgres.schema.columns import (
    LONG,
    ciphertext,
    line,
    metadata,
    moment,
    of_clinic,
    one_of,
    tenant_key,
    uuid,
    version,
    within_clinic,
)

ALERT_KINDS = ("break_glass", "high_risk", "not_screened", "review_overdue")
REVIEW_OUTCOMES = ("justified", "unjustified")

emergency_accesses = Table(
    "emergency_accesses",
    metadata,
    *tenant_key(),
    uuid("user_id"),
    uuid("patient_id"),
    # Sealed, as the note is: clinicians type them, and will name the patient in them.
    *ciphertext("access_reason", LONG),
    moment("granted_at"),
    moment("expires_at"),
    moment("reviewed_at", nullable=True),
    uuid("reviewed_by", nullable=True),
    *one_of("outcome", REVIEW_OUTCOMES, nullable=True),
    *ciphertext("note", LONG, nullable=True),
    *version(),
    within_clinic("user_id", "users"),
    within_clinic("patient_id", "patients"),
    within_clinic("reviewed_by", "users"),
    CheckConstraint("num_nulls(reviewed_at, reviewed_by, outcome, note) IN (0, 4)", name="review"),
    CheckConstraint("reviewed_by <> user_id", name="reviewed_by_another"),
    CheckConstraint("expires_at >= granted_at", name="expires_after_granted"),
    Index(None, "clinic_id", "patient_id", "user_id"),
    Index("ix_emergency_accesses_unreviewed", "clinic_id", "user_id", postgresql_where=text("reviewed_at IS NULL")),
)

audit_findings = Table(
    "audit_findings",
    metadata,
    *tenant_key(),
    # No foreign key: like the trail that it is read from, a finding may name whom the clinic's staff does not list.
    uuid("user_id"),
    *line("rule", 64),
    moment("window_start"),
    moment("window_end"),
    Column("observed", Integer, nullable=False),
    Column("threshold", Integer, nullable=False),
    moment("found_at"),
    of_clinic(),
    UniqueConstraint("clinic_id", "user_id", "rule", "window_start"),
    CheckConstraint("window_end > window_start", name="window"),
    CheckConstraint("threshold >= 0", name="threshold"),
    CheckConstraint("observed > threshold", name="observed"),
)

alerts = Table(
    "alerts",
    metadata,
    *tenant_key(),
    *one_of("kind", ALERT_KINDS),
    uuid("patient_id"),
    # No foreign key: a screening or an emergency access, as the kind says.
    uuid("cause_id"),
    uuid("batch_id", nullable=True),
    moment("created_at"),
    moment("acknowledged_at", nullable=True),
    uuid("acknowledged_by", nullable=True),
    within_clinic("patient_id", "patients"),
    within_clinic("batch_id", "batches"),
    within_clinic("acknowledged_by", "users"),
    UniqueConstraint("clinic_id", "kind", "cause_id"),
    CheckConstraint("(acknowledged_at IS NULL) = (acknowledged_by IS NULL)", name="acknowledgement"),
    Index(None, "clinic_id", "patient_id"),
    # A patient who cannot be screened for a week is one alert until somebody has seen it, not one a day.
    Index(
        "ix_alerts_not_screened",
        "clinic_id",
        "patient_id",
        unique=True,
        postgresql_where=text("kind = 'not_screened' AND acknowledged_at IS NULL"),
    ),
    Index("ix_alerts_unacknowledged", "clinic_id", "id", postgresql_where=text("acknowledged_at IS NULL")),
)
