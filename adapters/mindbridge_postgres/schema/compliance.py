"""The audit trail and its chain heads, the clinics' wrapped keys, and the answers kept for repeated requests."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from mindbridge_postgres.schema.columns import (
    LONG,
    SHORT,
    ciphertext,
    digest,
    json_object,
    line,
    metadata,
    moment,
    of_clinic,
    one_of,
    tenant_key,
    uuid,
    within_clinic,
    wrapped,
)

OUTCOMES = ("success", "denied", "failure")
KEY_PURPOSES = ("data", "audit", "index")
LANES = 64
"""Hash chains per clinic at most: several requests of one clinic can append without queueing for one head."""

audit_logs = Table(
    "audit_logs",
    metadata,
    uuid("clinic_id"),
    uuid("id"),
    Column("lane", SmallInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    moment("created_at"),
    # No foreign key from an entry, not even to its clinic: a refusal must be writable for an id that does not exist,
    # an entry outlives what it speaks of, and a key to the clinic would have all its requests lock one row.
    uuid("user_id", nullable=True),
    *line("action", 64),
    *line("resource_type", 64),
    uuid("resource_id", nullable=True),
    Column("resource_ids", ARRAY(Uuid), nullable=False, server_default="{}"),
    *one_of("outcome", OUTCOMES),
    *json_object("changes", default="{}"),
    *line("ip_address", 45, shortest=0, nullable=True),
    *line("user_agent", 255, shortest=0, nullable=True),
    uuid("session_id", nullable=True),
    *line("request_id", 128, nullable=True),
    Column("phi_accessed", Boolean, nullable=False),
    # Sealed: a clinician types it, and will name the patient in it.
    *ciphertext("access_reason", LONG, nullable=True),
    *digest("prev_mac"),
    *digest("mac"),
    PrimaryKeyConstraint("clinic_id", "created_at", "id"),
    CheckConstraint(f"lane BETWEEN 0 AND {LANES - 1}", name="lane"),
    CheckConstraint("seq >= 1", name="seq"),
    # Every request pays for each index here, so there are three. The primary key, read backwards, is the trail newest
    # first and the scan of a period, by user too. The second walks a chain. The third answers who touched one record;
    # lists leave resource_id empty and cost it nothing. No GIN over resource_ids: fifty keys for every list request,
    # against a question that is asked seldom and always for a period.
    Index("ix_audit_logs_chain", "clinic_id", "lane", "seq"),
    Index(
        "ix_audit_logs_resource",
        "clinic_id",
        "resource_id",
        "created_at",
        postgresql_where=text("resource_id IS NOT NULL"),
    ),
    postgresql_partition_by="RANGE (created_at)",
)

audit_chain_heads = Table(
    "audit_chain_heads",
    metadata,
    uuid("clinic_id", primary_key=True),
    Column("lane", SmallInteger, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    *digest("entry_mac"),
    *digest("mac"),
    moment("updated_at"),
    of_clinic(),
    CheckConstraint(f"lane BETWEEN 0 AND {LANES - 1}", name="lane"),
    CheckConstraint("seq >= 0", name="seq"),
)

clinic_keys = Table(
    "clinic_keys",
    metadata,
    *tenant_key(),
    *one_of("purpose", KEY_PURPOSES),
    Column("version", Integer, nullable=False),
    *wrapped("wrapped_key", SHORT),
    *line("master_key_id", 128),
    moment("created_at"),
    moment("retired_at", nullable=True),
    of_clinic(),
    UniqueConstraint("clinic_id", "purpose", "version"),
    CheckConstraint("version >= 1", name="version"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    *tenant_key(),
    uuid("user_id"),
    *digest("key_digest"),
    *digest("fingerprint"),
    # Empty while the first request is still at work; sealed, for answers hold PHI.
    *ciphertext("answer", LONG, nullable=True),
    moment("created_at"),
    within_clinic("user_id", "users"),
    UniqueConstraint("clinic_id", "user_id", "key_digest"),
    Index(None, "clinic_id", "created_at"),
)

audit_positions = Table(
    "audit_positions",
    metadata,
    uuid("clinic_id", primary_key=True),
    # How far a sink was fed with a clinic's lane.
    Column("sink", Text, primary_key=True),
    Column("lane", SmallInteger, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    moment("updated_at"),
    of_clinic(),
    CheckConstraint("char_length(sink) BETWEEN 1 AND 64", name="sink"),
    CheckConstraint(f"lane BETWEEN 0 AND {LANES - 1}", name="lane"),
    CheckConstraint("seq >= 1", name="seq"),
)

audit_sinks = Table(
    "audit_sinks",
    metadata,
    Column("name", Text, primary_key=True),
    moment("complete_until", nullable=True),
    moment("failing_since", nullable=True),
    CheckConstraint("char_length(name) BETWEEN 1 AND 64", name="name"),
    comment="How far each sink is over all clinics: times alone, so that it can be asked before a clinic is known.",
)

audit_anchors = Table(
    "audit_anchors",
    metadata,
    # Where a lane begins whose older entries were dropped.
    uuid("clinic_id", primary_key=True),
    Column("lane", SmallInteger, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    *digest("entry_mac"),
    *digest("hash"),
    *digest("mac"),
    moment("made_at"),
    of_clinic(),
    CheckConstraint(f"lane BETWEEN 0 AND {LANES - 1}", name="lane"),
    CheckConstraint("seq >= 1", name="seq"),
)
