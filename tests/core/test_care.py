"""Appointments, crisis events and metrics: their steps, their rules, and what the patient shows of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import attrs
import pytest

from mindbridge_core import Actor, Operator, Role
from mindbridge_core.care import (
    Appointment,
    AppointmentChanges,
    AppointmentDraft,
    AppointmentStatus,
    CrisisEventChanges,
    CrisisEventDraft,
    CrisisEventType,
    MetricDraft,
    MetricType,
    Severity,
    Span,
)
from mindbridge_core.care.entities import STEPS
from mindbridge_core.errors import (
    IdempotencyKeyReused,
    IllegalTransition,
    InvalidInput,
    LostUpdate,
    NotFound,
    PreconditionFailed,
)
from mindbridge_core.idempotency import IdempotencyKey
from mindbridge_core.patients import PatientChanges, PatientFilter
from mindbridge_core.testing.store import together
from tests.core.house import START, House, Town, actor, settled

KEY = IdempotencyKey("the caller's own name", bytes(32))
DAY = timedelta(days=1)
PAST, COMING = START - timedelta(hours=1), START + timedelta(hours=1)
CALL = CrisisEventDraft(severity=Severity.HIGH, event_type=CrisisEventType.CRISIS_CALL, occurred_at=PAST)
SCORE = MetricDraft(metric_type=MetricType.MEDICATION_ADHERENCE, metric_value=Decimal(40))
VISIT = AppointmentDraft(scheduled_at=PAST, notes="to talk of sleep")


@attrs.frozen
class Ward:
    """A settled town whose case manager sees to one patient without records."""

    town: Town
    manager: Actor
    patient_id: UUID

    @property
    def house(self) -> House:
        return self.town.house

    @property
    def core(self) -> Any:
        return self.town.house.core

    def visit(self, at: datetime = PAST) -> Appointment:
        made: Appointment = self.core.schedule_appointment(
            self.manager, self.patient_id, AppointmentDraft(scheduled_at=at)
        )
        return made

    def close(self, appointment: Appointment, status: AppointmentStatus, **more: Any) -> Appointment:
        changes = AppointmentChanges(status=status, **more)
        changed: Appointment = self.core.change_appointment(self.manager, appointment.id, changes)
        return changed

    def numbers(self) -> tuple[Any, ...]:
        shown = self.core.view_patient(self.manager, self.patient_id)
        (listed,) = (
            one for one in self.core.list_patients(self.manager, PatientFilter()).items if one.id == self.patient_id
        )
        assert shown == listed
        return (
            shown.appointments_missed,
            shown.crisis_calls_30days,
            shown.medication_adherence,
            shown.last_appointment,
        )


@pytest.fixture
def ward() -> Ward:
    town = settled()
    manager = town.staff[Role.CASE_MANAGER]
    return Ward(town, actor(manager), town.house.patient(town.clinic, manager))


def codes(refused: pytest.ExceptionInfo[InvalidInput]) -> list[tuple[str, str]]:
    return [(found.pointer, found.code) for found in refused.value.findings]


@pytest.mark.parametrize("to", AppointmentStatus)
@pytest.mark.parametrize("status", AppointmentStatus)
def test_an_appointment_takes_the_steps_of_the_table_and_no_other(
    ward: Ward, status: AppointmentStatus, to: AppointmentStatus
) -> None:
    visit = ward.visit()
    if status is not AppointmentStatus.SCHEDULED:
        visit = ward.close(visit, status)
    if to in STEPS[status]:
        closed = ward.close(visit, to)
        assert (closed.status, closed.closed_by, closed.closed_at) == (to, ward.manager.user_id, START)
    else:
        with pytest.raises(IllegalTransition):
            ward.close(visit, to)
        assert ward.core.list_appointments(ward.manager, ward.patient_id, Span()).items == (visit,)


def test_only_what_is_cancelled_is_never_reopened() -> None:
    assert {status for status, to in STEPS.items() if not to} == {AppointmentStatus.CANCELLED}
    assert all(AppointmentStatus.SCHEDULED not in to for to in STEPS.values())


def test_an_appointment_is_moved_until_it_is_closed_and_noted_on_ever_after(ward: Ward) -> None:
    visit = ward.visit()
    moved = ward.core.change_appointment(ward.manager, visit.id, AppointmentChanges(scheduled_at=PAST - DAY))
    assert (moved.scheduled_at, moved.version) == (PAST - DAY, 2)
    missed = ward.close(moved, AppointmentStatus.MISSED)
    noted = ward.core.change_appointment(ward.manager, visit.id, AppointmentChanges(notes="did not call either"))
    assert noted == attrs.evolve(missed, notes="did not call either", version=4)
    with pytest.raises(IllegalTransition):
        ward.core.change_appointment(ward.manager, visit.id, AppointmentChanges(scheduled_at=PAST))


def test_a_change_of_nothing_changes_nothing(ward: Ward) -> None:
    visit = ward.visit()
    assert ward.core.change_appointment(ward.manager, visit.id, AppointmentChanges()) == visit
    event = ward.core.report_crisis_event(ward.manager, ward.patient_id, CALL)
    assert ward.core.change_crisis_event(ward.manager, event.id, CrisisEventChanges()) == event


@pytest.mark.parametrize("status", [AppointmentStatus.COMPLETED, AppointmentStatus.MISSED])
def test_nobody_comes_or_stays_away_before_the_time(ward: Ward, status: AppointmentStatus) -> None:
    visit = ward.visit(COMING)
    with pytest.raises(InvalidInput) as refused:
        ward.close(visit, status)
    assert codes(refused) == [("/status", "too_early")]
    assert ward.close(visit, status, scheduled_at=START).status is status


def test_what_is_still_to_come_can_be_cancelled(ward: Ward) -> None:
    assert ward.close(ward.visit(COMING), AppointmentStatus.CANCELLED).status is AppointmentStatus.CANCELLED


@pytest.mark.parametrize("years", [-11, 11])
def test_an_appointment_at_no_likely_time_is_refused(ward: Ward, years: int) -> None:
    far = START + years * 366 * DAY
    visit = ward.visit()
    for enter in (
        lambda: ward.visit(far),
        lambda: ward.core.change_appointment(ward.manager, visit.id, AppointmentChanges(scheduled_at=far)),
    ):
        with pytest.raises(InvalidInput) as refused:
            enter()
        assert codes(refused) == [("/scheduled_at", "out_of_range")]
    assert ward.visit(START + 9 * 366 * DAY).status is AppointmentStatus.SCHEDULED


def test_a_change_starts_from_the_current_version(ward: Ward) -> None:
    visit, event = ward.visit(), ward.core.report_crisis_event(ward.manager, ward.patient_id, CALL)
    changes = ((ward.core.change_appointment, visit.id, AppointmentChanges(notes="n")),
               (ward.core.change_crisis_event, event.id, CrisisEventChanges(follow_up_required=True)))  # fmt: skip
    for change, record_id, sent in changes:
        assert change(ward.manager, record_id, sent, version=1).version == 2
        with pytest.raises(PreconditionFailed):
            change(ward.manager, record_id, sent, version=1)
        with pytest.raises(NotFound):
            change(ward.manager, uuid4(), sent)


def test_of_two_completions_at_once_one_wins(ward: Ward) -> None:
    visit = ward.visit()
    results = together(*[lambda: ward.close(visit, AppointmentStatus.COMPLETED)] * 2)
    assert len([one for one in results if isinstance(one, Appointment)]) == 1
    assert len([one for one in results if isinstance(one, LostUpdate | IllegalTransition)]) == 1


def test_a_crisis_event_is_resolved_once_and_what_happened_stays(ward: Ward) -> None:
    event = ward.core.report_crisis_event(ward.manager, ward.patient_id, CALL)
    assert (event.reported_by, event.resolved_at) == (ward.manager.user_id, None)
    sent = CrisisEventChanges(resolution="Seen at home", severity=Severity.LOW, description=None)
    resolved = ward.core.change_crisis_event(ward.manager, event.id, sent)
    assert (resolved.resolution, resolved.resolved_by, resolved.resolved_at) == (
        "Seen at home", ward.manager.user_id, START,
    )  # fmt: skip
    assert (resolved.severity, resolved.event_type, resolved.occurred_at) == (Severity.LOW, event.event_type, PAST)
    with pytest.raises(IllegalTransition):
        ward.core.change_crisis_event(ward.manager, event.id, CrisisEventChanges(resolution="Again"))
    more = ward.core.change_crisis_event(ward.manager, event.id, CrisisEventChanges(description="called twice"))
    assert (more.description, more.resolution) == ("called twice", "Seen at home")


def test_a_clock_that_was_set_back_resolves_nothing_before_it_occurred(ward: Ward) -> None:
    event = ward.core.report_crisis_event(ward.manager, ward.patient_id, CALL)
    ward.house.clock.forward(hours=-2)
    resolved = ward.core.change_crisis_event(ward.manager, event.id, CrisisEventChanges(resolution="Over"))
    assert resolved.resolved_at == PAST


def test_nothing_has_happened_in_the_future(ward: Ward) -> None:
    later = START + timedelta(seconds=1)
    with pytest.raises(InvalidInput) as refused:
        ward.core.report_crisis_event(ward.manager, ward.patient_id, attrs.evolve(CALL, occurred_at=later))
    assert codes(refused) == [("/occurred_at", "out_of_range")]
    with pytest.raises(InvalidInput) as refused:
        ward.core.record_metric(ward.manager, ward.patient_id, attrs.evolve(SCORE, recorded_at=later))
    assert codes(refused) == [("/recorded_at", "out_of_range")]
    ward.core.report_crisis_event(ward.manager, ward.patient_id, attrs.evolve(CALL, occurred_at=START))
    ward.core.record_metric(ward.manager, ward.patient_id, attrs.evolve(SCORE, recorded_at=START))


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (MetricType.MEDICATION_ADHERENCE, "100", []),
        (MetricType.MEDICATION_ADHERENCE, "99.99", []),
        (MetricType.PHQ_9, "27", []),
        (MetricType.PHQ_9, "28", ["out_of_range"]),
        (MetricType.PHQ_9, "9.5", ["too_precise"]),
        (MetricType.GAD_7, "21", []),
        (MetricType.GAD_7, "21.5", ["out_of_range", "too_precise"]),
        (MetricType.GAD_7, "0", []),
    ],
)
def test_a_measurement_lies_within_its_scale(ward: Ward, kind: MetricType, value: str, expected: list[str]) -> None:
    draft = MetricDraft(metric_type=kind, metric_value=Decimal(value))
    if expected:
        with pytest.raises(InvalidInput) as refused:
            ward.core.record_metric(ward.manager, ward.patient_id, draft)
        assert codes(refused) == [("/metric_value", code) for code in expected]
    else:
        made = ward.core.record_metric(ward.manager, ward.patient_id, draft)
        assert (made.metric_value, made.recorded_at, made.recorded_by) == (Decimal(value), START, ward.manager.user_id)


def test_no_scale_goes_below_nought_or_beyond_a_hundred() -> None:
    for value in ("-0.01", "100.01", "1.001"):
        with pytest.raises(InvalidInput):
            MetricDraft(metric_type=MetricType.MEDICATION_ADHERENCE, metric_value=Decimal(value))


MAKERS: list[tuple[str, Any, Any]] = [
    ("schedule_appointment", VISIT, "list_appointments"),
    ("report_crisis_event", CALL, "list_crisis_events"),
    ("record_metric", SCORE, "list_metrics"),
]


@pytest.mark.parametrize(("make", "draft", "show"), MAKERS)
def test_a_repeated_request_gets_the_first_answer(ward: Ward, make: str, draft: Any, show: str) -> None:
    enter: Callable[..., Any] = getattr(ward.core, make)
    first = enter(ward.manager, ward.patient_id, draft, once=KEY)
    ward.house.clock.forward(minutes=5)
    assert enter(ward.manager, ward.patient_id, draft, once=KEY) == first
    assert getattr(ward.core, show)(ward.manager, ward.patient_id, Span()).items == (first,)
    assert dict(ward.house.entries()[-2].changed_values) == {"repeated": True}


@pytest.mark.parametrize(("make", "draft", "show"), MAKERS)
def test_a_key_is_for_one_patient(ward: Ward, make: str, draft: Any, show: str) -> None:
    enter: Callable[..., Any] = getattr(ward.core, make)
    enter(ward.manager, ward.patient_id, draft, once=KEY)
    before = getattr(ward.core, show)(ward.manager, ward.town.records["caseload"], Span()).items
    with pytest.raises(IdempotencyKeyReused):
        enter(ward.manager, ward.town.records["caseload"], draft, once=KEY)
    assert getattr(ward.core, show)(ward.manager, ward.town.records["caseload"], Span()).items == before


def test_the_trail_tells_of_the_patient_and_not_what_was_written(ward: Ward) -> None:
    visit = ward.core.schedule_appointment(ward.manager, ward.patient_id, VISIT)
    ward.close(visit, AppointmentStatus.MISSED, notes="a word about them")
    ward.core.report_crisis_event(ward.manager, ward.patient_id, attrs.evolve(CALL, description="what they said"))
    ward.core.record_metric(ward.manager, ward.patient_id, SCORE)
    entries = ward.house.entries()[-4:]
    assert {entry.resource_id for entry in entries} == {ward.patient_id}
    assert [entry.changed_fields for entry in entries] == [
        ("appointment_id", "notes", "scheduled_at"),
        ("appointment_id", "notes", "status"),
        ("crisis_event_id", "description", "event_type", "follow_up_required", "occurred_at", "severity"),
        ("metric_id", "metric_type", "metric_value", "recorded_at"),
    ]
    assert dict(entries[1].changed_values) == {"appointment_id": str(visit.id), "status": "missed"}
    values = str([dict(entry.changed_values) for entry in entries])
    assert not any(word in values for word in ("sleep", "a word", "what they said", "'40'"))


def test_the_numbers_follow_from_the_records_and_from_the_day(ward: Ward) -> None:
    assert ward.numbers() == (0, 0, None, None)
    ward.close(ward.visit(), AppointmentStatus.MISSED)
    ward.core.report_crisis_event(ward.manager, ward.patient_id, CALL)
    ward.core.record_metric(ward.manager, ward.patient_id, SCORE)
    ward.close(ward.visit(PAST - 9 * DAY), AppointmentStatus.COMPLETED)
    last = (PAST - 9 * DAY).date()
    assert ward.numbers() == (1, 1, Decimal(40), last)
    ward.house.clock.forward(days=31)
    assert ward.numbers() == (1, 0, Decimal(40), last)
    ward.house.clock.forward(days=60)
    assert ward.numbers() == (0, 0, Decimal(40), last)


def test_an_end_that_was_put_right_counts_as_what_it_is(ward: Ward) -> None:
    visit = ward.close(ward.visit(), AppointmentStatus.COMPLETED)
    assert ward.numbers() == (0, 0, None, PAST.date())
    visit = ward.close(visit, AppointmentStatus.MISSED)
    assert ward.numbers() == (1, 0, None, None)
    ward.close(visit, AppointmentStatus.COMPLETED)
    assert ward.numbers() == (0, 0, None, PAST.date())


def test_a_number_set_by_hand_is_a_new_starting_point_beside_the_records(ward: Ward) -> None:
    for _ in range(2):
        ward.core.report_crisis_event(ward.manager, ward.patient_id, CALL)
    change = ward.core.change_patient
    lowered = change(ward.manager, ward.patient_id, PatientChanges(crisis_calls_30days=0))
    assert (lowered.crisis_calls_30days, lowered.version) == (2, 2)
    raised = change(ward.manager, ward.patient_id, PatientChanges(crisis_calls_30days=5, medication_adherence=None))
    assert raised.crisis_calls_30days == 5
    ward.core.report_crisis_event(ward.manager, ward.patient_id, attrs.evolve(CALL, occurred_at=START))
    assert ward.numbers()[1] == 5  # it may be one of the five
    ward.house.clock.forward(hours=1)
    later = attrs.evolve(CALL, occurred_at=ward.house.clock())
    ward.core.report_crisis_event(ward.manager, ward.patient_id, later)
    assert ward.numbers()[1] == 6
    renamed = change(ward.manager, ward.patient_id, PatientChanges(name="Another"))
    assert renamed.crisis_calls_30days == 6
    ward.house.clock.forward(days=31)
    assert ward.numbers()[1] == 0


def test_an_adherence_that_was_emptied_is_not_known_whatever_was_recorded_before(ward: Ward) -> None:
    def adherence() -> object:
        return ward.core.view_patient(ward.manager, ward.patient_id).medication_adherence

    good = MetricDraft(metric_type=MetricType.MEDICATION_ADHERENCE, metric_value=Decimal(99), recorded_at=PAST)
    ward.core.record_metric(ward.manager, ward.patient_id, good)
    assert adherence() == 99
    for value in (Decimal(20), None):
        ward.core.change_patient(ward.manager, ward.patient_id, PatientChanges(medication_adherence=value))
        assert adherence() == value
    ward.house.clock.forward(hours=1)
    ward.core.change_patient(ward.manager, ward.patient_id, PatientChanges(name="Another"))
    ward.core.screen_caseload(Operator(clinic_id=ward.manager.clinic_id))
    assert adherence() is None
    ward.core.record_metric(ward.manager, ward.patient_id, attrs.evolve(good, recorded_at=ward.house.clock()))
    assert adherence() == 99


def test_numbers_are_not_set_by_who_has_not_seen_what_the_records_say(ward: Ward) -> None:
    before = ward.core.view_patient(ward.manager, ward.patient_id)
    ward.core.report_crisis_event(ward.manager, ward.patient_id, CALL)
    seen = ward.core.view_patient(ward.manager, ward.patient_id)
    assert (before.version, None) == (seen.version, before.state)
    sent = PatientChanges(medication_adherence=Decimal(80))
    change = partial(ward.core.change_patient, ward.manager, ward.patient_id)
    for state in (None, "0123456789abcdef"):
        with pytest.raises(PreconditionFailed):
            change(sent, version=before.version, state=state)
    renamed = change(PatientChanges(name="Another"), version=before.version, state=None)
    assert change(sent, version=renamed.version, state=seen.state).medication_adherence == 80


def test_the_whole_of_it_is_shown_in_order_page_by_page(ward: Ward) -> None:
    visit = ward.visit(COMING)
    event = ward.core.report_crisis_event(ward.manager, ward.patient_id, CALL)
    metric = ward.core.record_metric(ward.manager, ward.patient_id, SCORE)
    first = ward.core.show_timeline(ward.manager, ward.patient_id, Span(limit=2))
    assert (first.items, first.before) == ((visit, metric), metric.place)
    rest = ward.core.show_timeline(ward.manager, ward.patient_id, Span(before=first.before, limit=2))
    assert (rest.items, rest.before) == ((event,), None)
