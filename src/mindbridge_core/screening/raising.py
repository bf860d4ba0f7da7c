"""Raising the alarm: the rows with what they are about, the messages afterwards. No other place raises these kinds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

import attrs

from mindbridge_core.access import Role
from mindbridge_core.identity import Overseers, User, addresses
from mindbridge_core.ids import NewId
from mindbridge_core.notices import Later
from mindbridge_core.patients import Alert, AlertKind, Patient, RiskLevel
from mindbridge_core.screening.entities import Screening
from mindbridge_core.screening.ports import ScreeningRef, ScreeningUnit

__all__ = ["Alarm", "RaiseHighs", "RaiseOverdue", "Raised"]

_FAREWELL = "Log in to see who it is, and to acknowledge the alert.\n"


@attrs.frozen(kw_only=True)
class Raised:
    """How many alerts were raised, and whom to tell when the unit has closed."""

    number: int = 0
    to: tuple[str, ...] = attrs.field(default=(), repr=False)


@attrs.frozen(kw_only=True)
class Alarm:
    """Tells admins and the patients' case managers, beside the caller. The messages name nobody."""

    notifier: Overseers
    later: Later

    def audience(self, unit: ScreeningUnit, managers: Collection[UUID | None]) -> tuple[str, ...]:
        """Return the addresses of the admins and of these case managers."""
        return addresses(unit.users, lambda user: _concerns(user, managers))

    def send(self, raised: Raised, subject: str, text: str) -> None:
        """Send the messages; for use after the unit has closed."""
        if raised.to:
            number = "one patient" if raised.number == 1 else f"{raised.number} patients"
            self.later(partial(self._send, raised.to, subject, f"{text} {number} in your clinic.\n{_FAREWELL}"))

    def _send(self, to: Sequence[str], subject: str, text: str) -> None:
        self.notifier(to, subject, text)


@attrs.frozen(kw_only=True)
class RaiseHighs:
    """Raises one alert for each screening that leaves a patient at a new `high`.

    A `high` is new where the patient was not at `high` before, and where they were but nobody was ever alerted: so
    whoever stays at `high` by an earlier word is told of too, even though the screening itself found less.
    """

    new_id: NewId
    alarm: Alarm

    def __call__(self, unit: ScreeningUnit, pairs: Sequence[tuple[Patient, Screening]]) -> Raised:
        """Store the alerts in the unit of the screenings; each pair is a patient as before the screening, and it."""
        high = [(patient, by) for patient, by in pairs if by.shown_level is RiskLevel.HIGH]
        was_high = [patient.id for patient, _ in high if patient.current_risk_level is RiskLevel.HIGH]
        known = unit.alerts.alerted(AlertKind.HIGH_RISK, was_high) if was_high else frozenset()
        new = [(patient, by) for patient, by in high if patient.id not in known]
        if not new:
            return Raised()
        unit.alerts.raise_all([_alert(self.new_id(), AlertKind.HIGH_RISK, by, by.screened_at) for _, by in new])
        managers = {patient.case_manager_id for patient, _ in new}
        return Raised(number=len(new), to=self.alarm.audience(unit, managers))

    def by_review(self, unit: ScreeningUnit, patient: Patient, reviewed: Screening, now: datetime) -> Raised:
        """Store the alert of a review that brought the patient to `high`.

        Its cause is its own: the screening may have raised one before, of another `high` that has passed since.
        """
        alert = _alert(self.new_id(), AlertKind.HIGH_RISK, reviewed, now)
        unit.alerts.raise_all([attrs.evolve(alert, cause_id=alert.id)])
        return Raised(number=1, to=self.alarm.audience(unit, {patient.case_manager_id}))

    def notify(self, raised: Raised) -> None:
        """Tell of what was raised."""
        self.alarm.send(raised, "New high risk", "There is a new high risk for")


@attrs.frozen(kw_only=True)
class RaiseOverdue:
    """Raises one alert for each screening whose review is overdue."""

    new_id: NewId
    alarm: Alarm

    def __call__(self, unit: ScreeningUnit, overdue: Sequence[ScreeningRef], now: datetime) -> Raised:
        """Store the alerts that are not there yet."""
        sent = {by.id: _alert(self.new_id(), AlertKind.REVIEW_OVERDUE, by, now) for by in overdue}
        new = unit.alerts.raise_all(list(sent.values()))
        concerned = {alert.patient_id for alert in sent.values() if alert.id in new}
        if not concerned:
            return Raised()
        managers = unit.patients.managers_of(concerned)
        return Raised(number=len(concerned), to=self.alarm.audience(unit, frozenset(managers.values())))

    def notify(self, raised: Raised) -> None:
        """Tell of what was raised."""
        self.alarm.send(raised, "Overdue review", "The review of a high risk is overdue for")


def _alert(alert_id: UUID, kind: AlertKind, by: Screening | ScreeningRef, now: datetime) -> Alert:
    return Alert(
        id=alert_id,
        clinic_id=by.clinic_id,
        kind=kind,
        patient_id=by.patient_id,
        cause_id=by.id,
        created_at=now,
    )


def _concerns(user: User, managers: Collection[UUID | None]) -> bool:
    return user.role is Role.ADMIN or (user.role is Role.CASE_MANAGER and user.id in managers)
