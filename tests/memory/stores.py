"""The memory store as the contracts see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from uuid import UUID, uuid4

import attrs

from mindbridge_core.app import AnyUnit
from mindbridge_core.compliance import LANES, ChainHead, SealedEntry
from mindbridge_core.identity import Clinic, Organization
from mindbridge_core.phi import ClinicKeys, WrappedKeys
from mindbridge_core.testing.records import NOW
from mindbridge_memory import MemoryStore


@attrs.frozen
class ReadyStore:
    """A memory store with two clinics."""

    inner: MemoryStore = attrs.field(factory=MemoryStore)
    clinic_a: UUID = attrs.field(factory=uuid4)
    clinic_b: UUID = attrs.field(factory=uuid4)

    def __attrs_post_init__(self) -> None:
        """Open the clinics."""
        organization = Organization(id=uuid4(), name="Ready", created_at=NOW, updated_at=NOW)
        for clinic_id in (self.clinic_a, self.clinic_b):
            made = self.keys.make(clinic_id)
            clinic = Clinic(id=clinic_id, organization_id=organization.id, name="Ready", created_at=NOW)
            with self.open_unit(clinic_id) as unit:
                unit.clinics.add_organization(organization)
                unit.clinics.add(clinic, made)

    @property
    def keys(self) -> ClinicKeys:
        return self.inner.keys

    @property
    def wrapped_keys(self) -> WrappedKeys:
        return self.inner.wrapped_keys

    def open_unit(self, clinic_id: UUID) -> AbstractContextManager[AnyUnit]:
        return self.inner.open_unit(clinic_id)

    def trail(self, clinic_id: UUID) -> tuple[Mapping[int, ChainHead], Mapping[int, Sequence[SealedEntry]]]:
        return self.inner.audit_trail(clinic_id)

    def break_trail(self, clinic_id: UUID) -> None:
        heads, _ = self.inner.audit_trail(clinic_id)
        for lane in range(LANES):
            self.inner.tables.heads.put((clinic_id, lane), attrs.evolve(heads[lane], mac=bytes(32)))
        self.inner.tables.keep()
