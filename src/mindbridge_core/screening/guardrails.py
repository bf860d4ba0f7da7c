"""What stands after the model has spoken: never less than the rules say, whatever it said.

The final level is the join of the rules' (which hold the manual escalation), the level that the model named, and the
level in whose band its score lies. A join is never below its parts, so no answer and no failure can lower anything.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum, unique

import attrs

from mindbridge_core.patients import RiskLevel
from mindbridge_core.screening.actions import RecommendedAction
from mindbridge_core.screening.assessment import Assessment, AssessorFailure
from mindbridge_core.screening.lattice import floor_of, join, level_of_score, uncertain, usable_score
from mindbridge_core.screening.rules import Flag, RulesResult

__all__ = ["Guardrail", "GuardrailId", "Verdict", "conclude"]


@unique
class GuardrailId(StrEnum):
    """What was held against the model's answer, and fired."""

    CONTRADICTORY_SCORE = "contradictory_score"
    NO_ANSWER = "no_answer"
    RAISED_BY_MODEL = "raised_by_model"
    RULES_HOLD = "rules_hold"
    UNCERTAIN_SCORE = "uncertain_score"
    UNUSABLE_SCORE = "unusable_score"


@attrs.frozen
class Guardrail:
    """One that fired; `reason` is in the guardrail's own words and says nothing of the person."""

    id: GuardrailId
    reason: str


@attrs.frozen(kw_only=True)
class Verdict:
    """The result of a screening. The score always lies in the level's band."""

    level: RiskLevel
    score: Decimal
    guardrails: tuple[Guardrail, ...]
    primary_risk_factor: str | None = attrs.field(repr=False)
    contributing_factors: tuple[str, ...] = attrs.field(repr=False)
    recommended_actions: tuple[RecommendedAction, ...] = attrs.field(repr=False)
    clinical_notes: str | None = attrs.field(default=None, repr=False)
    flags: tuple[Flag, ...]
    missing: tuple[str, ...]

    @property
    def uncertain(self) -> bool:
        """Whether the score is one of 40 to 60."""
        return uncertain(self.score)


def conclude(found: RulesResult, answer: Assessment | AssessorFailure | None) -> Verdict:
    """Return what stands. Total, and monotone: no `answer` gives a lower level or score than another's absence.

    None is for an assessor that was not asked.
    """
    held, said = usable_score(found.score) or floor_of(found.level), None
    floor = join(found.level, level_of_score(held))
    level, score = floor, held
    fired = []
    if isinstance(answer, AssessorFailure):
        fired.append(Guardrail(GuardrailId.NO_ANSWER, answer.reason))
    elif answer is not None:
        said = usable_score(answer.risk_score)
        level = join(floor, answer.risk_level, None if said is None else level_of_score(said))
        score = max(score, said or score)
        fired += _held_against(floor, level, answer, said)
    score = max(score, floor_of(level))
    if uncertain(score):
        fired.append(Guardrail(GuardrailId.UNCERTAIN_SCORE, "the score is one of 40 to 60"))
    told = answer if isinstance(answer, Assessment) else None
    factors = _factors(found, told)
    return Verdict(
        level=level,
        score=score,
        guardrails=tuple(fired),
        primary_risk_factor=factors[0] if factors else None,
        contributing_factors=factors[1:],
        recommended_actions=_actions(found, told),
        clinical_notes=None if told is None else told.clinical_notes,
        flags=found.flags,
        missing=found.missing,
    )


def _held_against(floor: RiskLevel, level: RiskLevel, answer: Assessment, said: Decimal | None) -> list[Guardrail]:
    fired = []
    if said is None:
        fired.append(Guardrail(GuardrailId.UNUSABLE_SCORE, "the model's score is no number from 0 to 100"))
    elif level_of_score(said) is not answer.risk_level:
        reason = f"the model's score lies in {level_of_score(said)}, its level is {answer.risk_level}"
        fired.append(Guardrail(GuardrailId.CONTRADICTORY_SCORE, f"{reason}: the higher counts"))
    if answer.risk_level.rank < floor.rank:
        reason = f"the model said {answer.risk_level}, the rules say {floor}"
        fired.append(Guardrail(GuardrailId.RULES_HOLD, reason))
    if level is not floor:
        fired.append(Guardrail(GuardrailId.RAISED_BY_MODEL, f"from {floor} to {level}"))
    return fired


def _factors(found: RulesResult, told: Assessment | None) -> tuple[str, ...]:
    """Return the rules' factors, then the model's, each once."""
    added = () if told is None else (told.primary_risk_factor, *told.contributing_factors)
    return tuple(dict.fromkeys((*found.factors, *added)))


def _actions(found: RulesResult, told: Assessment | None) -> tuple[RecommendedAction, ...]:
    """Return what the rules recommend, then what the model does, each once."""
    added = () if told is None else told.recommended_actions
    return tuple(dict.fromkeys((*found.actions, *added)))
