"""Telling of patients who could not be screened: a screening that does not happen must not go unseen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core.clock import Clock
from mindbridge_core.errors import MindBridgeError, NotFound
from mindbridge_core.ids import NewId
from mindbridge_core.patients import Alert, AlertKind
from mindbridge_core.screening.batches import Batch, Settled
from mindbridge_core.screening.ports import ScreeningUnit
from mindbridge_core.screening.raising import Alarm, Raised
from mindbridge_core.work import Desk

__all__ = ["RaiseNotScreened", "all_raised", "reason_of"]

_PLAIN: Final = frozenset({"set_aside", "reason", "alerts"})


@attrs.frozen(kw_only=True)
class RaiseNotScreened:
    """Raises an alert for each patient whose screening failed, in the unit that sets them aside.

    One who waits to be acknowledged stands for the patient until then, however often the screening fails. No record
    is opened for it, since it may be the record that cannot be read.
    """

    clock: Clock
    new_id: NewId
    alarm: Alarm

    def settle(self, desk: Desk[ScreeningUnit], batch: Batch, patient_ids: Sequence[UUID], reason: str) -> Raised:
        """Set the patients aside in the batch, and enter that; LostUpdate where one of them is settled already.

        Whoever is not there for who ordered the batch (removed, or handed over) is not alerted of.
        """
        missed = [] if reason == NotFound.code else patient_ids
        raised = self(desk, missed, batch.id)
        desk.resource_id = batch.id
        desk.changes({"set_aside": len(patient_ids), "reason": reason, "alerts": raised.number}, plain=_PLAIN)
        desk.enter()
        settled = [Settled(patient_id=patient_id, reason=reason) for patient_id in patient_ids]
        desk.unit.batches.settle(batch.id, settled)  # last: it holds up the others of the batch until the unit ends
        return raised

    def __call__(self, desk: Desk[ScreeningUnit], patient_ids: Sequence[UUID], batch_id: UUID | None) -> Raised:
        """Store the alerts that are not there yet, of a batch or of none."""
        alerts = {one.id: one for one in (self._alert(desk, patient_id, batch_id) for patient_id in patient_ids)}
        new = desk.unit.alerts.raise_all(list(alerts.values()))
        if not new:
            return Raised()
        managers = desk.unit.patients.managers_of([alerts[alert_id].patient_id for alert_id in new])
        return Raised(number=len(new), to=self.alarm.audience(desk.unit, frozenset(managers.values())))

    def notify(self, raised: Raised) -> None:
        """Tell of what was raised."""
        self.alarm.send(raised, "Not screened", "A screening was not possible for")

    def _alert(self, desk: Desk[ScreeningUnit], patient_id: UUID, batch_id: UUID | None) -> Alert:
        alert_id = self.new_id()
        return Alert(
            id=alert_id,
            clinic_id=desk.principal.clinic_id,
            kind=AlertKind.NOT_SCREENED,
            patient_id=patient_id,
            cause_id=alert_id,
            batch_id=batch_id,
            created_at=self.clock(),
        )


def all_raised(several: Iterable[Raised]) -> Raised:
    """Return what was raised in several units as one, so that nobody is told of each by itself."""
    kept = list(several)
    to = dict.fromkeys(address for one in kept for address in one.to)
    return Raised(number=sum(one.number for one in kept), to=tuple(to))


def reason_of(error: Exception) -> str:
    """Return a word for why somebody could not be screened, which says nothing of them."""
    return error.reason if isinstance(error, MindBridgeError) else "unexpected_error"
