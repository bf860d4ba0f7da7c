"""Screening by rules as soon as a record says more than a patient shows: nobody waits for the morning to be seen."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import attrs

from mindbridge_core.clock import Clock
from mindbridge_core.ids import NewId
from mindbridge_core.patients import Patient, PatientStatus, RiskLevel
from mindbridge_core.patients.at_once import NOTHING, Outcome
from mindbridge_core.screening.entities import Screening
from mindbridge_core.screening.making import made
from mindbridge_core.screening.raising import RaiseHighs
from mindbridge_core.screening.reaching import calendar
from mindbridge_core.screening.rules import RuleSet, screen_by_rules
from mindbridge_core.screening.snapshot import snapshot_of
from mindbridge_core.screening.standing import decided, shown_too_low
from mindbridge_core.work import Desk

__all__ = ["ScreenAtOnce"]

_TYPE: Final = "record"


@attrs.frozen(kw_only=True)
class ScreenAtOnce:
    """Stores a screening where an active patient is shown at less than the rules say: nobody of the staff made it.

    Where a clinician has lowered them and the rules say nothing that was not judged then, nothing follows.
    """

    rules: RuleSet
    clock: Clock
    new_id: NewId
    alarm: RaiseHighs

    def __call__(self, desk: Desk[Any], patient: Patient | None) -> Outcome:
        """Screen the patient, as they are now in the desk's unit, which holds them."""
        if (
            patient is None
            or patient.current_risk_level is RiskLevel.HIGH
            or patient.status is not PatientStatus.ACTIVE
        ):
            return NOTHING  # for whom no calendar is needed: nothing is above what they show, or nobody looks
        now = self.clock()
        record = snapshot_of(patient, now, calendar(desk))
        found = screen_by_rules(self.rules, record)
        if not shown_too_low(patient, found) or decided(found, _latest(desk, patient)):
            return NOTHING
        screening = made(
            patient,
            record,
            self.rules,
            screening_id=self.new_id(),
            performed_by=None,
            screening_type=_TYPE,
            started=now,
            now=now,
        )
        level = screening.shown_level
        desk.unit.screenings.add(screening)
        desk.unit.patients.save(attrs.evolve(patient, current_risk_level=level, updated_at=now))
        raised = self.alarm(desk.unit, [(patient, screening)])
        changes = {"screening_id": screening.id, "current_risk_level": level}
        return Outcome(changes=changes, tell=partial(self.alarm.notify, raised))


def _may_be_raised(patient: Patient) -> bool:
    """Whether it matters what the rules say: for others nobody needs to know what day it is at the clinic."""
    return patient.status is PatientStatus.ACTIVE and patient.current_risk_level is not RiskLevel.HIGH


def _latest(desk: Desk[Any], patient: Patient) -> Screening | None:
    latest = desk.unit.screenings.latest(patient.id)
    return None if latest is None else desk.unit.screenings.get(latest)
