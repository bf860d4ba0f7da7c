"""When a patient is shown at less than the rules say, and when a clinician's decision to do so stands. Pure."""

from __future__ import annotations

from typing import Final

from mindbridge_core.patients import Patient, PatientStatus, RiskLevel
from mindbridge_core.screening.entities import Screening
from mindbridge_core.screening.review import Overridden
from mindbridge_core.screening.rules import Effect, RulesResult

__all__ = ["decided", "says_more", "shown_too_low"]

_RAISING: Final = frozenset({Effect.HIGH, Effect.AT_LEAST_MEDIUM, Effect.ONE_LEVEL_UP})


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

    That is a higher level, or a reason to raise one that did not hold then: whoever judged that screening could not
    judge it.
    """
    then = {fired.id for fired in screening.fired}
    news = (one for one in found.fired if one.rule.effect in _RAISING and one.rule.id not in then)
    return found.level.rank > screening.rules_level.rank or any(news)


def decided(found: RulesResult, latest: Screening | None) -> bool:
    """Whether a clinician, who put a level in the place of the patient's latest screening, knew what was found now."""
    return latest is not None and isinstance(latest.review, Overridden) and not says_more(found, latest)
