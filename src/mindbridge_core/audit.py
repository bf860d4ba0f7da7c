"""The audit entry and the port that appends it, inside the transaction that it accounts for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Protocol
from uuid import UUID

import attrs

from mindbridge_core.access import Action

__all__ = ["AuditAppender", "AuditEntry", "Outcome"]

Plain = str | int | bool | None
"""A value that may stand in an entry; never PHI."""


@unique
class Outcome(StrEnum):
    """How an operation ended."""

    SUCCESS = "success"
    DENIED = "denied"
    FAILURE = "failure"


@attrs.frozen(kw_only=True)
class AuditEntry:
    """Who did what to which record, when, from where, and how it ended (45 CFR 164.312(b)).

    `resource_ids` are the records that a list returned. `changed_fields` names every field that was
    set; `changed_values` holds the new values of those that are not PHI, or why it was refused (`reason`).
    What came from outside is cut to its column's width in `Origin`, so that no entry can fail to be stored.
    """

    id: UUID
    clinic_id: UUID
    created_at: datetime
    action: Action
    outcome: Outcome
    resource_type: str
    resource_id: UUID | None = None
    resource_ids: tuple[UUID, ...] = ()
    changed_fields: tuple[str, ...] = ()
    changed_values: Mapping[str, Plain] = MappingProxyType({})
    phi_accessed: bool
    user_id: UUID | None = None
    session_id: UUID | None = None
    request_id: str | None = None
    ip_address: str | None = None
    user_agent: str | None = None
    access_reason: str | None = None


class AuditAppender(Protocol):
    """The open unit's end of the trail."""

    def append(self, entry: AuditEntry) -> None:
        """Add `entry` to its clinic's chain, kept if and only if the unit commits.

        Raises AuditUnavailable when it cannot be written; the unit then keeps nothing.
        """
