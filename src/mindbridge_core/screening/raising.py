"""Raising the alarm about a new `high`: the rows with the screenings themselves, the messages afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from uuid import UUID

import attrs

from mindbridge_core.access import Role
from mindbridge_core.identity import Overseers, User, addresses
from mindbridge_core.ids import NewId
from mindbridge_core.notices import Later
from mindbridge_core.patients import Alert, AlertKind, Patient, RiskLevel
from mindbridge_core.screening.entities import Screening
from mindbridge_core.screening.ports import ScreeningUnit

__all__ = ["RaiseHighs", "Raised"]

_SUBJECT = "New high risk"
_TEXT = (
    "A screening has found a new high risk for {number} in your clinic.\n"
    "Log in to see who it is, and to acknowledge the alert.\n"
)


@attrs.frozen(kw_only=True)
class Raised:
    """How many alerts were raised, and whom to tell when the unit has closed."""

    number: int = 0
    to: tuple[str, ...] = attrs.field(default=(), repr=False)


@attrs.frozen(kw_only=True)
class RaiseHighs:
    """Raises one alert for each screening that found a new `high`; no other place does.

    A `high` is new where the patient was not at `high` before, and where they were but nobody was ever alerted: a
    level given by hand or by import has raised no alarm.
    """

    new_id: NewId
    tell: Overseers
    later: Later

    def __call__(self, unit: ScreeningUnit, pairs: Sequence[tuple[Patient, Screening]]) -> Raised:
        """Store the alerts in the unit of the screenings; each pair is a patient as before the screening, and it."""
        high = [(patient, by) for patient, by in pairs if by.risk_level is RiskLevel.HIGH]
        was_high = [patient.id for patient, _ in high if patient.current_risk_level is RiskLevel.HIGH]
        known = unit.alerts.alerted(AlertKind.HIGH_RISK, was_high) if was_high else frozenset()
        known &= frozenset(was_high)
        new = [(patient, by) for patient, by in high if patient.id not in known]
        if not new:
            return Raised()
        unit.alerts.raise_all([self._alert(by) for _, by in new])
        managers = {patient.case_manager_id for patient, _ in new}
        return Raised(number=len(new), to=addresses(unit.users, lambda user: _concerns(user, managers)))

    def notify(self, raised: Raised) -> None:
        """Send the messages, beside the caller; they name nobody. For use after the unit has closed."""
        if raised.to:
            number = "one patient" if raised.number == 1 else f"{raised.number} patients"
            self.later(partial(self._send, raised.to, _TEXT.format(number=number)))

    def _send(self, to: Sequence[str], text: str) -> None:
        self.tell(to, _SUBJECT, text)

    def _alert(self, by: Screening) -> Alert:
        return Alert(
            id=self.new_id(),
            clinic_id=by.clinic_id,
            kind=AlertKind.HIGH_RISK,
            patient_id=by.patient_id,
            cause_id=by.id,
            created_at=by.screened_at,
        )


def _concerns(user: User, managers: set[UUID | None]) -> bool:
    return user.role is Role.ADMIN or (user.role is Role.CASE_MANAGER and user.id in managers)
