"""Looking at alerts, and acknowledging them."""

from __future__ import annotations

from uuid import UUID

import attrs

from mindbridge_core.access import Action, Role
from mindbridge_core.actor import Caller
from mindbridge_core.clock import Clock
from mindbridge_core.errors import NotFound
from mindbridge_core.pagination import Page
from mindbridge_core.patients.alerts import AUDIENCE, Alert, AlertFilter, AlertKind
from mindbridge_core.patients.ports import PatientUnit
from mindbridge_core.patients.reach import reach_unopened
from mindbridge_core.work import Desk, Work

__all__ = ["AcknowledgeAlert", "ListAlerts", "visible_alerts"]


@attrs.frozen(kw_only=True)
class ListAlerts:
    """Show alerts page by page, the oldest first: to each role its kinds, to a case manager their caseload's."""

    work: Work[PatientUnit]

    def __call__(self, caller: Caller, only: AlertFilter) -> Page[Alert]:
        """Return the page; one entry records the patients on it."""
        with self.work(caller, Action.ALERT_LIST) as desk:
            page = visible_alerts(desk, only)
            desk.returns(dict.fromkeys(alert.patient_id for alert in page.items))
            return page


@attrs.frozen(kw_only=True)
class AcknowledgeAlert:
    """Say that one has seen an alert. The first to say so is remembered; whoever comes later learns who it was."""

    work: Work[PatientUnit]
    clock: Clock

    def __call__(self, caller: Caller, alert_id: UUID) -> Alert:
        """Return the acknowledged alert; NotFound for one that is not for the caller, whatever the reason."""
        with self.work(caller, Action.ALERT_ACKNOWLEDGE, resource_id=alert_id) as desk:
            _reach_alert(desk, alert_id)
            alert = desk.unit.alerts.acknowledge(alert_id, desk.actor.user_id, self.clock())
            assert alert is not None  # noqa: S101 - alerts are never deleted
            values = {"alert_id": alert.id, "kind": alert.kind, "acknowledged_by": alert.acknowledged_by}
            desk.changes(values, plain=frozenset(values))
            return alert


def visible_alerts(desk: Desk[PatientUnit], only: AlertFilter) -> Page[Alert]:
    """Return a page of those that the caller may see: their role's kinds, to a case manager their caseload's."""
    own = desk.actor.user_id if desk.principal.holder is Role.CASE_MANAGER else only.case_manager_id
    kinds = frozenset(kind for kind in only.kinds if desk.principal.holder in AUDIENCE[kind])
    return desk.unit.alerts.list(attrs.evolve(only, kinds=kinds, case_manager_id=own))


def _reach_alert(desk: Desk[PatientUnit], alert_id: UUID) -> None:
    alert = desk.unit.alerts.get(alert_id)
    if alert is None or desk.principal.holder not in AUDIENCE[alert.kind]:
        raise NotFound
    if alert.kind is not AlertKind.BREAK_GLASS:
        reach_unopened(desk, alert.patient_id)
    # The trail tells of the patient; the alert is named among the values.
    desk.resource_id = alert.patient_id
