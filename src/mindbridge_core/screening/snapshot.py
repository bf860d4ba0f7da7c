"""What a screening sees of a record: nothing that names the person, and the days counted as of one day."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Final

import attrs

from mindbridge_core.patients import Patient, RiskLevel

__all__ = ["RecordSnapshot", "snapshot_of", "worst_anywhere"]

_FIRST: Final = timezone(timedelta(hours=14))
_LAST: Final = timezone(timedelta(hours=-12))
"""Where each day begins first, and last."""


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
    return RecordSnapshot(
        as_of=_day(now, zone),
        medication_adherence=patient.medication_adherence,
        appointments_missed=patient.appointments_missed,
        crisis_calls_30days=patient.crisis_calls_30days,
        last_appointment=patient.last_appointment,
        in_care_since=_day(_begun(patient, now), zone),
        current_risk_level=patient.current_risk_level,
        manually_escalated=patient.manually_escalated,
    )


def worst_anywhere(patient: Patient, now: datetime) -> RecordSnapshot:
    """Return a record of which rules say no less than of the patient's, whatever the time zone of their clinic.

    All days are counted by the calendar that counts most, and an appointment that may lie ahead is none.
    """
    last, begun = patient.last_appointment, _begun(patient, now)
    return attrs.evolve(
        snapshot_of(patient, now, _FIRST),
        last_appointment=last if last is None or last <= _day(now, _LAST) else None,
        in_care_since=_day(begun, _LAST) if begun <= now else None,
    )


def _begun(patient: Patient, now: datetime) -> datetime:
    admitted = patient.admitted_at
    return admitted if admitted is not None and admitted <= now else patient.created_at


def _day(moment: datetime, zone: tzinfo) -> date:
    """Return the day of the moment there; the calendar's first, where it would lie before that."""
    try:
        return moment.astimezone(zone).date()
    except OverflowError:
        return date.min
