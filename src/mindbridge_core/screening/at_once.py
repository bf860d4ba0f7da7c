"""Screening by rules as soon as a record says more than a patient shows: nobody waits for the morning to be seen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

import attrs

from mindbridge_core.clock import Clock
from mindbridge_core.errors import DamagedRecord
from mindbridge_core.ids import NewId
from mindbridge_core.patients import Patient
from mindbridge_core.patients.at_once import NOTHING, Found, Outcome
from mindbridge_core.screening.entities import Screening
from mindbridge_core.screening.making import made
from mindbridge_core.screening.raising import Raised, RaiseHighs
from mindbridge_core.screening.reaching import calendar
from mindbridge_core.screening.rules import RuleSet, screen_by_rules
from mindbridge_core.screening.snapshot import RecordSnapshot, snapshot_of, worst_anywhere
from mindbridge_core.screening.standing import decided, shown_too_low
from mindbridge_core.work import Desk

__all__ = ["ScreenArrivals", "ScreenAtOnce"]

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
        now = self.clock()
        if patient is None or not _may_be_too_low(patient, self.rules, now):
            return NOTHING
        record = snapshot_of(patient, now, calendar(desk))
        found = screen_by_rules(self.rules, record)
        if not shown_too_low(patient, found) or decided(found, _latest(desk, patient), patient):
            return NOTHING
        screening = _screened(patient, record, self.rules, self.new_id(), now)
        level = screening.shown_level
        desk.unit.screenings.add(screening)
        desk.unit.patients.save(attrs.evolve(patient, current_risk_level=level, updated_at=now))
        alarm = self.alarm(desk.unit, [(patient, screening)])
        changes = {"screening_id": screening.id, "current_risk_level": level}
        return Outcome(changes=changes, tell=partial(self.alarm.notify, alarm))


@attrs.frozen(kw_only=True)
class ScreenArrivals:
    """Stores new patients with a screening each of those who would be shown at less than the rules say.

    They are stored at the level that it found: nobody reads them at another, and no row is written twice.
    """

    rules: RuleSet
    clock: Clock
    new_id: NewId
    alarm: RaiseHighs

    def __call__(self, desk: Desk[Any], patients: Sequence[Patient]) -> Found:
        """Store the patients, their screenings, and the alerts that follow, in a statement each."""
        pairs = self._screened(desk, patients)
        raised = {one.id: attrs.evolve(one, current_risk_level=by.shown_level) for one, by in pairs}
        desk.unit.patients.add_many([raised.get(patient.id, patient) for patient in patients])
        desk.unit.screenings.add_many([by for _, by in pairs])
        alarm = self.alarm(desk.unit, pairs)
        return Found(screened=len(pairs), high=alarm.number, to=frozenset(alarm.to))

    def _screened(self, desk: Desk[Any], patients: Sequence[Patient]) -> list[tuple[Patient, Screening]]:
        now = self.clock()
        suspected = [one for one in patients if _may_be_too_low(one, self.rules, now)]
        if not suspected:
            return []
        zone = calendar(desk)
        records = [(one, snapshot_of(one, now, zone)) for one in suspected]
        return [
            (one, _screened(one, record, self.rules, self.new_id(), now))
            for one, record in records
            if shown_too_low(one, screen_by_rules(self.rules, record))
        ]

    def notify(self, found: Found) -> None:
        """Send one message to each recipient."""
        self.alarm.notify(Raised(number=found.high, to=tuple(sorted(found.to))))


def _may_be_too_low(patient: Patient, rules: RuleSet, now: datetime) -> bool:
    """Whether the rules would say more by any calendar: for others the clinic's own need not be looked up."""
    return shown_too_low(patient, screen_by_rules(rules, worst_anywhere(patient, now)))


def _latest(desk: Desk[Any], patient: Patient) -> Screening | None:
    """Return the latest screening; None as well where it cannot be read: what it decided holds nothing back then."""
    latest = desk.unit.screenings.latest(patient.id)
    try:
        return None if latest is None else desk.unit.screenings.get(latest)
    except DamagedRecord:
        return None


def _screened(patient: Patient, record: RecordSnapshot, rules: RuleSet, screening_id: UUID, now: datetime) -> Screening:
    return made(
        patient,
        record,
        rules,
        screening_id=screening_id,
        performed_by=None,
        screening_type=_TYPE,
        started=now,
        now=now,
    )
