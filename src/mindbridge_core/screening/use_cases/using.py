"""Accounting for what a model was asked."""

from __future__ import annotations

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Caller
from mindbridge_core.screening.ports import ScreeningUnit
from mindbridge_core.screening.reaching import calendar
from mindbridge_core.screening.usage import UsageReport, UsageRequest
from mindbridge_core.work import Work

__all__ = ["CountUsage"]


@attrs.frozen(kw_only=True)
class CountUsage:
    """Tell how often the clinic's screenings asked a model, and what that took."""

    work: Work[ScreeningUnit]

    def __call__(self, caller: Caller, request: UsageRequest) -> UsageReport:
        """Return the report; the audit entry names no patient."""
        with self.work(caller, Action.SCREENING_USAGE) as desk:
            rows = desk.unit.tallies.usage(request.scope(calendar(desk)))
            return UsageReport(clinic_id=desk.principal.clinic_id, rows=rows)
