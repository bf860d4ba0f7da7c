"""Rows by key, with the changes of the one open unit laid over what is kept."""

from __future__ import annotations

from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

import attrs

from mindbridge_core.care import Appointment, CrisisEvent, PatientMetric
from mindbridge_core.compliance import Anchor, ChainHead, SealedEntry
from mindbridge_core.identity import (
    AccountToken,
    Clinic,
    DirectoryEntry,
    LoginAttempts,
    MfaPolicy,
    Organization,
    Purpose,
    RefreshToken,
    Session,
    User,
)
from mindbridge_core.oversight import AuditFinding
from mindbridge_core.patients import Alert, BreakGlass, Patient, Recorded
from mindbridge_core.phi import WrappedKey
from mindbridge_core.privacy import Consent, Disclosure
from mindbridge_core.screening import Batch, Enquiry, Question, Screening, Settled

__all__ = ["Answer", "BatchPiece", "CodeRow", "FactorRow", "QuestionRow", "Table", "Tables"]

K = TypeVar("K")
V = TypeVar("V")


class Table(Generic[K, V]):
    """Rows by key. What is put or removed stays apart until it is kept or dropped."""

    def __init__(self) -> None:
        """Begin without rows."""
        self._kept: dict[K, V] = {}
        self._staged: dict[K, V] = {}
        self._removed: set[K] = set()

    def get(self, key: K) -> V | None:
        """Return the row as the open unit sees it."""
        if key in self._staged:
            return self._staged[key]
        return None if key in self._removed else self._kept.get(key)

    def kept(self, key: K) -> V | None:
        """Return the row as the last unit left it."""
        return self._kept.get(key)

    def rows(self) -> list[V]:
        """Return all rows as the open unit sees them."""
        return list(self._seen().values())

    def items(self) -> list[tuple[K, V]]:
        """Return all keys and rows as the open unit sees them."""
        return list(self._seen().items())

    def staged(self) -> list[K]:
        """Return the keys of what the open unit has changed."""
        return list(self._staged)

    def put(self, key: K, row: V) -> None:
        """Stage the row."""
        self._staged[key] = row

    def remove(self, key: K) -> None:
        """Stage that there is no such row."""
        self._staged.pop(key, None)
        self._removed.add(key)

    def keep(self) -> None:
        """Make what is staged lasting."""
        for key in self._removed:
            self._kept.pop(key, None)
        self._kept.update(self._staged)
        self.drop()

    def drop(self) -> None:
        """Forget what is staged."""
        self._staged.clear()
        self._removed.clear()

    def _seen(self) -> dict[K, V]:
        if not self._removed:
            return self._kept | self._staged if self._staged else self._kept
        return {key: row for key, row in self._kept.items() if key not in self._removed} | self._staged


@attrs.frozen(kw_only=True)
class Answer:
    """The claim of an idempotency key, and the answer once there is one."""

    fingerprint: bytes = attrs.field(repr=False)
    claimed_at: datetime
    text: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class FactorRow:
    """What of a user's second factor is kept beside their account."""

    secret: str | None = attrs.field(default=None, repr=False)
    last_step: int | None = None
    owed: bool = False


@attrs.frozen
class CodeRow:
    """A recovery code's own row: when it was used or replaced."""

    used_at: datetime | None = None


@attrs.frozen
class BatchPiece:
    """What of a clinic's batch a worker has, and until when; nobody, once it is given up."""

    clinic_id: UUID
    worker: UUID
    batch_id: UUID
    until: datetime
    patients: tuple[UUID, ...] = ()


@attrs.frozen
class QuestionRow:
    """A question, and what came of it."""

    enquiry_id: UUID
    batch_id: UUID
    question: Question
    outcome: str | None = None
    screening_id: UUID | None = None


@attrs.frozen
class Tables:
    """All tables of all clinics. A key begins with the clinic's id wherever a row belongs to one."""

    account_tokens: Table[tuple[UUID, UUID, Purpose], AccountToken] = attrs.field(factory=Table)
    alerts: Table[tuple[UUID, UUID], Alert] = attrs.field(factory=Table)
    anchors: Table[tuple[UUID, int, int], Anchor] = attrs.field(factory=Table)
    answers: Table[tuple[UUID, UUID, bytes], Answer] = attrs.field(factory=Table)
    appointments: Table[tuple[UUID, UUID], Appointment] = attrs.field(factory=Table)
    attempts: Table[bytes, LoginAttempts] = attrs.field(factory=Table)
    audit_findings: Table[tuple[UUID, UUID, str, datetime], AuditFinding] = attrs.field(factory=Table)
    batches: Table[tuple[UUID, UUID], Batch] = attrs.field(factory=Table)
    batch_patients: Table[tuple[UUID, UUID, UUID], Settled] = attrs.field(factory=Table)
    batch_deaths: Table[tuple[UUID, UUID, UUID], int] = attrs.field(factory=Table)
    batch_pieces: Table[tuple[UUID, UUID], BatchPiece] = attrs.field(factory=Table)
    clinics: Table[UUID, Clinic] = attrs.field(factory=Table)
    consents: Table[tuple[UUID, UUID], Consent] = attrs.field(factory=Table)
    crisis_events: Table[tuple[UUID, UUID], CrisisEvent] = attrs.field(factory=Table)
    directory: Table[str, DirectoryEntry] = attrs.field(factory=Table)
    disclosures: Table[tuple[UUID, UUID], Disclosure] = attrs.field(factory=Table)
    emergency_accesses: Table[tuple[UUID, UUID], BreakGlass] = attrs.field(factory=Table)
    enquiries: Table[tuple[UUID, UUID], Enquiry] = attrs.field(factory=Table)
    entries: Table[tuple[UUID, int, int], SealedEntry] = attrs.field(factory=Table)
    heads: Table[tuple[UUID, int], ChainHead] = attrs.field(factory=Table)
    metrics: Table[tuple[UUID, UUID], PatientMetric] = attrs.field(factory=Table)
    mfa_policies: Table[UUID, MfaPolicy] = attrs.field(factory=Table)
    mrns: Table[tuple[UUID, str], UUID | None] = attrs.field(factory=Table)
    organizations: Table[UUID, Organization] = attrs.field(factory=Table)
    patients: Table[tuple[UUID, UUID], Patient] = attrs.field(factory=Table)
    questions: Table[tuple[UUID, UUID], QuestionRow] = attrs.field(factory=Table)
    recorded: Table[tuple[UUID, UUID], Recorded] = attrs.field(factory=Table)
    recovery_codes: Table[tuple[UUID, UUID, str], CodeRow] = attrs.field(factory=Table)
    refresh_tokens: Table[tuple[UUID, bytes], RefreshToken] = attrs.field(factory=Table)
    second_factors: Table[tuple[UUID, UUID], FactorRow] = attrs.field(factory=Table)
    screenings: Table[tuple[UUID, UUID], Screening] = attrs.field(factory=Table)
    sessions: Table[tuple[UUID, UUID], Session] = attrs.field(factory=Table)
    users: Table[tuple[UUID, UUID], User] = attrs.field(factory=Table)
    wrapped_keys: Table[UUID, tuple[WrappedKey, ...]] = attrs.field(factory=Table)
    every: tuple[Table[object, object], ...] = attrs.field(init=False)

    @every.default
    def _every(self) -> tuple[Table[object, object], ...]:
        return tuple(getattr(self, field.name) for field in attrs.fields(Tables) if field.name != "every")

    def keep(self) -> None:
        """Make the unit's changes lasting, in all tables together."""
        for table in self.every:
            table.keep()

    def drop(self) -> None:
        """Forget the unit's changes."""
        for table in self.every:
            table.drop()
