"""Who is shown at less than the rules say of a changed record is screened with it: nobody waits for the morning."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as some

from mindbridge_core import Action, MindBridge
from mindbridge_core.care import (
    AppointmentChanges,
    AppointmentDraft,
    AppointmentStatus,
    CrisisEventDraft,
    CrisisEventType,
    MetricDraft,
    MetricType,
    Severity,
)
from mindbridge_core.errors import AuditUnavailable, DamagedRecord, SecondClinicianRequired
from mindbridge_core.idempotency import IdempotencyKey
from mindbridge_core.patients import AlertFilter, PatientChanges, PatientDraft, PatientStatus, RiskLevel
from mindbridge_core.screening import CURRENT_RULES, Decision, ReviewRequest, Screening
from mindbridge_core.screening.rules import screen_by_rules
from mindbridge_core.screening.snapshot import snapshot_of, worst_anywhere
from mindbridge_core.screening.standing import says_more
from mindbridge_core.testing.records import a_patient
from mindbridge_memory.screenings import MemoryScreenings
from tests.core.house import START, House
from tests.core.test_screenings import Ward, ward

LOW, MEDIUM, HIGH = RiskLevel
ACTIVE = PatientStatus.ACTIVE
CALL = CrisisEventDraft(severity=Severity.LOW, event_type=CrisisEventType.CRISIS_CALL, occurred_at=START)


def call(here: Ward, **more: Any) -> None:
    event = attrs.evolve(CALL, occurred_at=here.house.clock())
    here.house.core.report_crisis_event(here.manager, here.patient_id, event, **more)


def measure(here: Ward) -> None:
    draft = MetricDraft(metric_type=MetricType.MEDICATION_ADHERENCE, metric_value=Decimal(40))
    here.house.core.record_metric(here.manager, here.patient_id, draft)


def miss(here: Ward) -> None:
    draft = AppointmentDraft(scheduled_at=here.house.clock() - timedelta(minutes=1))
    visit = here.house.core.schedule_appointment(here.manager, here.patient_id, draft)
    missed = AppointmentChanges(status=AppointmentStatus.MISSED)
    here.house.core.change_appointment(here.manager, visit.id, missed)


def correct(here: Ward) -> None:
    here.change(crisis_calls_30days=5)


def screenings(here: Ward) -> list[Screening]:
    return list(here.house.core.list_screenings(here.admin, here.patient_id).items)


def alerted(here: Ward) -> int:
    return len(here.house.core.list_alerts(here.admin, AlertFilter()).items)


# The record that makes them high, from what is just beneath it.
LAST: list[tuple[dict[str, Any], Callable[[Ward], None], Action]] = [
    ({"crisis_calls_30days": 4}, call, Action.CRISIS_EVENT_REPORT),
    ({"crisis_calls_30days": 3}, measure, Action.METRIC_RECORD),
    ({"crisis_calls_30days": 3, "appointments_missed": 2}, miss, Action.APPOINTMENT_CHANGE),
    ({"crisis_calls_30days": 4}, correct, Action.PATIENT_CHANGE),
]


@pytest.mark.parametrize(("before", "record", "action"), LAST, ids=[action for _, _, action in LAST])
def test_who_becomes_high_by_a_record_is_screened_with_it(
    before: dict[str, Any], record: Callable[[Ward], None], action: Action
) -> None:
    here = ward(**before)
    here.house.clock.forward(hours=1)
    record(here)
    (screening,) = screenings(here)
    assert (HIGH, None, "record", "rules") == (
        screening.risk_level,
        screening.performed_by,
        screening.screening_type,
        screening.assessor,
    )
    assert HIGH is here.patient().current_risk_level
    assert 1 == alerted(here)
    entry = here.entries(action)[-1]
    assert here.patient_id == entry.resource_id
    assert (str(screening.id), "high") == (
        entry.changed_values["screening_id"],
        entry.changed_values["current_risk_level"],
    )
    record(here)
    assert ([screening], 1) == (screenings(here), alerted(here))


@pytest.mark.parametrize("sent", [RiskLevel.LOW, RiskLevel.MEDIUM])
def test_no_level_that_is_given_hides_what_the_rules_say(sent: RiskLevel) -> None:
    here = ward(crisis_calls_30days=5)
    assert ([], None) == (screenings(here), here.patient().current_risk_level)
    here.change(current_risk_level=sent)
    assert (1, HIGH) == (len(screenings(here)), here.patient().current_risk_level)
    draft = PatientDraft(name="Bea", crisis_calls_30days=5, current_risk_level=sent)
    admitted = here.house.core.admit_patient(here.manager, draft)
    assert (HIGH, 2) == (admitted.current_risk_level, alerted(here))
    assert "screening_id" in here.entries(Action.PATIENT_CREATE)[-1].changed_values


def test_a_new_patient_without_a_level_is_screened_where_the_rules_say_high_and_else_has_none() -> None:
    here = ward()
    core, admit = here.house.core, here.house.core.admit_patient
    once = IdempotencyKey("key-1", b"f" * 32)
    draft = PatientDraft(name="Bea", crisis_calls_30days=5)
    bea = admit(here.manager, draft, once=once)
    assert (HIGH, bea) == (bea.current_risk_level, core.view_patient(here.manager, bea.id))
    (screening,) = core.list_screenings(here.manager, bea.id).items
    assert (HIGH, None, "record", 1) == (
        screening.risk_level,
        screening.performed_by,
        screening.screening_type,
        alerted(here),
    )
    assert bea == admit(here.manager, draft, once=once)
    assert 1 == alerted(here)
    for fields in ({}, {"crisis_calls_30days": 4}, {"crisis_calls_30days": 5, "status": PatientStatus.INACTIVE}):
        draft = PatientDraft(name="Cem", medication_adherence=Decimal(95), **fields)
        assert admit(here.manager, draft).current_risk_level is None


def test_who_comes_back_into_care_is_looked_at() -> None:
    here = ward(crisis_calls_30days=5, status=PatientStatus.INACTIVE)
    here.change(status=PatientStatus.ACTIVE)
    assert (1, HIGH) == (len(screenings(here)), here.patient().current_risk_level)


def test_a_change_shows_the_level_that_it_came_to() -> None:
    here = ward()
    changed = here.house.core.change_patient(here.manager, here.patient_id, PatientChanges(crisis_calls_30days=5))
    assert (HIGH, here.patient()) == (changed.current_risk_level, changed)


# The record that makes them medium, from what is just beneath it.
LESS: list[tuple[dict[str, Any], Callable[[Ward], None]]] = [
    ({"crisis_calls_30days": 2}, call),
    ({}, measure),
    ({"appointments_missed": 2}, miss),
    ({"crisis_calls_30days": 2}, lambda here: here.change(crisis_calls_30days=3)),
    ({}, lambda here: here.change(medication_adherence=None)),
    ({}, lambda here: here.change(admitted_at=START - timedelta(days=50))),
    ({"crisis_calls_30days": 3, "status": PatientStatus.INACTIVE}, lambda here: here.change(status=ACTIVE)),
]


@pytest.mark.parametrize(("before", "record"), LESS)
def test_who_is_shown_at_less_than_the_rules_say_of_a_record_is_screened_with_it(
    before: dict[str, Any], record: Callable[[Ward], None]
) -> None:
    here = ward(**before, current_risk_level=LOW)
    assert ([], LOW) == (screenings(here), here.patient().current_risk_level)
    here.house.clock.forward(hours=1)
    record(here)
    (screening,) = screenings(here)
    assert (MEDIUM, MEDIUM, None, "record") == (
        screening.risk_level,
        here.patient().current_risk_level,
        screening.performed_by,
        screening.screening_type,
    )
    assert 0 == alerted(here)
    record(here)
    assert [screening] == screenings(here)


def test_a_level_given_by_hand_is_no_lower_than_the_rules() -> None:
    here = ward(crisis_calls_30days=3)
    here.change(current_risk_level=LOW)
    assert (1, MEDIUM) == (len(screenings(here)), here.patient().current_risk_level)
    draft = PatientDraft(name="Bea", current_risk_level=LOW)  # nobody knows of their medication
    assert MEDIUM is here.house.core.admit_patient(here.manager, draft).current_risk_level


def test_an_escalation_by_hand_of_a_patient_without_a_level_is_high_at_once() -> None:
    here = ward()
    here.change(manually_escalated=True)
    assert (1, HIGH) == (len(screenings(here)), here.patient().current_risk_level)
    here.change(manually_escalated=False)
    assert (1, HIGH) == (len(screenings(here)), here.patient().current_risk_level)


@pytest.mark.parametrize("before", [{"crisis_calls_30days": 2}, {"status": PatientStatus.DISCHARGED}])
def test_for_who_is_not_in_care_or_has_no_level_and_is_not_high_nothing_follows(before: dict[str, Any]) -> None:
    here = ward(**before)
    here.house.clock.forward(hours=1)
    if "status" in before:
        correct(here)
    else:
        miss(here)
        call(here)
    assert ([], None, 0) == (screenings(here), here.patient().current_risk_level, alerted(here))


def test_what_a_day_to_come_hides_at_no_clinic_is_found() -> None:
    tomorrow = START.date() + timedelta(days=1)  # where the day begins earlier that is today, and somebody was seen
    here = ward(admitted_at=START - timedelta(days=60), last_appointment=tomorrow)
    here.change(current_risk_level=LOW)
    assert MEDIUM is here.patient().current_risk_level


moments = some.datetimes(datetime(2026, 2, 1), datetime(2026, 4, 30), timezones=some.just(UTC))  # noqa: DTZ001
days = some.dates(date(2026, 1, 1), date(2026, 5, 3))


@given(
    times=some.tuples(moments, moments),
    admitted=some.none() | moments,
    last=some.none() | days,
    missed=some.sampled_from([0, 3]),
    zone=some.sampled_from(["Etc/GMT+12", "America/Chicago", "UTC", "Asia/Kathmandu", "Pacific/Kiritimati"]),
)
def test_no_calendar_finds_more_than_the_one_that_is_tried_first(
    times: list[datetime], admitted: datetime | None, last: date | None, missed: int, zone: str
) -> None:
    begun, now = times
    patient = attrs.evolve(
        a_patient(uuid4(), admitted_at=admitted, last_appointment=last, appointments_missed=missed),
        medication_adherence=Decimal(95),
        crisis_calls_30days=0,
        manually_escalated=False,
        created_at=begun,
    )
    exact, worst = (
        screen_by_rules(CURRENT_RULES, record).level
        for record in (snapshot_of(patient, now, ZoneInfo(zone)), worst_anywhere(patient, now))
    )
    assert exact.rank <= worst.rank


# --- what a clinician decided ----------------------------------------------------------------------------------------


def lowered(**fields: Any) -> Ward:
    """Return a patient whom a clinician has lowered from `medium`, knowing all that is in the record."""
    here = ward(**fields)
    lower = ReviewRequest(decision=Decision.OVERRIDE, risk_level=LOW, reason="Settled")
    here.house.core.review_screening(here.manager, here.screen().id, lower)
    assert LOW is here.patient().current_risk_level
    return here


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Jane Roe-Smith"},
        {"diagnosis": "Bipolar disorder"},
        {"crisis_calls_30days": 3},
        {"appointments_missed": 2},
        {"medication_adherence": Decimal(50)},
        {"case_manager_id": None},
        {"manually_escalated": True},
    ],
    ids=str,
)
def test_what_a_clinician_decided_stands_while_the_rules_say_nothing_more(changes: dict[str, Any]) -> None:
    here = lowered(crisis_calls_30days=3)
    here.change(**changes)
    assert (1, LOW) == (len(screenings(here)), here.patient().current_risk_level)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"crisis_calls_30days": 4}, MEDIUM),
        ({"crisis_calls_30days": 5}, HIGH),
        ({"appointments_missed": 3}, HIGH),
        ({"crisis_calls_30days": 0, "medication_adherence": Decimal(49)}, MEDIUM),
        ({"crisis_calls_30days": 0, "appointments_missed": 3}, MEDIUM),
    ],
    ids=str,
)
def test_and_no_longer(changes: dict[str, Any], found: RiskLevel) -> None:
    here = lowered(crisis_calls_30days=3)
    here.change(**changes)
    assert (2, found) == (len(screenings(here)), here.patient().current_risk_level)


def test_nor_after_a_later_screening_that_found_less() -> None:
    here = lowered(crisis_calls_30days=3)
    here.change(crisis_calls_30days=0)
    here.screen()
    here.change(crisis_calls_30days=3)
    assert (3, MEDIUM) == (len(screenings(here)), here.patient().current_risk_level)


def test_a_reason_that_came_after_a_screening_is_not_lowered_by_its_review() -> None:
    here = ward(crisis_calls_30days=3)
    screening = here.screen()
    here.change(medication_adherence=Decimal(49), crisis_calls_30days=2)  # medium as before, for another reason
    lower = ReviewRequest(decision=Decision.OVERRIDE, risk_level=LOW, reason="Settled")
    here.house.core.review_screening(here.manager, screening.id, lower)
    assert MEDIUM is here.patient().current_risk_level


@pytest.mark.parametrize(
    ("before", "worse", "better"),
    [
        ({"medication_adherence": Decimal(40)}, {"medication_adherence": Decimal(30)}, Decimal(45)),
        ({"medication_adherence": Decimal(40)}, {"medication_adherence": None}, Decimal(45)),
        ({"medication_adherence": None}, {"crisis_calls_30days": 2, "appointments_missed": 3}, Decimal(45)),
    ],
    ids=str,
)
def test_a_number_that_is_worse_than_the_one_that_was_judged_is_news(
    before: dict[str, Any], worse: dict[str, Any], better: Decimal
) -> None:
    here = lowered(**before)
    here.change(medication_adherence=better)
    assert (1, LOW) == (len(screenings(here)), here.patient().current_risk_level)
    here.change(**worse)
    assert 2 == len(screenings(here))
    assert LOW is not here.patient().current_risk_level


def test_days_that_pass_are_no_news() -> None:
    here = lowered(last_appointment=START.date() - timedelta(days=46))
    here.house.clock.forward(days=3)
    here.change(name="Jane Roe-Smith")
    assert (1, LOW) == (len(screenings(here)), here.patient().current_risk_level)


def test_a_rule_that_looked_at_less_then_is_news() -> None:
    here = ward(crisis_calls_30days=3)
    screening, patient = here.screen(), here.patient()
    found = screen_by_rules(CURRENT_RULES, screening.record)
    blind = tuple(attrs.evolve(one, saw={}) for one in screening.fired)
    assert not says_more(found, screening, patient)
    assert says_more(found, attrs.evolve(screening, fired=blind), patient)


def months_of_calls() -> tuple[Ward, Screening]:
    """Five calls were screened on the last day on which the first of them counts; on the day after it comes a sixth."""
    here = ward()
    call(here)
    here.house.clock.forward(days=10)
    for _ in range(4):
        call(here)
    here.house.clock.forward(days=20)
    return here, here.screen()


def test_a_call_that_takes_the_place_of_one_that_counts_no_longer_keeps_a_high() -> None:
    here, screening = months_of_calls()
    here.house.clock.forward(days=1)
    call(here)
    assert 5 == here.patient().crisis_calls_30days
    lower = ReviewRequest(decision=Decision.OVERRIDE, risk_level=LOW, reason="Settled")
    for clinician in (here.manager, here.admin):
        here.house.core.review_screening(clinician, screening.id, lower)
    assert HIGH is here.patient().current_risk_level


def test_and_ends_what_was_decided_before_it() -> None:
    here, screening = months_of_calls()
    lower = ReviewRequest(decision=Decision.OVERRIDE, risk_level=LOW, reason="Settled")
    for clinician in (here.manager, here.admin):
        here.house.core.review_screening(clinician, screening.id, lower)
    here.house.clock.forward(days=1)
    here.change(name="Jane Roe-Smith")
    assert LOW is here.patient().current_risk_level
    before = alerted(here)
    call(here)
    assert (HIGH, before + 1) == (here.patient().current_risk_level, alerted(here))


def test_a_decision_that_cannot_be_read_holds_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    here = lowered(crisis_calls_30days=4)

    def damaged(*_: object) -> Screening:
        raise DamagedRecord

    with monkeypatch.context() as patched:
        patched.setattr(MemoryScreenings, "get", damaged)
        here.house.clock.forward(minutes=1)
        call(here)
    assert (2, HIGH) == (len(screenings(here)), here.patient().current_risk_level)
    assert 1 == alerted(here)


def test_a_call_between_the_word_of_one_clinician_and_the_others_keeps_a_high() -> None:
    here = ward(crisis_calls_30days=5)
    here.change(current_risk_level=LOW)
    (screening,) = screenings(here)
    lower = ReviewRequest(decision=Decision.OVERRIDE, risk_level=LOW, reason="Settled")
    here.house.core.review_screening(here.manager, screening.id, lower)
    here.change(crisis_calls_30days=6)
    here.house.core.review_screening(here.admin, screening.id, lower)
    assert HIGH is here.patient().current_risk_level
    here.house.core.review_screening(here.manager, here.screen(here.manager).id, lower)
    (latest, _) = screenings(here)
    here.house.core.review_screening(here.admin, latest.id, lower)
    assert LOW is here.patient().current_risk_level


@pytest.mark.parametrize(("days", "found"), [(44, None), (45, None), (46, HIGH)])
def test_days_are_counted_by_the_clinics_calendar(days: int, found: RiskLevel | None) -> None:
    here = ward(last_appointment=START.date() - timedelta(days=days))
    here.house.clock.forward(hours=2)  # somewhere it is the next day by now, but not at the clinic
    here.change(appointments_missed=3)
    assert found is here.patient().current_risk_level


def test_a_record_that_is_sent_twice_is_followed_once_and_told_of_once() -> None:
    here, house = ward(crisis_calls_30days=4), House()
    ports = attrs.evolve(here.house.core.ports, notifier=house.messages)
    here.house.core = MindBridge.build(ports)
    here.house.clock.forward(hours=1)
    once = IdempotencyKey("key-1", b"f" * 32)
    later = attrs.evolve(CALL, occurred_at=here.house.clock())
    for _ in range(2):
        here.house.core.report_crisis_event(here.manager, here.patient_id, later, once=once)
    assert (1, 1) == (len(screenings(here)), alerted(here))
    assert 2 == len(house.messages.sent)  # the admin and the case manager


def test_what_nobody_made_is_lowered_by_two() -> None:
    here = ward(crisis_calls_30days=4)
    correct(here)
    here.change(crisis_calls_30days=0)
    core, lower = here.house.core, ReviewRequest(decision=Decision.OVERRIDE, risk_level=RiskLevel.LOW, reason="Settled")
    (screening,) = screenings(here)
    core.review_screening(here.manager, screening.id, lower)
    with pytest.raises(SecondClinicianRequired):
        core.review_screening(here.manager, screening.id, lower)
    assert HIGH is here.patient().current_risk_level
    core.review_screening(here.admin, screening.id, lower)
    assert RiskLevel.LOW is here.patient().current_risk_level


def test_without_its_entry_neither_record_nor_screening_is_kept() -> None:
    here = ward(crisis_calls_30days=4)
    house = attrs.evolve(here.house, trail_broken=True)
    before = house.snapshot()
    with pytest.raises(AuditUnavailable):
        house.core.report_crisis_event(here.manager, here.patient_id, CALL)
    assert before == house.snapshot()
