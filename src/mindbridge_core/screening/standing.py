"""When a patient is shown at less than the rules say, and when a clinician's decision to do so stands. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from mindbridge_core.patients import Patient, PatientStatus, RiskLevel
from mindbridge_core.screening.entities import FiredRecord, Screening
from mindbridge_core.screening.review import Overridden
from mindbridge_core.screening.rules import Condition, Effect, Fact, FactValue, FiredRule, RulesResult

__all__ = ["decided", "says_more", "shown_too_low"]

_RAISING: Final = frozenset({Effect.HIGH, Effect.AT_LEAST_MEDIUM, Effect.ONE_LEVEL_UP})
_NUMBERS: Final = frozenset({Fact.CRISIS_CALLS, Fact.ADHERENCE, Fact.MISSED})
"""What somebody tells or records; days without contact pass by themselves."""


def shown_too_low(patient: Patient, found: RulesResult) -> bool:
    """Whether a patient in active care is shown at a lower level than was found; without any, whether that is `high`.

    No level is not lower than one: it says that nobody has looked yet. But a `high` does not wait for that.
    """
    if patient.status is not PatientStatus.ACTIVE:
        return False
    shown = patient.current_risk_level
    return found.level is RiskLevel.HIGH if shown is None else found.level.rank > shown.rank


def says_more(found: RulesResult, screening: Screening) -> bool:
    """Whether the rules say more of a record than of the one that was screened.

    That is a higher level, a reason to raise one that did not hold then, or such a reason by a worse number: a sixth
    call where five were judged. Whoever judged that screening could not judge it.
    """
    then = {fired.id: fired for fired in screening.fired}
    reasons = (one for one in found.fired if one.rule.effect in _RAISING)
    return found.level.rank > screening.rules_level.rank or any(_news(one, then.get(one.rule.id)) for one in reasons)


def _news(fired: FiredRule, then: FiredRecord | None) -> bool:
    if then is None:
        return True
    numbers = (one for one in fired.rule.conditions if one.fact in _NUMBERS)
    return any(_worse(one, fired.saw[one.fact], then.saw[one.fact]) for one in numbers)


def _worse(condition: Condition, now: FactValue, then: str | None) -> bool:
    """Whether a number went further the way in which the condition holds; none is worse than not to know it."""
    if now is None or then is None:
        return then is not None
    return now < Decimal(then) if condition.comparison == "<" else now > Decimal(then)


def decided(found: RulesResult, latest: Screening | None) -> bool:
    """Whether a clinician, who put a level in the place of the patient's latest screening, knew what was found now."""
    return latest is not None and isinstance(latest.review, Overridden) and not says_more(found, latest)
