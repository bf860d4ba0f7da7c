"""A screening: what was found, how it came about, and how it was reviewed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum, unique
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core.patients import RiskLevel
from mindbridge_core.screening.actions import RecommendedAction
from mindbridge_core.screening.assessment import AssessmentRequest, FailureReason, Usage
from mindbridge_core.screening.guardrails import Guardrail
from mindbridge_core.screening.lattice import join, uncertain
from mindbridge_core.screening.review import Confirmed, LoweringProposed, Overridden, Pending, Review, ReviewStatus
from mindbridge_core.screening.rules import FiredRule, Flag
from mindbridge_core.screening.snapshot import RecordSnapshot
from mindbridge_core.validation import Pattern, Text, checked, ruled

__all__ = ["Decision", "FiredRecord", "ReviewRequest", "Screening", "ScreeningRequest"]

CODE_WORD: Final = ruled(Pattern(regex="[a-z][a-z0-9_]{0,49}", form="small letters, digits and underscores", most=50))


@attrs.frozen(kw_only=True)
class FiredRecord:
    """A rule that fired, by its id, and the values that it saw, as text; null for one that nobody knew."""

    id: str
    saw: Mapping[str, str | None]

    @classmethod
    def of(cls, fired: FiredRule) -> FiredRecord:
        """Keep of `fired` what its rule set, which is kept by version, does not hold."""
        saw = {str(fact): None if held is None else str(held) for fact, held in fired.saw.items()}
        return cls(id=fired.rule.id, saw=saw)


@attrs.frozen(kw_only=True)
class Screening:
    """One screening of one patient; but for its review it never changes.

    `ai_failure` says why there is no answer of a model, where one might have been; `ai_raw_response` is what the model
    wrote, to the letter, and `asked` all that it was told. What is about the person is not shown in a repr.
    """

    id: UUID
    clinic_id: UUID
    patient_id: UUID
    performed_by: UUID | None
    screening_type: str
    risk_level: RiskLevel
    risk_score: Decimal
    rules_level: RiskLevel
    rules_version: str
    primary_risk_factor: str | None = attrs.field(default=None, repr=False)
    contributing_factors: tuple[str, ...] = attrs.field(default=(), repr=False)
    recommended_actions: tuple[RecommendedAction, ...] = attrs.field(default=(), repr=False)
    clinical_notes: str | None = attrs.field(default=None, repr=False)
    flags: tuple[Flag, ...] = ()
    missing: tuple[str, ...] = ()
    guardrails: tuple[Guardrail, ...] = ()
    record: RecordSnapshot = attrs.field(repr=False)
    fired: tuple[FiredRecord, ...] = attrs.field(default=(), repr=False)
    assessor: str
    asked: AssessmentRequest | None = attrs.field(default=None, repr=False)
    ai_model: str | None = None
    ai_prompt_hash: str | None = None
    ai_raw_response: str | None = attrs.field(default=None, repr=False)
    ai_failure: FailureReason | None = None
    ai_usage: Usage | None = None
    review: Review = attrs.field(factory=Pending)
    duration_ms: int
    screened_at: datetime
    version: int = 1

    @property
    def uncertain(self) -> bool:
        """Whether the score is one of 40 to 60."""
        return uncertain(self.risk_score)

    @property
    def shown_level(self) -> RiskLevel:
        """The level that the screening left with the patient: it raises at once, and lowers only when reviewed."""
        return join(self.risk_level, self.record.current_risk_level)

    @property
    def effective_level(self) -> RiskLevel:
        """The level that counts: the reviewer's, where one put another in its place."""
        return self.review.level if isinstance(self.review, Overridden) else self.risk_level

    @property
    def review_status(self) -> ReviewStatus:
        """Where the review stands. A lowering that is only proposed is pending."""
        if isinstance(self.review, Pending | LoweringProposed):
            return ReviewStatus.PENDING_REVIEW
        return ReviewStatus.CONFIRMED if isinstance(self.review, Confirmed) else ReviewStatus.OVERRIDDEN


@attrs.frozen(kw_only=True)
class ScreeningRequest:
    """Whom to screen, and on what occasion."""

    patient_id: UUID
    screening_type: str = attrs.field(default="manual", metadata=CODE_WORD)

    __attrs_post_init__ = checked


@unique
class Decision(StrEnum):
    """What a reviewer does."""

    CONFIRM = "confirm"
    OVERRIDE = "override"


@attrs.frozen(kw_only=True)
class ReviewRequest:
    """A review as sent. An override names a level and states why; a confirmation may have a note."""

    decision: Decision
    risk_level: RiskLevel | None = None
    reason: str | None = attrs.field(default=None, repr=False, metadata=ruled(Text(least=1, most=2000)))

    __attrs_post_init__ = checked
