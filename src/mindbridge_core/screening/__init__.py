"""Screening: how near to a crisis a person may be, by clinical rules first and last."""

from mindbridge_core.screening.actions import Assignee, RecommendedAction, Urgency
from mindbridge_core.screening.assessment import (
    AGE_BANDS,
    CONTACT_BANDS,
    Assessment,
    AssessmentRequest,
    AssessorFailure,
    AssessorReply,
    FailureReason,
    Usage,
    read_assessment,
    request_of,
)
from mindbridge_core.screening.caseload import CaseloadPage
from mindbridge_core.screening.entities import (
    Decision,
    FiredRecord,
    ReviewRequest,
    Screening,
    ScreeningRequest,
)
from mindbridge_core.screening.guardrails import Guardrail, GuardrailId, Verdict, conclude
from mindbridge_core.screening.lattice import floor_of, join, level_of_score, uncertain
from mindbridge_core.screening.overview import (
    Caseload,
    Overview,
    Overviews,
    OverviewScope,
    TrendDay,
    UrgentPatient,
)
from mindbridge_core.screening.ports import (
    RiskAssessor,
    RulesOnly,
    ScreeningFilter,
    Screenings,
    ScreeningUnit,
)
from mindbridge_core.screening.prompts import CURRENT_PROMPT, PROMPTS, Prompt
from mindbridge_core.screening.replay import Replay
from mindbridge_core.screening.review import (
    Confirmed,
    LoweringProposed,
    Overridden,
    Pending,
    Review,
    ReviewLimits,
    ReviewStatus,
)
from mindbridge_core.screening.rules import (
    Condition,
    Effect,
    Fact,
    FiredRule,
    Flag,
    Rule,
    RuleSet,
    RulesResult,
    screen_by_rules,
)
from mindbridge_core.screening.snapshot import RecordSnapshot, snapshot_of
from mindbridge_core.screening.table import CURRENT_RULES, RULE_SETS

__all__ = [
    "AGE_BANDS",
    "CONTACT_BANDS",
    "CURRENT_PROMPT",
    "CURRENT_RULES",
    "PROMPTS",
    "RULE_SETS",
    "Assessment",
    "AssessmentRequest",
    "AssessorFailure",
    "AssessorReply",
    "Assignee",
    "Caseload",
    "CaseloadPage",
    "Condition",
    "Confirmed",
    "Decision",
    "Effect",
    "Fact",
    "FailureReason",
    "FiredRecord",
    "FiredRule",
    "Flag",
    "Guardrail",
    "GuardrailId",
    "LoweringProposed",
    "Overridden",
    "Overview",
    "OverviewScope",
    "Overviews",
    "Pending",
    "Prompt",
    "RecommendedAction",
    "RecordSnapshot",
    "Replay",
    "Review",
    "ReviewLimits",
    "ReviewRequest",
    "ReviewStatus",
    "RiskAssessor",
    "Rule",
    "RuleSet",
    "RulesOnly",
    "RulesResult",
    "Screening",
    "ScreeningFilter",
    "ScreeningRequest",
    "ScreeningUnit",
    "Screenings",
    "TrendDay",
    "Urgency",
    "UrgentPatient",
    "Usage",
    "Verdict",
    "conclude",
    "floor_of",
    "join",
    "level_of_score",
    "read_assessment",
    "request_of",
    "screen_by_rules",
    "snapshot_of",
    "uncertain",
]
