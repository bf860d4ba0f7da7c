"""Where a page of the trail goes on, as opaque text."""

from __future__ import annotations

from mindbridge_core.oversight.entities import Moment
from mindbridge_core.pagination import Place, decode_place, encode_place

__all__ = ["decode_moment", "encode_moment"]


def encode_moment(before: Moment | None) -> str | None:
    """Return the opaque text for `before`; None at the end of the list."""
    return encode_place(None if before is None else Place(before.created_at, before.id))


def decode_moment(text: str) -> Moment:
    """Return the moment in a cursor made by `encode_moment`; raise InvalidInput for any other text."""
    place = decode_place(text)
    return Moment(created_at=place.at, id=place.id)
