"""Alerts: what somebody of the clinic must learn of."""

from __future__ import annotations

from functools import partial
from typing import Final
from uuid import UUID

import attrs
from flask import Response

from mindbridge_core import Action
from mindbridge_core.patients import Alert, AlertFilter
from mindbridge_core.patients.following import BOOKMARK, Bookmark
from mindbridge_core.validation import Pattern, checked, ruled
from mindbridge_flask.alerts import AlertPage, AlertResource
from mindbridge_flask.calls import Answer, StaffCall
from mindbridge_flask.events import EVENT_STREAM, Told, event, follow
from mindbridge_flask.paging import PageQuery
from mindbridge_flask.resources import encode
from mindbridge_flask.routing import RouteTable

__all__ = ["ALERTS"]

ALERTS: Final = RouteTable()

PAUSE: Final = 5.0
"""Seconds between looks of a stream that nobody wakes: so late it learns that its session has ended, at most."""


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

    A new `high_risk`, a review that is overdue and a patient who could not be screened are for admins and the patient's
    case manager, `break_glass` for admins and compliance officers.
    """
    return Answer(content=AlertPage.of(call.core.list_alerts(call.claim, query.filter())))


@ALERTS.route("POST", "/v1/alerts/{alert_id}/acknowledge", Action.ALERT_ACKNOWLEDGE)
def acknowledge_alert(call: StaffCall, alert_id: UUID) -> Answer[AlertResource]:
    """Say that one has seen an alert. The first to say so is remembered, and is named to whoever comes later."""
    return Answer(content=AlertResource.of(call.core.acknowledge_alert(call.claim, alert_id)))


@attrs.frozen(kw_only=True)
class StreamQuery:
    """Where a stream begins that was not cut off: after the last alert that the client has."""

    after: str | None = attrs.field(
        default=None,
        metadata=ruled(Pattern(regex=BOOKMARK, form="an alert's id, or an id that the stream gave", most=44)),
    )

    __attrs_post_init__ = checked

    @property
    def bookmark(self) -> Bookmark | None:
        """What the core is asked for; None for what comes from now on."""
        return None if self.after is None else Bookmark.read(self.after)


@ALERTS.route("GET", "/v1/alerts/stream", Action.ALERT_FOLLOW, media=(EVENT_STREAM,))
def follow_alerts(call: StaffCall, query: StreamQuery, since: Bookmark | None) -> Response:
    """Tell of alerts as they are raised, as server-sent events: of those that the list would show to the caller.

    Each is an `alert` with the alert's id as `id` and the alert as its data. Without Last-Event-ID and `after` the
    stream begins with what comes from now on; with one of them, with what has come since: nothing is left out, and
    what was raised within five minutes of the last one that the client has may be told again. It ends with the
    session, and after ten minutes: then ask again. A stream does not keep a session from ending when it is idle. 503
    with Retry-After when too many streams are open.
    """
    return follow(
        call.mount.streams,
        call.claim.user_id,
        _Follower(call, since or query.bookmark),
        pause=PAUSE,
        seconds=call.mount.settings.stream_seconds,
        watching=partial(call.core.ports.alert_feed.watch, call.claim.clinic_id),
    )


@attrs.define
class _Follower:
    """Looks for what is new, again and again; session, role and caseload are as they are at each look."""

    call: StaffCall
    bookmark: Bookmark | None
    opens: bool = True

    def __call__(self) -> Told:
        news = self.call.core.follow_alerts(self.call.claim_again(), self.bookmark, opens=self.opens)
        self.bookmark, self.opens = news.bookmark, False
        return Told(events=b"".join(map(_told, news.alerts)), place=news.bookmark.text, more=news.more)


def _told(alert: Alert) -> bytes:
    return event("alert", encode(AlertResource.of(alert)), str(alert.id))
