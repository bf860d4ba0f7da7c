"""Findings of unusual access, in memory."""

from __future__ import annotations

from uuid import UUID

import attrs

from mindbridge_core.oversight import AuditFinding
from mindbridge_core.pagination import Page, page_of
from mindbridge_memory.tables import Tables

__all__ = ["MemoryAuditFindings"]


@attrs.frozen
class MemoryAuditFindings:
    """`AuditFindings` of the core."""

    tables: Tables
    clinic_id: UUID

    def add(self, finding: AuditFinding) -> AuditFinding:
        """Keep the finding unless one of its user, rule and window is there."""
        key = (self.clinic_id, finding.user_id, finding.rule, finding.window_start)
        known = self.tables.audit_findings.get(key)
        if known is None:
            self.tables.audit_findings.put(key, finding)
        return known or finding

    def list(self, after: UUID | None, limit: int) -> Page[AuditFinding]:
        """Return a page in ascending order of id."""
        found = sorted(
            (one.id, one)
            for one in self.tables.audit_findings.rows()
            if one.clinic_id == self.clinic_id and (after is None or one.id > after)
        )
        return page_of(found[: limit + 1], limit)
