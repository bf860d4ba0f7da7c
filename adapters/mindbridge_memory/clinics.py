"""Organizations, clinics and their keys in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core.errors import Conflict, LostUpdate
from mindbridge_core.identity import Clinic, Organization
from mindbridge_core.ids import PLATFORM_CLINIC_ID, PLATFORM_ORGANIZATION_ID
from mindbridge_core.phi import WrappedKey
from mindbridge_memory.tables import Tables
from mindbridge_memory.trail import MemoryAuditTrail

__all__ = ["PLATFORM", "MemoryClinics", "MemoryWrappedKeys"]

PLATFORM: Final = Clinic(
    id=PLATFORM_CLINIC_ID,
    organization_id=PLATFORM_ORGANIZATION_ID,
    name="MindBridge platform",
    timezone="UTC",
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)
"""The reserved clinic, which exists from the start."""


@attrs.frozen
class MemoryClinics:
    """`Clinics` of the core."""

    tables: Tables
    clinic_id: UUID
    trail: MemoryAuditTrail

    def take_turns(self) -> None:
        """Do nothing: units are serial."""

    def add_organization(self, organization: Organization) -> None:
        """Keep a new organization."""
        self.tables.organizations.put(organization.id, organization)

    def find_organization(self, name: str) -> Organization | None:
        """Return the oldest organization of exactly this name."""
        found = [one for one in self.tables.organizations.rows() if one.name == name]
        return min(found, key=lambda one: one.id, default=None)

    def add(self, clinic: Clinic, keys: Sequence[WrappedKey]) -> None:
        """Keep the unit's own clinic, unless it is the reserved one, with its keys; Conflict when it has some."""
        if self.tables.wrapped_keys.get(self.clinic_id) is not None:
            raise Conflict
        if clinic.id != PLATFORM_CLINIC_ID:
            self.tables.clinics.put(self.clinic_id, clinic)
        self.tables.wrapped_keys.put(self.clinic_id, tuple(sorted(keys, key=lambda key: (key.version, key.purpose))))
        self.trail.lay_lanes()

    def get(self) -> Clinic | None:
        """Return the unit's own clinic."""
        return PLATFORM if self.clinic_id == PLATFORM_CLINIC_ID else self.tables.clinics.get(self.clinic_id)

    def save(self, clinic: Clinic) -> Clinic:
        """Keep what may change if the version is still the one that was read."""
        held = self.tables.clinics.get(self.clinic_id)
        if held is None or held.version != clinic.version:
            raise LostUpdate
        changed = {name: getattr(clinic, name) for name in ("timezone", "screening_time", "updated_at")}
        saved = attrs.evolve(held, **changed, version=clinic.version + 1)
        self.tables.clinics.put(self.clinic_id, saved)
        return saved

    def find(self, organization_id: UUID, name: str) -> UUID | None:
        """Return the id of the organization's oldest clinic of exactly this name."""
        rows = self.tables.clinics.rows()
        found = [one.id for one in rows if one.organization_id == organization_id and one.name == name]
        return min(found, default=None)


@attrs.frozen
class MemoryWrappedKeys:
    """`WrappedKeys` of the core: what finished units have kept."""

    tables: Tables

    def of_clinic(self, clinic_id: UUID) -> Sequence[WrappedKey]:
        """Return the clinic's keys, oldest version first; empty when the clinic has none."""
        return self.tables.wrapped_keys.kept(clinic_id) or ()
