"""What a model took: counted without a name, by the clinic's calendar, and never more than can be stored."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mindbridge_core import Action, Operator
from mindbridge_core.errors import Forbidden, InvalidInput
from mindbridge_core.screening import Step, Usage, UsageRequest
from tests.core.test_screenings import answering, ward

DAY = date(2026, 3, 8)


def test_a_request_is_of_whole_days_of_the_clinic_even_of_the_day_when_clocks_go_forward() -> None:
    scope = UsageRequest(since=DAY, until=DAY).scope(ZoneInfo("America/New_York"))
    assert datetime(2026, 3, 8, 5, tzinfo=UTC) == scope.since
    assert datetime(2026, 3, 9, 4, tzinfo=UTC) == scope.until
    assert (Step.MONTH, "America/New_York") == (scope.step, scope.zone)


@pytest.mark.parametrize(("since", "until"), [(DAY, DAY - timedelta(days=1)), (DAY, date.max)])
def test_days_that_end_before_they_begin_or_never_are_refused(since: date, until: date) -> None:
    with pytest.raises(InvalidInput):
        UsageRequest(since=since, until=until)
    assert DAY == UsageRequest(since=DAY, until=DAY).until


@pytest.mark.parametrize(("told", "kept"), [(-1, 0), (0, 0), (700, 700), (2**31 - 1, 2**31 - 1), (10**40, 2**31 - 1)])
def test_a_count_beyond_all_sense_is_told_as_the_bound(told: int, kept: int) -> None:
    usage = Usage(input_tokens=told, output_tokens=told)
    assert (kept, kept) == (usage.input_tokens, usage.output_tokens)


def test_what_was_asked_is_counted_and_the_trail_names_no_patient() -> None:
    here = ward(answering("low", 10))
    here.screen()
    today = here.house.clock().date()
    report = here.house.core.count_usage(Operator(clinic_id=here.clinic), UsageRequest(since=today, until=today))
    (row,) = report.rows
    assert (1, 0) == (row.requests, row.failures)
    assert here.clinic == report.clinic_id
    (entry,) = here.entries(Action.SCREENING_USAGE)
    assert ((), None, False) == (entry.resource_ids, entry.resource_id, entry.phi_accessed)


def test_staff_do_not_see_the_operators_accounts() -> None:
    here = ward()
    for staff in (here.admin, here.manager):
        with pytest.raises(Forbidden):
            here.house.core.count_usage(staff, UsageRequest(since=DAY, until=DAY))
