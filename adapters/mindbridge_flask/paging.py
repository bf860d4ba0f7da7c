"""What every list is asked for, how many and from where on, and how it says where it goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

import attrs
import msgspec

from mindbridge_core.errors import InvalidInput
from mindbridge_core.pagination import DEFAULT_LIMIT, MAX_LIMIT, Place, decode_cursor, decode_place
from mindbridge_core.validation import BrokenRuleError, Number, checked, ruled

__all__ = ["HistoryQuery", "PageQuery", "Pagination"]


@attrs.frozen
class CursorText:
    """Text that a list gave out as its `next_cursor`."""

    decode: Callable[[str], object]
    length: int

    def clean(self, value: object) -> object:
        """Return the text if it is a cursor."""
        try:
            self.decode(str(value))
        except InvalidInput as invalid:
            found = invalid.findings[0]
            raise BrokenRuleError(found.code, found.message) from None
        return value

    def schema(self) -> dict[str, object]:
        """Say how it looks; only the list itself makes one."""
        return {"pattern": f"^[A-Za-z0-9_-]{{{self.length}}}$"}


_LIMIT: Final = ruled(Number(least=1, most=MAX_LIMIT))


@attrs.frozen(kw_only=True)
class PageQuery:
    """How many of a list in the order of ids, and from where on."""

    limit: int = attrs.field(default=DEFAULT_LIMIT, metadata=_LIMIT)
    cursor: str | None = attrs.field(default=None, metadata=ruled(CursorText(decode_cursor, 22)))

    __attrs_post_init__ = checked

    @property
    def after(self) -> UUID | None:
        """The last id of the page before; None for the first page."""
        return None if self.cursor is None else decode_cursor(self.cursor)


@attrs.frozen(kw_only=True)
class HistoryQuery:
    """How many of a history in the order of time, the latest first, and from where on."""

    limit: int = attrs.field(default=DEFAULT_LIMIT, metadata=_LIMIT)
    cursor: str | None = attrs.field(default=None, metadata=ruled(CursorText(decode_place, 32)))

    __attrs_post_init__ = checked

    @property
    def before(self) -> Place | None:
        """Where the page before ended; None for the first page."""
        return None if self.cursor is None else decode_place(self.cursor)


class Pagination(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the list goes on: `next_cursor` for the next request, null at the end."""

    next_cursor: str | None
    has_more: bool
    total_count: int | msgspec.UnsetType = msgspec.UNSET

    @classmethod
    def at(cls, cursor: str | None, total: int | None = None) -> Pagination:
        """Say that the list goes on at `cursor`, or ends with None."""
        return cls(cursor, cursor is not None, msgspec.UNSET if total is None else total)
