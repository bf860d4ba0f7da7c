"""Whether a clinic's daily screening is late, as what is stored says, and who is shown it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import uuid4

import attrs
import pytest

from mindbridge_core import Action, MindBridge, Operator, Role
from mindbridge_core.errors import Forbidden
from mindbridge_core.identity import Clinic
from mindbridge_core.patients import PatientChanges, PatientStatus
from mindbridge_core.screening import Batch, BatchRequest, BatchState, DailyStanding, DailyWatch
from mindbridge_core.screening.daily import standing_of
from tests.core.house import actor
from tests.core.test_batches import SMALL, filled, run
from tests.core.test_screenings import Ward

NEW_YORK = Clinic(
    id=uuid4(),
    organization_id=uuid4(),
    name="North",
    timezone="America/New_York",
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)
SIX = DailyWatch(at=time(6, 0))
DUE = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
"""Six in the morning there."""


def batch_of(day: date, **fields: Any) -> Batch:
    plain: dict[str, Any] = {
        "id": uuid4(),
        "clinic_id": NEW_YORK.id,
        "ordered_by": None,
        "case_manager_id": None,
        "risk_level": None,
        "screening_type": "daily",
        "created_at": DUE,
        "day": day,
        "ended_at": DUE,
        "state": BatchState.DONE,
    }
    return Batch(**plain | fields)


TODAY, YESTERDAY = batch_of(date(2026, 3, 2)), batch_of(date(2026, 3, 1))


@pytest.mark.parametrize(
    ("after", "last", "due_at", "late"),
    [
        (timedelta(minutes=119), YESTERDAY, DUE - timedelta(days=1), False),
        (timedelta(minutes=119), None, DUE - timedelta(days=1), True),
        (timedelta(hours=2), YESTERDAY, DUE, True),
        (timedelta(hours=2), TODAY, DUE, False),
        (timedelta(hours=2), batch_of(date(2026, 3, 3)), DUE, False),
        (timedelta(hours=2), None, DUE, True),
        (timedelta(hours=17), YESTERDAY, DUE, True),
        (timedelta(hours=22), TODAY, DUE, False),
    ],
)
def test_it_is_late_when_its_time_has_passed_and_no_batch_of_the_day_has_ended(
    after: timedelta, last: Batch | None, due_at: datetime, *, late: bool
) -> None:
    standing = standing_of(NEW_YORK, SIX, DUE + after, last=last, anybody=True)
    assert (due_at, late, NEW_YORK.id) == (standing.due_at, standing.late, standing.clinic_id)
    assert standing.last_ended_at == (None if last is None else DUE)
    assert not standing_of(NEW_YORK, SIX, DUE + after, last=last, anybody=False).late


def test_without_a_time_nothing_is_late_and_the_last_one_is_known_all_the_same() -> None:
    later = DUE + timedelta(days=9)
    assert standing_of(NEW_YORK, DailyWatch(), later, last=TODAY, anybody=True) == DailyStanding(
        clinic_id=NEW_YORK.id, last_ended_at=DUE
    )


def test_a_clinic_that_has_a_time_of_its_own_is_late_by_that() -> None:
    own = attrs.evolve(NEW_YORK, screening_time=time(9, 0))
    for watch in (SIX, DailyWatch()):
        for hours, due_at, late in ((4, DUE - timedelta(hours=21), False), (5, DUE + timedelta(hours=3), True)):
            standing = standing_of(own, watch, DUE + timedelta(hours=hours), last=YESTERDAY, anybody=True)
            assert (due_at, late) == (standing.due_at, standing.late)


def test_a_day_that_was_left_out_is_late_also_while_the_next_may_still_be_done() -> None:
    at_eleven = attrs.evolve(NEW_YORK, screening_time=time(23, 0))
    due_at = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)  # on the first of March, there
    for hours, due in ((1.99, due_at - timedelta(days=1)), (2, due_at), (25.99, due_at)):
        now = due_at + timedelta(hours=hours)
        standing = standing_of(at_eleven, SIX, now, last=batch_of(date(2026, 2, 27)), anybody=True)
        assert (due, True) == (standing.due_at, standing.late)
    assert not standing_of(at_eleven, SIX, due_at, last=batch_of(date(2026, 2, 28)), anybody=True).late


def test_what_was_due_before_the_clinic_was_there_is_not_missed() -> None:
    for opened, late in ((DUE, True), (DUE + timedelta(seconds=1), False)):
        clinic = attrs.evolve(NEW_YORK, created_at=opened)
        assert late is standing_of(clinic, SIX, DUE + timedelta(hours=3), last=None, anybody=True).late


def test_an_hour_that_the_day_lacks_is_due_at_the_next() -> None:
    half_past_two = DailyWatch(at=time(2, 30), within=timedelta(hours=1))
    standing = standing_of(NEW_YORK, half_past_two, datetime(2026, 3, 8, 8, 30, tzinfo=UTC), last=None, anybody=True)
    assert datetime(2026, 3, 8, 7, 30, tzinfo=UTC) == standing.due_at


def test_one_that_waits_for_answers_alone_has_ended() -> None:
    waits = attrs.evolve(TODAY, ended_at=None, taken_at=DUE + timedelta(minutes=5))
    standing = standing_of(NEW_YORK, SIX, DUE + timedelta(hours=3), last=waits, anybody=True)
    assert (False, DUE + timedelta(minutes=5)) == (standing.late, standing.last_ended_at)


def watched(here: Ward) -> tuple[MindBridge, Operator]:
    """The ward's core where everybody is screened at six every day, and its operator, a day later."""
    here.house.clock.now = datetime(2026, 3, 3, 14, 0, tzinfo=UTC)
    ports = attrs.evolve(here.house.core.ports, daily_watch=SIX)
    here.house.core = MindBridge.build(ports)
    return here.house.core, Operator(clinic_id=here.clinic)


def test_a_clinic_without_a_worker_is_late_until_one_has_done_the_days_batch() -> None:
    here = filled()
    core, operator = watched(here)
    before = len(here.house.entries())
    assert core.watch_daily(operator).late
    core.order_batch.daily(operator, time(6, 0))
    assert core.watch_daily(operator).late
    run(here)
    done = core.watch_daily(operator)
    assert (False, here.house.clock()) == (done.late, done.last_ended_at)
    here.house.clock.forward(days=1)
    assert core.watch_daily(operator).late
    assert Action.SCREENING_WATCH not in {one.action for one in here.house.entries()[before:]}


def test_a_batch_that_was_cancelled_screened_nobody() -> None:
    here = filled()
    core, operator = watched(here)
    batch = core.order_batch.daily(operator, time(6, 0))
    assert batch is not None
    core.cancel_task(here.admin, batch.id)
    assert core.watch_daily(operator).late
    core.order_batch(here.admin, BatchRequest())
    run(here)
    assert core.watch_daily(operator).late


def test_a_clinic_without_active_patients_is_not_late() -> None:
    here = filled(calls=(0,))
    core, operator = watched(here)
    (patient,) = here.house.store.tables.patients.rows()
    core.change_patient(here.admin, patient.id, PatientChanges(status=PatientStatus.DISCHARGED))
    assert not core.watch_daily(operator).late


def test_the_operator_watches_and_nobody_of_the_staff() -> None:
    here = filled()
    core, _ = watched(here)
    for role in Role:
        with pytest.raises(Forbidden):
            core.watch_daily(actor(here.house.staff(here.clinic, role)))


def test_the_dashboard_says_it_to_whoever_may_see_it_and_how_many_were_missed() -> None:
    here = filled()
    core, operator = watched(here)
    here.house.patient(here.clinic)
    reader = actor(here.house.staff(here.clinic, Role.READONLY))
    stranger = actor(here.house.staff(here.clinic, Role.CASE_MANAGER))
    for caller, missed in ((here.admin, 6), (here.manager, 5), (reader, 6), (stranger, 0)):
        shown = core.show_dashboard(caller)
        assert shown.daily is not None
        assert (True, None, missed) == (shown.daily.late, shown.daily.last_ended_at, shown.missed)
    core.order_batch.daily(operator, time(6, 0))
    run(here)
    shown = core.show_dashboard(here.admin)
    assert shown.daily is not None
    assert (False, here.house.clock(), 0) == (shown.daily.late, shown.daily.last_ended_at, shown.missed)
    here.house.clock.forward(hours=26)
    assert 0 == core.show_dashboard(here.admin).missed
    here.house.clock.forward(seconds=1)
    assert 6 == core.show_dashboard(here.admin).missed


def test_a_batch_that_nobody_goes_on_with_says_since_when() -> None:
    here = filled()
    core, ordered_at = here.house.core, here.house.clock()
    batch = core.order_batch(here.manager, BatchRequest())

    def waits() -> datetime | None:
        return core.view_task(here.manager, batch.id).waits_since(here.house.clock())

    here.house.clock.forward(minutes=4, seconds=59)
    assert waits() is None
    here.house.clock.forward(seconds=1)
    assert ordered_at == waits()
    core.run_batch(Operator(clinic_id=here.clinic), uuid4(), SMALL)
    assert waits() is None
    taken_at = here.house.clock()
    here.house.clock.forward(minutes=5)
    assert taken_at == waits()
    run(here)
    here.house.clock.forward(minutes=5)
    assert waits() is None
    assert BatchState.DONE is core.view_task(here.manager, batch.id).state


def test_who_waits_for_answers_alone_waits_for_no_worker_and_one_that_is_prepared_does() -> None:
    running = attrs.evolve(TODAY, ended_at=None, state=BatchState.RUNNING)
    for state, counts, since in (
        (BatchState.RUNNING, (2, 1, 1), None),
        (BatchState.RUNNING, (2, 1, 0), DUE),
        (BatchState.PREPARING, (0, 0, 0), DUE),
    ):
        total, screened, failed = counts
        batch = attrs.evolve(running, state=state, total=total, screened=screened, failed=failed)
        assert since == batch.waits_since(DUE + timedelta(days=1))
