"""A stored screening, computed again."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import attrs

from mindbridge_core.patients import RiskLevel
from mindbridge_core.screening.consulting import heard
from mindbridge_core.screening.entities import FiredRecord, Screening
from mindbridge_core.screening.guardrails import conclude
from mindbridge_core.screening.rules import RuleSet, screen_by_rules

__all__ = ["Replay", "replayed"]


@attrs.frozen(kw_only=True)
class Replay:
    """A screening beside what its stored record gives under a rule set: its own, or another."""

    clinic_id: UUID
    screening_id: UUID
    rules_version: str
    stored_level: RiskLevel
    stored_score: Decimal
    level: RiskLevel
    score: Decimal
    fired: tuple[FiredRecord, ...] = attrs.field(repr=False)

    @property
    def same(self) -> bool:
        """Whether both say the same."""
        return (self.level, self.score) == (self.stored_level, self.stored_score)


def replayed(screening: Screening, rules: RuleSet) -> Replay:
    """Return the screening beside what `rules` make of its stored record and answer."""
    found = screen_by_rules(rules, screening.record)
    verdict = conclude(found, heard(screening.ai_raw_response, screening.ai_failure))
    return Replay(
        clinic_id=screening.clinic_id,
        screening_id=screening.id,
        rules_version=rules.version,
        stored_level=screening.risk_level,
        stored_score=screening.risk_score,
        level=verdict.level,
        score=verdict.score,
        fired=tuple(FiredRecord.of(one) for one in found.fired),
    )
