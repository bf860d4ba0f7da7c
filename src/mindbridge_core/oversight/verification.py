"""Going through a trail: against its keys, lane by lane, or out of an export against checkpoints alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core.compliance import LANES, Anchor, ChainBreak, ChainHead, Link, is_anchor, verify_links
from mindbridge_core.oversight.checkpoints import Checkpoint, LaneHash, LaneMark, marks_of
from mindbridge_core.oversight.entities import Examination
from mindbridge_core.oversight.ports import LaneReading, Trails

__all__ = ["MOST_BREAKS", "Offline", "Progress", "examine", "examine_export", "joined"]

MOST_BREAKS = 1_000
"""Places that an examination names; of more it says how many."""
EVERY = 10_000
NO_STOPS: Final[Mapping[int, int]] = MappingProxyType({})

Progress = Callable[[int], None]
"""Is told how many entries have been examined so far, now and then."""


def _silent(_: int) -> None:
    """Tell nobody."""


@attrs.define(kw_only=True)
class _Count:
    """How many entries have been examined, and how many may be."""

    most: int | None
    progress: Progress
    entries: int = 0
    complete: bool = True
    begins: dict[int, int] = attrs.field(factory=dict)

    def through(self, links: Iterator[Link]) -> Iterator[Link]:
        """Pass links on, at most as many as may be."""
        for link in links:
            if self.entries == self.most:
                self.complete = False
                return
            self.entries += 1
            if not self.entries % EVERY:
                self.progress(self.entries)
            yield link


def examine(
    trails: Trails,
    key: bytes,
    clinic_id: UUID,
    *,
    checkpoints: Sequence[Checkpoint] = (),
    most: int | None = None,
    progress: Progress = _silent,
    reached: Callable[[LaneMark], None] | None = None,
    lanes: Sequence[int] = range(LANES),
    stops: Mapping[int, int] = NO_STOPS,
) -> Examination:
    """Verify a clinic's trail under its audit key, and against checkpoints; stop after `most` entries.

    `reached` is told where each lane stands, once the lane has been gone through, or, of lanes in `stops`, where it
    stood at that number. Memory stays constant. Several
    processes may go through some of the `lanes` each: see `joined`.
    """
    count, breaks, found = _Count(most=most, progress=progress), list[ChainBreak](), 0
    marks = marks_of(checkpoints, clinic_id)
    for broken in _clinic(trails, key, clinic_id, marks=marks, count=count, reached=reached, lanes=lanes, stops=stops):
        found += 1
        if len(breaks) < MOST_BREAKS:
            breaks.append(broken)
    progress(count.entries)
    return Examination(
        clinic_id=clinic_id,
        entries=count.entries,
        breaks=tuple(breaks),
        found=found,
        complete=count.complete,
        begins=count.begins,
    )


def joined(parts: Sequence[Examination]) -> Examination:
    """Return what examinations of a clinic's lanes, each in one of `parts`, found together."""
    named = (broken for part in parts for broken in part.breaks)
    breaks = sorted(named, key=lambda broken: (broken.kind != "unknown_lane", broken.lane))
    return Examination(
        clinic_id=parts[0].clinic_id,
        entries=sum(part.entries for part in parts),
        breaks=tuple(breaks[:MOST_BREAKS]),
        found=sum(part.found for part in parts),
        complete=all(part.complete for part in parts),
        begins={lane: seq for part in parts for lane, seq in part.begins.items()},
    )


def _clinic(
    trails: Trails,
    key: bytes,
    clinic_id: UUID,
    *,
    marks: Mapping[int, list[LaneMark]],
    count: _Count,
    reached: Callable[[LaneMark], None] | None,
    lanes: Sequence[int],
    stops: Mapping[int, int],
) -> Iterator[ChainBreak]:
    if 0 in lanes:  # whoever examines the first lane says which there should not be
        for lane in trails.unknown_lanes(clinic_id):
            yield ChainBreak(lane=lane, seq=0, kind="unknown_lane")
    for lane in lanes:
        stop = stops.get(lane, 0)
        running = LaneHash(clinic_id, lane, marks.get(lane, ()), stop) if lane in marks or reached or stop else None
        with trails.lane(clinic_id, lane) as reading:
            if reading.head is None:
                yield ChainBreak(lane=lane, seq=0, kind="headless")
                continue
            yield from _lane(key, reading.head, reading, count, running)
        if not count.complete:
            return
        if running is not None:
            yield from running.missed()
            told = running.stopped if stop else running.mark
            if reached is not None and told is not None:
                reached(told)


def _lane(
    key: bytes, head: ChainHead, reading: LaneReading, count: _Count, running: LaneHash | None
) -> Iterator[ChainBreak]:
    start, links = _beginning(key, head, reading)
    if start is not None:
        count.begins[head.lane] = start.seq + 1
        yield from () if running is None else running.begin(start)
    yield from _unless_cut_short(verify_links(key, head, count.through(links), running, start), count)


def _beginning(key: bytes, head: ChainHead, reading: LaneReading) -> tuple[Anchor | None, Iterator[Link]]:
    """Return the genuine anchor that the lane begins at, if it does not begin with its first entry, and its links."""
    first = next(reading.links, None)
    before = head.seq if first is None else first.seq - 1
    fitting = (
        anchor
        for anchor in reading.anchors
        if anchor.seq == before and (anchor.clinic_id, anchor.lane) == (head.clinic_id, head.lane)
    )
    start = next((anchor for anchor in fitting if is_anchor(key, anchor)), None)
    return start, iter(()) if first is None else chain([first], reading.links)


def _unless_cut_short(found: Iterable[ChainBreak], count: _Count) -> Iterator[ChainBreak]:
    """Leave out that the lane ends too soon where it was not read to its end."""
    for broken in found:
        if count.complete or broken.kind != "truncated":
            yield broken


@attrs.define(kw_only=True)
class _Lane:
    running: LaneHash
    seq: int = 0
    mac: bytes | None = None


@attrs.frozen(kw_only=True)
class Offline:
    """What was found of an export: per clinic; `unproven` entries came after the last checkpoint of their lane."""

    examinations: tuple[Examination, ...]
    unproven: int


@attrs.define
class _Export:
    """The lanes of an export, as far as it has been read."""

    checkpoints: Sequence[Checkpoint]
    lanes: dict[tuple[UUID, int], _Lane] = attrs.field(factory=dict)
    last: dict[tuple[UUID, int], int] = attrs.field(factory=dict)
    entries: dict[UUID, int] = attrs.field(factory=dict)
    unproven: int = 0

    def __attrs_post_init__(self) -> None:
        """Lay the lanes that the checkpoints speak of: also one that the export lacks is one to miss."""
        for clinic_id in {checkpoint.clinic_id for checkpoint in self.checkpoints}:
            self.entries[clinic_id] = 0
            for lane, marks in marks_of(self.checkpoints, clinic_id).items():
                self.lanes[clinic_id, lane] = _Lane(running=LaneHash(clinic_id, lane, marks))
                self.last[clinic_id, lane] = max(mark.seq for mark in marks)

    def take(self, link: Link) -> Iterator[tuple[UUID, ChainBreak]]:
        clinic_id, id = UUID(link.clinic_id), UUID(link.id)
        self.entries[clinic_id] = self.entries.get(clinic_id, 0) + 1
        lane = self.lanes.get((clinic_id, link.lane))
        if lane is None:
            lane = self.lanes[clinic_id, link.lane] = _Lane(running=LaneHash(clinic_id, link.lane))
        if not 0 <= link.lane < LANES or link.seq <= lane.seq:
            yield clinic_id, ChainBreak(lane=link.lane, seq=link.seq, kind="misplaced", entry_id=id)
            return
        self.unproven += link.seq > self.last.get((clinic_id, link.lane), 0)
        if link.seq != lane.seq + 1:
            yield clinic_id, ChainBreak(lane=link.lane, seq=lane.seq + 1, kind="missing")
        elif lane.mac not in {None, link.prev_mac}:
            yield clinic_id, ChainBreak(lane=link.lane, seq=link.seq, kind="unlinked", entry_id=id)
        lane.seq, lane.mac = link.seq, link.mac
        for broken in lane.running(link):
            yield clinic_id, broken


def examine_export(links: Iterable[Link], checkpoints: Sequence[Checkpoint], progress: Progress = _silent) -> Offline:
    """Verify an exported trail without any key, against checkpoints whose signatures have been held.

    Each lane's records must come in the order of their numbers, as the export writes them, from its first entry on.
    An edit is located between the checkpoint before it and the one that it contradicts. Memory stays constant.
    """
    export, breaks, found = _Export(checkpoints), dict[UUID, list[ChainBreak]](), dict[UUID, int]()
    for clinic_id, broken in _breaks_of(export, links, progress):
        found[clinic_id] = found.get(clinic_id, 0) + 1
        named = breaks.setdefault(clinic_id, [])
        if len(named) < MOST_BREAKS:
            named.append(broken)
    return Offline(
        examinations=tuple(
            Examination(
                clinic_id=clinic_id,
                entries=entries,
                breaks=tuple(breaks.get(clinic_id, ())),
                found=found.get(clinic_id, 0),
                complete=True,
            )
            for clinic_id, entries in sorted(export.entries.items())
        ),
        unproven=export.unproven,
    )


def _breaks_of(export: _Export, links: Iterable[Link], progress: Progress) -> Iterator[tuple[UUID, ChainBreak]]:
    for number, link in enumerate(links, 1):
        yield from export.take(link)
        if not number % EVERY:
            progress(number)
    for (clinic_id, _), lane in export.lanes.items():
        for broken in lane.running.missed():
            yield clinic_id, broken
