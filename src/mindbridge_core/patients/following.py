"""Following alerts: what is new since somebody looked last, without a gap however long they were away."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Caller
from mindbridge_core.clock import Clock
from mindbridge_core.errors import Finding, InvalidInput
from mindbridge_core.ids import first_id, id_before
from mindbridge_core.pagination import MAX_LIMIT, Page
from mindbridge_core.patients.alerting import visible_alerts
from mindbridge_core.patients.alerts import Alert, AlertFilter
from mindbridge_core.patients.ports import PatientUnit
from mindbridge_core.work import Desk, Work

__all__ = ["BOOKMARK", "SETTLES", "AlertNews", "Bookmark", "FollowAlerts"]

SETTLES: Final = timedelta(minutes=5)
"""How much of what lies behind is read again at each look.

Ids are made before the unit ends, so an alert may be stored after one with a higher id. Of a unit that lasts longer
than this the store tells; this is for the time in which it cannot yet, and for clocks that differ.
"""

LATEST: Final = datetime.max.replace(tzinfo=UTC)
_SETTLED: Final = "settled-"
BOOKMARK: Final = rf"({_SETTLED})?[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}"
"""How the text of a bookmark looks."""


@attrs.frozen(kw_only=True)
class Bookmark:
    """How far somebody has followed the alerts: all up to `after`, and beyond it those in `shown`.

    `newest` is the last one that they were given.
    """

    after: UUID
    shown: frozenset[UUID] = frozenset()
    newest: UUID | None = None

    @classmethod
    def read(cls, text: str) -> Bookmark:
        """Return what the text of one, or an alert's id, says; raise InvalidInput for any other text.

        An alert's id alone does not say which of those around it were given: they are given again.
        """
        if re.fullmatch(BOOKMARK, text) is None:
            raise InvalidInput([Finding("/after", "invalid_bookmark", "must be an id that the stream gave")])
        found = UUID(text.removeprefix(_SETTLED))
        if text.startswith(_SETTLED):
            return cls(after=found)
        return cls(after=id_before(found, SETTLES), shown=frozenset({found}), newest=found)

    @property
    def text(self) -> str:
        """What says how far it is, as exactly as a text can: the newest alert's id until all before it have settled."""
        if self.newest is not None and id_before(self.newest, SETTLES) <= self.after < self.newest:
            return str(self.newest)
        return f"{_SETTLED}{self.after}"

    def advanced(self, page: Page[Alert], settled: UUID) -> Bookmark:
        """Return the bookmark after a page; what lies up to `settled` and was not on it cannot come any more."""
        given = {alert.id for alert in page.items}
        after = max(self.after, settled if page.after is None else min(settled, page.after))
        return Bookmark(
            after=after,
            shown=frozenset(one for one in self.shown | given if one > after),
            newest=max(given | ({self.newest} if self.newest else frozenset()), default=None),
        )


@attrs.frozen(kw_only=True)
class AlertNews:
    """Alerts that are new to a follower, in ascending order of id, and how far that is. `more` can be had at once."""

    clinic_id: UUID
    alerts: tuple[Alert, ...]
    bookmark: Bookmark
    more: bool = False


@attrs.frozen(kw_only=True)
class FollowAlerts:
    """Show what is new to somebody who follows the alerts: what `ListAlerts` would show them, and each but once.

    To follow is no sign that somebody sits there, so it keeps no session from ending when it is idle.
    """

    work: Work[PatientUnit]
    clock: Clock

    def __call__(self, caller: Caller, bookmark: Bookmark | None = None, *, opens: bool = False) -> AlertNews:
        """Return what is new since `bookmark`; without one, begin with what comes from now on.

        An entry says that somebody began (without a bookmark, or where it `opens` a new stream), and another names the
        patients of each delivery. A look that shows nothing leaves none.
        """
        with self.work(caller, Action.ALERT_FOLLOW, entered=False) as desk:
            settled = first_id(min(self.clock(), desk.unit.alerts.open_since() or LATEST) - SETTLES)
            news = _from_now(desk, settled) if bookmark is None else _since(desk, bookmark, settled)
            if bookmark is None or opens or news.alerts:
                desk.returns(dict.fromkeys(alert.patient_id for alert in news.alerts))
                desk.enter()
            return news


def _from_now(desk: Desk[PatientUnit], settled: UUID) -> AlertNews:
    """Pass over what is there; what is stored from now on may have an id that is older than some of it."""
    bookmark, more = Bookmark(after=settled), True
    while more:
        page = visible_alerts(desk, AlertFilter(after=settled, without=bookmark.shown, limit=MAX_LIMIT))
        passed = frozenset(alert.id for alert in page.items)
        bookmark, more = attrs.evolve(bookmark, shown=bookmark.shown | passed), page.after is not None
    return AlertNews(clinic_id=desk.principal.clinic_id, alerts=(), bookmark=bookmark)


def _since(desk: Desk[PatientUnit], bookmark: Bookmark, settled: UUID) -> AlertNews:
    """Go on from the bookmark; one that lies in the future would hide what comes until then."""
    bookmark = attrs.evolve(bookmark, after=min(bookmark.after, settled))
    page = visible_alerts(desk, AlertFilter(after=bookmark.after, without=bookmark.shown, limit=MAX_LIMIT))
    return AlertNews(
        clinic_id=desk.principal.clinic_id,
        alerts=page.items,
        bookmark=bookmark.advanced(page, settled),
        more=page.after is not None,
    )
