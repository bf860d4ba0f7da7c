"""Review as a state machine whose illegal transitions have no name.

    Pending --confirm--> Confirmed
    Pending --override--> Overridden            where no `high` is lowered
    Pending --override--> LoweringProposed      where a `high` would be lowered
    LoweringProposed --confirm--> Confirmed     the level stays
    LoweringProposed --override--> Overridden   by another clinician; the higher of the two levels counts

What is confirmed or overridden has no transitions.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum, unique
from uuid import UUID

import attrs

from mindbridge_core.errors import SecondClinicianRequired
from mindbridge_core.patients import RiskLevel
from mindbridge_core.screening.lattice import join

__all__ = ["Confirmed", "LoweringProposed", "Overridden", "Pending", "Review", "ReviewLimits", "ReviewStatus"]


@unique
class ReviewStatus(StrEnum):
    """Where a review stands."""

    PENDING_REVIEW = "pending_review"
    CONFIRMED = "confirmed"
    OVERRIDDEN = "overridden"


@attrs.frozen(kw_only=True)
class Confirmed:
    """A clinician agrees with the screening."""

    by: UUID
    at: datetime
    note: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class LoweringProposed:
    """A clinician would lower a `high`. Until another one agrees, nothing is lower."""

    by: UUID
    at: datetime
    level: RiskLevel
    reason: str = attrs.field(repr=False)

    def confirm(self, *, by: UUID, at: datetime, note: str | None) -> Confirmed:
        """Let the level stand, whoever says so: the proposer may think again."""
        return Confirmed(by=by, at=at, note=note)

    def override(self, *, level: RiskLevel, by: UUID, at: datetime, reason: str) -> Overridden:
        """Agree to a lower level; SecondClinicianRequired when the one who proposed it agrees with themselves."""
        if level is RiskLevel.HIGH:
            return Overridden(by=by, at=at, level=level, reason=reason)
        if by == self.by:
            raise SecondClinicianRequired
        return Overridden(by=by, at=at, level=join(level, self.level), reason=reason, proposal=self)


@attrs.frozen(kw_only=True)
class Overridden:
    """A clinician knows better, and says why. `proposal` is the first of two, where a `high` was lowered."""

    by: UUID
    at: datetime
    level: RiskLevel
    reason: str = attrs.field(repr=False)
    proposal: LoweringProposed | None = None


@attrs.frozen(kw_only=True)
class Pending:
    """Nobody has looked at it."""

    def confirm(self, *, by: UUID, at: datetime, note: str | None) -> Confirmed:
        """Agree."""
        return Confirmed(by=by, at=at, note=note)

    def override(
        self, *, shown: RiskLevel, level: RiskLevel, by: UUID, at: datetime, reason: str
    ) -> Overridden | LoweringProposed:
        """Put another level in place of the one `shown`; to lower a `high` is only proposed."""
        if shown is RiskLevel.HIGH and level is not RiskLevel.HIGH:
            return LoweringProposed(by=by, at=at, level=level, reason=reason)
        return Overridden(by=by, at=at, level=level, reason=reason)


Review = Pending | LoweringProposed | Confirmed | Overridden


@attrs.frozen(kw_only=True)
class ReviewLimits:
    """How long a `high` may wait for its review."""

    high_hours: float = 24.0
