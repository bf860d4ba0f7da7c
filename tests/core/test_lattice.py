"""No answer, no failure and no senseless value ever shows a risk lower than the rules do."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mindbridge_core.patients import RiskLevel
from mindbridge_core.screening import (
    CURRENT_RULES,
    Assessment,
    AssessorFailure,
    Assignee,
    FailureReason,
    GuardrailId,
    RecommendedAction,
    RecordSnapshot,
    RulesResult,
    Urgency,
    Verdict,
    conclude,
    floor_of,
    join,
    level_of_score,
    screen_by_rules,
    uncertain,
)
from mindbridge_core.screening.lattice import usable_score
from tests.core.records import PATIENT, record, snapshots

LOW, MEDIUM, HIGH = RiskLevel
levels = st.sampled_from(RiskLevel)
any_score = (
    st.decimals(allow_nan=True, allow_infinity=True)
    | st.decimals(-10, 110)
    | st.sampled_from([Decimal("sNaN"), Decimal("-0.0"), Decimal("1E+999999"), Decimal("1E-999999")])
)


def an_assessment(risk_level: RiskLevel = LOW, risk_score: Decimal = Decimal(10), **more: Any) -> Assessment:
    return Assessment(risk_level=risk_level, risk_score=risk_score, primary_risk_factor="Said the model", **more)


answers = (
    st.none()
    | st.builds(an_assessment, levels, any_score)
    | st.sampled_from(FailureReason).map(lambda reason: AssessorFailure(reason=reason))
)
results = snapshots.map(lambda snapshot: screen_by_rules(CURRENT_RULES, snapshot))
odd_results = st.builds(attrs.evolve, results, level=levels, score=any_score)
"""Results whose level and score contradict one another, as no rules give them."""


def fired(verdict: Verdict) -> set[GuardrailId]:
    return {guardrail.id for guardrail in verdict.guardrails}


@PATIENT
@given(results | odd_results, answers)
def test_the_final_level_is_never_below_the_rules(
    found: RulesResult, answer: Assessment | AssessorFailure | None
) -> None:
    verdict = conclude(found, answer)
    assert verdict.level.rank >= found.level.rank
    assert level_of_score(verdict.score) is verdict.level
    assert verdict.score >= (usable_score(found.score) or 0)


@PATIENT
@given(results, answers)
def test_an_answer_may_raise_and_never_lowers_what_stands_without_it(
    found: RulesResult, answer: Assessment | AssessorFailure | None
) -> None:
    alone, verdict = conclude(found, None), conclude(found, answer)
    assert verdict.level.rank >= alone.level.rank
    assert verdict.score >= alone.score
    assert alone.level is found.level
    assert set(alone.recommended_actions) <= set(verdict.recommended_actions)
    assert (alone.flags, alone.missing) == (verdict.flags, verdict.missing)


@PATIENT
@given(snapshots, levels, levels, any_score)
def test_a_higher_answer_never_gives_a_lower_result(
    snapshot: RecordSnapshot, one: RiskLevel, other: RiskLevel, score: Decimal
) -> None:
    found = screen_by_rules(CURRENT_RULES, snapshot)
    lower, higher = sorted((one, other), key=lambda level: level.rank)
    before, after = (conclude(found, an_assessment(level, score)) for level in (lower, higher))
    assert after.level.rank >= before.level.rank


@PATIENT
@given(results, st.sampled_from(FailureReason))
def test_a_failure_leaves_the_rules_result_and_is_marked(found: RulesResult, reason: FailureReason) -> None:
    verdict = conclude(found, AssessorFailure(reason=reason))
    assert (found.level, found.score) == (verdict.level, verdict.score)
    assert (GuardrailId.NO_ANSWER, reason) in {(one.id, one.reason) for one in verdict.guardrails}


@PATIENT
@given(levels, levels, levels)
def test_levels_are_a_lattice(one: RiskLevel, two: RiskLevel, three: RiskLevel) -> None:
    assert one is join(one) is join(one, one) is join(one, None)
    assert join(one, two) is join(two, one)
    assert join(join(one, two), three) is join(one, join(two, three)) is join(one, two, three)
    assert join(one, two).rank == max(one.rank, two.rank)


SAID: Final = [
    # rules,  the model's level and score,  final level and score,  guardrails
    (HIGH, LOW, "5", HIGH, {GuardrailId.RULES_HOLD}),
    (MEDIUM, LOW, "5", MEDIUM, {GuardrailId.RULES_HOLD, GuardrailId.UNCERTAIN_SCORE}),
    (LOW, HIGH, "90", HIGH, {GuardrailId.RAISED_BY_MODEL}),
    (LOW, LOW, "10", LOW, set()),
    (LOW, LOW, "95", HIGH, {GuardrailId.RAISED_BY_MODEL, GuardrailId.CONTRADICTORY_SCORE}),
    (LOW, HIGH, "3", HIGH, {GuardrailId.RAISED_BY_MODEL, GuardrailId.CONTRADICTORY_SCORE}),
    (
        LOW,
        MEDIUM,
        "NaN",
        MEDIUM,
        {GuardrailId.RAISED_BY_MODEL, GuardrailId.UNUSABLE_SCORE, GuardrailId.UNCERTAIN_SCORE},
    ),
    (LOW, MEDIUM, "55", MEDIUM, {GuardrailId.RAISED_BY_MODEL, GuardrailId.UNCERTAIN_SCORE}),
    (LOW, MEDIUM, "61", MEDIUM, {GuardrailId.RAISED_BY_MODEL}),
]
RECORDS: Final = {
    LOW: record(),
    MEDIUM: record(crisis_calls_30days=3),
    HIGH: record(crisis_calls_30days=6),
}


@pytest.mark.parametrize(("rules", "level", "score", "final", "guardrails"), SAID)
def test_what_the_model_says_is_held_against_the_rules(
    rules: RiskLevel, level: RiskLevel, score: str, final: RiskLevel, guardrails: set[GuardrailId]
) -> None:
    found = screen_by_rules(CURRENT_RULES, RECORDS[rules])
    assert rules is found.level
    verdict = conclude(found, an_assessment(level, Decimal(score)))
    assert (final, guardrails) == (verdict.level, fired(verdict))
    assert verdict.uncertain is (GuardrailId.UNCERTAIN_SCORE in guardrails)


@pytest.mark.parametrize(("score", "expected"), [("39.99", False), ("40", True), ("60", True), ("60.01", False)])
def test_a_score_of_40_to_60_is_uncertain(score: str, expected: bool) -> None:  # noqa: FBT001 - the expected answer
    assert expected is uncertain(Decimal(score))


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (Decimal("39.991"), Decimal(40)),
        (100, Decimal(100)),
        (12.5, Decimal("12.5")),
        (0, Decimal(0)),
        (True, None),
        ("50", None),
        (None, None),
        (float("nan"), None),
        (float("inf"), None),
        (-1, None),
        (10**400, None),
        (Decimal("100.0001"), None),
    ],
)
def test_a_score_is_a_number_from_0_to_100_rounded_up(score: object, expected: Decimal | None) -> None:
    assert expected == usable_score(score)


def test_each_level_begins_where_its_floor_is() -> None:
    for level in RiskLevel:
        assert level is level_of_score(floor_of(level))


def test_the_rules_factors_and_actions_come_first_and_the_models_follow() -> None:
    ask = RecommendedAction(action="Ask how they sleep", urgency=Urgency.ROUTINE, assigned_to=Assignee.PSYCHIATRIST)
    found = screen_by_rules(CURRENT_RULES, RECORDS[MEDIUM])
    answer = an_assessment(
        contributing_factors=("Sleeps little", found.factors[0]), recommended_actions=(ask,), clinical_notes="A note"
    )
    verdict = conclude(found, answer)
    assert found.factors[0] == verdict.primary_risk_factor
    assert ("Said the model", "Sleeps little") == verdict.contributing_factors
    assert (*found.actions, ask) == verdict.recommended_actions
    assert "A note" == verdict.clinical_notes


def test_without_any_factor_there_is_none_to_name() -> None:
    verdict = conclude(screen_by_rules(CURRENT_RULES, RECORDS[LOW]), None)
    assert (None, ()) == (verdict.primary_risk_factor, verdict.contributing_factors)
    assert (CURRENT_RULES.otherwise,) == verdict.recommended_actions
