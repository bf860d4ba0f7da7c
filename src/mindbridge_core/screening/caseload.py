"""Whom to screen by rules, and what screening a page of them came to."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

import attrs

from mindbridge_core.patients import RiskLevel
from mindbridge_core.screening.entities import Screening

__all__ = ["CaseloadPage", "CaseloadScope"]


@attrs.frozen(kw_only=True)
class CaseloadScope:
    """The active patients of a case manager, of a level, or all; or one patient, active or not."""

    case_manager_id: UUID | None = None
    risk_level: RiskLevel | None = None
    patient_id: UUID | None = None


@attrs.frozen(kw_only=True)
class CaseloadPage:
    """The screenings of a page; `raised` is how many patients' levels rose. `after` is None at the caseload's end.

    `set_aside` is who could not be screened.
    """

    clinic_id: UUID
    screenings: tuple[Screening, ...] = attrs.field(repr=False)
    raised: int
    set_aside: tuple[UUID, ...] = ()
    after: UUID | None
    total: int | None

    @property
    def levels(self) -> Counter[RiskLevel]:
        """How many screenings found which level."""
        return Counter(screening.risk_level for screening in self.screenings)
