"""Overviews in memory."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs

from mindbridge_core.patients import Patient, PatientStatus, RiskLevel
from mindbridge_core.screening import Overview, OverviewScope, ReviewStatus, Screening, UrgentPatient
from mindbridge_core.screening.overview import URGENT, assembled
from mindbridge_memory.tables import Tables

__all__ = ["MemoryOverviews"]

_NEVER = datetime.min.replace(tzinfo=UTC)


@attrs.frozen
class MemoryOverviews:
    """`Overviews` of the core."""

    tables: Tables
    clinic_id: UUID

    def of(self, scope: OverviewScope) -> Overview:
        """Count."""
        alive = {one.id: one for one in self.tables.patients.rows() if self._seen(one, scope)}
        active = [one for one in alive.values() if one.status is PatientStatus.ACTIVE]
        rows = [one for one in self.tables.screenings.rows() if one.patient_id in alive]
        last = {one.patient_id: one for one in sorted(rows, key=lambda one: one.id)}
        newest: dict[UUID, datetime] = {}
        for one in rows:
            newest[one.patient_id] = max(one.screened_at, newest.get(one.patient_id, _NEVER))
        pending = [one for one in rows if one.review_status is ReviewStatus.PENDING_REVIEW]
        zone = ZoneInfo(scope.zone)
        trend = Counter(
            (one.screened_at.astimezone(zone).date(), one.risk_level)
            for one in rows
            if one.screened_at >= scope.trend_from
        )
        return assembled(
            self.clinic_id,
            Counter((one.case_manager_id, one.current_risk_level) for one in active),
            trend,
            recent=sum(newest.get(one.id, _NEVER) >= scope.missed_before for one in active),
            covered=sum(newest.get(one.id, _NEVER) >= scope.covered_from for one in active),
            pending=len(pending),
            overdue=sum(one.risk_level is RiskLevel.HIGH and one.screened_at < scope.overdue_before for one in pending),
            urgent=_urgent(active, last),
        )

    def _seen(self, one: Patient, scope: OverviewScope) -> bool:
        own = scope.case_manager_id in {None, one.case_manager_id}
        return one.clinic_id == self.clinic_id and one.deleted_at is None and own


def _urgent(active: list[Patient], last: dict[UUID, Screening]) -> tuple[UrgentPatient, ...]:
    found = []
    for one in active:
        if one.current_risk_level is RiskLevel.HIGH:
            screening = last.get(one.id)
            found.append(
                UrgentPatient(
                    patient_id=one.id,
                    case_manager_id=one.case_manager_id,
                    name=one.name,
                    risk_score=None if screening is None else screening.risk_score,
                    screened_at=None if screening is None else screening.screened_at,
                    review_status=None if screening is None else screening.review_status,
                )
            )
    unknown = Decimal("Infinity")
    found.sort(key=lambda one: (-(unknown if one.risk_score is None else one.risk_score), one.patient_id))
    return tuple(found[:URGENT])
