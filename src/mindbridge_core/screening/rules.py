"""The clinical rules: a table as data, and one pure function that reads a record by it.

What is not known counts as the worst that the record leaves possible: a condition whose value is missing, or cannot
be true, holds. So taking a value away never lowers a result. The last contact has a bound even where no appointment
is recorded: the day on which the person came into care.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import StrEnum, unique
from typing import Any, Final

import attrs

from mindbridge_core.errors import Finding, InvalidInput
from mindbridge_core.patients import RiskLevel
from mindbridge_core.screening.actions import RecommendedAction
from mindbridge_core.screening.lattice import LEVELS, floor_of
from mindbridge_core.screening.snapshot import RecordSnapshot

__all__ = [
    "Condition",
    "Effect",
    "Fact",
    "FactValue",
    "FiredRule",
    "Flag",
    "Rule",
    "RuleSet",
    "RulesResult",
    "screen_by_rules",
]

FactValue = Decimal | int | None
BASE: Final = 10
_TOPS: Final = (39, 69, 100)
_HIGHEST: Final = len(LEVELS) - 1
_RANKS: Final = {level: rank for rank, level in enumerate(LEVELS)}
_FLOORS: Final = tuple(int(floor_of(level)) for level in LEVELS)


@unique
class Fact(StrEnum):
    """What conditions speak of."""

    CRISIS_CALLS = "crisis_calls_30days"
    ADHERENCE = "medication_adherence"
    MISSED = "appointments_missed"
    DAYS_SINCE_APPOINTMENT = "days_since_last_appointment"
    DAYS_WITHOUT_CONTACT = "days_without_contact"
    ESCALATED = "manually_escalated"


@unique
class Effect(StrEnum):
    """What a rule that holds does to the level."""

    HIGH = "high"
    AT_LEAST_MEDIUM = "at_least_medium"
    ONE_LEVEL_UP = "one_level_up"
    NOT_BELOW_CURRENT = "not_below_current"
    IMMEDIATE_OUTREACH = "immediate_outreach"


@unique
class Flag(StrEnum):
    """What a result says beside its level."""

    IMMEDIATE_OUTREACH = "immediate_outreach"


_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    ">": operator.gt,
    ">=": operator.ge,
}
_EFFECT_FLOORS: Final = {Effect.HIGH: _HIGHEST, Effect.AT_LEAST_MEDIUM: 1}


@attrs.frozen
class Condition:
    """A fact, a comparison (`<`, `>`, `>=`) and a bound."""

    fact: Fact
    comparison: str = attrs.field(validator=attrs.validators.in_(_COMPARISONS))
    bound: int

    def holds(self, value: FactValue) -> bool:
        """Whether the value fulfils it; one that nobody knows does."""
        return value is None or _COMPARISONS[self.comparison](value, self.bound)

    def __str__(self) -> str:
        return f"{self.fact} {self.comparison} {self.bound}"


@attrs.frozen(kw_only=True)
class Rule:
    """One row of the table: when all conditions hold, the effect. `points` add to the score within the level's band.

    `factor` says it to clinicians; `source` says where it comes from.
    """

    id: str
    conditions: tuple[Condition, ...]
    effect: Effect
    points: int
    factor: str
    actions: tuple[RecommendedAction, ...] = ()
    source: str

    def bounded(self, bound: int) -> Rule:
        """Return the rule with another bound in its first condition."""
        first, *others = self.conditions
        return attrs.evolve(self, conditions=(attrs.evolve(first, bound=bound), *others))


def _distinct(_: RuleSet, __: attrs.Attribute[tuple[Rule, ...]], rules: tuple[Rule, ...]) -> None:
    if not rules or len({rule.id for rule in rules}) < len(rules):
        message = "a rule set has rules, each with an id of its own"
        raise ValueError(message)


@attrs.frozen(kw_only=True)
class RuleSet:
    """A version of the table, the gravest rule first. A version that was ever used never changes."""

    version: str
    rules: tuple[Rule, ...] = attrs.field(validator=_distinct)
    otherwise: RecommendedAction
    """What is recommended when no rule holds."""

    def varied(self, rule_id: str, bound: int) -> RuleSet:
        """Return the table with another bound in the rule's first condition; InvalidInput when there is no such rule.

        Its version says what was varied, so that no result can be taken for one of the table's own.
        """
        if rule_id not in {rule.id for rule in self.rules}:
            raise InvalidInput([Finding("/rule", "unknown_rule", "is no rule of this version")])
        rules = tuple(rule.bounded(bound) if rule.id == rule_id else rule for rule in self.rules)
        return attrs.evolve(self, version=f"{self.version}+{rule_id}={bound}", rules=rules)


@attrs.frozen(kw_only=True)
class FiredRule:
    """A rule that held, and the values that it saw; None for one that nobody knows."""

    rule: Rule
    saw: Mapping[Fact, FactValue]

    @property
    def factor(self) -> str:
        """Say it to clinicians, with what was counted as the worst because it is not known."""
        unknown = [fact.replace("_", " ") for fact, value in self.saw.items() if value is None]
        return f"{self.rule.factor} (not known: {', '.join(unknown)})" if unknown else self.rule.factor


@attrs.frozen(kw_only=True)
class RulesResult:
    """What the rules say of a record, why, and what they could not see.

    `score` orders patients within and across levels; it is no probability. `missing` names the fields that nobody
    recorded, or whose value cannot be true.
    """

    rules_version: str
    level: RiskLevel
    score: Decimal
    fired: tuple[FiredRule, ...]
    missing: tuple[str, ...]
    flags: tuple[Flag, ...]
    otherwise: RecommendedAction

    @property
    def factors(self) -> tuple[str, ...]:
        """What raised concern, the gravest first."""
        return tuple(fired.factor for fired in self.fired)

    @property
    def actions(self) -> tuple[RecommendedAction, ...]:
        """What is recommended, each once, the gravest rule's first."""
        found = dict.fromkeys(action for fired in self.fired for action in fired.rule.actions)
        return tuple(found) or (self.otherwise,)


def screen_by_rules(rules: RuleSet, record: RecordSnapshot) -> RulesResult:
    """Return what `rules` say of the record. Total: it answers for any values, however senseless.

    First the least levels that rules demand, then the steps up, then the bound that a manual escalation sets.
    """
    facts = _facts(record)
    fired, flags = [], []
    floor = steps = kept = 0
    points = BASE
    for rule in rules.rules:
        if not _holds(rule, facts):
            continue
        fired.append(FiredRule(rule=rule, saw={condition.fact: facts[condition.fact] for condition in rule.conditions}))
        points += rule.points
        effect = rule.effect
        if effect is Effect.ONE_LEVEL_UP:
            steps += 1
        elif effect is Effect.NOT_BELOW_CURRENT:
            kept = _HIGHEST if record.current_risk_level is None else _RANKS[record.current_risk_level]
        elif effect is Effect.IMMEDIATE_OUTREACH:
            flags.append(Flag.IMMEDIATE_OUTREACH)
        else:
            floor = max(floor, _EFFECT_FLOORS[effect])
    rank = max(min(floor + steps, _HIGHEST), kept)
    return RulesResult(
        rules_version=rules.version,
        level=LEVELS[rank],
        score=Decimal(min(max(points, _FLOORS[rank]), _TOPS[rank])),
        fired=tuple(fired),
        missing=_missing(record, facts),
        flags=tuple(flags),
        otherwise=rules.otherwise,
    )


def _holds(rule: Rule, facts: Mapping[Fact, FactValue]) -> bool:
    for condition in rule.conditions:
        value = facts[condition.fact]
        if value is not None and not _COMPARISONS[condition.comparison](value, condition.bound):
            return False
    return True


def _facts(record: RecordSnapshot) -> dict[Fact, FactValue]:
    adherence, since = record.medication_adherence, _days(record, record.last_appointment)
    return {
        Fact.CRISIS_CALLS: _counted(record.crisis_calls_30days),
        Fact.ADHERENCE: None if adherence is None or not _percentage(adherence) else adherence,
        Fact.MISSED: _counted(record.appointments_missed),
        Fact.DAYS_SINCE_APPOINTMENT: since,
        Fact.DAYS_WITHOUT_CONTACT: _days(record, record.in_care_since) if since is None else since,
        Fact.ESCALATED: int(record.manually_escalated),
    }


def _percentage(value: Decimal) -> bool:
    return value.is_finite() and 0 <= value <= 100  # noqa: PLR2004 - per cent


def _counted(value: int | None) -> int | None:
    return None if value is None or value < 0 else value


def _days(record: RecordSnapshot, day: Any) -> int | None:  # noqa: ANN401 - a date or None, on the fast path
    """Return how long ago the day is; None for a day to come: nobody has been seen on it yet."""
    return None if day is None or day > record.as_of else (record.as_of - day).days


def _missing(record: RecordSnapshot, facts: Mapping[Fact, FactValue]) -> tuple[str, ...]:
    found = [str(fact) for fact in (Fact.CRISIS_CALLS, Fact.ADHERENCE, Fact.MISSED) if facts[fact] is None]
    if facts[Fact.DAYS_SINCE_APPOINTMENT] is None:
        found.append("last_appointment")
    if facts[Fact.DAYS_WITHOUT_CONTACT] is None:
        found.append("in_care_since")
    if record.manually_escalated and record.current_risk_level is None:
        found.append("current_risk_level")
    return tuple(found)
