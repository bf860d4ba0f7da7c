"""Consents, disclosures and the trail by patient, in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import attrs

from mindbridge_core.access import Action
from mindbridge_core.audit import AuditEntry, Outcome
from mindbridge_core.errors import LostUpdate
from mindbridge_core.pagination import Page, page_of
from mindbridge_core.privacy import AccessPeriod, Consent, Disclosure
from mindbridge_memory.tables import Tables

__all__ = ["MemoryAccessHistory", "MemoryConsents", "MemoryDisclosures"]


@attrs.frozen
class MemoryConsents:
    """`Consents` of the core."""

    tables: Tables
    clinic_id: UUID

    def add(self, consent: Consent) -> None:
        """Keep a new consent."""
        self.tables.consents.put((self.clinic_id, consent.id), consent)

    def get(self, consent_id: UUID) -> Consent | None:
        """Return the consent."""
        return self.tables.consents.get((self.clinic_id, consent_id))

    def of_patient(self, patient_id: UUID) -> Sequence[Consent]:
        """Return the patient's consents, oldest first."""
        place = (self.clinic_id, patient_id)
        found = [one for one in self.tables.consents.rows() if (one.clinic_id, one.patient_id) == place]
        return sorted(found, key=lambda one: (one.created_at, one.id))

    def held(self, patient_id: UUID) -> Sequence[Consent]:
        """Return the patient's consents; units are serial here, so whoever reads them holds them."""
        return self.of_patient(patient_id)

    def save(self, consent: Consent) -> Consent:
        """Keep the revocation if the version is still the one that was read."""
        stored = self.get(consent.id)
        if stored is None or stored.version != consent.version:
            raise LostUpdate
        saved = attrs.evolve(
            stored, revoked_at=consent.revoked_at, revoked_by=consent.revoked_by, version=stored.version + 1
        )
        self.tables.consents.put((self.clinic_id, consent.id), saved)
        return saved


@attrs.frozen
class MemoryDisclosures:
    """`Disclosures` of the core."""

    tables: Tables
    clinic_id: UUID

    def add(self, disclosure: Disclosure) -> None:
        """Keep a new disclosure."""
        self.tables.disclosures.put((self.clinic_id, disclosure.id), disclosure)

    def of_patient(self, patient_id: UUID, since: datetime) -> Sequence[Disclosure]:
        """Return the patient's disclosures, oldest first."""
        place = (self.clinic_id, patient_id)
        found = [
            one
            for one in self.tables.disclosures.rows()
            if (one.clinic_id, one.patient_id) == place and one.disclosed_at >= since
        ]
        return sorted(found, key=lambda one: (one.disclosed_at, one.id))


@attrs.frozen
class MemoryAccessHistory:
    """`AccessHistory` of the core."""

    tables: Tables
    clinic_id: UUID

    def of_patient(self, patient_id: UUID, period: AccessPeriod) -> Page[AuditEntry]:
        """Return a page of the entries about the patient."""
        found = sorted(
            (entry.id, entry)
            for entry in self._entries()
            if (patient_id == entry.resource_id or patient_id in entry.resource_ids)
            and period.since <= entry.created_at < period.until
            and (period.after is None or entry.id > period.after)
        )
        return page_of(found[: period.limit + 1], period.limit)

    def disclosed(self, patient_id: UUID, since: datetime) -> Mapping[UUID, datetime]:
        """Return the disclosures that entries name, and when."""
        return {
            UUID(str(entry.changed_values["disclosure_id"])): entry.created_at
            for entry in self._entries()
            if (entry.action, entry.outcome) == (Action.DISCLOSURE_MAKE, Outcome.SUCCESS)
            and entry.resource_id == patient_id
            and entry.created_at >= since
        }

    def _entries(self) -> Iterator[AuditEntry]:
        return (one.entry for one in self.tables.entries.rows() if one.entry.clinic_id == self.clinic_id)
