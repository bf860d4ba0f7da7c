"""How given numbers and records meet: in examples, and for any history."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as some

from mindbridge_core.patients import KEPT_LONGEST, Basis, Day, Given, Numbers, Recorded, numbers
from mindbridge_core.patients.numbers import CALLS_WINDOW, MAX_COUNT, MISSED_WINDOW
from mindbridge_core.testing.records import a_patient
from tests.core.house import START

ZONE = "America/New_York"
DAY = timedelta(days=1)
NOTHING = Given(None, None, 0, 0, None, START, START)


def shown(start: Given, recorded: Recorded | None, now: datetime = START, zone: str = ZONE) -> Numbers:
    return numbers(Basis(start, recorded, None if recorded is None else Day.of(now, zone)))


def calls(*moments: datetime, since: datetime | None = None) -> Recorded:
    return Recorded(calls_since=since or min(moments), calls=tuple(sorted(moments)))


def missed(*moments: datetime, since: datetime | None = None) -> Recorded:
    return Recorded(visits_since=since or min(moments), missed=tuple(sorted(moments)))


def test_the_windows_are_those_of_the_domain() -> None:
    assert (MISSED_WINDOW.days, CALLS_WINDOW.days) == (90, 30)
    assert min(KEPT_LONGEST - MISSED_WINDOW, KEPT_LONGEST - CALLS_WINDOW) > 2 * DAY


def test_a_day_begins_in_the_clinics_zone() -> None:
    late = datetime(2026, 3, 3, 4, 30, tzinfo=UTC)  # half past eleven in the evening of the second in New York
    assert Day.of(late, ZONE).today == date(2026, 3, 2)
    assert Day.of(late, "UTC").today == date(2026, 3, 3)
    assert Day.of(late, ZONE).calls_from == datetime(2026, 1, 31, 5, tzinfo=UTC)
    # The clocks went forward on 2026-03-08: the window begins at its first day's own midnight.
    assert Day.of(datetime(2026, 4, 1, 12, tzinfo=UTC), ZONE).calls_from == datetime(2026, 3, 2, 5, tzinfo=UTC)


def test_a_call_counts_until_the_thirtieth_day_is_over_in_the_clinic() -> None:
    call = datetime(2026, 3, 2, 4, 59, tzinfo=UTC)  # a minute before midnight of the first in New York
    last = datetime(2026, 4, 1, 3, 59, tzinfo=UTC)  # a minute before midnight of 31 March there
    assert shown(NOTHING, calls(call), last).crisis_calls_30days == 1
    assert shown(NOTHING, calls(call), last + timedelta(minutes=1)).crisis_calls_30days == 0
    assert shown(NOTHING, missed(call), last).appointments_missed == 1
    assert shown(NOTHING, missed(call), last + 60 * DAY).appointments_missed == 1
    assert shown(NOTHING, missed(call), last + 60 * DAY + timedelta(minutes=1)).appointments_missed == 0


def test_without_a_record_of_its_kind_a_number_stands_as_it_was_given() -> None:
    start = NOTHING._replace(
        medication_adherence=Decimal(40),
        adherence_at=START,
        last_appointment=date(2020, 1, 1),
        appointments_missed=3,
        crisis_calls_30days=4,
    )
    years_later = START + 4000 * DAY
    assert shown(start, None, years_later) == start[:4]
    assert shown(start, Recorded(), years_later) == start[:4]
    only_calls = shown(start, calls(years_later), years_later)
    assert only_calls == (Decimal(40), date(2020, 1, 1), 3, 5)


def test_a_given_count_stands_beside_the_records_until_a_window_has_passed_under_them() -> None:
    start = NOTHING._replace(crisis_calls_30days=4)
    first = START + 200 * DAY  # long after it was given; but what happened meanwhile, nobody recorded
    recorded = calls(first)
    assert shown(start, recorded, first).crisis_calls_30days == 5
    assert shown(start, recorded, first + 30 * DAY).crisis_calls_30days == 5
    assert shown(start, recorded, first + 31 * DAY).crisis_calls_30days == 0


def test_what_was_entered_later_but_happened_before_is_not_counted_twice() -> None:
    start = NOTHING._replace(crisis_calls_30days=2)
    before, after = START - 3 * DAY, START + 3 * DAY
    now = START + 4 * DAY
    assert shown(start, calls(before, before, since=now), now).crisis_calls_30days == 2
    assert shown(start, calls(before, before, before, since=now), now).crisis_calls_30days == 3
    assert shown(start, calls(before, after, since=now), now).crisis_calls_30days == 3


def test_a_count_cannot_grow_beyond_what_can_be_sent_and_stored() -> None:
    start = NOTHING._replace(appointments_missed=MAX_COUNT)
    assert shown(start, missed(START)).appointments_missed == MAX_COUNT


@pytest.mark.parametrize(
    ("given_value", "recorded_value", "after", "expected"),
    [(40, 80, 1, 80), (80, 40, 1, 40), (40, 80, -1, 40), (80, 40, -1, 80), (40, 80, 0, 40), (80, 40, 0, 40),
     (None, 80, -1, None), (None, 80, 0, None), (None, 0, 1, 0), (40, 0, 1, 0)],
)  # fmt: skip
def test_adherence_is_the_newest_statement_and_of_a_tie_the_lower(
    given_value: int | None, recorded_value: int, after: int, expected: int | None
) -> None:
    start = NOTHING._replace(
        medication_adherence=None if given_value is None else Decimal(given_value), adherence_at=START
    )
    recorded = Recorded(adherence=Decimal(recorded_value), adherence_at=START + after * DAY)
    assert shown(start, recorded).medication_adherence == expected


def test_where_nobody_ever_gave_an_adherence_any_record_counts() -> None:
    for after in (-1, 0, 1):
        recorded = Recorded(adherence=Decimal(80), adherence_at=START + after * DAY)
        assert shown(NOTHING, recorded).medication_adherence == 80


def test_the_last_appointment_is_the_latest_day_that_anybody_knows() -> None:
    visit = datetime(2026, 3, 2, 2, tzinfo=UTC)  # the evening of the first in New York
    for known, expected in ((None, date(2026, 3, 1)), (date(2026, 2, 1), date(2026, 3, 1)), (date(2026, 3, 2),) * 2):
        start = NOTHING._replace(last_appointment=known)
        assert shown(start, Recorded(last_visit=visit, visits_since=visit)).last_appointment == expected
    assert shown(NOTHING, missed(visit)).last_appointment is None


def test_a_number_that_is_sent_is_a_new_starting_point_and_hides_no_record() -> None:
    later = START + DAY
    recorded = calls(START - DAY, START, later, since=START)
    patient = a_patient(CLINIC, crisis_calls_30days=9, updated_at=START)
    held = a_patient(
        CLINIC,
        id=patient.id,
        basis=Basis(patient.given, recorded, Day.of(later, ZONE)),
        **numbers(Basis(patient.given, recorded, Day.of(later, ZONE)))._asdict(),
    )
    assert held.crisis_calls_30days == 10
    assert held.giving({"crisis_calls_30days": 0}, later).crisis_calls_30days == 3
    assert held.giving({"crisis_calls_30days": 4}, later).crisis_calls_30days == 4
    assert held.giving({"crisis_calls_30days": 10}, later).given.calls_at == later
    assert held.giving({"name": "Another"}, later).given == held.given


CLINIC = uuid4()

moments = some.integers(-120 * 24, 60 * 24).map(lambda hours: START + timedelta(hours=hours))
zones = some.sampled_from(["America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC", "Asia/Kolkata"])


@given(start=some.integers(0, 6), at=moments, begin=moments, records=some.lists(moments, max_size=8), zone=zones,
       now=moments)  # fmt: skip
@settings(max_examples=400)
def test_no_count_is_ever_below_what_was_given_or_what_is_recorded(
    *, start: int, at: datetime, begin: datetime, records: list[datetime], zone: str, now: datetime
) -> None:
    """The safer reading: all records within the window, and the given number while either of its bounds lives."""
    assume(begin <= now)
    day = Day.of(now, zone)
    known = [moment for moment in records if moment <= now]
    recorded = Recorded(calls_since=begin, calls=tuple(sorted(known)))
    count = shown(NOTHING._replace(crisis_calls_30days=start, calls_at=at), recorded, now, zone).crisis_calls_30days
    within = [moment for moment in known if moment >= day.calls_from]
    assert count >= len(within)
    if max(at, begin) >= day.calls_from:
        assert count >= start + sum(moment > at for moment in within)
    else:
        assert count == len(within)


@given(start=some.integers(0, 6), at=moments, records=some.lists(moments, min_size=1, max_size=8), zone=zones,
       now=moments, more=moments)  # fmt: skip
@settings(max_examples=400)
@example(start=5, at=START - 120 * DAY, records=[START - 119 * DAY], zone="UTC", now=START, more=START)
def test_a_count_never_falls_because_records_begin_or_one_more_comes(
    *, start: int, at: datetime, records: list[datetime], zone: str, now: datetime, more: datetime
) -> None:
    """Entered now, whenever it happened: no record lowers a number, the first as little as any other."""
    given_count = NOTHING._replace(appointments_missed=start, missed_at=at)
    counts = [shown(given_count, None, now, zone).appointments_missed]
    known = [moment for moment in [*records, more] if moment <= now]
    for place in range(1, len(known) + 1):
        recorded = Recorded(visits_since=now, missed=tuple(sorted(known[:place])))
        counts.append(shown(given_count, recorded, now, zone).appointments_missed)
    assert counts == sorted(counts)


@given(events=some.lists(moments, max_size=10), at=moments, begin=moments, zone=zones, now=moments)
@settings(max_examples=400)
def test_a_count_is_never_below_the_truth_once_given_and_recorded_truly(
    events: list[datetime], at: datetime, begin: datetime, zone: str, now: datetime
) -> None:
    """What was given was true when it was given, and from then or from before on every call was recorded."""
    assume(begin <= at <= now)
    happened = [moment for moment in events if moment <= now]
    begun = Day.of(at, zone).calls_from
    true_then = sum(begun <= moment <= at for moment in happened)
    recorded = Recorded(calls_since=begin, calls=tuple(sorted(one for one in happened if one >= begin)))
    start = NOTHING._replace(crisis_calls_30days=true_then, calls_at=at)
    truth = sum(moment >= Day.of(now, zone).calls_from for moment in happened)
    assert shown(start, recorded, now, zone).crisis_calls_30days >= truth


@given(value=some.none() | some.dates(), visit=some.none() | moments, zone=zones)
@settings(deadline=None)
def test_the_last_appointment_is_always_one_that_somebody_knows(
    value: date | None, visit: datetime | None, zone: str
) -> None:
    day = Day.of(START, zone)
    found = shown(NOTHING._replace(last_appointment=value), Recorded(last_visit=visit), START, zone).last_appointment
    visited = None if visit is None else visit.astimezone(ZoneInfo(zone)).date()
    known = {one for one in (value, visited) if one is not None}
    been = {one for one in known if one <= day.today}
    assert found == max(been or known, default=None)


def test_a_given_day_to_come_hides_no_visit() -> None:
    tomorrow = START.date() + DAY
    start = NOTHING._replace(last_appointment=tomorrow)
    assert shown(start, Recorded(last_visit=START - 40 * DAY)).last_appointment == (START - 40 * DAY).date()
    assert shown(start, calls(START)).last_appointment == tomorrow
    assert shown(start, Recorded(last_visit=START - 40 * DAY), START + DAY).last_appointment == tomorrow
