"""What is counted over the screenings of some days: nothing of a person leaves it but how many there were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum, unique
from typing import Final, Protocol

import attrs

from mindbridge_core.patients import RiskLevel
from mindbridge_core.screening.assessment import age_band
from mindbridge_core.screening.usage import UsageRow, UsageScope

__all__ = ["Age", "Base", "Measure", "Person", "Profile", "Tallies", "Tally", "Window", "score_band", "tallied"]

SCORE_BANDS: Final = ("0-19", "20-39", "40-59", "60-79", "80-100")
_WIDTH: Final = 20
MOST_OPENED: Final = 20_000
"""How many sealed records of a window are opened for the rules that fired: a share of so many is sure to a per cent."""


@attrs.frozen(kw_only=True)
class Window:
    """From `since` on, before `until`."""

    since: datetime
    until: datetime


@unique
class Base(StrEnum):
    """Of which screenings a share is told."""

    ALL = "all"
    ASKED = "asked"
    OPENED = "opened"
    REVIEWED = "reviewed"


@unique
class Measure(StrEnum):
    """What is counted."""

    RISK_LEVEL = "risk_level"
    RULES_LEVEL = "rules_level"
    SCORE = "risk_score"
    AGE = "age"
    FIRED = "rule_fired"
    MISSING = "field_missing"
    GUARDRAIL = "guardrail"
    ASKED = "model_asked"
    ANSWER = "model_answer"
    RAISED = "raised_by_model"
    REVIEW = "review"
    RULES_VERSION = "rules_version"
    ASSESSOR = "assessor"
    MODEL = "model"
    PROMPT = "prompt"


@attrs.frozen(kw_only=True)
class Profile:
    """How many screenings of a window are alike in all of this.

    `assessor` is `rules` where nobody was asked. `reviewed_level` is the reviewer's, where one overrode it.
    """

    count: int
    risk_level: RiskLevel
    rules_level: RiskLevel
    score_band: int
    rules_version: str
    assessor: str
    ai_model: str | None
    ai_prompt_hash: str | None
    ai_failure: str | None
    missing: tuple[str, ...]
    guardrails: tuple[str, ...]
    reviewed: bool
    reviewed_level: RiskLevel | None

    @property
    def asked(self) -> bool:
        """Whether a model was asked."""
        return self.assessor != "rules"

    @property
    def outcome(self) -> str:
        """What a reviewer made of it."""
        if self.reviewed_level is None:
            return "confirmed"
        step = self.reviewed_level.rank - self.risk_level.rank
        return "raised" if step > 0 else "lowered" if step < 0 else "kept"


@attrs.frozen(kw_only=True)
class Person:
    """One who was screened in a window, and how often with which level; whoever it is."""

    born: date | None = attrs.field(repr=False)
    levels: Mapping[RiskLevel, int]
    asked: bool
    reviewed: bool


class Tallies(Protocol):
    """The clinic's screenings, counted where they are; those of patients who were removed are not.

    What is returned is read as it is asked for, so that a store holds little of it at once.
    """

    def profiles(self, window: Window) -> Iterator[Profile]:
        """Return the screenings, summed by what they have in common."""

    def people(self, window: Window) -> Iterator[Person]:
        """Return each patient with a screening in the window, once."""

    def fired(self, window: Window, one_in: int) -> Iterator[tuple[str, ...]]:
        """Return the ids of the rules that fired, by screening, of about one in `one_in`: always the same ones."""

    def usage(self, scope: UsageScope) -> Sequence[UsageRow]:
        """Return what asking models took; of patients who were removed as well, for it was spent."""


@attrs.frozen(kw_only=True)
class Age:
    """The patients of one age band, and the levels of their screenings."""

    patients: int
    levels: Mapping[RiskLevel, int]


@attrs.frozen(kw_only=True)
class Tally:
    """The counts of one window. `people` is how many patients stand behind each base."""

    window: Window
    screenings: Mapping[Base, int]
    people: Mapping[Base, int]
    counts: Mapping[Measure, Mapping[str, int]]
    ages: Mapping[str, Age]


def score_band(score: Decimal) -> int:
    """Return the number of the score's band."""
    return min(int(score) // _WIDTH, len(SCORE_BANDS) - 1)


def tallied(tallies: Tallies, window: Window) -> Tally:
    """Count the window's screenings."""
    screenings: Counter[Base] = Counter()
    counts: dict[Measure, Counter[str]] = {measure: Counter() for measure in Measure}
    for profile in tallies.profiles(window):
        for base in _bases(profile):
            screenings[base] += profile.count
        for measure, value in _values(profile):
            counts[measure][value] += profile.count
    one_in = max(1, -(-screenings[Base.ALL] // MOST_OPENED))
    for ids in tallies.fired(window, one_in):
        screenings[Base.OPENED] += 1
        counts[Measure.FIRED].update(ids)
    people, ages = _people(tallies.people(window), window.until.date())
    people[Base.OPENED] = min(people[Base.ALL], screenings[Base.OPENED])
    return Tally(window=window, screenings=screenings, people=people, counts=counts, ages=ages)


def _bases(profile: Profile) -> Iterator[Base]:
    yield Base.ALL
    if profile.asked:
        yield Base.ASKED
    if profile.reviewed:
        yield Base.REVIEWED


def _values(profile: Profile) -> Iterator[tuple[Measure, str]]:
    yield Measure.RISK_LEVEL, profile.risk_level
    yield Measure.RULES_LEVEL, profile.rules_level
    yield Measure.SCORE, SCORE_BANDS[profile.score_band]
    yield Measure.RULES_VERSION, profile.rules_version
    yield Measure.ASKED, "asked" if profile.asked else "not asked"
    yield from ((Measure.MISSING, field) for field in profile.missing)
    yield from ((Measure.GUARDRAIL, one) for one in profile.guardrails)
    if profile.reviewed:
        yield Measure.REVIEW, profile.outcome
    if profile.asked:
        yield Measure.ASSESSOR, profile.assessor
        yield Measure.ANSWER, profile.ai_failure or "answered"
        yield Measure.RAISED, "raised" if profile.risk_level.rank > profile.rules_level.rank else "not raised"
    if profile.ai_model is not None:
        yield Measure.MODEL, profile.ai_model
    if profile.ai_prompt_hash is not None:
        yield Measure.PROMPT, profile.ai_prompt_hash


def _people(people: Iterable[Person], day: date) -> tuple[Counter[Base], dict[str, Age]]:
    """Count by base, and by the age band on that day."""
    number: Counter[Base] = Counter()
    patients: Counter[str] = Counter()
    levels: dict[str, Counter[RiskLevel]] = {}
    for person in people:
        number.update({Base.ALL: 1, Base.ASKED: int(person.asked), Base.REVIEWED: int(person.reviewed)})
        band = age_band(person.born, day)
        patients[band] += 1
        levels.setdefault(band, Counter()).update(person.levels)
    return number, {band: Age(patients=patients[band], levels=levels[band]) for band in patients}
