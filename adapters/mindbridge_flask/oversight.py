"""What answers about emergency accesses and unusual access look like."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from mindbridge_core.oversight import AuditFinding
from mindbridge_core.pagination import Page, encode_cursor
from mindbridge_core.patients import BreakGlass, ReviewOutcome
from mindbridge_flask.paging import Pagination

__all__ = ["AuditFindingPage", "EmergencyAccessPage", "EmergencyAccessResource", "GrantedResource"]


class GrantedResource(msgspec.Struct, frozen=True):
    """An emergency access as its user sees it."""

    id: UUID
    patient_id: UUID
    granted_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, access: BreakGlass) -> GrantedResource:
        """Show `access`."""
        return cls(access.id, access.patient_id, access.granted_at, access.expires_at)


class EmergencyAccessResource(msgspec.Struct, frozen=True):
    """An emergency access as its reviewers see it: whose, to which patient, why, and what the review came to."""

    id: UUID
    user_id: UUID
    patient_id: UUID
    access_reason: str
    granted_at: datetime
    expires_at: datetime
    reviewed_at: datetime | None
    reviewed_by: UUID | None
    outcome: ReviewOutcome | None
    note: str | None

    @classmethod
    def of(cls, access: BreakGlass) -> EmergencyAccessResource:
        """Show `access`."""
        return cls(**{name: getattr(access, name) for name in cls.__struct_fields__})


class EmergencyAccessPage(msgspec.Struct, frozen=True):
    """A page of emergency accesses, oldest first."""

    data: list[EmergencyAccessResource]
    pagination: Pagination

    @classmethod
    def of(cls, page: Page[BreakGlass]) -> EmergencyAccessPage:
        """Show `page`."""
        shown = [EmergencyAccessResource.of(access) for access in page.items]
        return cls(shown, Pagination.at(encode_cursor(page.after)))


class AuditFindingResource(msgspec.Struct, frozen=True):
    """What a rule found: a user who did something `observed` times in a window, where `threshold` is usual."""

    id: UUID
    user_id: UUID
    rule: str
    window_start: datetime
    window_end: datetime
    observed: int
    threshold: int
    found_at: datetime

    @classmethod
    def of(cls, finding: AuditFinding) -> AuditFindingResource:
        """Show `finding`."""
        return cls(**{name: getattr(finding, name) for name in cls.__struct_fields__})


class AuditFindingPage(msgspec.Struct, frozen=True):
    """A page of findings, oldest first."""

    data: list[AuditFindingResource]
    pagination: Pagination

    @classmethod
    def of(cls, page: Page[AuditFinding]) -> AuditFindingPage:
        """Show `page`."""
        shown = [AuditFindingResource.of(finding) for finding in page.items]
        return cls(shown, Pagination.at(encode_cursor(page.after)))
