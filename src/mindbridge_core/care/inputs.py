"""What callers send about a patient's care."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import attrs

from mindbridge_core.care.entities import AppointmentStatus, AppointmentType, CrisisEventType, MetricType, Severity
from mindbridge_core.errors import Finding
from mindbridge_core.validation import UNSET, Number, Text, Unset, checked, ruled

__all__ = [
    "AppointmentChanges",
    "AppointmentDraft",
    "CrisisEventChanges",
    "CrisisEventDraft",
    "MetricDraft",
    "closing_findings",
    "metric_findings",
    "past_findings",
    "schedule_findings",
]

PROSE: Final = ruled(Text(least=1, most=10_000))
VALUE: Final = ruled(Number(most=max(kind.most for kind in MetricType), decimals=2))
FARTHEST: Final = timedelta(days=366 * 10)
"""How far from now an appointment may lie, either way: a typing error is caught, a history that is entered late not."""


@attrs.frozen(kw_only=True)
class AppointmentDraft:
    """A new appointment as sent; it is `scheduled`, also where its time has passed."""

    scheduled_at: datetime
    appointment_type: AppointmentType | None = None
    notes: str | None = attrs.field(default=None, repr=False, metadata=PROSE)

    __attrs_post_init__ = checked


@attrs.frozen(kw_only=True)
class AppointmentChanges:
    """Any subset of an appointment's fields. What was not sent stays; `status` closes it or puts its end right."""

    scheduled_at: datetime | Unset = UNSET
    status: AppointmentStatus | Unset = UNSET
    appointment_type: AppointmentType | Unset | None = UNSET
    notes: str | Unset | None = attrs.field(default=UNSET, repr=False, metadata=PROSE)

    __attrs_post_init__ = checked


@attrs.frozen(kw_only=True)
class CrisisEventDraft:
    """A crisis event as sent. `occurred_at` does not lie in the future."""

    severity: Severity
    event_type: CrisisEventType
    occurred_at: datetime
    description: str | None = attrs.field(default=None, repr=False, metadata=PROSE)
    follow_up_required: bool = False

    __attrs_post_init__ = checked


@attrs.frozen(kw_only=True)
class CrisisEventChanges:
    """Any subset of what may change of a crisis event. A `resolution` resolves it, once; what happened stays."""

    severity: Severity | Unset = UNSET
    description: str | Unset | None = attrs.field(default=UNSET, repr=False, metadata=PROSE)
    follow_up_required: bool | Unset = UNSET
    resolution: str | Unset = attrs.field(default=UNSET, repr=False, metadata=PROSE)

    __attrs_post_init__ = checked


@attrs.frozen(kw_only=True)
class MetricDraft:
    """A measurement as sent: from 0 to the type's greatest value. `recorded_at` is now where it is not said."""

    metric_type: MetricType
    metric_value: Decimal = attrs.field(metadata=VALUE)
    recorded_at: datetime | None = None

    __attrs_post_init__ = checked


def schedule_findings(at: datetime, now: datetime) -> list[Finding]:
    """Find a time that no appointment has."""
    if abs(at - now) <= FARTHEST:
        return []
    return [Finding("/scheduled_at", "out_of_range", "must lie within ten years from now")]


def closing_findings(status: AppointmentStatus, at: datetime, now: datetime) -> list[Finding]:
    """Find an end that cannot be known before the appointment's time: else the last contact could lie ahead."""
    if status is AppointmentStatus.CANCELLED or at <= now:
        return []
    return [Finding("/status", "too_early", "the appointment's time has not come; move it first if they came earlier")]


def past_findings(name: str, at: datetime, now: datetime) -> list[Finding]:
    """Find something that is said to have been in the future."""
    return [Finding(f"/{name}", "out_of_range", "must not lie in the future")] if at > now else []


def metric_findings(sent: MetricDraft, now: datetime) -> list[Finding]:
    """Find a value that the type does not have, and a time that has not come."""
    findings = past_findings("recorded_at", sent.recorded_at or now, now)
    kind, value = sent.metric_type, sent.metric_value
    if value > kind.most:
        findings.append(Finding("/metric_value", "out_of_range", f"must be from 0 to {kind.most}"))
    if value != round(value, kind.decimals):
        findings.append(Finding("/metric_value", "too_precise", f"must have at most {kind.decimals} decimals"))
    return findings
