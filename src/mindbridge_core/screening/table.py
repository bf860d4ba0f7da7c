"""The table of rules, version by version. One that was ever used stays as it is: screenings are replayed by it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mindbridge_core.screening.actions import Assignee, RecommendedAction, Urgency
from mindbridge_core.screening.rules import Condition, Effect, Fact, Rule, RuleSet

__all__ = ["CURRENT_RULES", "RULE_SETS"]

_CALL_CRISIS_TEAM: Final = RecommendedAction(
    action="Have the crisis team assess safety today.", urgency=Urgency.IMMEDIATE, assigned_to=Assignee.CRISIS_TEAM
)
_CALL_TODAY: Final = RecommendedAction(
    action="Speak with the patient today.", urgency=Urgency.IMMEDIATE, assigned_to=Assignee.CASE_MANAGER
)
_REVIEW_MEDICATION: Final = RecommendedAction(
    action="Review the medication and what keeps the patient from taking it.",
    urgency=Urgency.THIS_WEEK,
    assigned_to=Assignee.PSYCHIATRIST,
)
_REVIEW_PLAN: Final = RecommendedAction(
    action="Go through the crisis calls and the safety plan with the patient.",
    urgency=Urgency.THIS_WEEK,
    assigned_to=Assignee.CASE_MANAGER,
)
_REBOOK: Final = RecommendedAction(
    action="Ask why appointments were missed, and agree on the next one.",
    urgency=Urgency.THIS_WEEK,
    assigned_to=Assignee.CASE_MANAGER,
)
_REACH_OUT: Final = RecommendedAction(
    action="Reach out to the patient: there is no recent contact on record.",
    urgency=Urgency.IMMEDIATE,
    assigned_to=Assignee.CASE_MANAGER,
)
_GO_ON: Final = RecommendedAction(
    action="Go on with the care as planned.", urgency=Urgency.ROUTINE, assigned_to=Assignee.CASE_MANAGER
)

_SOURCE: Final = "MindBridge domain, rules of screening: "

_2026_1: Final = RuleSet(
    version="2026.1",
    otherwise=_GO_ON,
    rules=(
        Rule(
            id="crisis_calls_5",
            conditions=(Condition(Fact.CRISIS_CALLS, ">=", 5),),
            effect=Effect.HIGH,
            points=20,
            factor="Five or more crisis calls in 30 days",
            actions=(_CALL_CRISIS_TEAM, _CALL_TODAY),
            source=_SOURCE + "crisis calls in 30 days >= 5: high, whatever else is said",
        ),
        Rule(
            id="crisis_calls_3_and_adherence_below_50",
            conditions=(Condition(Fact.CRISIS_CALLS, ">=", 3), Condition(Fact.ADHERENCE, "<", 50)),
            effect=Effect.HIGH,
            points=15,
            factor="Three or more crisis calls in 30 days while less than half of the medication is taken",
            actions=(_CALL_TODAY, _REVIEW_MEDICATION),
            source=_SOURCE + "crisis calls >= 3 and adherence < 50 %: high",
        ),
        Rule(
            id="crisis_calls_3",
            conditions=(Condition(Fact.CRISIS_CALLS, ">=", 3),),
            effect=Effect.AT_LEAST_MEDIUM,
            points=30,
            factor="Three or more crisis calls in 30 days",
            actions=(_REVIEW_PLAN,),
            source=_SOURCE + "crisis calls in 30 days >= 3: at least medium",
        ),
        Rule(
            id="adherence_below_50",
            conditions=(Condition(Fact.ADHERENCE, "<", 50),),
            effect=Effect.AT_LEAST_MEDIUM,
            points=25,
            factor="Less than half of the medication is taken",
            actions=(_REVIEW_MEDICATION,),
            source=_SOURCE + "medication adherence < 50 %: at least medium",
        ),
        Rule(
            id="contact_over_45_days",
            conditions=(Condition(Fact.DAYS_WITHOUT_CONTACT, ">", 45),),
            effect=Effect.AT_LEAST_MEDIUM,
            points=25,
            factor="No contact for more than 45 days",
            actions=(_REACH_OUT,),
            source=_SOURCE + "more than 45 days without contact: at least medium",
        ),
        Rule(
            id="appointments_missed_3",
            conditions=(Condition(Fact.MISSED, ">=", 3),),
            effect=Effect.ONE_LEVEL_UP,
            points=15,
            factor="Three or more appointments missed",
            actions=(_REBOOK,),
            source=_SOURCE + "appointments missed >= 3: one level up",
        ),
        Rule(
            id="contact_over_30_days",
            conditions=(Condition(Fact.DAYS_SINCE_APPOINTMENT, ">", 30),),
            effect=Effect.IMMEDIATE_OUTREACH,
            points=5,
            factor="More than 30 days since the last contact",
            actions=(_REACH_OUT,),
            source=_SOURCE + "more than 30 days since last contact: flag for immediate outreach",
        ),
        Rule(
            id="manually_escalated",
            conditions=(Condition(Fact.ESCALATED, ">=", 1),),
            effect=Effect.NOT_BELOW_CURRENT,
            points=0,
            factor="Escalated by hand",
            source=_SOURCE + "manually escalated: never below the current risk level",
        ),
    ),
)

CURRENT_RULES: Final = _2026_1
"""The rules that new screenings are made by."""

RULE_SETS: Final[Mapping[str, RuleSet]] = MappingProxyType({rules.version: rules for rules in (_2026_1,)})
"""Every version that a stored screening may name."""
