"""The one spelling of an entry that its MAC covers. What is sealed in existing trails forbids any other."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

__all__ = ["Quote", "assemble", "quote", "spell", "spell_changes"]

Quote = str
"""A value in JSON."""

_dense: Final = json.JSONEncoder(separators=(",", ":")).encode

quote: Final[Callable[[str], Quote]] = json.encoder.encode_basestring_ascii
"""Return a text in JSON, in ASCII."""


def spell_changes(fields: Sequence[str], values: Mapping[str, object]) -> Quote:
    """Return the part of the spelling that says which fields were set, and to what."""
    return f"{_dense(list(fields))},{_dense(sorted(values.items()))}"


def assemble(
    *,
    id: str,
    clinic_id: str,
    created_at: str,
    action: Quote,
    outcome: Quote,
    resource_type: Quote,
    resource_id: Quote,
    resource_ids: Quote,
    changes: Quote,
    phi_accessed: bool,
    user_id: Quote,
    session_id: Quote,
    origin: Quote,
    access_reason: Quote,
) -> bytes:
    """Put the spelling together from its parts, as `spell` has it but sooner.

    Ids and the time are text, all others JSON. `origin` is request id, address and user agent, with commas between.
    """
    return (
        f'["{id}","{clinic_id}","{created_at}",{action},{outcome},{resource_type},{resource_id},{resource_ids},{changes},'
        f"{'true' if phi_accessed else 'false'},{user_id},{session_id},{origin},{access_reason}]"
    ).encode()


def spell(
    *,
    id: UUID,
    clinic_id: UUID,
    created_at: datetime,
    action: str,
    outcome: str,
    resource_type: str,
    resource_id: UUID | None,
    resource_ids: Sequence[UUID],
    changed_fields: Sequence[str],
    changed_values: Mapping[str, object],
    phi_accessed: bool,
    user_id: UUID | None,
    session_id: UUID | None,
    request_id: str | None,
    ip_address: str | None,
    user_agent: str | None,
    access_reason: str | None,
) -> bytes:
    """Return the spelling of an entry with these fields."""
    return _dense(
        [
            id.hex,
            clinic_id.hex,
            created_at.isoformat(),
            action,
            outcome,
            resource_type,
            resource_id and resource_id.hex,
            [one.hex for one in resource_ids],
            changed_fields,
            sorted(changed_values.items()),
            phi_accessed,
            user_id and user_id.hex,
            session_id and session_id.hex,
            request_id,
            ip_address,
            user_agent,
            access_reason,
        ]
    ).encode()
