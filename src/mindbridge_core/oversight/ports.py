"""What reading the trail needs from the outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol
from uuid import UUID

import attrs

from mindbridge_core.compliance import Anchor, ChainHead, Link
from mindbridge_core.oversight.entities import ChainPlace, Period, TrailFilter, TrailPage, TrailRecord
from mindbridge_core.work import Unit

__all__ = ["Cut", "LaneReading", "OversightUnit", "TrailReader", "Trails"]


class TrailReader(Protocol):
    """The open unit's clinic's trail, to read."""

    def page(self, only: TrailFilter) -> TrailPage:
        """Return at most `only.limit` records, newest first."""

    def keep_anchors(self, anchors: Sequence[Anchor], at: datetime) -> None:
        """Keep anchors, made `at`; one that is there already stays as it is."""


class OversightUnit(Unit, Protocol):
    """A transaction that reads one clinic's trail."""

    @property
    def trail(self) -> TrailReader:
        """The clinic's trail."""


@attrs.frozen(kw_only=True)
class LaneReading:
    """One lane at one moment: its head, its links in the order of their numbers, and where it may begin."""

    head: ChainHead | None
    links: Iterator[Link]
    anchors: Sequence[Anchor] = ()


@attrs.frozen
class Cut:
    """What a lane would lose: its number of entries, the last of them, and the first that would stay, or 0."""

    entries: int
    last: int
    first_kept: int


class Trails(Protocol):
    """All clinics' trails as they lie in the store, read outside units and in constant memory.

    Nothing is decided here and nothing is entered: use cases permit and enter before they read.
    """

    def clinics(self) -> Sequence[UUID]:
        """Return the ids of all clinics, the platform's first."""

    def length(self, clinic_id: UUID) -> int:
        """Return how many entries the heads speak of: a trail's length if it is what was written, or 0."""

    def unknown_lanes(self, clinic_id: UUID) -> Sequence[int]:
        """Return the numbers beyond `LANES` that a head or an entry claims, in ascending order."""

    def lane(self, clinic_id: UUID, lane: int) -> AbstractContextManager[LaneReading]:
        """Read a lane as it was at one moment, whoever writes meanwhile; `links` end with the block.

        Raises UnknownClinic, DependencyUnavailable.
        """

    def batch(self, clinic_id: UUID, period: Period, after: ChainPlace | None, limit: int) -> Sequence[TrailRecord]:
        """Return the next `limit` records of the period in the order of their places; in a transaction of its own."""

    def following(self, clinic_id: UUID, after: Mapping[int, int], limit: int) -> Sequence[TrailRecord]:
        """Return, of each lane in `after`, the `limit` records behind that number, in the order of their numbers.

        A record is only returned once all before it in its lane can be. In a transaction of its own.
        """

    def cuts(self, clinic_id: UUID, before: datetime) -> Mapping[int, Cut]:
        """Return, of each lane that loses entries, what would go if the months before `before` were dropped."""
