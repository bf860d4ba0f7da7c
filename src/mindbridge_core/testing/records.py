"""Records for contract tests: plain, full of extremes, and in many scripts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID, uuid4

from mindbridge_core.access import Action, Role
from mindbridge_core.audit import AuditEntry, Outcome
from mindbridge_core.identity import RefreshToken, Session, User
from mindbridge_core.patients import Patient, PatientStatus, RiskLevel
from mindbridge_core.screening import Batch

__all__ = [
    "LATER",
    "NOW",
    "SCRIPTS",
    "a_batch",
    "a_patient",
    "a_session",
    "a_token",
    "a_user",
    "an_entry",
    "full_patient",
]

NOW: Final = datetime(2026, 3, 2, 9, 30, 15, 123456, tzinfo=UTC)
LATER: Final = NOW + timedelta(minutes=5)

SCRIPTS: Final = (
    "Zoë Åström-Nuñez",
    "Мария Ковалёва",
    "محمد عبد الله",
    "山田 太郎",
    "นงลักษณ์",
    "क्षितिज",
    "\N{GRINNING FACE WITH SMILING EYES} \U0001d510\u200d\u0301",
    "O'Neil; DROP TABLE patients --",
    'quote " back\\slash %s {0}',
    "x" * 255,
    "𒀀" * 255,
)
"""Names that a store returns exactly as they were given."""


def a_user(clinic_id: UUID, **fields: Any) -> User:  # noqa: ANN401 - any field of the record
    """Return a new case manager."""
    plain: dict[str, Any] = {
        "id": uuid4(),
        "clinic_id": clinic_id,
        "email": f"{uuid4().hex}@example.org",
        "full_name": "Robin Hale",
        "role": Role.CASE_MANAGER,
        "created_at": NOW,
    }
    return User(**plain | fields)


def a_patient(clinic_id: UUID, **fields: Any) -> Patient:  # noqa: ANN401 - any field of the record
    """Return a new patient of whom only the name is known."""
    plain: dict[str, Any] = {
        "id": uuid4(),
        "clinic_id": clinic_id,
        "name": "Jane Roe",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Patient(**plain | fields)


def full_patient(clinic_id: UUID, manager_id: UUID) -> Patient:
    """Return a patient with every field at its far end."""
    return a_patient(
        clinic_id,
        case_manager_id=manager_id,
        name=SCRIPTS[-1],
        mrn="№" * 50,
        date_of_birth=date(1896, 2, 29),
        diagnosis="δ" * 255,
        diagnosis_code="F31.9ABC",
        medication_adherence=Decimal("99.99"),
        last_appointment=date(9999, 12, 31),
        appointments_missed=2_147_483_647,
        crisis_calls_30days=2_147_483_647,
        current_risk_level=RiskLevel.HIGH,
        manually_escalated=True,
        admitted_at=datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        status=PatientStatus.DISCHARGED,
        updated_at=LATER,
    )


def a_session(user: User, **fields: Any) -> Session:  # noqa: ANN401 - any field of the record
    """Return a new session of the user."""
    plain: dict[str, Any] = {
        "id": uuid4(),
        "clinic_id": user.clinic_id,
        "user_id": user.id,
        "created_at": NOW,
        "last_seen_at": NOW,
        "expires_at": NOW + timedelta(hours=12),
    }
    return Session(**plain | fields)


def a_token(session: Session) -> RefreshToken:
    """Return a new refresh token of the session."""
    return RefreshToken(
        id=uuid4(),
        clinic_id=session.clinic_id,
        session_id=session.id,
        token_hash=uuid4().bytes + uuid4().bytes,
        created_at=NOW,
    )


def a_batch(clinic_id: UUID, **fields: Any) -> Batch:  # noqa: ANN401 - any field of the record
    """Return a new batch of all the clinic's active patients, ordered by the command line."""
    plain: dict[str, Any] = {
        "id": uuid4(),
        "clinic_id": clinic_id,
        "ordered_by": None,
        "case_manager_id": None,
        "risk_level": None,
        "screening_type": "batch",
        "created_at": NOW,
    }
    return Batch(**plain | fields)


def an_entry(clinic_id: UUID, **fields: Any) -> AuditEntry:  # noqa: ANN401 - any field of the record
    """Return an entry that says as little as an entry can."""
    plain: dict[str, Any] = {
        "id": uuid4(),
        "clinic_id": clinic_id,
        "created_at": NOW,
        "action": Action.PATIENT_VIEW,
        "outcome": Outcome.SUCCESS,
        "resource_type": "patient",
        "phi_accessed": False,
    }
    return AuditEntry(**plain | fields)
