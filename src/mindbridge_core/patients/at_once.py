"""What follows at once from a change of a patient's record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

import attrs

from mindbridge_core.patients.entities import Patient
from mindbridge_core.work import Desk

__all__ = ["NOTHING", "AtOnce", "Outcome"]


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
