"""What patients need from the outside."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

import attrs

from mindbridge_core.idempotency import Answers
from mindbridge_core.identity import Users
from mindbridge_core.pagination import DEFAULT_LIMIT, Page
from mindbridge_core.patients.entities import Patient, PatientStatus, RiskLevel
from mindbridge_core.work import Unit

__all__ = ["PatientFilter", "PatientUnit", "Patients"]


@attrs.frozen(kw_only=True)
class PatientFilter:
    """Which patients a list shows: all conditions hold together. `after` is the last id of the page before.

    `query` finds by MRN, or by name: every word of it begins a word of the name (`patients.search`).
    """

    risk_level: RiskLevel | None = None
    status: PatientStatus | None = None
    case_manager_id: UUID | None = None
    query: str | None = attrs.field(default=None, repr=False)
    after: UUID | None = None
    limit: int = DEFAULT_LIMIT
    total: bool = False


class Patients(Protocol):
    """The patients of the unit's clinic. Deleted ones are as if they were not there."""

    def add(self, patient: Patient) -> None:
        """Store a new patient; DuplicateMrn when another patient of the clinic has the MRN."""

    def get(self, patient_id: UUID) -> Patient | None:
        """Return the patient; None when the clinic has none of this id."""

    def list(self, only: PatientFilter) -> Page[Patient]:
        """Return at most `only.limit` patients in ascending order of id; the total only if asked for."""

    def save(self, patient: Patient) -> Patient:
        """Store the changed patient and return it with its next version.

        LostUpdate when `patient.version` is not the stored one; DuplicateMrn.
        """


class PatientUnit(Unit, Protocol):
    """A transaction on one clinic's patients."""

    @property
    def answers(self) -> Answers:
        """First answers to repeated requests."""

    @property
    def patients(self) -> Patients:
        """The clinic's patients."""

    @property
    def users(self) -> Users:
        """The clinic's staff."""
