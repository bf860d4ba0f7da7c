"""What follows at once from a change of a patient's record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

import attrs

from mindbridge_core.patients.entities import Patient
from mindbridge_core.work import Desk

__all__ = ["NOTHING", "Arrivals", "AtOnce", "Found", "Outcome"]


def _nobody() -> None:
    """Tell nobody."""


@attrs.frozen(kw_only=True)
class Outcome:
    """What followed: `changes` for the entry of the record, and whom to `tell` when its unit has closed."""

    changes: Mapping[str, object] = MappingProxyType({})
    tell: Callable[[], None] = _nobody


NOTHING = Outcome()


class AtOnce(Protocol):
    """Looks at a patient whose record has just changed, in the unit of the change."""

    def __call__(self, desk: Desk[Any], patient: Patient | None) -> Outcome:
        """Have the patient, as they are now, screened if they are shown at less than the rules say."""


@attrs.frozen(kw_only=True)
class Found:
    """Of new patients, how many were screened, for how many of them a new `high` was raised, and whom to tell of it."""

    screened: int = 0
    high: int = 0
    to: frozenset[str] = attrs.field(default=frozenset(), repr=False)

    def __add__(self, other: Found) -> Found:
        """Return what both came to together."""
        return Found(screened=self.screened + other.screened, high=self.high + other.high, to=self.to | other.to)


class Arrivals(Protocol):
    """Stores new patients, many at once, none of them shown at less than the rules say."""

    def __call__(self, desk: Desk[Any], patients: Sequence[Patient]) -> Found:
        """Store the patients in the desk's unit, those screened at the level that was found; DuplicateMrn."""

    def notify(self, found: Found) -> None:
        """Tell of each new `high`; for use after the unit has closed."""
