"""Reproducing a screening from what is stored of it, and asking what other rules would have said."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Caller
from mindbridge_core.errors import DamagedRecord
from mindbridge_core.screening.ports import ScreeningUnit
from mindbridge_core.screening.reaching import reach_screening
from mindbridge_core.screening.replay import Replay, replayed
from mindbridge_core.screening.rules import RuleSet
from mindbridge_core.work import Work

__all__ = ["ImagineRules", "ReplayScreening"]


@attrs.frozen(kw_only=True)
class ReplayScreening:
    """Reproduce a screening: the stored record under the stored version of the rules, and the stored answer."""

    work: Work[ScreeningUnit]
    rule_sets: Mapping[str, RuleSet]

    def __call__(self, caller: Caller, screening_id: UUID) -> Replay:
        """Return both; NotFound as for its patient, DamagedRecord when its rules are not known here."""
        with self.work(caller, Action.SCREENING_REPLAY, resource_id=screening_id) as desk:
            screening, _ = reach_screening(desk, screening_id)
            desk.returns([screening.id])
            rules = self.rule_sets.get(screening.rules_version)
            if rules is None:
                raise DamagedRecord(reason="unknown_rules")
            return replayed(screening, rules)


@attrs.frozen(kw_only=True)
class ImagineRules:
    """Tell what a screening would have come to if one rule had another bound. Nothing is changed."""

    work: Work[ScreeningUnit]
    rules: RuleSet

    def __call__(self, caller: Caller, screening_id: UUID, *, rule: str, bound: int) -> Replay:
        """Return both; NotFound as for its patient, InvalidInput for a rule that there is not."""
        with self.work(caller, Action.SCREENING_WHAT_IF, resource_id=screening_id) as desk:
            screening, _ = reach_screening(desk, screening_id)
            desk.returns([screening.id])
            return replayed(screening, self.rules.varied(rule, bound))
