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
from mindbridge_core.errors import InvalidInput
from mindbridge_core.oversight import (
    ExportFormat,
    Period,
    TrailFilter,
    TrailRecord,
    decode_moment,
    encode_moment,
    export_text,
)
from mindbridge_core.pagination import DEFAULT_LIMIT, MAX_LIMIT
from mindbridge_core.validation import BrokenRuleError, Number, Text, checked, ruled
from mindbridge_flask.audit_resources import AuditPage, ExaminationResource
from mindbridge_flask.calls import Answer, StaffCall
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


@attrs.frozen
class MomentCursor:
    """Text that the trail gave out as its `next_cursor`."""

    def clean(self, value: object) -> object:
        """Return the text if it is a cursor."""
        try:
            decode_moment(str(value))
        except InvalidInput as invalid:
            found = invalid.findings[0]
            raise BrokenRuleError(found.code, found.message) from None
        return value

    def schema(self) -> dict[str, object]:
        """Say how it looks; only the list itself makes one."""
        return {"pattern": "^[A-Za-z0-9_-]{32}$"}


@attrs.frozen(kw_only=True)
class AuditQuery:
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
    limit: int = attrs.field(default=DEFAULT_LIMIT, metadata=ruled(Number(least=1, most=MAX_LIMIT)))
    cursor: str | None = attrs.field(default=None, metadata=ruled(MomentCursor()))

    __attrs_post_init__ = checked

    def filter(self) -> TrailFilter:
        """Return what the core is asked for."""
        asked = attrs.asdict(self, recurse=False)
        cursor = asked.pop("cursor")
        return TrailFilter(**asked, before=None if cursor is None else decode_moment(cursor))


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
    return Answer(content=AuditPage.of(page, encode_moment(page.before)))


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
