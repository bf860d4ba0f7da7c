"""Rows for the schema's tests: the least that each table accepts."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import Connection, insert

from mindbridge_postgres import schema
from tests.schema.conftest import enter

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SEALED = b"ciphertext"


def clinic(connection: Connection) -> UUID:
    """Store an organization and a clinic; act for that clinic from here on."""
    organization_id, clinic_id = uuid4(), uuid4()
    connection.execute(
        insert(schema.organizations), {"id": organization_id, "name": "Group", "created_at": NOW, "updated_at": NOW}
    )
    connection.execute(
        insert(schema.clinics),
        {"id": clinic_id, "organization_id": organization_id, "name": "Clinic", "created_at": NOW},
    )
    enter(connection, clinic_id)
    return clinic_id


def user(connection: Connection, clinic_id: UUID, **fields: object) -> UUID:
    """Store a case manager."""
    user_id = uuid4()
    row = {
        "clinic_id": clinic_id,
        "id": user_id,
        "email": f"{user_id}@example.org",
        "role": "case_manager",
        "full_name": "A Person",
        "created_at": NOW,
    }
    connection.execute(insert(schema.users), {**row, **fields})
    return user_id


def key(connection: Connection, clinic_id: UUID) -> UUID:
    """Store a wrapped key."""
    key_id = uuid4()
    row = {"clinic_id": clinic_id, "id": key_id, "purpose": "data", "version": 1, "created_at": NOW}
    connection.execute(insert(schema.clinic_keys), {**row, "wrapped_key": SEALED, "master_key_id": "test"})
    return key_id


def patient(connection: Connection, clinic_id: UUID, **fields: object) -> UUID:
    """Store a patient."""
    patient_id = uuid4()
    row = {"clinic_id": clinic_id, "id": patient_id, "name": SEALED, "created_at": NOW, "updated_at": NOW}
    connection.execute(insert(schema.patients), {**row, **fields})
    return patient_id


def entry(connection: Connection, clinic_id: UUID, **fields: object) -> UUID:
    """Store an audit entry."""
    entry_id = uuid4()
    row = {
        "clinic_id": clinic_id,
        "id": entry_id,
        "lane": 0,
        "seq": 1,
        "created_at": NOW,
        "action": "patient.view",
        "resource_type": "patient",
        "outcome": "success",
        "phi_accessed": True,
        "prev_mac": bytes(32),
        "mac": bytes(32),
    }
    connection.execute(insert(schema.audit_logs), {**row, **fields})
    return entry_id
