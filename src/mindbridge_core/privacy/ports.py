"""What consents and disclosures need from the outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import attrs

from mindbridge_core.audit import AuditEntry
from mindbridge_core.pagination import DEFAULT_LIMIT, Page
from mindbridge_core.patients import PatientUnit
from mindbridge_core.privacy.entities import Consent, Disclosure

__all__ = ["AccessHistory", "AccessPeriod", "AccessQuery", "Consents", "Disclosures", "PrivacyUnit"]


class Consents(Protocol):
    """The consents of the unit's clinic: added to and revoked, never deleted."""

    def add(self, consent: Consent) -> None:
        """Store a new consent."""

    def get(self, consent_id: UUID) -> Consent | None:
        """Return the consent; None when the clinic has none of this id."""

    def of_patient(self, patient_id: UUID) -> Sequence[Consent]:
        """Return the patient's consents, oldest first."""

    def held(self, patient_id: UUID) -> Sequence[Consent]:
        """Return the patient's consents as they are when nobody else holds them, and hold them.

        Whoever records or revokes a consent, or acts on one, holds them first and until the unit ends: so what acts
        on a consent sees every revocation that was committed before it.
        """

    def save(self, consent: Consent) -> Consent:
        """Store the revocation and return the next version; LostUpdate when `version` is not the stored one."""


class Disclosures(Protocol):
    """What left the unit's clinic: only added to."""

    def add(self, disclosure: Disclosure) -> None:
        """Store a new disclosure."""

    def of_patient(self, patient_id: UUID, since: datetime) -> Sequence[Disclosure]:
        """Return the patient's disclosures from `since` on, oldest first."""


@attrs.frozen(kw_only=True)
class AccessPeriod:
    """Which entries: created from `since` to before `until`, behind the entry `after`, at most `limit`."""

    since: datetime
    until: datetime
    after: UUID | None = None
    limit: int = DEFAULT_LIMIT


@attrs.frozen(kw_only=True)
class AccessQuery:
    """Which part of an access report is wanted; a bound that is None is the usual one."""

    since: datetime | None = None
    until: datetime | None = None
    after: UUID | None = None
    limit: int = DEFAULT_LIMIT


class AccessHistory(Protocol):
    """The clinic's trail, read for one patient."""

    def of_patient(self, patient_id: UUID, period: AccessPeriod) -> Page[AuditEntry]:
        """Return the entries about the patient, or with the patient in their list, in ascending order of id."""

    def disclosed(self, patient_id: UUID, since: datetime) -> Mapping[UUID, datetime]:
        """Return the ids of the disclosures that the trail's entries from `since` on name, and when they were made."""


class PrivacyUnit(PatientUnit, Protocol):
    """A transaction on one clinic's consents and disclosures."""

    @property
    def access_history(self) -> AccessHistory:
        """The trail, by patient."""

    @property
    def consents(self) -> Consents:
        """The clinic's consents."""

    @property
    def disclosures(self) -> Disclosures:
        """The clinic's disclosures."""
