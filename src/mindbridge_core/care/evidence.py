"""What a patient's records say of the patient's numbers. A pure function; a store may ask the same in its own words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from mindbridge_core.care.entities import (
    Appointment,
    AppointmentStatus,
    CrisisEvent,
    CrisisEventType,
    MetricType,
    PatientMetric,
)
from mindbridge_core.patients import KEPT_LONGEST, Recorded

__all__ = ["evidence"]


def evidence(
    appointments: Iterable[Appointment],
    crisis_events: Iterable[CrisisEvent],
    metrics: Iterable[PatientMetric],
    now: datetime,
) -> Recorded | None:
    """Return what one patient's records say; None when there is none that bears on a number.

    A scheduled or cancelled appointment says nothing of whether somebody came, and a crisis event of another type
    nothing of calls.
    """
    visits = [one for one in appointments if one.attended_or_missed]
    calls = [one for one in crisis_events if one.event_type is CrisisEventType.CRISIS_CALL]
    taken = [one for one in metrics if one.metric_type is MetricType.MEDICATION_ADHERENCE]
    if not (visits or calls or taken):
        return None
    newest = max(taken, key=lambda one: (one.recorded_at, -one.metric_value), default=None)
    oldest = now - KEPT_LONGEST
    completed = [one.scheduled_at for one in visits if one.status is AppointmentStatus.COMPLETED]
    missed = [one.scheduled_at for one in visits if one.status is AppointmentStatus.MISSED]
    return Recorded(
        adherence=None if newest is None else newest.metric_value,
        adherence_at=None if newest is None else newest.recorded_at,
        last_visit=max(completed, default=None),
        visits_since=min((one.closed_at for one in visits if one.closed_at is not None), default=None),
        missed=tuple(sorted(at for at in missed if at >= oldest)),
        calls_since=min((one.created_at for one in calls), default=None),
        calls=tuple(sorted(one.occurred_at for one in calls if one.occurred_at >= oldest)),
    )
