"""Emergency accesses, in memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import attrs

from mindbridge_core.errors import LostUpdate
from mindbridge_core.pagination import Page, page_of
from mindbridge_core.patients import BreakGlass, BreakGlassFilter, ReviewStatus
from mindbridge_memory.tables import Tables

__all__ = ["MemoryEmergencyAccesses"]


@attrs.frozen
class MemoryEmergencyAccesses:
    """`EmergencyAccesses` of the core."""

    tables: Tables
    clinic_id: UUID

    def hold(self, user_id: UUID) -> None:
        """Do nothing: units are serial here, so whoever has one holds everything."""

    def add(self, access: BreakGlass) -> None:
        """Keep a new access."""
        self.tables.emergency_accesses.put((self.clinic_id, access.id), access)

    def get(self, access_id: UUID) -> BreakGlass | None:
        """Return the access."""
        return self.tables.emergency_accesses.get((self.clinic_id, access_id))

    def standing(self, user_id: UUID, patient_id: UUID, now: datetime) -> BreakGlass | None:
        """Return the access that ends last."""
        place = (user_id, patient_id)
        found = [one for one in self._all() if (one.user_id, one.patient_id) == place and one.expires_at > now]
        return max(found, key=lambda one: (one.expires_at, one.id), default=None)

    def waiting_since(self, user_id: UUID) -> datetime | None:
        """Return when the oldest access without a review was granted."""
        waiting = [one.granted_at for one in self._all() if one.user_id == user_id and one.reviewed_at is None]
        return min(waiting, default=None)

    def list(self, only: BreakGlassFilter) -> Page[BreakGlass]:
        """Return a page in ascending order of id."""
        found = sorted(
            (one.id, one)
            for one in self._all()
            if only.status in {None, ReviewStatus.UNREVIEWED if one.reviewed_at is None else ReviewStatus.REVIEWED}
            and (only.after is None or one.id > only.after)
        )
        return page_of(found[: only.limit + 1], only.limit)

    def save(self, access: BreakGlass) -> BreakGlass:
        """Keep review and end if the version is still the one that was read."""
        stored = self.get(access.id)
        if stored is None or stored.version != access.version:
            raise LostUpdate
        saved = attrs.evolve(
            stored,
            expires_at=access.expires_at,
            reviewed_at=access.reviewed_at,
            reviewed_by=access.reviewed_by,
            outcome=access.outcome,
            note=access.note,
            version=stored.version + 1,
        )
        self.tables.emergency_accesses.put((self.clinic_id, access.id), saved)
        return saved

    def _all(self) -> Iterator[BreakGlass]:
        return (one for one in self.tables.emergency_accesses.rows() if one.clinic_id == self.clinic_id)
