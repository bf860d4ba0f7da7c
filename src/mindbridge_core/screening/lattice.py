"""The order of risk levels, and the operations on it that can only go up.

The levels are a lattice in which the join of two is the higher one. Whatever is joined, none of the parts is ever
above the result: that is the whole of the safety argument, and it holds for parts that are missing or senseless too.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import Final

from mindbridge_core.patients import RiskLevel

__all__ = ["LEVELS", "floor_of", "join", "level_of_score", "uncertain", "usable_score"]

LEVELS: Final = (RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH)
"""All levels, the lowest first."""

_FLOORS: Final = {RiskLevel.LOW: Decimal(0), RiskLevel.MEDIUM: Decimal(40), RiskLevel.HIGH: Decimal(70)}
_HUNDRED: Final = Decimal(100)
_CENT: Final = Decimal("0.01")
_UNCERTAIN_FROM: Final = Decimal(40)
_UNCERTAIN_TO: Final = Decimal(60)


def join(first: RiskLevel, *others: RiskLevel | None) -> RiskLevel:
    """Return the highest of the levels; None says nothing, and so never lowers."""
    highest = first
    for one in others:  # a plain loop: a caseload joins a million times
        if one is not None and one.rank > highest.rank:
            highest = one
    return highest


def floor_of(level: RiskLevel) -> Decimal:
    """Return the least score of the level: 0 of low, 40 of medium, 70 of high."""
    return _FLOORS[level]


def level_of_score(score: Decimal) -> RiskLevel:
    """Return the level in whose band a usable score lies."""
    return LEVELS[(score >= _FLOORS[RiskLevel.MEDIUM]) + (score >= _FLOORS[RiskLevel.HIGH])]


def usable_score(score: object) -> Decimal | None:
    """Return the score in hundredths, rounded up; None when it is no number from 0 to 100."""
    if isinstance(score, bool) or not isinstance(score, int | float | Decimal):
        return None
    exact = Decimal(score)
    return exact.quantize(_CENT, ROUND_CEILING) if exact.is_finite() and 0 <= exact <= _HUNDRED else None


def uncertain(score: Decimal) -> bool:
    """Whether the score is one of 40 to 60, which says little by itself."""
    return _UNCERTAIN_FROM <= score <= _UNCERTAIN_TO
