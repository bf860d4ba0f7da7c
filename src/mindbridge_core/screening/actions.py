"""What a screening recommends to do, how soon, and who should."""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Final

import attrs

from mindbridge_core.validation import Text, checked, ruled

__all__ = ["ACTION_LENGTH", "Assignee", "RecommendedAction", "Urgency"]

ACTION_LENGTH: Final = 300


@unique
class Urgency(StrEnum):
    """How soon."""

    IMMEDIATE = "immediate"
    THIS_WEEK = "this_week"
    ROUTINE = "routine"


@unique
class Assignee(StrEnum):
    """Who should."""

    CASE_MANAGER = "case_manager"
    PSYCHIATRIST = "psychiatrist"
    CRISIS_TEAM = "crisis_team"


@attrs.frozen(kw_only=True)
class RecommendedAction:
    """One thing to do."""

    action: str = attrs.field(metadata=ruled(Text(least=1, most=ACTION_LENGTH)))
    urgency: Urgency
    assigned_to: Assignee

    __attrs_post_init__ = checked
