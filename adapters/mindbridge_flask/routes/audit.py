"""The clinic's audit trail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from typing import Final
from uuid import UUID

import attrs
from flask import Response

from mindbridge_core import Action
from mindbridge_core.audit import Outcome
from mindbridge_core.oversight import (
    ExportFormat,
    Period,
    TrailFilter,
    TrailRecord,
    export_text,
)
from mindbridge_core.validation import Text, ruled
from mindbridge_flask.audit_resources import AuditPage, ExaminationResource
from mindbridge_flask.calls import Answer, StaffCall
from mindbridge_flask.paging import HistoryQuery
from mindbridge_flask.routing import RouteTable

__all__ = ["AUDIT"]

AUDIT: Final = RouteTable()

MOST_EXAMINED: Final = 500_000
"""Entries that one request verifies; a longer trail is one for the command line."""
MEDIA: Final = {
    ExportFormat.CSV: "text/csv; charset=utf-8; header=present",
    ExportFormat.NDJSON: "application/x-ndjson",
}
LINES: Final = 200
"""Lines that are sent at once."""


@attrs.frozen(kw_only=True)
class AuditQuery(HistoryQuery):
    """Which entries, how many, and from where on. `since` is included, `until` is not."""

    user_id: UUID | None = None
    session_id: UUID | None = None
    action: Action | None = None
    outcome: Outcome | None = None
    resource_type: str | None = attrs.field(default=None, metadata=ruled(Text(least=1, most=64)))
    resource_id: UUID | None = None
    phi_accessed: bool | None = None
    since: datetime | None = None
    until: datetime | None = None

    def filter(self) -> TrailFilter:
        """Return what the core is asked for."""
        asked = attrs.asdict(self, recurse=False)
        del asked["cursor"]
        return TrailFilter(**asked, before=self.before)


@attrs.frozen(kw_only=True)
class ExportQuery:
    """Which entries, and how they are written. `since` is included, `until` is not."""

    format: ExportFormat = ExportFormat.NDJSON
    since: datetime | None = None
    until: datetime | None = None


@AUDIT.route("GET", "/v1/audit-logs", Action.AUDIT_READ)
def read_trail(call: StaffCall, query: AuditQuery) -> Answer[AuditPage]:
    """Show a page of the audit trail, newest first.

    That it was read, and with which filters, is entered in the trail.
    """
    page = call.core.read_trail(call.claim, query.filter())
    return Answer(content=AuditPage.of(page))


@AUDIT.route("GET", "/v1/audit-logs/export", Action.AUDIT_EXPORT, media=("application/x-ndjson", "text/csv"))
def export_trail(call: StaffCall, query: ExportQuery) -> Response:
    """Give out the audit trail, or that of a period, as NDJSON or CSV; streamed.

    `mindbridge audit verify --offline` verifies NDJSON of the whole trail. In CSV what a spreadsheet would run as a
    formula has an apostrophe before it.
    """
    period = Period(since=query.since, until=query.until)
    records = call.core.export_trail(call.claim, period, query.format)
    name = f'attachment; filename="audit-logs.{query.format}"'
    answer = Response(_chunks(records, query.format), status=HTTPStatus.OK)
    answer.headers["Content-Type"] = MEDIA[query.format]
    answer.headers["Content-Disposition"] = name
    return answer


def _chunks(records: Iterator[TrailRecord], form: ExportFormat) -> Iterator[bytes]:
    """Yield the text in pieces that are worth sending; between them no transaction is open."""
    piece: list[str] = []
    for line in export_text(records, form):
        piece.append(line)
        if len(piece) == LINES:
            yield "".join(piece).encode()
            piece = []
    yield "".join(piece).encode()


@AUDIT.route("GET", "/v1/audit-logs/verify", Action.AUDIT_VERIFY)
def verify_trail(call: StaffCall) -> Answer[ExaminationResource]:
    """Find out whether the audit trail is what was written, and where it is not.

    A trail of more entries than one request may examine is not `complete`: verify it on the command line.
    """
    return Answer(content=ExaminationResource.of(call.core.verify_trail(call.claim, most=MOST_EXAMINED)))
