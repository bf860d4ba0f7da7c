"""Screening by rules as soon as a record makes a patient `high`: who calls for help does not wait for the morning."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any, Final

import attrs

from mindbridge_core.clock import Clock
from mindbridge_core.ids import NewId
from mindbridge_core.patients import Patient, PatientStatus, RiskLevel
from mindbridge_core.patients.at_once import NOTHING, Outcome
from mindbridge_core.screening.making import made
from mindbridge_core.screening.raising import RaiseHighs
from mindbridge_core.screening.reaching import calendar
from mindbridge_core.screening.rules import RuleSet, screen_by_rules
from mindbridge_core.screening.snapshot import snapshot_of
from mindbridge_core.work import Desk

__all__ = ["ScreenAtOnce"]

_TYPE: Final = "record"
_EARLIEST: Final = timezone(timedelta(hours=14))
"""Where each day begins first: nowhere are more days counted."""


@attrs.frozen(kw_only=True)
class ScreenAtOnce:
    """Stores a screening where the rules find an active patient `high` who is not: nobody of the staff made it.

    Whatever they find beneath that waits for the next screening.
    """

    rules: RuleSet
    clock: Clock
    new_id: NewId
    alarm: RaiseHighs

    def __call__(self, desk: Desk[Any], patient: Patient | None) -> Outcome:
        """Screen the patient, as they are now in the desk's unit, which holds them."""
        now = self.clock()
        if patient is None or not self._may_be_high(patient, now):
            return NOTHING
        screening = made(
            patient,
            snapshot_of(patient, now, calendar(desk)),
            self.rules,
            screening_id=self.new_id(),
            performed_by=None,
            screening_type=_TYPE,
            started=now,
            now=now,
        )
        if screening.risk_level is not RiskLevel.HIGH:
            return NOTHING
        desk.unit.screenings.add(screening)
        desk.unit.patients.save(attrs.evolve(patient, current_risk_level=RiskLevel.HIGH, updated_at=now))
        raised = self.alarm(desk.unit, [(patient, screening)])
        changes = {"screening_id": screening.id, "current_risk_level": RiskLevel.HIGH}
        return Outcome(changes=changes, tell=partial(self.alarm.notify, raised))

    def _may_be_high(self, patient: Patient, now: datetime) -> bool:
        """Whether the rules find it where the day is farthest on: for hardly anybody the clinic is looked up."""
        if patient.current_risk_level is RiskLevel.HIGH or patient.status is not PatientStatus.ACTIVE:
            return False
        return screen_by_rules(self.rules, snapshot_of(patient, now, _EARLIEST)).level is RiskLevel.HIGH
