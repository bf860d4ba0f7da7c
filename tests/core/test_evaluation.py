"""An evaluation counts what was found and missed, and no model can make a result lower than the rules'."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mindbridge_core.errors import InvalidInput
from mindbridge_core.patients import RiskLevel
from mindbridge_core.screening import (
    CURRENT_RULES,
    AssessmentRequest,
    AssessorFailure,
    AssessorReply,
    Evaluation,
    FailureReason,
    RiskAssessor,
    RulesOnly,
    RulesResult,
    Usage,
    Verdict,
    Vignette,
    assess_cases,
    conclude,
    evaluate,
    evaluation,
    read_golden_set,
)
from tests.support.vignettes import golden_set

CALM = {
    "id": "calm",
    "age": 40,
    "diagnosis_code": "F31.9",
    "medication_adherence": Decimal(90),
    "appointments_missed": 0,
    "crisis_calls_30days": 0,
    "days_since_last_appointment": 5,
    "level": "low",
}
GRAVE = CALM | {"id": "grave", "crisis_calls_30days": 6, "level": "high"}
SILENT = CALM | {"id": "silent", "age": 95, "diagnosis_code": "F11.20", "level": "high", "why": "nobody could know"}


@attrs.frozen
class Model:
    """Says the same of everybody, or fails."""

    level: str | None

    @property
    def name(self) -> str:
        return "model"

    @property
    def asks(self) -> bool:
        return True

    def assess(self, _: AssessmentRequest) -> AssessorReply | AssessorFailure:
        if self.level is None:
            return AssessorFailure(reason=FailureReason.UNAVAILABLE)
        score = {"low": 5, "medium": 50, "high": 95}[self.level]
        answer = {
            "risk_level": self.level,
            "risk_score": score,
            "primary_risk_factor": "because",
            "contributing_factors": [],
            "recommended_actions": [],
            "clinical_notes": None,
        }
        usage = Usage(input_tokens=700, output_tokens=90)
        return AssessorReply(text=json.dumps(answer), model="m", prompt_hash="0" * 64, usage=usage)


def cases_of(*vignettes: dict[str, Any]) -> tuple[Vignette, ...]:
    return read_golden_set({"about": "made up", "vignettes": list(vignettes)}).vignettes


def evaluated(assessor: RiskAssessor, vignettes: tuple[Vignette, ...]) -> Evaluation:
    return evaluate(assessor.name, CURRENT_RULES, list(assess_cases(assessor, CURRENT_RULES, vignettes)))


def test_what_was_found_and_missed_is_counted() -> None:
    vignettes = cases_of(CALM, GRAVE, SILENT)
    found = evaluated(RulesOnly(), vignettes)
    assert (3, 0.5, 1.0, 1.0) == (
        found.rates.cases,
        found.rates.sensitivity,
        found.rates.specificity,
        found.rates.ppv,
    )
    assert ("silent",) == found.missed
    low, high = RiskLevel.LOW, RiskLevel.HIGH
    assert {(low, low): 1, (high, high): 1, (high, low): 1} == found.confusion
    assert ["age 35-44", "age 90+", "diagnosis F31", "diagnosis unknown"] == [group.name for group in found.subgroups]
    assert 3 == sum(one.cases for one in found.bins)
    assert not found.passes(0.51)
    assert found.passes(0.5)
    assert found.gap is None


def test_a_model_that_says_high_of_everybody_finds_all_and_costs_specificity() -> None:
    found = evaluate(
        "m", CURRENT_RULES, list(assess_cases(Model("high"), CURRENT_RULES, cases_of(CALM, GRAVE, SILENT)))
    )
    assert (1.0, 0.0, 2 / 3, 0) == (
        found.rates.sensitivity,
        found.rates.specificity,
        found.rates.ppv,
        found.failures,
    )


@pytest.mark.parametrize("level", ["low", "medium", None])
def test_a_model_that_reassures_or_fails_changes_nothing_that_the_rules_found(level: str | None) -> None:
    found = evaluated(Model(level), cases_of(GRAVE))
    assert (1.0, 0) == (found.rates.sensitivity, found.below_rules)
    assert (1 if level is None else 0) == found.failures
    assert ((0, 0) if level is None else (700, 90)) == (found.input_tokens, found.output_tokens)


SHIPPED = read_golden_set(golden_set()).vignettes
"""The set that comes along: a test of the command line holds its file to the generator."""
GATE = 0.95
IDS = [rule.id for rule in CURRENT_RULES.rules]
WITHOUT_A_LEVEL = "contact_over_30_days"
"""It flags for outreach, and says nothing of the level."""


@pytest.mark.parametrize("assessor", [RulesOnly(), Model("low"), Model("medium"), Model("high"), Model(None)])
def test_the_gate_holds_whatever_a_model_says(assessor: RiskAssessor) -> None:
    found = evaluated(assessor, SHIPPED)
    assert found.passes(GATE)
    assert (300, 1.0, 0) == (found.rates.cases, found.rates.sensitivity, found.below_rules)


@pytest.mark.parametrize("lost", IDS)
def test_the_gate_turns_red_when_a_rule_is_lost(lost: str) -> None:
    kept = tuple(rule for rule in CURRENT_RULES.rules if rule.id != lost)
    crippled = attrs.evolve(CURRENT_RULES, version="crippled", rules=kept)
    found = evaluate("rules", crippled, list(assess_cases(RulesOnly(), crippled, SHIPPED)))
    assert found.passes(GATE) is (lost == WITHOUT_A_LEVEL)


@pytest.mark.parametrize("level", ["low", "medium"])
def test_the_gate_turns_red_when_a_model_is_let_to_lower(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def obedient(found: RulesResult, answer: Any) -> Verdict:
        return attrs.evolve(conclude(found, answer), level=answer.risk_level)

    monkeypatch.setattr(evaluation, "conclude", obedient)
    found = evaluated(Model(level), SHIPPED)
    assert found.below_rules
    assert not found.passes(GATE)
    assert not found.passes(0.0)


def test_rates_of_nothing_are_none() -> None:
    found = evaluated(RulesOnly(), cases_of(CALM))
    assert (None, 1.0, None) == (found.rates.sensitivity, found.rates.specificity, found.rates.ppv)
    assert not found.passes(0.0)
    with pytest.raises(ValueError, match="needs cases"):
        evaluate("rules", CURRENT_RULES, [])


def test_a_result_below_the_rules_is_seen_and_fails_whatever_was_found() -> None:
    (case,) = assess_cases(RulesOnly(), CURRENT_RULES, cases_of(GRAVE))
    lowered = attrs.evolve(case, verdict=attrs.evolve(case.verdict, level=RiskLevel.LOW))
    found = evaluate("broken", CURRENT_RULES, [case, lowered])
    assert 1 == found.below_rules
    assert not found.passes(0.0)


def test_subgroups_that_fare_differently_show_a_gap() -> None:
    old = [GRAVE | {"id": f"old{number}", "age": 95} for number in range(10)]
    young = [SILENT | {"id": f"young{number}", "age": 20} for number in range(10)]
    found = evaluated(RulesOnly(), cases_of(*old, *young))
    assert 1.0 == found.gap


def test_a_case_that_nobody_knows_anything_of_is_seen_as_such() -> None:
    unknown = {"id": "x", "appointments_missed": 0, "crisis_calls_30days": 0, "level": "medium"}
    (vignette,) = cases_of(unknown)
    record, asked = vignette.seen()
    assert (None, None, "unknown", None) == (
        record.medication_adherence,
        record.last_appointment,
        asked.age_band,
        asked.diagnosis_category,
    )


@given(age=st.integers(0, 120))
def test_a_vignette_has_the_age_that_it_says(age: int) -> None:
    (vignette,) = cases_of(CALM | {"age": age})
    _, asked = vignette.seen()
    least, _, most = asked.age_band.partition("-")
    assert int(least.removesuffix("+")) <= age <= int(most or 200)


POINTERS = ["/vignettes/0/age", "/vignettes/0/level", "/vignettes/1"]


@pytest.mark.parametrize(
    ("content", "pointers"),
    [
        ([], ["/vignettes"]),
        ({"about": "x"}, ["/vignettes"]),
        ({"about": "x", "vignettes": []}, ["/vignettes"]),
        ({"vignettes": [CALM, CALM]}, ["/about", "/vignettes/1/id"]),
        (
            {"about": "x", "vignettes": [CALM | {"age": -1, "level": "grave"}, 7]},
            ["/vignettes/0/age", "/vignettes/0/level", "/vignettes/1"],
        ),
    ],
)
def test_a_set_that_cannot_be_read_is_refused_with_all_findings(content: object, pointers: list[str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_golden_set(content)
    assert pointers == sorted(finding.pointer for finding in refused.value.findings)
