"""Screenings, the consents they rest on, and the reports made from them.

What a clinician typed or a model wrote about a patient is sealed like any PHI, review notes, risk factors and
recommended actions included: prose about one person does not become harmless by being short.
"""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Date, Index, Integer, Numeric, Table, text
from sqlalchemy.dialects.postgresql import JSONB

from mindbridge_postgres.schema.columns import (
    ALIVE,
    LONG,
    SHORT,
    ciphertext,
    count,
    deletion,
    digest,
    line,
    metadata,
    moment,
    one_of,
    shaped,
    tenant_key,
    uuid,
    version,
    within_clinic,
)
from mindbridge_postgres.schema.patients import CODE_WORD, RISK_LEVELS

REVIEW_STATUSES = ("pending_review", "confirmed", "overridden")
CONSENT_TYPES = ("treatment", "ai_analysis", "data_sharing", "sud_disclosure")
DISCLOSURE_GROUNDS = ("treatment", "payment", "operations", "other")
REPORT_FORMATS = ("pdf", "docx", "xlsx")

screenings = Table(
    "screenings",
    metadata,
    *tenant_key(),
    uuid("patient_id"),
    uuid("performed_by", nullable=True),
    *one_of("risk_level", RISK_LEVELS),
    Column("risk_score", Numeric(5, 2)),
    *ciphertext("primary_risk_factor", SHORT, nullable=True),
    *ciphertext("contributing_factors", LONG, nullable=True),
    *ciphertext("recommended_actions", LONG, nullable=True),
    *ciphertext("clinical_notes", LONG, nullable=True),
    *shaped("screening_type", CODE_WORD),
    *shaped("assessor", CODE_WORD),
    *line("ai_model", 100, nullable=True),
    *shaped("ai_prompt_hash", "^[0-9a-f]{64}$", nullable=True),
    *ciphertext("ai_raw_response", LONG, nullable=True),
    # Which guardrails fired, each with its reason as the rule's own words: no prose about the patient.
    Column("guardrails", JSONB, nullable=False, server_default="[]"),
    # What the rules alone said, and by which version of them.
    *one_of("rules_level", RISK_LEVELS),
    *line("rules_version", 100),
    Column("flags", JSONB, nullable=False, server_default="[]"),
    Column("missing", JSONB, nullable=False, server_default="[]"),
    *shaped("ai_failure", CODE_WORD, nullable=True),
    # What asking a model took: of no person, and to be summed.
    Column("ai_input_tokens", Integer),
    Column("ai_output_tokens", Integer),
    # The record as it was seen, the rules that fired with what they saw, and what the model was told: for replays.
    *ciphertext("provenance", LONG),
    *one_of("review_status", REVIEW_STATUSES, default="pending_review"),
    uuid("reviewed_by", nullable=True),
    moment("reviewed_at", nullable=True),
    *ciphertext("review_note", LONG, nullable=True),
    *one_of("reviewed_level", RISK_LEVELS, nullable=True),
    uuid("proposed_by", nullable=True),
    moment("proposed_at", nullable=True),
    *one_of("proposed_level", RISK_LEVELS, nullable=True),
    *ciphertext("proposed_reason", LONG, nullable=True),
    Column("duration_ms", Integer),
    moment("screened_at"),
    *version(),
    *deletion(),
    within_clinic("patient_id", "patients"),
    within_clinic("performed_by", "users"),
    within_clinic("reviewed_by", "users"),
    within_clinic("proposed_by", "users"),
    CheckConstraint("jsonb_typeof(flags) = 'array'", name="flags"),
    CheckConstraint("jsonb_typeof(missing) = 'array'", name="missing"),
    CheckConstraint(
        "array_position(ARRAY['low', 'medium', 'high'], risk_level)"
        " >= array_position(ARRAY['low', 'medium', 'high'], rules_level)",
        name="never_below_rules",
    ),
    CheckConstraint("(review_status = 'overridden') = (reviewed_level IS NOT NULL)", name="reviewed_level_of_override"),
    CheckConstraint(
        "num_nonnulls(proposed_by, proposed_at, proposed_level, proposed_reason) IN (0, 4)"
        " AND (review_status <> 'confirmed' OR proposed_by IS NULL)",
        name="proposal",
    ),
    CheckConstraint(
        "NOT (risk_level = 'high' AND review_status = 'overridden')"
        " OR (proposed_by IS NOT NULL AND proposed_by <> reviewed_by)",
        name="high_lowered_by_two",
    ),
    CheckConstraint("risk_score BETWEEN 0 AND 100", name="risk_score"),
    CheckConstraint("jsonb_typeof(guardrails) = 'array'", name="guardrails"),
    CheckConstraint("duration_ms >= 0", name="duration_ms"),
    CheckConstraint("ai_input_tokens >= 0", name="ai_input_tokens"),
    CheckConstraint("ai_output_tokens >= 0", name="ai_output_tokens"),
    CheckConstraint("(ai_input_tokens IS NULL) = (ai_output_tokens IS NULL)", name="usage"),
    # Written by a clinician or not at all: pending has no reviewer, the other two have one.
    CheckConstraint(
        "(review_status = 'pending_review') = (reviewed_by IS NULL)"
        " AND (review_status = 'pending_review') = (reviewed_at IS NULL)",
        name="reviewed",
    ),
    CheckConstraint("review_status <> 'overridden' OR review_note IS NOT NULL", name="override_states_why"),
    Index("ix_screenings_patient", "clinic_id", "patient_id", "id", postgresql_where=text(ALIVE)),
    Index("ix_screenings_time", "clinic_id", "screened_at", postgresql_where=text(ALIVE)),
    Index(
        "ix_screenings_unreviewed",
        "clinic_id",
        "id",
        postgresql_where=text(f"review_status = 'pending_review' AND {ALIVE}"),
    ),
)

patient_consents = Table(
    "patient_consents",
    metadata,
    *tenant_key(),
    uuid("patient_id"),
    *one_of("consent_type", CONSENT_TYPES),
    Column("granted", Boolean, nullable=False),
    moment("granted_at", nullable=True),
    moment("revoked_at", nullable=True),
    *line("consent_form_version", 50, nullable=True),
    uuid("witness_user_id", nullable=True),
    uuid("recorded_by", nullable=True),
    uuid("revoked_by", nullable=True),
    # The elements of 42 CFR 2.31(a). What is written there is about one patient.
    *ciphertext("discloser", SHORT, nullable=True),
    *ciphertext("information", LONG, nullable=True),
    *ciphertext("recipients", LONG, nullable=True),
    *ciphertext("purpose", SHORT, nullable=True),
    moment("expires_at", nullable=True),
    *ciphertext("expiry_event", SHORT, nullable=True),
    Column("right_to_revoke_stated", Boolean, nullable=False, server_default=text("false")),
    *ciphertext("signed_name", SHORT, nullable=True),
    Column("signed_on", Date),
    *version(),
    moment("created_at"),
    within_clinic("patient_id", "patients"),
    within_clinic("witness_user_id", "users"),
    within_clinic("recorded_by", "users"),
    within_clinic("revoked_by", "users"),
    CheckConstraint(
        "consent_type <> 'sud_disclosure' OR NOT granted OR (num_nulls(discloser, information, recipients, purpose,"
        " signed_name, signed_on) = 0 AND num_nonnulls(expires_at, expiry_event) > 0 AND right_to_revoke_stated)",
        name="sud_elements",
    ),
    CheckConstraint("NOT granted OR granted_at IS NOT NULL", name="granted_at"),
    CheckConstraint("revoked_at IS NULL OR revoked_at >= granted_at", name="revoked_after_granted"),
    Index(None, "clinic_id", "patient_id", "consent_type"),
)

disclosures = Table(
    "disclosures",
    metadata,
    *tenant_key(),
    uuid("patient_id"),
    uuid("consent_id"),
    uuid("disclosed_by"),
    moment("disclosed_at"),
    *one_of("ground", DISCLOSURE_GROUNDS),
    Column("part2", Boolean, nullable=False),
    # Sealed: that a record went to a methadone clinic is as telling as the record.
    *ciphertext("recipient", SHORT),
    *ciphertext("recipient_address", SHORT, nullable=True),
    *ciphertext("purpose", SHORT),
    *ciphertext("description", LONG),
    within_clinic("patient_id", "patients"),
    within_clinic("consent_id", "patient_consents"),
    within_clinic("disclosed_by", "users"),
    Index(None, "clinic_id", "patient_id", "disclosed_at"),
)

reports = Table(
    "reports",
    metadata,
    *tenant_key(),
    uuid("screening_id", nullable=True),
    # Sealed: a filter may hold the name that somebody searched for.
    *ciphertext("caseload_filter", SHORT, nullable=True),
    uuid("generated_by"),
    *one_of("format", REPORT_FORMATS),
    *line("storage_key", 512),
    Column("file_size_bytes", BigInteger, nullable=False),
    *digest("checksum"),
    *count("patient_count"),
    *count("high_risk_count"),
    *count("medium_risk_count"),
    *count("low_risk_count"),
    moment("generated_at"),
    moment("expires_at"),
    within_clinic("screening_id", "screenings"),
    within_clinic("generated_by", "users"),
    CheckConstraint("num_nonnulls(screening_id, caseload_filter) = 1", name="subject"),
    CheckConstraint("file_size_bytes >= 0", name="file_size_bytes"),
    CheckConstraint("expires_at > generated_at", name="expires_after_generated"),
    Index(None, "clinic_id", "generated_by", "id"),
    Index(None, "clinic_id", "screening_id", postgresql_where=text("screening_id IS NOT NULL")),
)
