"""The table of rules, row by row, over any record, and on the sample clinic."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import uuid4
from zoneinfo import ZoneInfo

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mindbridge_core.patients import Patient, RiskLevel
from mindbridge_core.screening import (
    CURRENT_RULES,
    RULE_SETS,
    Condition,
    Effect,
    Fact,
    Flag,
    RecordSnapshot,
    RulesResult,
    Urgency,
    level_of_score,
    screen_by_rules,
    snapshot_of,
)
from mindbridge_core.screening.snapshot import worst_anywhere
from tests.core.records import PATIENT, days_ago, record, snapshots

LOW, MEDIUM, HIGH = RiskLevel
OAKWOOD: Final = Path(__file__).resolve().parents[2] / "adapters/mindbridge_cli/data/oakwood.json"


def screened(**fields: Any) -> RulesResult:
    return screen_by_rules(CURRENT_RULES, record(**fields))


def fired(result: RulesResult) -> set[str]:
    return {one.rule.id for one in result.fired}


def test_a_record_in_which_nothing_is_amiss_is_low() -> None:
    result = screened()
    assert (LOW, set(), (), ()) == (result.level, fired(result), result.missing, result.flags)
    assert (CURRENT_RULES.otherwise,) == result.actions


# Each row of the table: the values that just fulfil the condition, and those beside it that do not.
ROWS: Final = [
    ({"crisis_calls_30days": 3}, MEDIUM, {"crisis_calls_3"}),
    ({"crisis_calls_30days": 2}, LOW, set()),
    ({"medication_adherence": Decimal("49.99")}, MEDIUM, {"adherence_below_50"}),
    ({"medication_adherence": Decimal(50)}, LOW, set()),
    (
        {"crisis_calls_30days": 3, "medication_adherence": Decimal("49.99")},
        HIGH,
        {"crisis_calls_3", "adherence_below_50", "crisis_calls_3_and_adherence_below_50"},
    ),
    ({"crisis_calls_30days": 3, "medication_adherence": Decimal(50)}, MEDIUM, {"crisis_calls_3"}),
    ({"appointments_missed": 3}, MEDIUM, {"appointments_missed_3"}),
    ({"appointments_missed": 2}, LOW, set()),
    ({"appointments_missed": 3, "crisis_calls_30days": 3}, HIGH, {"appointments_missed_3", "crisis_calls_3"}),
    (
        {"appointments_missed": 3, "last_appointment": days_ago(46)},
        HIGH,
        {"appointments_missed_3", "contact_over_45_days", "contact_over_30_days"},
    ),
    ({"last_appointment": days_ago(31)}, LOW, {"contact_over_30_days"}),
    ({"last_appointment": days_ago(30)}, LOW, set()),
    ({"last_appointment": days_ago(46)}, MEDIUM, {"contact_over_45_days", "contact_over_30_days"}),
    ({"last_appointment": days_ago(45)}, LOW, {"contact_over_30_days"}),
    ({"crisis_calls_30days": 5}, HIGH, {"crisis_calls_3", "crisis_calls_5"}),
    ({"crisis_calls_30days": 4}, MEDIUM, {"crisis_calls_3"}),
    ({"manually_escalated": True, "current_risk_level": HIGH}, HIGH, {"manually_escalated"}),
    ({"manually_escalated": True, "current_risk_level": MEDIUM}, MEDIUM, {"manually_escalated"}),
    ({"manually_escalated": False, "current_risk_level": HIGH}, LOW, set()),
    (
        {"manually_escalated": True, "current_risk_level": LOW, "crisis_calls_30days": 5},
        HIGH,
        {"manually_escalated", "crisis_calls_3", "crisis_calls_5"},
    ),
]


@pytest.mark.parametrize(("fields", "level", "rules"), ROWS)
def test_a_row_of_the_table(fields: dict[str, Any], level: RiskLevel, rules: set[str]) -> None:
    result = screened(**fields)
    assert (level, rules) == (result.level, fired(result))


def test_every_rule_fires_in_some_row_and_says_what_it_saw() -> None:
    assert {rule.id for rule in CURRENT_RULES.rules} == set().union(*(rules for _, _, rules in ROWS))
    (one,) = screened(crisis_calls_30days=4).fired
    assert {Fact.CRISIS_CALLS: 4} == one.saw
    assert "Three or more crisis calls in 30 days" == one.factor
    assert all(rule.source and rule.factor for rule in CURRENT_RULES.rules)


@pytest.mark.parametrize(("day", "flags"), [(31, (Flag.IMMEDIATE_OUTREACH,)), (30, ())])
def test_more_than_thirty_days_without_contact_ask_for_outreach_at_once(day: int, flags: tuple[Flag, ...]) -> None:
    result = screened(last_appointment=days_ago(day))
    assert flags == result.flags
    assert bool(flags) is any(action.urgency is Urgency.IMMEDIATE for action in result.actions)


# What nobody recorded, and values that cannot be true, count as the worst that the record leaves possible.
UNKNOWN: Final = [
    ({"medication_adherence": None}, MEDIUM, ("medication_adherence",)),
    ({"medication_adherence": Decimal("NaN")}, MEDIUM, ("medication_adherence",)),
    ({"medication_adherence": Decimal(101)}, MEDIUM, ("medication_adherence",)),
    ({"medication_adherence": None, "crisis_calls_30days": 3}, HIGH, ("medication_adherence",)),
    ({"crisis_calls_30days": None}, HIGH, ("crisis_calls_30days",)),
    ({"crisis_calls_30days": -1}, HIGH, ("crisis_calls_30days",)),
    ({"appointments_missed": None}, MEDIUM, ("appointments_missed",)),
    ({"last_appointment": None}, MEDIUM, ("last_appointment",)),
    ({"last_appointment": days_ago(-1)}, MEDIUM, ("last_appointment",)),
    ({"last_appointment": None, "in_care_since": days_ago(45)}, LOW, ("last_appointment",)),
    ({"last_appointment": None, "in_care_since": None}, MEDIUM, ("last_appointment", "in_care_since")),
    ({"manually_escalated": True}, HIGH, ("current_risk_level",)),
]


@pytest.mark.parametrize(("fields", "level", "missing"), UNKNOWN)
def test_what_is_not_known_is_said_and_never_read_as_good(
    fields: dict[str, Any], level: RiskLevel, missing: tuple[str, ...]
) -> None:
    result = screened(**fields)
    assert (level, missing) == (result.level, result.missing)


def test_a_person_whom_nobody_is_known_to_have_seen_is_to_be_reached_at_once() -> None:
    result = screened(last_appointment=None, in_care_since=days_ago(0))
    assert (LOW, (Flag.IMMEDIATE_OUTREACH,)) == (result.level, result.flags)
    assert "More than 30 days since the last contact (not known: days since last appointment)" in result.factors


@PATIENT
@given(snapshots)
def test_any_record_gets_a_score_in_the_band_of_its_level(snapshot: RecordSnapshot) -> None:
    result = screen_by_rules(CURRENT_RULES, snapshot)
    assert level_of_score(result.score) is result.level
    assert 0 <= result.score <= 100
    assert result.actions
    assert result == screen_by_rules(CURRENT_RULES, snapshot)


LOSABLE: Final = ["medication_adherence", "appointments_missed", "crisis_calls_30days", "current_risk_level"]


@PATIENT
@given(snapshots, st.sampled_from(LOSABLE))
def test_taking_a_value_away_never_lowers_a_level(snapshot: RecordSnapshot, field: str) -> None:
    before = screen_by_rules(CURRENT_RULES, snapshot).level
    without: dict[str, Any] = {field: None}
    after = screen_by_rules(CURRENT_RULES, attrs.evolve(snapshot, **without)).level
    assert after.rank >= before.rank


@PATIENT
@given(snapshots)
def test_of_contacts_the_loss_of_the_last_is_told_and_of_all_never_lowers(snapshot: RecordSnapshot) -> None:
    before = screen_by_rules(CURRENT_RULES, snapshot)
    bare = screen_by_rules(CURRENT_RULES, attrs.evolve(snapshot, last_appointment=None))
    assert Flag.IMMEDIATE_OUTREACH in bare.flags
    assert "last_appointment" in bare.missing
    none = screen_by_rules(CURRENT_RULES, attrs.evolve(snapshot, last_appointment=None, in_care_since=None))
    assert none.level.rank >= before.level.rank


@PATIENT
@given(snapshots, st.integers(0, 10), st.integers(0, 10))
def test_more_of_what_is_bad_never_lowers(snapshot: RecordSnapshot, calls: int, missed: int) -> None:
    least = attrs.evolve(snapshot, crisis_calls_30days=calls, appointments_missed=missed)
    for worse in (
        attrs.evolve(least, crisis_calls_30days=calls + 1),
        attrs.evolve(least, appointments_missed=missed + 1),
        attrs.evolve(least, manually_escalated=True),
        attrs.evolve(least, medication_adherence=Decimal(0)),
    ):
        before, after = (screen_by_rules(CURRENT_RULES, one) for one in (least, worse))
        assert after.level.rank >= before.level.rank


@PATIENT
@given(snapshots)
def test_a_manual_escalation_holds_the_level(snapshot: RecordSnapshot) -> None:
    held = attrs.evolve(snapshot, manually_escalated=True)
    level = screen_by_rules(CURRENT_RULES, held).level
    assert held.current_risk_level is None or level.rank >= held.current_risk_level.rank


# The sample clinic. The working, by the table; nobody has a last appointment on record, and all were taken in today.
#                        adherence  missed  calls
# Sarah Johnson            45         3       4    calls >= 3 and adherence < 50: high; missed >= 3 changes no more
# Michael Williams         95         0       0    nothing holds: low
# Jennifer Brown           75         1       1    nothing holds: low
# Robert Davis             25         4       6    calls >= 5: high; calls >= 3 and adherence < 50: high
# Lisa Anderson            60         2       2    nothing holds: low
# David Martinez           88         0       0    nothing holds: low
# Emily Wilson             55         2       3    calls >= 3: medium; adherence is not < 50, missed is not >= 3
# James Taylor             90         1       0    nothing holds: low
# Amanda Thomas            40         3       5    calls >= 5: high; calls >= 3 and adherence < 50: high
# Christopher Lee          70         1       1    nothing holds: low
WORKED: Final = {
    "Sarah Johnson": HIGH,
    "Michael Williams": LOW,
    "Jennifer Brown": LOW,
    "Robert Davis": HIGH,
    "Lisa Anderson": LOW,
    "David Martinez": LOW,
    "Emily Wilson": MEDIUM,
    "James Taylor": LOW,
    "Amanda Thomas": HIGH,
    "Christopher Lee": LOW,
}


def sample_patients(now: datetime) -> list[Patient]:
    content = json.loads(OAKWOOD.read_text("utf-8"), parse_float=Decimal)
    return [
        Patient(
            id=uuid4(),
            clinic_id=uuid4(),
            name=one["name"],
            medication_adherence=Decimal(one["medication_adherence"]),
            appointments_missed=one["appointments_missed"],
            crisis_calls_30days=one["crisis_calls_30days"],
            created_at=now,
            updated_at=now,
        )
        for one in content["patients"]
    ]


def test_the_sample_clinic_is_screened_as_worked_out_by_hand() -> None:
    now = datetime(2026, 3, 2, 15, tzinfo=UTC)
    found = {
        one.name: screen_by_rules(CURRENT_RULES, snapshot_of(one, now, ZoneInfo("America/New_York")))
        for one in sample_patients(now)
    }
    assert WORKED == {name: result.level for name, result in found.items()}
    assert {("last_appointment",)} == {result.missing for result in found.values()}
    assert {(Flag.IMMEDIATE_OUTREACH,)} == {result.flags for result in found.values()}
    urgent = sorted(found, key=lambda name: found[name].score, reverse=True)
    assert {"Robert Davis", "Amanda Thomas", "Sarah Johnson"} == set(urgent[:3])


def test_the_sample_clinic_seen_by_nobody_for_six_weeks_and_more_is_nowhere_low() -> None:
    begun = datetime(2026, 3, 2, 15, tzinfo=UTC)
    later = begun + timedelta(days=46)
    levels = [
        screen_by_rules(CURRENT_RULES, snapshot_of(one, later, ZoneInfo("America/New_York"))).level
        for one in sample_patients(begun)
    ]
    assert LOW not in levels


def a_patient(**fields: Any) -> Patient:
    begun = datetime(2026, 1, 1, 12, tzinfo=UTC)
    plain: dict[str, Any] = {"id": uuid4(), "clinic_id": uuid4(), "name": "Jane", "created_at": begun}
    return Patient(**plain | {"updated_at": begun} | fields)


@pytest.mark.parametrize(("zone", "day"), [("UTC", 2), ("America/New_York", 1), ("Pacific/Kiritimati", 2)])
def test_days_are_counted_by_the_clinics_calendar(zone: str, day: int) -> None:
    now = datetime(2026, 3, 2, 3, tzinfo=UTC)
    assert day == snapshot_of(a_patient(), now, ZoneInfo(zone)).as_of.day


@pytest.mark.parametrize(
    ("admitted_at", "expected"),
    [
        (None, "2026-01-01"),
        (datetime(2025, 6, 1, 12, tzinfo=UTC), "2025-06-01"),
        (datetime(2026, 6, 1, 12, tzinfo=UTC), "2026-01-01"),
    ],
)
def test_a_person_is_in_care_since_the_admission_or_since_the_record_was_begun(
    admitted_at: datetime | None, expected: str
) -> None:
    snapshot = snapshot_of(a_patient(admitted_at=admitted_at), datetime(2026, 3, 2, 12, tzinfo=UTC), UTC)
    assert snapshot.in_care_since is not None
    assert expected == snapshot.in_care_since.isoformat()


@pytest.mark.parametrize("read", [partial(snapshot_of, zone=ZoneInfo("America/New_York")), worst_anywhere])
def test_an_admission_that_would_lie_before_the_calendar_is_its_first_day(read: Callable[..., RecordSnapshot]) -> None:
    patient = a_patient(admitted_at=datetime.min.replace(tzinfo=UTC))
    assert date.min == read(patient, datetime(2026, 3, 2, 12, tzinfo=UTC)).in_care_since


def test_rule_sets_are_found_by_version_and_hold_each_rule_once() -> None:
    assert CURRENT_RULES is RULE_SETS[CURRENT_RULES.version]
    assert all(version == rules.version for version, rules in RULE_SETS.items())
    with pytest.raises(ValueError, match="an id of its own"):
        attrs.evolve(CURRENT_RULES, rules=CURRENT_RULES.rules * 2)
    with pytest.raises(ValueError, match="a rule set has rules"):
        attrs.evolve(CURRENT_RULES, rules=())
    with pytest.raises(ValueError, match="comparison"):
        Condition(Fact.MISSED, "==", 3)


def test_a_condition_reads_as_it_is_meant_and_holds_alone() -> None:
    condition = Condition(Fact.MISSED, ">=", 3)
    assert "appointments_missed >= 3" == str(condition)
    assert [False, True, True] == [condition.holds(value) for value in (2, 3, None)]


def test_another_rule_set_is_data() -> None:
    strict = attrs.evolve(
        CURRENT_RULES,
        version="strict",
        rules=tuple(
            attrs.evolve(rule, effect=Effect.HIGH) if rule.id == "adherence_below_50" else rule
            for rule in CURRENT_RULES.rules
        ),
    )
    result = screen_by_rules(strict, record(medication_adherence=Decimal(49)))
    assert ("strict", HIGH) == (result.rules_version, result.level)
