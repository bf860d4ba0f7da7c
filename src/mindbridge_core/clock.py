"""Time as the core sees it: an injected callable, aware, in UTC."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

__all__ = ["Clock", "require_utc"]

Clock = Callable[[], datetime]
"""Returns the present as an aware datetime in UTC."""


def require_utc(moment: datetime) -> datetime:
    """Return `moment` if it is aware and in UTC, else raise ValueError: a naive time means nothing."""
    if moment.utcoffset() != timedelta(0):
        message = "a time must be timezone-aware and in UTC"
        raise ValueError(message)
    return moment
