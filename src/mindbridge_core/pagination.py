"""Keyset pages: the same cost at any depth, and stable while records are added."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Final, Generic, TypeVar
from uuid import UUID

import attrs

from mindbridge_core.errors import Finding, InvalidInput

__all__ = [
    "DEFAULT_LIMIT",
    "MAX_LIMIT",
    "Page",
    "Place",
    "decode_cursor",
    "decode_place",
    "encode_cursor",
    "encode_place",
    "page_of",
]

T = TypeVar("T")

EPOCH: Final = datetime.min.replace(tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
TIME_BYTES: Final = 8
DEFAULT_LIMIT = 50
MAX_LIMIT = 100


@attrs.frozen(kw_only=True)
class Page(Generic[T]):
    """At most `limit` items in ascending order of id; `after` is the last id when more follow, else None."""

    items: tuple[T, ...]
    after: UUID | None
    total: int | None = None


def page_of(rows: list[tuple[UUID, T]], limit: int, total: int | None = None) -> Page[T]:
    """Make a page of `limit` from up to `limit + 1` rows: the one too many says that more follow."""
    kept = rows[:limit]
    after = kept[-1][0] if len(rows) > limit else None
    return Page(items=tuple(item for _, item in kept), after=after, total=total)


def encode_cursor(after: UUID | None) -> str | None:
    """Return the opaque text for `after`; None at the end of the list."""
    return None if after is None else base64.urlsafe_b64encode(after.bytes).rstrip(b"=").decode()


def decode_cursor(text: str) -> UUID:
    """Return the id in a cursor made by `encode_cursor`; raise InvalidInput for any other text."""
    try:
        cursor = UUID(bytes=base64.b64decode(text.encode("ascii") + b"==", altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        cursor = None
    if cursor is None or encode_cursor(cursor) != text:
        raise InvalidInput([Finding("/cursor", "invalid_cursor", "is not a cursor that this list gave out")])
    return cursor


@attrs.frozen(order=True)
class Place:
    """Where something stands in a history: its moment and, among those of one moment, its id."""

    at: datetime
    id: UUID


def encode_place(place: Place | None) -> str | None:
    """Return the opaque text for `place`; None at the end of the history."""
    if place is None:
        return None
    time = ((place.at - EPOCH) // MICROSECOND).to_bytes(TIME_BYTES, "big")
    return base64.urlsafe_b64encode(time + place.id.bytes).decode()


def decode_place(text: str) -> Place:
    """Return the place in a cursor made by `encode_place`; raise InvalidInput for any other text."""
    try:
        content = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
        time = int.from_bytes(content[:TIME_BYTES], "big")
        place = Place(EPOCH + time * MICROSECOND, UUID(bytes=content[TIME_BYTES:]))
    except (binascii.Error, OverflowError, ValueError):
        place = None
    if place is None or encode_place(place) != text:
        raise InvalidInput([Finding("/cursor", "invalid_cursor", "is not a cursor that this list gave out")])
    return place
