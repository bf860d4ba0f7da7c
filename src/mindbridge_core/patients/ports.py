"""What patients need from the outside."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

import attrs

from mindbridge_core.idempotency import Answers
from mindbridge_core.identity import Directory, Users
from mindbridge_core.pagination import DEFAULT_LIMIT, Page
from mindbridge_core.patients.alerts import Alerts
from mindbridge_core.patients.emergency import BreakGlass, BreakGlassFilter
from mindbridge_core.patients.entities import Patient, PatientStatus, RiskLevel
from mindbridge_core.work import Unit

__all__ = ["EmergencyAccesses", "PatientFilter", "PatientUnit", "Patients"]


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

    def add_many(self, patients: Sequence[Patient]) -> None:
        """Store new patients as `add` stores each; DuplicateMrn when one has the MRN of another, stored or new."""

    def mrn_mark(self, mrn: str) -> bytes:
        """Return what is equal for MRNs that count as one, however they are written, and says nothing else."""

    def person_mark(self, name: str, born: date) -> bytes:
        """Return what is equal for people of one name, case and accents aside, and one date of birth."""

    def known(self, mrn_marks: Collection[bytes], person_marks: Collection[bytes]) -> frozenset[bytes]:
        """Return those of the marks that a patient of the clinic has."""

    def get(self, patient_id: UUID) -> Patient | None:
        """Return the patient; None when the clinic has none of this id."""

    def get_many(self, patient_ids: Collection[UUID]) -> Sequence[Patient]:
        """Return those of the patients that there are, in ascending order of id."""

    def list(self, only: PatientFilter) -> Page[Patient]:
        """Return at most `only.limit` patients in ascending order of id; the total only if asked for."""

    def ids(self, only: PatientFilter) -> Page[UUID]:
        """Return who would be on the page of `list`; no record is opened, so one that is damaged is no hindrance."""

    def managers_of(self, patient_ids: Collection[UUID]) -> Mapping[UUID, UUID | None]:
        """Return in whose caseload those of the patients are that there are; likewise without opening a record."""

    def hold(self, patients: Sequence[Patient]) -> None:
        """Hold the patients as they are until the unit ends; LostUpdate when one's `version` is not the stored one.

        It waits for whoever holds one of them, and whoever would hold one waits for this unit.
        """

    def save_levels(self, patients: Sequence[Patient]) -> None:
        """Store the patients' risk levels and times of change, and nothing else, each as its next version.

        LostUpdate, and none is stored, when one's `version` is not the stored one.
        """

    def save(self, patient: Patient) -> Patient:
        """Store the changed patient and return it with its next version.

        LostUpdate when `patient.version` is not the stored one; DuplicateMrn.
        """


class EmergencyAccesses(Protocol):
    """The emergency accesses of the unit's clinic: added and reviewed, never deleted."""

    def hold(self, user_id: UUID) -> None:
        """Wait until nobody else holds the user's emergency accesses, and hold them until the unit ends.

        Whoever adds one holds first: so of two at once the second sees what the first added.
        """

    def add(self, access: BreakGlass) -> None:
        """Store a new access."""

    def get(self, access_id: UUID) -> BreakGlass | None:
        """Return the access; None when the clinic has none of this id."""

    def standing(self, user_id: UUID, patient_id: UUID, now: datetime) -> BreakGlass | None:
        """Return the user's access to the patient that ends after `now`, of several the last to end."""

    def waiting_since(self, user_id: UUID) -> datetime | None:
        """Return when the oldest of the user's accesses without a review was granted."""

    def list(self, only: BreakGlassFilter) -> Page[BreakGlass]:
        """Return at most `only.limit` accesses in ascending order of id."""

    def save(self, access: BreakGlass) -> BreakGlass:
        """Store review and end, and return the next version; LostUpdate when `version` is not the stored one."""


class PatientUnit(Unit, Protocol):
    """A transaction on one clinic's patients."""

    @property
    def alerts(self) -> Alerts:
        """The clinic's alerts."""

    @property
    def answers(self) -> Answers:
        """First answers to repeated requests."""

    @property
    def emergency_accesses(self) -> EmergencyAccesses:
        """The clinic's emergency accesses."""

    @property
    def directory(self) -> Directory:
        """Which account has an e-mail, across all clinics."""

    @property
    def patients(self) -> Patients:
        """The clinic's patients."""

    @property
    def users(self) -> Users:
        """The clinic's staff."""
