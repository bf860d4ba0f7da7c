"""What asking a model has taken: requests, failures and tokens, by day or month and by model. No patient is in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from enum import StrEnum, unique
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs

from mindbridge_core.errors import Finding, InvalidInput

__all__ = ["Step", "UsageReport", "UsageRequest", "UsageRow", "UsageScope"]

_DAY = timedelta(days=1)


@unique
class Step(StrEnum):
    """How long each period is."""

    DAY = "day"
    MONTH = "month"


@attrs.frozen(kw_only=True)
class UsageRequest:
    """The first and the last day by the clinic's calendar, and by what they are summed."""

    since: date
    until: date
    step: Step = Step.MONTH

    def __attrs_post_init__(self) -> None:
        """Raise InvalidInput for days that end before they begin, or after the calendar."""
        if self.until < self.since or self.until == date.max:
            raise InvalidInput([Finding("/until", "out_of_range", "must not be before the first day")])

    def scope(self, zone: ZoneInfo) -> UsageScope:
        """Return the same by the clock."""
        return UsageScope(
            since=datetime.combine(self.since, time.min, zone),
            until=datetime.combine(self.until + _DAY, time.min, zone),
            step=self.step,
            zone=zone.key,
        )


@attrs.frozen(kw_only=True)
class UsageScope:
    """From `since` on, before `until`; periods by the calendar of `zone` (an IANA name)."""

    since: datetime
    until: datetime
    step: Step
    zone: str


@attrs.frozen(kw_only=True)
class UsageRow:
    """One model in one period, which begins on the day `period`. `model` is None where nobody answered.

    `failures` are requests that gave no answer to go by; of `uncounted` ones nobody said what they took.
    """

    period: date
    model: str | None
    requests: int
    failures: int
    uncounted: int
    input_tokens: int
    output_tokens: int


@attrs.frozen(kw_only=True)
class UsageReport:
    """A clinic's use of models, by period and then by name, nobody first."""

    clinic_id: UUID
    rows: Sequence[UsageRow]
