"""Alerts: what somebody of the clinic must learn of."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import attrs

from mindbridge_core import Action
from mindbridge_core.patients import AlertFilter
from mindbridge_flask.alerts import AlertPage, AlertResource
from mindbridge_flask.calls import Answer, StaffCall
from mindbridge_flask.paging import PageQuery
from mindbridge_flask.routing import RouteTable

__all__ = ["ALERTS"]

ALERTS: Final = RouteTable()


@attrs.frozen(kw_only=True)
class AlertQuery(PageQuery):
    """Which alerts, how many, and from where on."""

    unacknowledged: bool = False

    def filter(self) -> AlertFilter:
        """Return what the core is asked for."""
        return AlertFilter(acknowledged=False if self.unacknowledged else None, after=self.after, limit=self.limit)


@ALERTS.route("GET", "/v1/alerts", Action.ALERT_LIST)
def list_alerts(call: StaffCall, query: AlertQuery) -> Answer[AlertPage]:
    """List alerts, oldest first; `unacknowledged=true` is the queue of those that nobody has seen.

    A new `high_risk` is for admins and the patient's case manager, `break_glass` for admins and compliance officers.
    """
    return Answer(content=AlertPage.of(call.core.list_alerts(call.claim, query.filter())))


@ALERTS.route("POST", "/v1/alerts/{alert_id}/acknowledge", Action.ALERT_ACKNOWLEDGE)
def acknowledge_alert(call: StaffCall, alert_id: UUID) -> Answer[AlertResource]:
    """Say that one has seen an alert. The first to say so is remembered, and is named to whoever comes later."""
    return Answer(content=AlertResource.of(call.core.acknowledge_alert(call.claim, alert_id)))
