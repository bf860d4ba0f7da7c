"""Enquiries of somebody who answers within a day: what was asked about whom, and what came of it."""

from sqlalchemy import CheckConstraint, Index, Table, UniqueConstraint, text

from mindbridge_postgres.schema.columns import (
    SHORT,
    ciphertext,
    count,
    line,
    metadata,
    moment,
    shaped,
    tenant_key,
    uuid,
    within_clinic,
)

enquiries = Table(
    "enquiries",
    metadata,
    *tenant_key(),
    uuid("batch_id"),
    moment("created_at"),
    moment("look_at"),
    *count("tries"),
    *shaped("handle", "^[A-Za-z0-9_-]{1,100}$", nullable=True),
    *line("model", 100, nullable=True),
    *shaped("prompt_hash", "^[0-9a-f]{64}$", nullable=True),
    moment("submitted_at", nullable=True),
    *line("stopped", 100, nullable=True),
    moment("ended_at", nullable=True),
    within_clinic("batch_id", "batches"),
    CheckConstraint("num_nulls(handle, model, prompt_hash, submitted_at) IN (0, 4)", name="submission"),
    Index("ix_enquiries_due", "clinic_id", "look_at", postgresql_where=text("ended_at IS NULL")),
)

questions = Table(
    "questions",
    metadata,
    *tenant_key(),
    uuid("enquiry_id"),
    uuid("batch_id"),
    uuid("patient_id"),
    *shaped("custom_id", "^[A-Za-z0-9_-]{1,64}$"),
    *ciphertext("asked", SHORT, nullable=True),
    *line("outcome", 100, nullable=True),
    uuid("screening_id", nullable=True),
    within_clinic("enquiry_id", "enquiries"),
    within_clinic("batch_id", "batches"),
    within_clinic("patient_id", "patients"),
    within_clinic("screening_id", "screenings"),
    UniqueConstraint("clinic_id", "custom_id"),
    UniqueConstraint("clinic_id", "batch_id", "patient_id"),
    CheckConstraint("screening_id IS NULL OR outcome IS NOT NULL", name="settled_with_it"),
    Index(None, "clinic_id", "enquiry_id"),
    Index(None, "clinic_id", "patient_id"),
    Index("ix_questions_open", "clinic_id", "batch_id", postgresql_where=text("outcome IS NULL")),
)
