"""What answers about the audit trail look like."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from mindbridge_core.oversight import Examination, TrailPage, TrailRecord
from mindbridge_core.pagination import encode_place
from mindbridge_flask.paging import Pagination

__all__ = ["AuditEntryResource", "AuditPage", "ChainBreakResource", "ExaminationResource"]

MOST_SHOWN: Final = 100


class AuditEntryResource(msgspec.Struct, frozen=True):
    """Who did what to which record, when, from where, and how it ended.

    `changes` holds the names of the fields that were set and, of those that are not PHI, their values. `intact` is
    false for an entry that was altered since; then nothing of it is to be believed.
    """

    id: UUID
    created_at: datetime
    user_id: UUID | None
    action: str
    outcome: str
    resource_type: str
    resource_id: UUID | None
    resource_ids: tuple[UUID, ...]
    changes: dict[str, Any]
    phi_accessed: bool
    access_reason: str | None
    ip_address: str | None
    user_agent: str | None
    session_id: UUID | None
    request_id: str | None
    lane: int
    seq: int
    intact: bool

    @classmethod
    def of(cls, record: TrailRecord) -> AuditEntryResource:
        """Show `record`."""
        return cls(
            record.id,
            record.created_at,
            record.user_id,
            record.action,
            record.outcome,
            record.resource_type,
            record.resource_id,
            record.resource_ids,
            {"fields": list(record.changed_fields), "values": dict(record.changed_values)},
            record.phi_accessed,
            record.access_reason,
            record.ip_address,
            record.user_agent,
            record.session_id,
            record.request_id,
            record.lane,
            record.seq,
            record.intact,
        )


class AuditPage(msgspec.Struct, frozen=True):
    """A page of the audit trail, newest first."""

    data: list[AuditEntryResource]
    pagination: Pagination

    @classmethod
    def of(cls, page: TrailPage) -> AuditPage:
        """Show `page`."""
        shown = [AuditEntryResource.of(record) for record in page.items]
        return cls(shown, Pagination.at(encode_place(page.before)))


class ChainBreakResource(msgspec.Struct, frozen=True):
    """A place where the trail is not what was written: chain, number, the entry that stands there, what is wrong."""

    lane: int
    seq: int
    entry_id: UUID | None
    kind: str


class ExaminationResource(msgspec.Struct, frozen=True):
    """What verifying found: whether all is well, how many entries were examined, and the first breaks of `found`."""

    verified: bool
    complete: bool
    entries: int
    found: int
    breaks: list[ChainBreakResource]

    @classmethod
    def of(cls, examination: Examination) -> ExaminationResource:
        """Show `examination`, with as many breaks as an answer holds."""
        shown = [
            ChainBreakResource(broken.lane, broken.seq, broken.entry_id, broken.kind)
            for broken in examination.breaks[:MOST_SHOWN]
        ]
        return cls(examination.verified, examination.complete, examination.entries, examination.found, shown)
