"""What screening a page of a caseload came to."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

import attrs

from mindbridge_core.patients import RiskLevel
from mindbridge_core.screening.entities import Screening

__all__ = ["CaseloadPage"]


@attrs.frozen(kw_only=True)
class CaseloadPage:
    """The screenings of a page; `raised` is how many patients' levels rose. `after` is None at the caseload's end."""

    clinic_id: UUID
    screenings: tuple[Screening, ...] = attrs.field(repr=False)
    raised: int
    after: UUID | None
    total: int | None

    @property
    def levels(self) -> Counter[RiskLevel]:
        """How many screenings found which level."""
        return Counter(screening.risk_level for screening in self.screenings)
