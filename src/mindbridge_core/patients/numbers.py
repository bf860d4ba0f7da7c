"""The four numbers of a patient: what was given, what the records say, and how the two meet. Pure functions.

A number is given by hand or by import, as of a moment. From then on the records tell: appointments, crisis events
and metrics. Neither may hide what the other knows, so that no number says less than the safer reading of both:

- Without any record of its kind the given number stands, however old: nobody else keeps it.
- A count (missed appointments, crisis calls) is what the records hold of its window, and the given number beside it
  until a whole window has passed since it was given and since the records began: before that the records cannot
  know all of the window. Records of what happened before it was given may be what it counted, so of the two the
  greater counts; what happened after it comes on top.
- Medication adherence is the newest statement, whoever made it; of two of one moment the lower. That it was emptied
  is a statement too: from then on nothing is known until somebody says more, and no older record takes its place.
- The last appointment is the latest day that either knows, and a day to come only if none has been.

These are tuples and not attrs values: a list makes fifty at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

__all__ = [
    "CALLS_WINDOW",
    "GIVEN_AT",
    "KEPT_LONGEST",
    "MAX_COUNT",
    "MISSED_WINDOW",
    "NUMBERS",
    "Basis",
    "Day",
    "Given",
    "Numbers",
    "Recorded",
    "numbers",
]

MAX_COUNT: Final = 2_147_483_647
MISSED_WINDOW: Final = timedelta(days=90)
CALLS_WINDOW: Final = timedelta(days=30)
KEPT_LONGEST: Final = MISSED_WINDOW + timedelta(days=10)
"""How long a store keeps the moments of a count at hand; no window of any clinic reaches further back."""


class Numbers(NamedTuple):
    """The numbers as a patient shows them."""

    medication_adherence: Decimal | None
    last_appointment: date | None
    appointments_missed: int
    crisis_calls_30days: int


NUMBERS: Final = frozenset(Numbers._fields)


class Given(NamedTuple):
    """The numbers as somebody gave them, and as of when; the last appointment is a fact, whenever it was given.

    `adherence_at` is None where nobody ever gave one, which is not the same as having emptied it.
    """

    medication_adherence: Decimal | None
    last_appointment: date | None
    appointments_missed: int
    crisis_calls_30days: int
    adherence_at: datetime | None
    missed_at: datetime
    calls_at: datetime

    def replaced(self, sent: Mapping[str, Any], at: datetime) -> Given:
        """Return the starting point with those of the four numbers that were `sent`, given at `at`."""
        taken: dict[str, Any] = {name: value for name, value in sent.items() if name in NUMBERS}
        taken |= {GIVEN_AT[name]: at for name in taken if name in GIVEN_AT}
        return self._replace(**taken)


GIVEN_AT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "medication_adherence": "adherence_at",
        "appointments_missed": "missed_at",
        "crisis_calls_30days": "calls_at",
    }
)
"""Where it stands when a number was given."""


class Recorded(NamedTuple):
    """What the records say: the newest adherence, the latest completed appointment, and the moments that count.

    `visits_since` is when the first appointment was closed as completed or missed, `calls_since` when the first
    crisis call was entered. Of `missed` and `calls` those may be absent that lie further back than `KEPT_LONGEST`.
    """

    adherence: Decimal | None = None
    adherence_at: datetime | None = None
    last_visit: datetime | None = None
    visits_since: datetime | None = None
    missed: tuple[datetime, ...] = ()
    calls_since: datetime | None = None
    calls: tuple[datetime, ...] = ()


class Day(NamedTuple):
    """Today at a clinic: its zone, its date, and the moments at which the windows begin."""

    zone: ZoneInfo
    today: date
    missed_from: datetime
    calls_from: datetime

    @classmethod
    def of(cls, now: datetime, zone: str) -> Day:
        """Return the day of `now` in the IANA time zone `zone`; a window begins as its first day does."""
        place = ZoneInfo(zone)
        today = now.astimezone(place).date()
        begin = [
            datetime.combine(today - window, time.min, tzinfo=place).astimezone(UTC)
            for window in (MISSED_WINDOW, CALLS_WINDOW)
        ]
        return cls(place, today, *begin)


class Basis(NamedTuple):
    """What a patient's numbers were made from; without records of any kind there is no day to them."""

    given: Given
    recorded: Recorded | None = None
    day: Day | None = None


def numbers(basis: Basis) -> Numbers:
    """Return the numbers that hold on the basis' day."""
    given, recorded, day = basis
    if recorded is None or day is None:
        return Numbers._make(given[:4])
    missed, calls = given.appointments_missed, given.crisis_calls_30days
    return Numbers(
        _adherence(given, recorded),
        _last_appointment(given, recorded, day),
        _count(missed, given.missed_at, recorded.visits_since, recorded.missed, day.missed_from),
        _count(calls, given.calls_at, recorded.calls_since, recorded.calls, day.calls_from),
    )


def _count(given: int, at: datetime, since: datetime | None, moments: tuple[datetime, ...], begin: datetime) -> int:
    if since is None:
        return given
    before = after = 0
    for moment in moments:  # a plain loop: twice as fast as two comprehensions, and lists make a hundred of them
        if moment > at:
            after += moment >= begin
        else:
            before += moment >= begin
    alive = given if since >= begin or at >= begin else 0
    return min(max(before, alive) + after, MAX_COUNT)


def _adherence(given: Given, recorded: Recorded) -> Decimal | None:
    if recorded.adherence is None or recorded.adherence_at is None:
        return given.medication_adherence
    if given.adherence_at is None or recorded.adherence_at > given.adherence_at:
        return recorded.adherence
    if given.medication_adherence is None or recorded.adherence_at < given.adherence_at:
        return given.medication_adherence
    return min(given.medication_adherence, recorded.adherence)


def _last_appointment(given: Given, recorded: Recorded, day: Day) -> date | None:
    visit = None if recorded.last_visit is None else recorded.last_visit.astimezone(day.zone).date()
    told = given.last_appointment
    if told is None or visit is None:
        return told or visit
    if (told > day.today) != (visit > day.today):
        return min(told, visit)
    return max(told, visit)
