"""What answers about consents, disclosures and access look like."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec

from mindbridge_core.access import Role
from mindbridge_core.audit import Outcome
from mindbridge_core.pagination import encode_cursor
from mindbridge_core.privacy import (
    AccessLine,
    AccessReport,
    Accounting,
    AccountingLine,
    Consent,
    ConsentType,
    DisclosedRecord,
    Disclosure,
    DisclosureGround,
)
from mindbridge_flask.paging import Pagination
from mindbridge_flask.resources import PatientResource

__all__ = ["AccessReportResource", "AccountingResource", "ConsentList", "ConsentResource", "DisclosedResource"]


class ConsentResource(msgspec.Struct, frozen=True):
    """A patient's decision, with the elements of 42 CFR 2.31(a). `recipients` stand one a line."""

    id: UUID
    patient_id: UUID
    consent_type: ConsentType
    granted: bool
    granted_at: datetime | None
    revoked_at: datetime | None
    revoked_by: UUID | None
    consent_form_version: str | None
    recorded_by: UUID | None
    witness_user_id: UUID | None
    discloser: str | None
    information: str | None
    recipients: str | None
    purpose: str | None
    expires_at: datetime | None
    expiry_event: str | None
    right_to_revoke_stated: bool
    signed_name: str | None
    signed_on: date | None
    created_at: datetime

    @classmethod
    def of(cls, consent: Consent) -> ConsentResource:
        """Show `consent`."""
        return cls(**{name: getattr(consent, name) for name in cls.__struct_fields__})


class ConsentList(msgspec.Struct, frozen=True):
    """All that the patient ever decided, oldest first, on one page."""

    data: list[ConsentResource]
    pagination: Pagination

    @classmethod
    def of(cls, consents: Sequence[Consent]) -> ConsentList:
        """Show `consents`."""
        return cls([ConsentResource.of(one) for one in consents], Pagination.at(None))


class DisclosureResource(msgspec.Struct, frozen=True):
    """Who got a record, when, and why."""

    id: UUID
    patient_id: UUID
    consent_id: UUID
    disclosed_by: UUID
    disclosed_at: datetime
    ground: DisclosureGround
    part2: bool
    recipient: str
    recipient_address: str | None
    purpose: str
    description: str

    @classmethod
    def of(cls, disclosure: Disclosure) -> DisclosureResource:
        """Show `disclosure`."""
        return cls(**{name: getattr(disclosure, name) for name in cls.__struct_fields__})


class DisclosedResource(msgspec.Struct, frozen=True):
    """What is handed to the recipient: the record, the consent, and for a Part 2 record the notice of 42 CFR 2.32."""

    notice: str | None
    disclosure: DisclosureResource
    consent: ConsentResource
    patient: PatientResource

    @classmethod
    def of(cls, record: DisclosedRecord) -> DisclosedResource:
        """Show `record`."""
        return cls(
            record.notice,
            DisclosureResource.of(record.disclosure),
            ConsentResource.of(record.consent),
            PatientResource.of(record.patient),
        )


class AccountingLineResource(msgspec.Struct, frozen=True):
    """The disclosures to one recipient for one purpose: the first and the last, and how many they were."""

    first: datetime
    last: datetime
    times: int
    recipient: str
    recipient_address: str | None
    purpose: str
    description: str

    @classmethod
    def of(cls, line: AccountingLine) -> AccountingLineResource:
        """Show `line`."""
        return cls(**{name: getattr(line, name) for name in cls.__struct_fields__})


class AccountingResource(msgspec.Struct, frozen=True):
    """A patient's accounting of disclosures (45 CFR 164.528); treatment, payment and operations are not in it."""

    patient_id: UUID
    since: datetime
    until: datetime
    data: list[AccountingLineResource]
    pagination: Pagination

    @classmethod
    def of(cls, accounting: Accounting) -> AccountingResource:
        """Show `accounting`."""
        lines = [AccountingLineResource.of(line) for line in accounting.lines]
        return cls(accounting.patient_id, accounting.since, accounting.until, lines, Pagination.at(None))


class AccessLineResource(msgspec.Struct, frozen=True):
    """One access: by whom (name and role as they are now), when, what, why, and how it ended."""

    id: UUID
    created_at: datetime
    user_id: UUID | None
    user_name: str | None
    user_role: Role | None
    action: str
    access_reason: str | None
    outcome: Outcome
    phi_accessed: bool

    @classmethod
    def of(cls, line: AccessLine) -> AccessLineResource:
        """Show `line`."""
        entry = line.entry
        return cls(
            entry.id,
            entry.created_at,
            entry.user_id,
            line.user_name,
            line.user_role,
            entry.action,
            entry.access_reason,
            entry.outcome,
            entry.phi_accessed,
        )


class AccessReportResource(msgspec.Struct, frozen=True):
    """A page of who did what with a patient's record, from `since` to before `until`."""

    patient_id: UUID
    since: datetime
    until: datetime
    data: list[AccessLineResource]
    pagination: Pagination

    @classmethod
    def of(cls, report: AccessReport) -> AccessReportResource:
        """Show `report`."""
        page = report.page
        lines = [AccessLineResource.of(line) for line in page.items]
        after = Pagination.at(encode_cursor(page.after))
        return cls(report.patient_id, report.since, report.until, lines, after)
