"""Reading trails out of memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Protocol
from uuid import UUID

import attrs

from mindbridge_core.compliance import LANES, Anchor, SealedEntry, is_intact, link_of
from mindbridge_core.ids import PLATFORM_CLINIC_ID
from mindbridge_core.oversight import (
    ChainPlace,
    Cut,
    LaneReading,
    Period,
    TrailFilter,
    TrailPage,
    TrailRecord,
    record_of,
)
from mindbridge_core.pagination import Place
from mindbridge_core.phi import ClinicCipher
from mindbridge_memory.tables import Tables

__all__ = ["MemoryTrailReader", "MemoryTrails"]


@attrs.frozen
class MemoryTrailReader:
    """`TrailReader` of the core."""

    tables: Tables
    clinic_id: UUID
    cipher: ClinicCipher

    def records(self) -> Iterator[TrailRecord]:
        """Yield the clinic's records."""
        for sealed in self.tables.entries.rows():
            if sealed.entry.clinic_id == self.clinic_id:
                yield record_of(sealed, intact=is_intact(self.cipher.audit_key, link_of(sealed)))

    def page(self, only: TrailFilter) -> TrailPage:
        """Return a page, newest first."""
        found = [record for record in self.records() if _fits(record, only)]
        found.sort(key=_moment, reverse=True)
        return TrailPage.of(found[: only.limit + 1], only.limit)

    def keep_anchors(self, anchors: Sequence[Anchor], at: datetime) -> None:  # noqa: ARG002 - nobody asks when
        """Keep anchors."""
        for anchor in anchors:
            key = (anchor.clinic_id, anchor.lane, anchor.seq)
            if self.tables.anchors.get(key) is None:
                self.tables.anchors.put(key, anchor)


def _moment(record: TrailRecord) -> Place:
    return Place(record.created_at, record.id)


def _fits(record: TrailRecord, only: TrailFilter) -> bool:
    names = ("user_id", "session_id", "action", "outcome", "resource_type", "resource_id", "phi_accessed")
    return (
        all(getattr(only, name) in {None, getattr(record, name)} for name in names)
        and _within(record, Period(since=only.since, until=only.until))
        and (only.before is None or _moment(record) < only.before)
    )


def _within(record: TrailRecord, period: Period) -> bool:
    since, until = period.since, period.until
    return (since is None or since <= record.created_at) and (until is None or record.created_at < until)


@attrs.frozen
class MemoryTrails:
    """`Trails` of the core, over a store's units."""

    open_unit: Callable[[UUID], AbstractContextManager[MemoryTrailUnit]]
    tables: Tables

    def clinics(self) -> Sequence[UUID]:
        """Return the clinics that were opened, the platform's first."""
        return [PLATFORM_CLINIC_ID, *sorted(clinic.id for clinic in self.tables.clinics.rows())]

    def length(self, clinic_id: UUID) -> int:
        """Add the heads' numbers."""
        with self.open_unit(clinic_id):
            return sum(head.seq for head in self.tables.heads.rows() if head.clinic_id == clinic_id)

    def unknown_lanes(self, clinic_id: UUID) -> Sequence[int]:
        """Return the numbers that no lane has."""
        with self.open_unit(clinic_id) as unit:
            found = {record.lane for record in unit.trail.records()}
            found |= {head.lane for head in self.tables.heads.rows() if head.clinic_id == clinic_id}
        return sorted(found - set(range(LANES)))

    @contextmanager
    def lane(self, clinic_id: UUID, lane: int) -> Iterator[LaneReading]:
        """Read a lane as it is now."""
        with self.open_unit(clinic_id):
            head = self.tables.heads.get((clinic_id, lane))
            found = [sealed for key, sealed in self.tables.entries.items() if key[:2] == (clinic_id, lane)]
            anchors = [anchor for key, anchor in self.tables.anchors.items() if key[:2] == (clinic_id, lane)]
        yield LaneReading(head=head, links=map(link_of, sorted(found, key=_number)), anchors=anchors)

    def batch(self, clinic_id: UUID, period: Period, after: ChainPlace | None, limit: int) -> Sequence[TrailRecord]:
        """Return the next records of the period."""
        with self.open_unit(clinic_id) as unit:
            found = [record for record in unit.trail.records() if _within(record, period)]
        following = [record for record in found if after is None or _place(record) > after]
        return sorted(following, key=_place)[:limit]

    def following(self, clinic_id: UUID, after: Mapping[int, int], limit: int) -> Sequence[TrailRecord]:
        """Return the next records of some lanes."""
        with self.open_unit(clinic_id) as unit:
            found = sorted(unit.trail.records(), key=_place)
        behind = {lane: [one for one in found if one.lane == lane and one.seq > seq] for lane, seq in after.items()}
        return [record for records in behind.values() for record in records[:limit]]

    def cuts(self, clinic_id: UUID, before: datetime) -> Mapping[int, Cut]:
        """Compare each lane's entries with the time."""
        with self.open_unit(clinic_id) as unit:
            found = list(unit.trail.records())
        cuts: dict[int, Cut] = {}
        for lane in {record.lane for record in found if record.created_at < before}:
            gone = [record.seq for record in found if record.lane == lane and record.created_at < before]
            kept = [record.seq for record in found if record.lane == lane and record.created_at >= before]
            cuts[lane] = Cut(len(gone), max(gone), min(kept, default=0))
        return cuts


class MemoryTrailUnit(Protocol):
    """What reading needs of a unit."""

    @property
    def trail(self) -> MemoryTrailReader:
        """The clinic's trail."""


def _number(sealed: SealedEntry) -> int:
    return sealed.seq


def _place(record: TrailRecord) -> ChainPlace:
    return ChainPlace(record.lane, record.seq, record.id)
