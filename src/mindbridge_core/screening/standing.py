"""When a patient is shown at less than the rules say, and when a clinician's decision to do so stands. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from mindbridge_core.patients import Day, Patient, PatientStatus, RiskLevel, numbers
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


def says_more(found: RulesResult, screening: Screening, patient: Patient) -> bool:
    """Whether the rules say more of a patient's record than of the one that was screened.

    That is a higher level, a reason to raise one that did not hold then, or such a reason by a worse number: a sixth
    call where five were judged, also where one of the five no longer counts. Whoever judged that screening could not
    judge it.
    """
    then = {fired.id: fired for fired in screening.fired}
    counted = _counted(patient, screening.screened_at)
    reasons = (one for one in found.fired if one.rule.effect in _RAISING)
    return found.level.rank > screening.rules_level.rank or any(
        _news(one, then.get(one.rule.id), counted) for one in reasons
    )


def _counted(patient: Patient, since: datetime) -> Mapping[Fact, int]:
    """Return what the records hold from where the windows of that moment's day begin, until now.

    A call that came later may have taken the place of one that has left the window: the number is as it was.
    """
    basis = patient.basis
    if basis is None or basis.day is None:
        return {}
    held = numbers(basis._replace(day=Day.of(since, basis.day.zone.key)))
    return {Fact.CRISIS_CALLS: held.crisis_calls_30days, Fact.MISSED: held.appointments_missed}


def _news(fired: FiredRule, then: FiredRecord | None, counted: Mapping[Fact, int]) -> bool:
    if then is None or not fired.saw.keys() <= then.saw.keys():
        return True  # it did not hold, or it was another version's and looked at less
    numbered = [one for one in fired.rule.conditions if one.fact in _NUMBERS]
    return any(
        _worse(one, now, then.saw[one.fact])
        for one in numbered
        for now in (fired.saw[one.fact], counted.get(one.fact, fired.saw[one.fact]))
    )


def _worse(condition: Condition, now: FactValue, then: str | None) -> bool:
    """Whether a number went further the way in which the condition holds; none is worse than not to know it."""
    if now is None or then is None:
        return then is not None
    return now < Decimal(then) if condition.comparison == "<" else now > Decimal(then)


def decided(found: RulesResult, latest: Screening | None, patient: Patient) -> bool:
    """Whether a clinician, who put a level in the place of the patient's latest screening, knew what was found now."""
    return latest is not None and isinstance(latest.review, Overridden) and not says_more(found, latest, patient)
