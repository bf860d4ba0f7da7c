"""Batches of screenings: who ordered which, how far it is, and what became of each patient."""

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Column,
    Date,
    Index,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    Uuid,
    text,
)

from mindbridge_postgres.schema.columns import (
    count,
    line,
    metadata,
    moment,
    of_clinic,
    one_of,
    shaped,
    tenant_key,
    uuid,
    within_clinic,
)

LEVELS = ("high", "medium", "low")
STATES = ("preparing", "queued", "running", "done", "cancelled")
CODE_WORD = "^[a-z][a-z0-9_]{0,49}$"

batches = Table(
    "batches",
    metadata,
    *tenant_key(),
    uuid("ordered_by", nullable=True),
    uuid("case_manager_id", nullable=True),
    *one_of("risk_level", LEVELS, nullable=True),
    *shaped("screening_type", CODE_WORD),
    Column("day", Date),
    *one_of("state", STATES, default="queued"),
    *line("reason", 100, nullable=True),
    *count("total"),
    *count("screened"),
    *count("failed"),
    uuid("reached", nullable=True),
    moment("created_at"),
    moment("started_at", nullable=True),
    moment("taken_at", nullable=True),
    moment("ended_at", nullable=True),
    of_clinic(),
    within_clinic("ordered_by", "users"),
    within_clinic("case_manager_id", "users"),
    UniqueConstraint("clinic_id", "day"),
    CheckConstraint("(ended_at IS NOT NULL) = (state IN ('done', 'cancelled'))", name="ended"),
    CheckConstraint("(reason IS NOT NULL) = (state = 'cancelled')", name="cancelled_says_why"),
    CheckConstraint("screened + failed <= total", name="progress"),
    Index("ix_batches_open", "clinic_id", "id", postgresql_where=text("ended_at IS NULL")),
)

batch_patients = Table(
    "batch_patients",
    metadata,
    uuid("clinic_id"),
    uuid("batch_id"),
    uuid("patient_id"),
    uuid("screening_id", nullable=True),
    *line("failure", 100, nullable=True),
    *count("deaths"),
    PrimaryKeyConstraint("clinic_id", "batch_id", "patient_id"),
    within_clinic("batch_id", "batches"),
    within_clinic("patient_id", "patients"),
    within_clinic("screening_id", "screenings"),
    CheckConstraint("screening_id IS NULL OR failure IS NULL", name="settled_once"),
    Index(None, "clinic_id", "patient_id"),
    Index(
        "ix_batch_patients_waiting",
        "clinic_id",
        "batch_id",
        "patient_id",
        postgresql_where=text("screening_id IS NULL AND failure IS NULL"),
    ),
)

batch_pieces = Table(
    "batch_pieces",
    metadata,
    *tenant_key(),
    uuid("batch_id"),
    moment("leased_until"),
    Column("patients", ARRAY(Uuid), nullable=False),
    within_clinic("batch_id", "batches"),
    Index(None, "clinic_id", "batch_id"),
)
"""A row for each worker, by its id, that has patients of a batch."""
