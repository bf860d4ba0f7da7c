"""Feeding sinks from the trail: each clinic's entries in order, at least once, whatever fails in between.

In order means: of each lane every entry, by its number and without a gap. The numbers are given in the order of the
commits, so one that is committed late has a late number, however early its time. Lanes run side by side; within a batch
they are put together by time, and `created_at` gives a reader the order of the whole.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final, NamedTuple, Protocol
from uuid import UUID

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Caller, Operator
from mindbridge_core.clock import Clock
from mindbridge_core.oversight.entities import TrailRecord
from mindbridge_core.oversight.formats import record_members
from mindbridge_core.oversight.ports import OversightUnit, Trails
from mindbridge_core.work import Work

__all__ = [
    "AuditSink",
    "Feeder",
    "HeldSink",
    "Sent",
    "ShipTrail",
    "Shipment",
    "SinkBook",
    "SinkEntry",
    "SinkStanding",
    "SinkUnavailable",
    "Waiting",
    "sink_entry",
]

BATCH: Final = 500
"""Entries of a clinic that are sent at once, or one of each lane where more lanes wait."""


class SinkUnavailable(Exception):  # no MindBridgeError: it never answers a request
    """The sink does not take entries now. What it was sent may have arrived in part, and will be sent again."""


@attrs.frozen(kw_only=True)
class SinkEntry:
    """An entry as sinks get it: `text` is JSON on one line, in ASCII, of all that the record says but one thing.

    The reason for an access is left out, for a clinician types it and will name the patient. Whether one was given
    is said (`access_reason_given`), and whether the entry is what was sealed (`intact`).
    """

    id: UUID
    clinic_id: UUID
    lane: int
    seq: int
    created_at: datetime
    action: str
    outcome: str
    text: str


def sink_entry(record: TrailRecord) -> SinkEntry:
    """Return the record as sinks get it."""
    members = record_members(record)
    members["access_reason_given"] = members.pop("access_reason") is not None
    members["intact"] = record.intact
    return SinkEntry(
        id=record.id,
        clinic_id=record.clinic_id,
        lane=record.lane,
        seq=record.seq,
        created_at=record.created_at,
        action=record.action,
        outcome=record.outcome,
        text=json.dumps(members, separators=(",", ":")),
    )


class AuditSink(Protocol):
    """A place outside the database that entries are copied to. It is fed by one process at a time."""

    @property
    def name(self) -> str:
        """The name under which its positions are kept: another name begins anew."""

    def send(self, entries: Sequence[SinkEntry]) -> None:
        """Take the entries, in this order. Whoever returns has them for good, as far as the sink can tell.

        Raises SinkUnavailable; then all of them come again, so some may arrive twice. Entries never arrive in parts
        that a reader could take for whole.
        """


@attrs.frozen(kw_only=True)
class SinkStanding:
    """How far a sink is: what was committed before `complete_until` is there. `failing_since` says since when not."""

    complete_until: datetime | None
    failing_since: datetime | None


class Waiting(NamedTuple):
    """A lane in which entries wait: the number of the last that was sent, or 0, and that of its last entry."""

    sent: int
    last: int


class HeldSink(Protocol):
    """A sink's positions, for whoever feeds it. Any call raises DependencyUnavailable once the hold is lost."""

    def waiting(self, clinic_id: UUID) -> Mapping[int, Waiting]:
        """Return the lanes in which entries wait."""

    def move(self, clinic_id: UUID, reached: Mapping[int, int]) -> None:
        """Keep, by lane, the number of the last entry sent. A position never goes back."""

    def complete(self, until: datetime) -> None:
        """Note that all that was committed before `until` has been sent."""

    def failed(self, at: datetime) -> None:
        """Note that the sink did not take entries; the first such moment stands until the sink is complete."""


class SinkBook(Protocol):
    """Where sinks are, kept beside the trail."""

    def alone(self, sink: str) -> AbstractContextManager[HeldSink | None]:
        """Hold the sink for the length of the block; None when another process holds it.

        The hold ends with the process, however that ends. Raises DependencyUnavailable.
        """

    def standings(self) -> Mapping[str, SinkStanding]:
        """Return every sink that was ever fed, by name."""


class Sent(NamedTuple):
    """How many entries were sent, and whether that was all that waited."""

    entries: int
    complete: bool


NOTHING_WAITED: Final = Sent(0, complete=True)


@attrs.frozen(kw_only=True)
class Shipment:
    """The feeding of one sink with one clinic's entries; made by `ShipTrail`, which enters it."""

    clinic_id: UUID
    trails: Trails
    sink: AuditSink

    def __call__(self, held: HeldSink) -> Sent:
        """Send the next batch and keep where it ended. Raises SinkUnavailable; then the positions are as they were."""
        waiting = held.waiting(self.clinic_id)
        if not waiting:
            return NOTHING_WAITED
        share = max(1, BATCH // len(waiting))
        following = self.trails.following(self.clinic_id, {lane: one.sent for lane, one in waiting.items()}, share)
        entries = [sink_entry(record) for record in _in_order(following)]
        reached = {entry.lane: entry.seq for entry in entries}
        if entries:
            self.sink.send(entries)
            held.move(self.clinic_id, reached)
        return Sent(len(entries), all(reached.get(lane, 0) >= one.last for lane, one in waiting.items()))


def _in_order(records: Sequence[TrailRecord]) -> Iterator[TrailRecord]:
    """Merge the lanes by time; each lane keeps the order of its numbers, whatever its times say."""
    lanes: dict[int, list[TrailRecord]] = {}
    for record in records:
        lanes.setdefault(record.lane, []).append(record)
    return heapq.merge(*lanes.values(), key=lambda record: record.created_at)


@attrs.frozen(kw_only=True)
class ShipTrail:
    """Begin to copy the clinic's trail to a sink."""

    work: Work[OversightUnit]
    trails: Trails

    def __call__(self, caller: Caller, sink: AuditSink) -> Shipment:
        """Return what sends the entries. That it begins is entered, so that entry is the first news of each run."""
        with self.work(caller, Action.AUDIT_SHIP) as desk:
            clinic_id = desk.principal.clinic_id
            desk.changes({"sink": sink.name}, plain=frozenset({"sink"}))
        return Shipment(clinic_id=clinic_id, trails=self.trails, sink=sink)


@attrs.frozen(kw_only=True)
class Feeder:
    """Feeds one sink with all clinics' entries. Make one a run: of each clinic it enters once that it began."""

    ship: ShipTrail
    trails: Trails
    clock: Clock
    sink: AuditSink
    _shipments: dict[UUID, Shipment] = attrs.field(factory=dict, init=False)

    def __call__(self, held: HeldSink) -> Sent:
        """Send of each clinic one batch, so that one with much to send holds no other up.

        Raises SinkUnavailable, DependencyUnavailable. Where none was sent and yet something waits, the trail lacks
        entries that its heads speak of.
        """
        began = self.clock()
        try:
            sent = [self._feed(clinic_id, held) for clinic_id in self.trails.clinics()]
        except SinkUnavailable:
            held.failed(self.clock())
            raise
        complete = all(one.complete for one in sent)
        if complete:
            held.complete(began)
        return Sent(sum(one.entries for one in sent), complete)

    def _feed(self, clinic_id: UUID, held: HeldSink) -> Sent:
        shipment = self._shipments.get(clinic_id)
        if shipment is None:
            if not held.waiting(clinic_id):
                return NOTHING_WAITED  # nothing to begin with, so nothing to enter either
            shipment = self._shipments[clinic_id] = self.ship(Operator(clinic_id=clinic_id), self.sink)
        return shipment(held)
