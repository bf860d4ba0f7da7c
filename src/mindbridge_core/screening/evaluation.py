"""How good an assessor is, on cases whose level is known: what it finds, what it misses, for whom it is worse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

import attrs

from mindbridge_core.patients import RiskLevel
from mindbridge_core.screening.assessment import UNKNOWN, Usage
from mindbridge_core.screening.consulting import Consultation, consult
from mindbridge_core.screening.guardrails import Verdict, conclude
from mindbridge_core.screening.ports import RiskAssessor
from mindbridge_core.screening.rules import RuleSet, RulesResult, screen_by_rules
from mindbridge_core.screening.vignettes import Vignette

__all__ = ["Bin", "Case", "Evaluation", "Rates", "Subgroup", "assess_cases", "evaluate"]

BINS: Final = 5
SMALLEST_GROUP: Final = 10
"""A subgroup of fewer cases is told, but counts for no gap: one case would move its rates too far."""


@attrs.frozen(kw_only=True)
class Case:
    """One vignette and what came of it."""

    vignette: Vignette
    rules: RulesResult
    verdict: Verdict
    failed: bool
    """Whether the assessor was asked and gave no answer to go by."""
    usage: Usage | None = None
    """What asking took, where anybody said."""

    @property
    def below_rules(self) -> bool:
        """Whether the result is lower than the rules alone: it must never be."""
        return self.verdict.level.rank < self.rules.level.rank

    @property
    def groups(self) -> Iterator[str]:
        """The subgroups that the case belongs to."""
        _, asked = self.vignette.seen()
        yield f"age {asked.age_band}"
        yield f"diagnosis {asked.diagnosis_category or UNKNOWN}"


@attrs.frozen(kw_only=True)
class Rates:
    """Counts of `high` against the rest, and what follows. A rate of nothing is None, not zero."""

    true_high: int
    missed_high: int
    false_high: int
    true_rest: int

    @property
    def cases(self) -> int:
        """How many were counted."""
        return self.true_high + self.missed_high + self.false_high + self.true_rest

    @property
    def sensitivity(self) -> float | None:
        """Which share of the `high` was found."""
        return _share(self.true_high, self.true_high + self.missed_high)

    @property
    def specificity(self) -> float | None:
        """Which share of the rest was left alone."""
        return _share(self.true_rest, self.true_rest + self.false_high)

    @property
    def ppv(self) -> float | None:
        """Which share of what was called `high` is (the positive predictive value)."""
        return _share(self.true_high, self.true_high + self.false_high)


@attrs.frozen(kw_only=True)
class Bin:
    """Scores of one band: the mean score told, and the share of them that is `high`, both in per cent."""

    least: int
    most: int
    cases: int
    mean_score: float
    share_high: float


@attrs.frozen(kw_only=True)
class Subgroup:
    """The rates of the cases that have one trait in common."""

    name: str
    rates: Rates


@attrs.frozen(kw_only=True)
class Evaluation:
    """What an assessor is worth on a set of cases, guardrails included, as it would be in use."""

    assessor: str
    rules_version: str
    rates: Rates
    confusion: Mapping[tuple[RiskLevel, RiskLevel], int]
    """How many cases of the first level were given the second."""
    bins: Sequence[Bin]
    brier: float
    """The mean squared distance of score / 100 from being `high` (1) or not (0): 0 is best, 0.25 a guess."""
    subgroups: Sequence[Subgroup]
    failures: int
    input_tokens: int
    output_tokens: int
    """What the assessor took, in sum, as far as anybody said."""
    below_rules: int
    missed: Sequence[str]
    """The ids of the `high` cases that were given less."""

    @property
    def gap(self) -> float | None:
        """How far the sensitivities of subgroups with ten `high` cases or more lie apart."""
        found = [
            group.rates.sensitivity
            for group in self.subgroups
            if group.rates.true_high + group.rates.missed_high >= SMALLEST_GROUP and group.rates.sensitivity is not None
        ]
        return max(found) - min(found) if found else None

    def passes(self, least_sensitivity: float) -> bool:
        """Whether `high` is found often enough, and no result was lower than the rules'."""
        found = self.rates.sensitivity
        return found is not None and found >= least_sensitivity and self.below_rules == 0


def assess_cases(assessor: RiskAssessor, rules: RuleSet, vignettes: Iterable[Vignette]) -> Iterator[Case]:
    """Screen each vignette as a patient would be, one by one; whoever iterates can show how far it is."""
    for vignette in vignettes:
        record, asked = vignette.seen()
        found = screen_by_rules(rules, record)
        consultation = consult(assessor, asked) if assessor.asks else Consultation()
        yield Case(
            vignette=vignette,
            rules=found,
            verdict=conclude(found, consultation.answer),
            failed=consultation.failure is not None,
            usage=consultation.usage,
        )


def evaluate(assessor: str, rules: RuleSet, cases: Sequence[Case]) -> Evaluation:
    """Sum the cases up. Raises ValueError for none: nothing can be said of nothing."""
    if not cases:
        message = "an evaluation needs cases"
        raise ValueError(message)
    confusion: dict[tuple[RiskLevel, RiskLevel], int] = {}
    for case in cases:
        pair = (case.vignette.level, case.verdict.level)
        confusion[pair] = confusion.get(pair, 0) + 1
    return Evaluation(
        assessor=assessor,
        rules_version=rules.version,
        rates=_rates(cases),
        confusion=confusion,
        bins=tuple(_bins(cases)),
        brier=sum((_told(case) - _is_high(case)) ** 2 for case in cases) / len(cases),
        subgroups=tuple(_subgroups(cases)),
        failures=sum(case.failed for case in cases),
        input_tokens=sum(case.usage.input_tokens for case in cases if case.usage is not None),
        output_tokens=sum(case.usage.output_tokens for case in cases if case.usage is not None),
        below_rules=sum(case.below_rules for case in cases),
        missed=tuple(case.vignette.id for case in cases if _is_high(case) and case.verdict.level is not RiskLevel.HIGH),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _is_high(case: Case) -> bool:
    return case.vignette.level is RiskLevel.HIGH


def _told(case: Case) -> float:
    return float(case.verdict.score / Decimal(100))


def _rates(cases: Sequence[Case]) -> Rates:
    def count(*, high: bool, called: bool) -> int:
        return sum(_is_high(case) is high and (case.verdict.level is RiskLevel.HIGH) is called for case in cases)

    return Rates(
        true_high=count(high=True, called=True),
        missed_high=count(high=True, called=False),
        false_high=count(high=False, called=True),
        true_rest=count(high=False, called=False),
    )


def _bins(cases: Sequence[Case]) -> Iterator[Bin]:
    width = 100 // BINS
    for number in range(BINS):
        held = [case for case in cases if min(int(case.verdict.score) // width, BINS - 1) == number]
        if held:
            yield Bin(
                least=number * width,
                most=(number + 1) * width,
                cases=len(held),
                mean_score=100 * _mean(_told(case) for case in held),
                share_high=100 * _mean(float(_is_high(case)) for case in held),
            )


def _mean(values: Iterable[float]) -> float:
    held = list(values)
    return sum(held) / len(held)


def _subgroups(cases: Sequence[Case]) -> Iterator[Subgroup]:
    grouped: dict[str, list[Case]] = {}
    for case in cases:
        for name in case.groups:
            grouped.setdefault(name, []).append(case)
    for name in sorted(grouped):
        yield Subgroup(name=name, rates=_rates(grouped[name]))
