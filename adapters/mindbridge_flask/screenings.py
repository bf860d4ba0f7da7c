"""What answers about screenings look like."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from mindbridge_core.pagination import Page, encode_cursor
from mindbridge_core.patients import RiskLevel
from mindbridge_core.screening import (
    Assignee,
    FailureReason,
    FiredRecord,
    Flag,
    Guardrail,
    GuardrailId,
    LoweringProposed,
    Overridden,
    Pending,
    RecommendedAction,
    RecordSnapshot,
    Replay,
    ReviewStatus,
    Screening,
    Urgency,
)
from mindbridge_flask.paging import Pagination

__all__ = ["ReplayResource", "ScreeningPage", "ScreeningResource"]


class ActionResource(msgspec.Struct, frozen=True):
    """One thing to do, how soon, and by whom."""

    action: str
    urgency: Urgency
    assigned_to: Assignee

    @classmethod
    def of(cls, action: RecommendedAction) -> ActionResource:
        """Show `action`."""
        return cls(action.action, action.urgency, action.assigned_to)


class GuardrailResource(msgspec.Struct, frozen=True):
    """What was held against a model's answer, and fired; `reason` says nothing of the person."""

    id: GuardrailId
    reason: str

    @classmethod
    def of(cls, guardrail: Guardrail) -> GuardrailResource:
        """Show `guardrail`."""
        return cls(guardrail.id, guardrail.reason)


class FiredRuleResource(msgspec.Struct, frozen=True):
    """A rule that held, and the values that it saw; null for one that nobody has recorded: it counts as the worst."""

    id: str
    saw: dict[str, str | None]

    @classmethod
    def of(cls, fired: FiredRecord) -> FiredRuleResource:
        """Show `fired`."""
        return cls(fired.id, dict(fired.saw))


class SnapshotResource(msgspec.Struct, frozen=True):
    """The record as it was screened."""

    as_of: date
    medication_adherence: Decimal | None
    appointments_missed: int | None
    crisis_calls_30days: int | None
    last_appointment: date | None
    in_care_since: date | None
    current_risk_level: RiskLevel | None
    manually_escalated: bool

    @classmethod
    def of(cls, record: RecordSnapshot) -> SnapshotResource:
        """Show `record`."""
        return cls(**{name: getattr(record, name) for name in cls.__struct_fields__})


class ProposalResource(msgspec.Struct, frozen=True):
    """A clinician's wish to lower a `high`, which waits for another clinician."""

    by: UUID
    at: datetime
    risk_level: RiskLevel
    reason: str

    @classmethod
    def of(cls, proposal: LoweringProposed) -> ProposalResource:
        """Show `proposal`."""
        return cls(proposal.by, proposal.at, proposal.level, proposal.reason)


class ScreeningResource(msgspec.Struct, frozen=True, kw_only=True):
    """A screening. `risk_level` is what it found, `effective_risk_level` what counts after its review.

    `missing` names what nobody had recorded. `ai_failure` says why no model's answer counts, where one might have;
    `stale` is one about a record that has changed since, which counts where it raises.
    """

    id: UUID
    patient_id: UUID
    performed_by: UUID | None
    screening_type: str
    risk_level: RiskLevel
    effective_risk_level: RiskLevel
    risk_score: Decimal
    uncertain: bool
    primary_risk_factor: str | None
    contributing_factors: list[str]
    recommended_actions: list[ActionResource]
    clinical_notes: str | None
    flags: list[Flag]
    missing: list[str]
    rules_version: str
    rules_level: RiskLevel
    fired_rules: list[FiredRuleResource]
    guardrails: list[GuardrailResource]
    record: SnapshotResource
    assessor: str
    ai_model: str | None
    ai_prompt_hash: str | None
    ai_failure: FailureReason | None
    review_status: ReviewStatus
    reviewed_by: UUID | None
    reviewed_at: datetime | None
    review_note: str | None
    lowering_proposed: ProposalResource | None
    duration_ms: int
    screened_at: datetime
    version: int

    @classmethod
    def of(cls, screening: Screening) -> ScreeningResource:
        """Show `screening`, without what the model wrote to the letter."""
        plain = {name: getattr(screening, name) for name in _PLAIN}
        return cls(
            **plain,
            **_reviewed(screening),
            effective_risk_level=screening.effective_level,
            contributing_factors=list(screening.contributing_factors),
            recommended_actions=[ActionResource.of(one) for one in screening.recommended_actions],
            flags=list(screening.flags),
            missing=list(screening.missing),
            fired_rules=[FiredRuleResource.of(one) for one in screening.fired],
            guardrails=[GuardrailResource.of(one) for one in screening.guardrails],
            record=SnapshotResource.of(screening.record),
        )


_PLAIN = (
    "id", "patient_id", "performed_by", "screening_type", "risk_level", "risk_score", "uncertain",
    "primary_risk_factor", "clinical_notes", "rules_version", "rules_level", "assessor", "ai_model", "ai_prompt_hash",
    "ai_failure", "review_status", "duration_ms", "screened_at", "version",
)  # fmt: skip


def _reviewed(screening: Screening) -> dict[str, Any]:
    review = screening.review
    shown: dict[str, Any] = dict.fromkeys(("reviewed_by", "reviewed_at", "review_note", "lowering_proposed"))
    if isinstance(review, Pending):
        return shown
    if isinstance(review, LoweringProposed):
        return shown | {"lowering_proposed": ProposalResource.of(review)}
    note = review.reason if isinstance(review, Overridden) else review.note
    proposal = review.proposal if isinstance(review, Overridden) else None
    return {
        "reviewed_by": review.by,
        "reviewed_at": review.at,
        "review_note": note,
        "lowering_proposed": None if proposal is None else ProposalResource.of(proposal),
    }


class ScreeningPage(msgspec.Struct, frozen=True):
    """A page of screenings."""

    data: list[ScreeningResource]
    pagination: Pagination

    @classmethod
    def of(cls, page: Page[Screening]) -> ScreeningPage:
        """Show `page`."""
        shown = [ScreeningResource.of(one) for one in page.items]
        return cls(shown, Pagination.at(encode_cursor(page.after)))


class ReplayResource(msgspec.Struct, frozen=True):
    """A screening beside what its stored record and answer give under `rules_version`; nothing is changed."""

    screening_id: UUID
    rules_version: str
    same: bool
    stored_risk_level: RiskLevel
    stored_risk_score: Decimal
    risk_level: RiskLevel
    risk_score: Decimal
    fired_rules: list[FiredRuleResource]

    @classmethod
    def of(cls, replay: Replay) -> ReplayResource:
        """Show `replay`."""
        return cls(
            replay.screening_id,
            replay.rules_version,
            replay.same,
            replay.stored_level,
            replay.stored_score,
            replay.level,
            replay.score,
            [FiredRuleResource.of(one) for one in replay.fired],
        )
