"""Screenings in memory."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import attrs

from mindbridge_core.errors import LostUpdate
from mindbridge_core.pagination import Page, page_of
from mindbridge_core.screening import Screening, ScreeningFilter, ScreeningRef
from mindbridge_memory.tables import Tables

__all__ = ["MemoryScreenings"]


@attrs.frozen
class MemoryScreenings:
    """`Screenings` of the core."""

    tables: Tables
    clinic_id: UUID

    def add(self, screening: Screening) -> None:
        """Keep a new screening."""
        self.tables.screenings.put((self.clinic_id, screening.id), screening)

    def add_many(self, screenings: Sequence[Screening]) -> None:
        """Keep new screenings."""
        for screening in screenings:
            self.add(screening)

    def get(self, screening_id: UUID) -> Screening | None:
        """Return the screening."""
        return self.tables.screenings.get((self.clinic_id, screening_id))

    def list(self, only: ScreeningFilter) -> Page[Screening]:
        """Return the page that follows `only.after`."""
        return page_of([*self._rows(only)], only.limit)

    def refs(self, only: ScreeningFilter) -> Page[ScreeningRef]:
        """Return who is on the page."""
        rows = [(one.id, _ref(one)) for _, one in self._rows(only)]
        return page_of(rows, only.limit)

    def _rows(self, only: ScreeningFilter) -> Sequence[tuple[UUID, Screening]]:
        found = sorted((one.id, one) for one in self.tables.screenings.rows() if self._fits(one, only))
        if only.newest_first:
            found.reverse()
        after = only.after
        rows = [row for row in found if after is None or (row[0] < after if only.newest_first else row[0] > after)]
        return rows[: only.limit + 1]

    def latest(self, patient_id: UUID) -> UUID | None:
        """Return the id of the patient's last screening."""
        place = (self.clinic_id, patient_id)
        rows = self.tables.screenings.rows()
        return max((one.id for one in rows if (one.clinic_id, one.patient_id) == place), default=None)

    def save(self, screening: Screening) -> Screening:
        """Keep the review if the version is still the one that was read."""
        stored = self.get(screening.id)
        if stored is None or stored.version != screening.version:
            raise LostUpdate
        saved = attrs.evolve(stored, review=screening.review, version=stored.version + 1)
        self.tables.screenings.put((self.clinic_id, screening.id), saved)
        return saved

    def _fits(self, one: Screening, only: ScreeningFilter) -> bool:
        patient = self.tables.patients.get((one.clinic_id, one.patient_id))
        return (
            one.clinic_id == self.clinic_id
            and patient is not None
            and patient.deleted_at is None
            and only.patient_id in {None, one.patient_id}
            and only.case_manager_id in {None, patient.case_manager_id}
            and only.risk_level in {None, one.risk_level}
            and only.review_status in {None, one.review_status}
            and (only.screened_before is None or one.screened_at < only.screened_before)
        )


def _ref(one: Screening) -> ScreeningRef:
    return ScreeningRef(id=one.id, clinic_id=one.clinic_id, patient_id=one.patient_id)
