"""Whether screenings of late differ from those before: counts against counts, and nothing said where they are few.

The measure is the population stability index. Its usual bounds (0.1, 0.25: Siddiqi, Credit Risk Scorecards, 2006) say
nothing of how many were counted. Where nothing has changed, the index times n m / (n + m) is about chi-squared with
one degree of freedom less than there are bins (Yurdakul and Naranjo, Journal of Risk Model Validation 14 (4), 2020):
so where chance alone would pass the upper bound, nothing is said. n and m are patients, not screenings: a person who
is screened every day says little more than one who is screened once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from enum import StrEnum, unique
from statistics import NormalDist
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core.screening.assessment import AGE_BANDS, UNKNOWN
from mindbridge_core.screening.lattice import LEVELS
from mindbridge_core.screening.tally import SCORE_BANDS, Base, Measure, Tally, Window
from mindbridge_core.validation import Number, checked, ruled

__all__ = ["Drift", "DriftRequest", "Figure", "Source", "Standing", "chance", "compared", "stability"]

SHIFTED_FROM: Final = 0.1
DRIFTED_FROM: Final = 0.25
SMALLEST_GROUP: Final = 10
"""Ages of fewer patients are told together with their neighbours, never alone."""
_EMPTY: Final = 0.5
_SURE: Final = NormalDist().inv_cdf(0.99)

_DISTRIBUTIONS: Final = {
    Measure.RISK_LEVEL: Base.ALL,
    Measure.RULES_LEVEL: Base.ALL,
    Measure.SCORE: Base.ALL,
    Measure.ASKED: Base.ALL,
    Measure.ANSWER: Base.ASKED,
    Measure.RAISED: Base.ASKED,
    Measure.REVIEW: Base.REVIEWED,
}
_SHARES: Final = {Measure.FIRED: Base.OPENED, Measure.MISSING: Base.ALL, Measure.GUARDRAIL: Base.ALL}
_SOURCES: Final = (Measure.RULES_VERSION, Measure.ASSESSOR, Measure.MODEL, Measure.PROMPT)
_ORDER: Final = (*LEVELS, *SCORE_BANDS)


@attrs.frozen(kw_only=True)
class DriftRequest:
    """The last days, and how many before them they are compared with."""

    recent_days: int = attrs.field(default=30, metadata=ruled(Number(least=1, most=366)))
    reference_days: int = attrs.field(default=90, metadata=ruled(Number(least=1, most=1830)))

    __attrs_post_init__ = checked


@unique
class Standing(StrEnum):
    """What a comparison comes to."""

    STABLE = "stable"
    SHIFTED = "shifted"
    DRIFTED = "drifted"
    TOO_FEW = "too_few"


@attrs.frozen(kw_only=True)
class Figure:
    """One thing that was counted in both windows, by value. `psi` is None where there are too few to tell.

    `of` is the rule, field or guardrail whose share it is, `ages` the subgroup; None for what is of all.
    `patients` are those of the reference and of the recent days.
    """

    measure: Measure
    of: str | None = None
    ages: str | None = None
    reference: Mapping[str, int]
    recent: Mapping[str, int]
    patients: tuple[int, int]
    psi: float | None
    standing: Standing


@attrs.frozen(kw_only=True)
class Source:
    """What screenings were made by, in each window: a version, a model, a wording."""

    measure: Measure
    reference: Mapping[str, int]
    recent: Mapping[str, int]

    @property
    def changed(self) -> bool:
        """Whether it is not one and the same throughout."""
        return len({*self.reference, *self.recent}) > 1


@attrs.frozen(kw_only=True)
class Drift:
    """The comparison of two windows. Pairs of numbers are of the reference and of the recent days, in this order.

    `opened` is of how many screenings the rules that fired were counted.
    """

    clinic_id: UUID
    reference: Window
    recent: Window
    screenings: tuple[int, int]
    patients: tuple[int, int]
    opened: tuple[int, int]
    figures: tuple[Figure, ...]
    sources: tuple[Source, ...]

    @property
    def found(self) -> bool:
        """Whether something drifted, or the screenings do not all come from the same."""
        drifted = any(figure.standing is Standing.DRIFTED for figure in self.figures)
        return drifted or any(source.changed for source in self.sources)


def stability(reference: Mapping[str, int], recent: Mapping[str, int]) -> float:
    """Return the population stability index of two histograms: 0 where the shares are alike, never less.

    A bin that is empty in one counts there as half a screening, so that the index is finite; one that is empty in both
    is none. Raises ValueError for a histogram of nothing.
    """
    whole, whole_recent = sum(reference.values()), sum(recent.values())
    if not whole or not whole_recent:
        message = "an empty histogram is like no other"
        raise ValueError(message)
    terms = []
    for value in sorted({*reference, *recent}):
        before, after = reference.get(value, 0), recent.get(value, 0)
        if before or after:
            share, share_recent = (before or _EMPTY) / whole, (after or _EMPTY) / whole_recent
            terms.append((share - share_recent) * math.log(share / share_recent))
    return math.fsum(terms)


def chance(bins: int, patients: tuple[int, int]) -> float:
    """Return what the index of so many bins stays below 99 times in 100 where nothing changed; patients of both."""
    free = max(bins - 1, 1)
    # The 99th percentile of chi-squared by Wilson and Hilferty, 1931.
    chi = free * (1 - 2 / (9 * free) + _SURE * math.sqrt(2 / (9 * free))) ** 3
    return chi * math.fsum(1 / max(number, 1) for number in patients)


def compared(clinic_id: UUID, reference: Tally, recent: Tally) -> Drift:
    """Compare the tallies of two windows."""
    return Drift(
        clinic_id=clinic_id,
        reference=reference.window,
        recent=recent.window,
        screenings=(reference.screenings[Base.ALL], recent.screenings[Base.ALL]),
        patients=(reference.people[Base.ALL], recent.people[Base.ALL]),
        opened=(reference.screenings[Base.OPENED], recent.screenings[Base.OPENED]),
        figures=(*_distributions(reference, recent), *_shares(reference, recent), *_ages(reference, recent)),
        sources=tuple(
            Source(measure=measure, reference=dict(reference.counts[measure]), recent=dict(recent.counts[measure]))
            for measure in _SOURCES
        ),
    )


def _figure(
    measure: Measure,
    reference: Mapping[str, int],
    recent: Mapping[str, int],
    patients: tuple[int, int],
    *,
    of: str | None = None,
    ages: str | None = None,
) -> Figure:
    psi = None
    values = sorted({*reference, *recent}, key=lambda value: (value in _ORDER and _ORDER.index(value), value))
    standing = Standing.TOO_FEW
    bound = chance(len(values), patients)
    if bound <= DRIFTED_FROM and any(reference.values()) and any(recent.values()):
        psi = stability(reference, recent)
        shifted = psi >= SHIFTED_FROM and psi > bound
        standing = Standing.DRIFTED if psi >= DRIFTED_FROM else Standing.SHIFTED if shifted else Standing.STABLE
    return Figure(
        measure=measure,
        of=of,
        ages=ages,
        reference={value: reference.get(value, 0) for value in values},
        recent={value: recent.get(value, 0) for value in values},
        patients=patients,
        psi=psi,
        standing=standing,
    )


def _distributions(reference: Tally, recent: Tally) -> Iterator[Figure]:
    for measure, base in _DISTRIBUTIONS.items():
        patients = (reference.people[base], recent.people[base])
        yield _figure(measure, reference.counts[measure], recent.counts[measure], patients)


def _shares(reference: Tally, recent: Tally) -> Iterator[Figure]:
    for measure, base in _SHARES.items():
        patients = (reference.people[base], recent.people[base])
        for of in sorted({*reference.counts[measure], *recent.counts[measure]}):
            before, after = (_yes_and_no(tally, measure, base, of) for tally in (reference, recent))
            yield _figure(measure, before, after, patients, of=of)


def _yes_and_no(tally: Tally, measure: Measure, base: Base, of: str) -> dict[str, int]:
    held = tally.counts[measure].get(of, 0)
    return {"yes": held, "no": tally.screenings[base] - held}


def _ages(reference: Tally, recent: Tally) -> Iterator[Figure]:
    """Compare the ages of those screened, and the levels within each group of ages."""
    groups = dict(_groups(reference, recent))
    before, after = ({name: _group(tally, bands) for name, bands in groups.items()} for tally in (reference, recent))
    # Without a group that is large enough there is nothing to tell, however many there are in all.
    whole = (reference.people[Base.ALL], recent.people[Base.ALL]) if groups else (0, 0)
    ages, ages_recent = ({name: sum(levels.values()) for name, (_, levels) in one.items()} for one in (before, after))
    yield _figure(Measure.AGE, ages, ages_recent, whole)
    for name, (patients, levels) in before.items():
        patients_recent, levels_recent = after[name]
        yield _figure(Measure.RISK_LEVEL, levels, levels_recent, (patients, patients_recent), ages=name)


def _groups(reference: Tally, recent: Tally) -> Iterator[tuple[str, list[str]]]:
    """Put neighbouring bands together until each group has ten patients or more in both windows."""
    found: list[list[str]] = []
    held: list[str] = []
    for band in (*AGE_BANDS, UNKNOWN):
        if band in reference.ages or band in recent.ages:
            held.append(band)
            if all(_group(tally, held)[0] >= SMALLEST_GROUP for tally in (reference, recent)):
                found.append(held)
                held = []
    if found:
        found[-1] += held
    yield from ((", ".join(bands), bands) for bands in found)


def _group(tally: Tally, bands: list[str]) -> tuple[int, dict[str, int]]:
    """Return how many patients of these ages there are, and the levels of their screenings."""
    ages = [tally.ages[band] for band in bands if band in tally.ages]
    levels = {str(level): sum(age.levels.get(level, 0) for age in ages) for level in LEVELS}
    return sum(age.patients for age in ages), levels
