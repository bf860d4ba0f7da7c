"""What a screening sees of a record: nothing that names the person, and the days counted as of one day."""

from __future__ import annotations

from datetime import date, datetime, tzinfo
from decimal import Decimal

import attrs

from mindbridge_core.patients import Patient, RiskLevel

__all__ = ["RecordSnapshot", "snapshot_of"]


@attrs.frozen(kw_only=True)
class RecordSnapshot:
    """The record as the rules see it on the day `as_of`, at the clinic. None is what nobody has recorded.

    `in_care_since` is the day on which the person came into care, or else the day on which the record was begun.
    """

    as_of: date
    medication_adherence: Decimal | None
    appointments_missed: int | None
    crisis_calls_30days: int | None
    last_appointment: date | None
    in_care_since: date | None
    current_risk_level: RiskLevel | None = None
    manually_escalated: bool = False


def snapshot_of(patient: Patient, now: datetime, zone: tzinfo) -> RecordSnapshot:
    """Return the record as of `now`, by the calendar of the clinic's time zone."""
    admitted = patient.admitted_at
    begun = admitted if admitted is not None and admitted <= now else patient.created_at
    return RecordSnapshot(
        as_of=now.astimezone(zone).date(),
        medication_adherence=patient.medication_adherence,
        appointments_missed=patient.appointments_missed,
        crisis_calls_30days=patient.crisis_calls_30days,
        last_appointment=patient.last_appointment,
        in_care_since=begun.astimezone(zone).date(),
        current_risk_level=patient.current_risk_level,
        manually_escalated=patient.manually_escalated,
    )
