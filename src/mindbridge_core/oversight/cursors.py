"""Where a page of the trail goes on, as opaque text."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from mindbridge_core.errors import Finding, InvalidInput
from mindbridge_core.oversight.entities import Moment

__all__ = ["decode_moment", "encode_moment"]

EPOCH: Final = datetime.min.replace(tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
TIME_BYTES: Final = 8


def encode_moment(before: Moment | None) -> str | None:
    """Return the opaque text for `before`; None at the end of the list."""
    if before is None:
        return None
    time = ((before.created_at - EPOCH) // MICROSECOND).to_bytes(TIME_BYTES, "big")
    return base64.urlsafe_b64encode(time + before.id.bytes).decode()


def decode_moment(text: str) -> Moment:
    """Return the moment in a cursor made by `encode_moment`; raise InvalidInput for any other text."""
    try:
        content = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
        time = int.from_bytes(content[:TIME_BYTES], "big")
        moment = Moment(created_at=EPOCH + time * MICROSECOND, id=UUID(bytes=content[TIME_BYTES:]))
    except (binascii.Error, OverflowError, ValueError):
        moment = None
    if moment is None or encode_moment(moment) != text:
        raise InvalidInput([Finding("/cursor", "invalid_cursor", "is not a cursor that this list gave out")])
    return moment
