"""Tallies in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs

from mindbridge_core.screening import (
    Overridden,
    Person,
    Profile,
    ReviewStatus,
    Screening,
    Step,
    UsageRow,
    UsageScope,
    Window,
)
from mindbridge_core.screening.tally import score_band
from mindbridge_memory.tables import Tables

__all__ = ["MemoryTallies"]


@attrs.frozen
class MemoryTallies:
    """`Tallies` of the core."""

    tables: Tables
    clinic_id: UUID

    def profiles(self, window: Window) -> Iterator[Profile]:
        """Return one for each screening."""
        for one in self._screenings(window):
            yield Profile(
                count=1,
                risk_level=one.risk_level,
                rules_level=one.rules_level,
                score_band=score_band(one.risk_score),
                rules_version=one.rules_version,
                assessor=one.assessor,
                ai_model=one.ai_model,
                ai_prompt_hash=one.ai_prompt_hash,
                ai_failure=one.ai_failure,
                missing=one.missing,
                guardrails=tuple(guardrail.id for guardrail in one.guardrails),
                reviewed=one.review_status is not ReviewStatus.PENDING_REVIEW,
                reviewed_level=one.review.level if isinstance(one.review, Overridden) else None,
            )

    def people(self, window: Window) -> Iterator[Person]:
        """Return each patient once."""
        screened: dict[UUID, list[Screening]] = {}
        for one in self._screenings(window):
            screened.setdefault(one.patient_id, []).append(one)
        for patient_id, rows in screened.items():
            patient = self.tables.patients.get((self.clinic_id, patient_id))
            yield Person(
                born=None if patient is None else patient.date_of_birth,
                levels=Counter(one.risk_level for one in rows),
                asked=any(one.assessor != "rules" for one in rows),
                reviewed=any(one.review_status is not ReviewStatus.PENDING_REVIEW for one in rows),
            )

    def fired(self, window: Window, one_in: int) -> Iterator[tuple[str, ...]]:
        """Return the rules of those whose id ends in a multiple of `one_in`."""
        for one in self._screenings(window):
            if one.id.int % 65_536 % one_in == 0:
                yield tuple(rule.id for rule in one.fired)

    def usage(self, scope: UsageScope) -> Sequence[UsageRow]:
        """Return the sums."""
        zone, groups = ZoneInfo(scope.zone), dict[tuple[date, str | None], list[Screening]]()
        for one in self.tables.screenings.rows():
            mine = one.clinic_id == self.clinic_id and one.assessor != "rules"
            if mine and scope.since <= one.screened_at < scope.until:
                day = one.screened_at.astimezone(zone).date()
                period = day if scope.step is Step.DAY else day.replace(day=1)
                groups.setdefault((period, one.ai_model), []).append(one)
        ordered = sorted(groups, key=lambda one: (one[0], one[1] is not None, one[1] or ""))
        return [_usage(period, model, groups[period, model]) for period, model in ordered]

    def _screenings(self, window: Window) -> Iterator[Screening]:
        place = self.clinic_id
        alive = {one.id for one in self.tables.patients.rows() if one.clinic_id == place and one.deleted_at is None}
        for one in self.tables.screenings.rows():
            if one.patient_id in alive and window.since <= one.screened_at < window.until:
                yield one


def _usage(period: date, model: str | None, rows: Sequence[Screening]) -> UsageRow:
    counted = [one.ai_usage for one in rows if one.ai_usage is not None]
    return UsageRow(
        period=period,
        model=model,
        requests=len(rows),
        failures=sum(one.ai_failure is not None for one in rows),
        uncounted=len(rows) - len(counted),
        input_tokens=sum(one.input_tokens for one in counted),
        output_tokens=sum(one.output_tokens for one in counted),
    )
