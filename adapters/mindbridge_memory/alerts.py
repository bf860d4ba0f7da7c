"""Alerts, in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import attrs

from mindbridge_core.pagination import Page, page_of
from mindbridge_core.patients import Alert, AlertFilter, AlertKind
from mindbridge_memory.tables import Tables

__all__ = ["MemoryAlerts"]


@attrs.frozen
class MemoryAlerts:
    """`Alerts` of the core."""

    tables: Tables
    clinic_id: UUID

    def raise_all(self, alerts: Sequence[Alert]) -> frozenset[UUID]:
        """Keep those whose kind and cause are new."""
        raised = set()
        for alert in alerts:
            if not any(_same(alert, one) for one in self.tables.alerts.rows() if one.clinic_id == self.clinic_id):
                raised.add(alert.id)
                self.tables.alerts.put((self.clinic_id, alert.id), alert)
        return frozenset(raised)

    def get(self, alert_id: UUID) -> Alert | None:
        """Return the alert."""
        return self.tables.alerts.get((self.clinic_id, alert_id))

    def list(self, only: AlertFilter) -> Page[Alert]:
        """Return a page in ascending order of id."""
        found = sorted(
            (one.id, one)
            for one in self.tables.alerts.rows()
            if self._fits(one, only) and (only.after is None or one.id > only.after)
        )
        return page_of(found[: only.limit + 1], only.limit)

    def open_since(self) -> None:
        """Return None: one unit is open at a time."""

    def alerted(self, kind: AlertKind, patient_ids: Collection[UUID]) -> frozenset[UUID]:
        """Return whom there was an alert of."""
        rows = self.tables.alerts.rows()
        known = {one.patient_id for one in rows if (one.clinic_id, one.kind) == (self.clinic_id, kind)}
        return frozenset(known.intersection(patient_ids))

    def acknowledge(self, alert_id: UUID, by: UUID, at: datetime) -> Alert | None:
        """Keep the first acknowledgement."""
        alert = self.get(alert_id)
        if alert is not None and alert.acknowledged_at is None:
            alert = attrs.evolve(alert, acknowledged_at=at, acknowledged_by=by)
            self.tables.alerts.put((self.clinic_id, alert_id), alert)
        return alert

    def _fits(self, one: Alert, only: AlertFilter) -> bool:
        patient = self.tables.patients.get((one.clinic_id, one.patient_id))
        return (
            one.clinic_id == self.clinic_id
            and one.kind in only.kinds
            and one.id not in only.without
            and only.acknowledged in {None, one.acknowledged_at is not None}
            and patient is not None
            and (one.kind is AlertKind.BREAK_GLASS or patient.deleted_at is None)
            and only.case_manager_id in {None, patient.case_manager_id}
        )


def _same(new: Alert, old: Alert) -> bool:
    if new.kind is not old.kind:
        return False
    waits = old.kind is AlertKind.NOT_SCREENED and old.acknowledged_at is None
    return new.cause_id == old.cause_id or (waits and new.patient_id == old.patient_id)
