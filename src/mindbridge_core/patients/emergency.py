"""Break-glass: access to one patient outside the own caseload, for a stated reason and a short time."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core.pagination import DEFAULT_LIMIT
from mindbridge_core.validation import BrokenRuleError, Text, checked, ruled

__all__ = [
    "BreakGlass",
    "BreakGlassFilter",
    "BreakGlassRequest",
    "BreakGlassReview",
    "EmergencyLimits",
    "ReviewOutcome",
    "ReviewStatus",
]

LEAST_LETTERS: Final = 4


@attrs.frozen
class Reason:
    """A reason in words. What is one key held down, or digits and dots alone, is none in any script."""

    text: Text

    def clean(self, value: object) -> object:
        """Return the text in normal form."""
        text = self.text.clean(value)
        if isinstance(text, str) and len({char.casefold() for char in text if char.isalpha()}) < LEAST_LETTERS:
            code = "not_in_words"
            raise BrokenRuleError(code, "must say in words why")
        return text

    def schema(self) -> dict[str, object]:
        """Say the lengths; what words are, no schema says."""
        return self.text.schema()


@unique
class ReviewOutcome(StrEnum):
    """What the review of an emergency access came to."""

    JUSTIFIED = "justified"
    UNJUSTIFIED = "unjustified"


@unique
class ReviewStatus(StrEnum):
    """Whether an emergency access has had its review."""

    REVIEWED = "reviewed"
    UNREVIEWED = "unreviewed"


@attrs.frozen(kw_only=True)
class EmergencyLimits:
    """How long an emergency access lasts, and how long it may wait for its review before it blocks the next one."""

    lasts: timedelta = timedelta(hours=1)
    review_within: timedelta = timedelta(hours=72)

    def __attrs_post_init__(self) -> None:
        """Refuse limits that are not limits."""
        if not timedelta(0) < self.lasts <= timedelta(hours=24) or self.review_within < self.lasts:
            message = "emergency access needs 0 < lasts <= 24 hours and lasts <= review_within"
            raise ValueError(message)


@attrs.frozen(kw_only=True)
class BreakGlassRequest:
    """Why a patient outside the own caseload must be seen now."""

    access_reason: str = attrs.field(repr=False, metadata=ruled(Reason(Text(least=10, most=1000))))

    __attrs_post_init__ = checked


@attrs.frozen(kw_only=True)
class BreakGlassReview:
    """What a reviewer found, and on what grounds."""

    outcome: ReviewOutcome
    note: str = attrs.field(repr=False, metadata=ruled(Text(least=1, most=1000)))

    __attrs_post_init__ = checked


@attrs.frozen(kw_only=True)
class BreakGlass:
    """One user's emergency access to one patient. Reason and note are free text of clinicians, so PHI."""

    id: UUID
    clinic_id: UUID
    user_id: UUID
    patient_id: UUID
    access_reason: str = attrs.field(repr=False)
    granted_at: datetime
    expires_at: datetime
    reviewed_at: datetime | None = None
    reviewed_by: UUID | None = None
    outcome: ReviewOutcome | None = None
    note: str | None = attrs.field(default=None, repr=False)
    version: int = 1

    def reviewed(self, by: UUID, at: datetime, review: BreakGlassReview) -> BreakGlass:
        """Return the access with its review. One that was not justified ends there and then."""
        ends = min(self.expires_at, at) if review.outcome is ReviewOutcome.UNJUSTIFIED else self.expires_at
        return attrs.evolve(
            self, reviewed_at=at, reviewed_by=by, outcome=review.outcome, note=review.note, expires_at=ends
        )


@attrs.frozen(kw_only=True)
class BreakGlassFilter:
    """Which emergency accesses a list shows. `after` is the last id of the page before."""

    status: ReviewStatus | None = None
    after: UUID | None = None
    limit: int = DEFAULT_LIMIT
