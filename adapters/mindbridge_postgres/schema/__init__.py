"""The one description of the database: SQLAlchemy Core tables, split by context.

Tables below a clinic have `clinic_id` first in every key, so that PostgreSQL serves them today and Citus can
distribute them unchanged. Row-level security, rights and partitions are in `mindbridge_postgres.tenancy`.
"""

from mindbridge_postgres.schema.batches import batch_patients, batch_pieces, batches
from mindbridge_postgres.schema.clinical import disclosures, patient_consents, reports, screenings
from mindbridge_postgres.schema.columns import metadata
from mindbridge_postgres.schema.compliance import (
    audit_anchors,
    audit_chain_heads,
    audit_logs,
    audit_positions,
    audit_sinks,
    clinic_keys,
    idempotency_keys,
)
from mindbridge_postgres.schema.enquiries import enquiries, questions
from mindbridge_postgres.schema.identity import (
    account_tokens,
    clinic_policies,
    clinic_settings,
    clinics,
    login_attempts,
    login_directory,
    organizations,
    recovery_codes,
    refresh_tokens,
    sessions,
    throttle_windows,
    users,
)
from mindbridge_postgres.schema.oversight import alerts, audit_findings, emergency_accesses
from mindbridge_postgres.schema.patients import appointments, crisis_events, patient_metrics, patient_search, patients

__all__ = [
    "account_tokens",
    "alerts",
    "appointments",
    "audit_anchors",
    "audit_chain_heads",
    "audit_findings",
    "audit_logs",
    "audit_positions",
    "audit_sinks",
    "batch_patients",
    "batch_pieces",
    "batches",
    "clinic_keys",
    "clinic_policies",
    "clinic_settings",
    "clinics",
    "crisis_events",
    "disclosures",
    "emergency_accesses",
    "enquiries",
    "idempotency_keys",
    "login_attempts",
    "login_directory",
    "metadata",
    "organizations",
    "patient_consents",
    "patient_metrics",
    "patient_search",
    "patients",
    "questions",
    "recovery_codes",
    "refresh_tokens",
    "reports",
    "screenings",
    "sessions",
    "throttle_windows",
    "users",
]
