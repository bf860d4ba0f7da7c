"""The trail as its readers see it: records, filters, and what verifying found."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

import attrs

from mindbridge_core.access import Action
from mindbridge_core.audit import Outcome
from mindbridge_core.compliance import ChainBreak, Link, SealedEntry, spell
from mindbridge_core.pagination import DEFAULT_LIMIT, Place

__all__ = ["ChainPlace", "Examination", "Period", "TrailFilter", "TrailPage", "TrailRecord", "record_of"]


@attrs.frozen(kw_only=True)
class TrailRecord:
    """An entry as the trail holds it, whoever put it there: words of another release, or of nobody's, are words too.

    `intact` says whether it is, in its place, what was sealed there. Where it is not, no field of it is to be
    believed, and what could not be read is empty.
    """

    lane: int
    seq: int
    id: UUID
    clinic_id: UUID
    created_at: datetime
    action: str
    outcome: str
    resource_type: str
    resource_id: UUID | None = None
    resource_ids: tuple[UUID, ...] = ()
    changed_fields: tuple[str, ...] = ()
    changed_values: Mapping[str, object] = MappingProxyType({})
    phi_accessed: bool
    user_id: UUID | None = None
    session_id: UUID | None = None
    request_id: str | None = None
    ip_address: str | None = None
    user_agent: str | None = None
    access_reason: str | None = attrs.field(default=None, repr=False)
    prev_mac: bytes
    mac: bytes
    intact: bool = True

    @property
    def link(self) -> Link:
        """The record as verifying needs it."""
        content = spell(
            id=self.id,
            clinic_id=self.clinic_id,
            created_at=self.created_at,
            action=self.action,
            outcome=self.outcome,
            resource_type=self.resource_type,
            resource_id=self.resource_id,
            resource_ids=self.resource_ids,
            changed_fields=self.changed_fields,
            changed_values=self.changed_values,
            phi_accessed=self.phi_accessed,
            user_id=self.user_id,
            session_id=self.session_id,
            request_id=self.request_id,
            ip_address=self.ip_address,
            user_agent=self.user_agent,
            access_reason=self.access_reason,
        )
        return Link(self.lane, self.seq, self.clinic_id.hex, self.id.hex, self.prev_mac, self.mac, content)


_OF_ENTRY = tuple(
    name
    for name in attrs.fields_dict(TrailRecord)
    if name not in {"lane", "seq", "prev_mac", "mac", "intact", "action", "outcome"}
)


def record_of(sealed: SealedEntry, *, intact: bool = True) -> TrailRecord:
    """Return a sealed entry as a record."""
    entry = sealed.entry
    return TrailRecord(
        lane=sealed.lane,
        seq=sealed.seq,
        prev_mac=sealed.prev_mac,
        mac=sealed.mac,
        intact=intact,
        action=entry.action.value,
        outcome=entry.outcome.value,
        **{name: getattr(entry, name) for name in _OF_ENTRY},
    )


@attrs.frozen(order=True)
class ChainPlace:
    """A record's place in the chains; its id settles the order of two that claim one place."""

    lane: int
    seq: int
    id: UUID


@attrs.frozen(kw_only=True)
class Period:
    """From `since` until before `until`; None means without end."""

    since: datetime | None = None
    until: datetime | None = None


@attrs.frozen(kw_only=True)
class TrailFilter:
    """Which records a page shows: all conditions hold together. `before` is the last record of the page before."""

    user_id: UUID | None = None
    session_id: UUID | None = None
    action: Action | None = None
    outcome: Outcome | None = None
    resource_type: str | None = None
    resource_id: UUID | None = None
    phi_accessed: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: Place | None = None
    limit: int = DEFAULT_LIMIT


@attrs.frozen(kw_only=True)
class TrailPage:
    """At most `limit` records, newest first; `before` is where the next page goes on, None at the end."""

    items: tuple[TrailRecord, ...]
    before: Place | None

    @classmethod
    def of(cls, rows: list[TrailRecord], limit: int) -> TrailPage:
        """Make a page of `limit` from up to `limit + 1` rows: the one too many says that more follow."""
        kept = tuple(rows[:limit])
        more = len(rows) > limit
        return cls(items=kept, before=Place(kept[-1].created_at, kept[-1].id) if more else None)


@attrs.frozen(kw_only=True)
class Examination:
    """What verifying a clinic's trail found.

    `entries` were examined; `breaks` are the first places where the trail is not what was written, of `found` in all.
    `complete` says whether the whole trail was examined. `begins` says with which number a lane begins whose older
    entries were dropped under a signed checkpoint.
    """

    clinic_id: UUID
    entries: int
    breaks: tuple[ChainBreak, ...]
    found: int
    complete: bool
    begins: Mapping[int, int] = MappingProxyType({})

    @property
    def verified(self) -> bool:
        """Whether the whole trail is what was written."""
        return self.complete and not self.found
