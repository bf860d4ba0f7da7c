"""Three rules over the trail: more patients than ever, many patients at night, one refusal after another."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core.access import Action
from mindbridge_core.audit import Outcome
from mindbridge_core.errors import SessionEnded
from mindbridge_core.oversight.detection import Detector, Suspicion
from mindbridge_core.oversight.entities import TrailRecord

__all__ = ["DetectionLimits", "OffHours", "PatientVolume", "RepeatedRefusals", "detectors_of"]

HOURS: Final = 24
NONE: Final = timedelta(0)
MAKING: Final = frozenset({Action.PATIENT_CREATE, Action.PATIENT_IMPORT})


@attrs.frozen(kw_only=True)
class DetectionLimits:
    """What is still usual in an hour. Each `most` is the highest number that raises no finding.

    `volume_most` patients are usual for anybody, and `volume_factor` times a user's own mean is for that user; the
    mean is that of their hours with patients in the last `history`. The clinic's day lasts from `day_begins` to
    before `day_ends`, in hours of its own time zone.
    """

    volume_most: int = 100
    volume_factor: float = 3.0
    history: timedelta = timedelta(days=28)
    day_begins: int = 7
    day_ends: int = 20
    off_hours_most: int = 50
    refusals_most: int = 10

    def __attrs_post_init__(self) -> None:
        """Refuse limits that are not limits."""
        if not 0 <= self.day_begins < self.day_ends <= HOURS:
            message = "a day needs 0 <= day_begins < day_ends <= 24"
            raise ValueError(message)
        if min(self.volume_most, self.off_hours_most, self.refusals_most) < 1 or self.volume_factor < 1:
            message = "rules need limits of 1 at least"
            raise ValueError(message)
        if self.history < NONE:
            message = "history must not be negative"
            raise ValueError(message)


def _patients(record: TrailRecord) -> Iterator[UUID]:
    """Yield the patients whose record was seen; who makes some sees nothing that they did not know."""
    seen = record.phi_accessed and record.outcome == Outcome.SUCCESS and record.resource_type == "patient"
    if seen and record.action not in MAKING:
        yield from record.resource_ids
        if record.resource_id is not None:
            yield record.resource_id


class _Patients:
    """The patients that each user saw in the open window, each counted once."""

    def __init__(self) -> None:
        self._seen: dict[UUID, set[UUID]] = {}

    def see(self, record: TrailRecord) -> None:
        if record.user_id is not None:
            for patient_id in _patients(record):
                self._seen.setdefault(record.user_id, set()).add(patient_id)

    def take(self) -> Mapping[UUID, int]:
        """Return how many it were, user by user, and begin anew."""
        counts = {user_id: len(self._seen[user_id]) for user_id in sorted(self._seen)}
        self._seen.clear()
        return counts


def _beyond(counts: Mapping[UUID, int], most: int) -> list[Suspicion]:
    return [
        Suspicion(user_id=user_id, observed=count, threshold=most) for user_id, count in counts.items() if count > most
    ]


@attrs.define
class _Past:
    """A user's counts in the windows behind, oldest first: one number per window at most."""

    counts: deque[tuple[datetime, int]] = attrs.field(factory=deque)
    total: int = 0

    def add(self, start: datetime, count: int) -> None:
        self.counts.append((start, count))
        self.total += count

    def forget(self, before: datetime) -> None:
        while self.counts and self.counts[0][0] < before:
            self.total -= self.counts.popleft()[1]

    @property
    def mean(self) -> float:
        return self.total / len(self.counts) if self.counts else 0.0


@attrs.frozen
class PatientVolume:
    """More patients in an hour than is usual for anybody, and than is usual for this user."""

    limits: DetectionLimits
    rule: str = attrs.field(default="patient_volume", init=False)

    @property
    def history(self) -> timedelta:
        """What a user's mean is made of."""
        return self.limits.history

    def watch(self, _: tzinfo) -> _VolumeWatch:
        """Begin without a history."""
        return _VolumeWatch(self.limits)


class _VolumeWatch:
    def __init__(self, limits: DetectionLimits) -> None:
        self._limits, self._patients = limits, _Patients()
        self._past: dict[UUID, _Past] = {}

    def see(self, record: TrailRecord) -> None:
        """Count the patients."""
        self._patients.see(record)

    def close(self, start: datetime) -> Sequence[Suspicion]:
        """Hold each user's count against their own."""
        found: list[Suspicion] = []
        for user_id, count in self._patients.take().items():
            past = self._past.setdefault(user_id, _Past())
            past.forget(start - self._limits.history)
            most = max(self._limits.volume_most, int(self._limits.volume_factor * past.mean))
            found += _beyond({user_id: count}, most)
            past.add(start, count)
        return found


@attrs.frozen
class OffHours:
    """Many patients in an hour while the clinic is closed."""

    limits: DetectionLimits
    rule: str = attrs.field(default="off_hours", init=False)
    history: timedelta = attrs.field(default=NONE, init=False)

    def watch(self, zone: tzinfo) -> _OffHoursWatch:
        """Watch by the clinic's clocks."""
        return _OffHoursWatch(self.limits, zone)


class _OffHoursWatch:
    def __init__(self, limits: DetectionLimits, zone: tzinfo) -> None:
        self._limits, self._zone, self._patients = limits, zone, _Patients()

    def see(self, record: TrailRecord) -> None:
        """Count the patients who are seen while the clinic is closed."""
        if not self._limits.day_begins <= record.created_at.astimezone(self._zone).hour < self._limits.day_ends:
            self._patients.see(record)

    def close(self, _: datetime) -> Sequence[Suspicion]:
        """Find those who saw many."""
        return _beyond(self._patients.take(), self._limits.off_hours_most)


@attrs.frozen
class RepeatedRefusals:
    """One refusal after another: somebody tries doors. A session that has ended is none of them."""

    limits: DetectionLimits
    rule: str = attrs.field(default="repeated_refusals", init=False)
    history: timedelta = attrs.field(default=NONE, init=False)

    def watch(self, _: tzinfo) -> _RefusalsWatch:
        """Begin to count."""
        return _RefusalsWatch(self.limits)


class _RefusalsWatch:
    def __init__(self, limits: DetectionLimits) -> None:
        self._limits, self._refusals = limits, Counter[UUID]()

    def see(self, record: TrailRecord) -> None:
        """Count what was denied; a window left open over night asks with its old session, and means nothing by it."""
        denied = record.outcome == Outcome.DENIED and record.changed_values.get("reason") != SessionEnded.code
        if denied and record.user_id is not None:
            self._refusals[record.user_id] += 1

    def close(self, _: datetime) -> Sequence[Suspicion]:
        """Find those who were refused often."""
        counts = {user_id: self._refusals[user_id] for user_id in sorted(self._refusals)}
        self._refusals.clear()
        return _beyond(counts, self._limits.refusals_most)


def detectors_of(limits: DetectionLimits) -> tuple[Detector, ...]:
    """Return the three rules under the limits."""
    return PatientVolume(limits), OffHours(limits), RepeatedRefusals(limits)
