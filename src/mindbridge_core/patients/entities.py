"""The people in care."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum, unique
from typing import Any, Final
from uuid import UUID

import attrs

from mindbridge_core.patients.numbers import GIVEN_AT, MAX_COUNT, Basis, Given, Numbers, numbers
from mindbridge_core.patients.part2 import is_part2
from mindbridge_core.validation import UNSET, Number, Pattern, Text, Unset, checked, given, ruled

__all__ = ["AUDITABLE_FIELDS", "Patient", "PatientChanges", "PatientDraft", "PatientStatus", "RiskLevel"]

NAME: Final = ruled(Text(least=1, most=255))
MRN: Final = ruled(Text(least=1, most=50))
DIAGNOSIS: Final = ruled(Text(least=1, most=255))
DIAGNOSIS_CODE: Final = ruled(
    Pattern(regex=r"[A-Z][0-9][0-9A-Z](\.?[0-9A-Z]{1,4})?", form="an ICD-10-CM code such as F31.9", most=10)
)
ADHERENCE: Final = ruled(Number(most=100, decimals=2))
COUNT: Final = ruled(Number(most=MAX_COUNT))

AUDITABLE_FIELDS: Final = frozenset({"case_manager_id", "current_risk_level", "manually_escalated", "status"})
"""The patient's fields whose values may stand in the trail; of all others it names only that they were set."""


_RANKS: Final = {"low": 0, "medium": 1, "high": 2}


@unique
class RiskLevel(StrEnum):
    """How near to a crisis a patient is believed to be."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def rank(self) -> int:
        """Order the levels: a higher rank is a higher risk."""
        return _RANKS[self._value_]


@unique
class PatientStatus(StrEnum):
    """Whether the person is in care."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    DISCHARGED = "discharged"


@attrs.frozen(kw_only=True)
class Patient:
    """A person in the care of one clinic. Name, MRN, birth date and diagnosis are PHI, and not shown in a repr.

    `medication_adherence`, `last_appointment`, `appointments_missed` and `crisis_calls_30days` are what holds today by
    what was given and by the records (`patients.numbers`); `basis` is what a store made them from.
    """

    id: UUID
    clinic_id: UUID
    case_manager_id: UUID | None = None
    mrn: str | None = attrs.field(default=None, repr=False)
    name: str = attrs.field(repr=False)
    date_of_birth: date | None = attrs.field(default=None, repr=False)
    diagnosis: str | None = attrs.field(default=None, repr=False)
    diagnosis_code: str | None = attrs.field(default=None, repr=False)
    medication_adherence: Decimal | None = None
    last_appointment: date | None = None
    appointments_missed: int = 0
    crisis_calls_30days: int = 0
    current_risk_level: RiskLevel | None = None
    manually_escalated: bool = False
    admitted_at: datetime | None = None
    status: PatientStatus = PatientStatus.ACTIVE
    version: int = 1
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None
    deleted_by: UUID | None = None
    basis: Basis | None = attrs.field(default=None, eq=False, repr=False)

    @property
    def part2(self) -> bool:
        """Whether 42 CFR Part 2 protects the record: its diagnosis, as it stands now, says so."""
        return is_part2(self.diagnosis_code)

    @property
    def given(self) -> Given:
        """What a store keeps as given. A number that was set since the patient was read is given at `updated_at`."""
        held = {name: getattr(self, name) for name in Numbers._fields}
        if self.basis is None:
            never = {} if self.medication_adherence is not None else {"adherence_at": None}
            return Given(**held | dict.fromkeys(GIVEN_AT.values(), self.updated_at) | never)
        shown = numbers(self.basis)._asdict()
        return self.basis.given.replaced({n: one for n, one in held.items() if one != shown[n]}, self.updated_at)

    @property
    def state(self) -> str | None:
        """A digest of the numbers, where records may change them without a new version; None where there is none."""
        if self.basis is None or self.basis.recorded is None:
            return None
        return hashlib.sha256(repr(tuple(map(str, numbers(self.basis)))).encode()).hexdigest()[:16]

    def giving(self, sent: Mapping[str, Any], at: datetime) -> Patient:
        """Take the numbers in `sent` as a new starting point; the patient shows what then holds by it and the records.

        One that is sent as it was is given anew: somebody says that it holds now.
        """
        basis = (self.basis or Basis(self.given))._replace(given=self.given.replaced(sent, at))
        return attrs.evolve(self, basis=basis, **numbers(basis)._asdict())

    def removed(self, by: UUID, at: datetime) -> Patient:
        """Take the person off every list; the record itself is kept."""
        return attrs.evolve(self, deleted_at=at, deleted_by=by, updated_at=at)


@attrs.frozen(kw_only=True)
class PatientDraft:
    """A new patient as sent; `name` alone is needed."""

    name: str = attrs.field(repr=False, metadata=NAME)
    mrn: str | None = attrs.field(default=None, repr=False, metadata=MRN)
    date_of_birth: date | None = attrs.field(default=None, repr=False)
    diagnosis: str | None = attrs.field(default=None, repr=False, metadata=DIAGNOSIS)
    diagnosis_code: str | None = attrs.field(default=None, repr=False, metadata=DIAGNOSIS_CODE)
    medication_adherence: Decimal | None = attrs.field(default=None, metadata=ADHERENCE)
    last_appointment: date | None = None
    appointments_missed: int = attrs.field(default=0, metadata=COUNT)
    crisis_calls_30days: int = attrs.field(default=0, metadata=COUNT)
    current_risk_level: RiskLevel | None = None
    manually_escalated: bool = False
    admitted_at: datetime | None = None
    status: PatientStatus = PatientStatus.ACTIVE
    case_manager_id: UUID | None = None

    __attrs_post_init__ = checked

    def patient(self, *, id: UUID, clinic_id: UUID, case_manager_id: UUID | None, at: datetime) -> Patient:
        """Return the patient that this makes at the clinic, in the given caseload."""
        sent = given(self) | {"case_manager_id": case_manager_id}
        return Patient(id=id, clinic_id=clinic_id, created_at=at, updated_at=at, **sent)


@attrs.frozen(kw_only=True)
class PatientChanges:
    """Any subset of a patient's fields. A field that was not sent stays as it is; null empties it."""

    name: str | Unset = attrs.field(default=UNSET, repr=False, metadata=NAME)
    mrn: str | Unset | None = attrs.field(default=UNSET, repr=False, metadata=MRN)
    date_of_birth: date | Unset | None = attrs.field(default=UNSET, repr=False)
    diagnosis: str | Unset | None = attrs.field(default=UNSET, repr=False, metadata=DIAGNOSIS)
    diagnosis_code: str | Unset | None = attrs.field(default=UNSET, repr=False, metadata=DIAGNOSIS_CODE)
    medication_adherence: Decimal | Unset | None = attrs.field(default=UNSET, metadata=ADHERENCE)
    last_appointment: date | Unset | None = UNSET
    appointments_missed: int | Unset = attrs.field(default=UNSET, metadata=COUNT)
    crisis_calls_30days: int | Unset = attrs.field(default=UNSET, metadata=COUNT)
    current_risk_level: RiskLevel | Unset = UNSET
    manually_escalated: bool | Unset = UNSET
    admitted_at: datetime | Unset | None = UNSET
    status: PatientStatus | Unset = UNSET
    case_manager_id: UUID | Unset | None = UNSET

    __attrs_post_init__ = checked
