"""Findings of unusual access in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import attrs

from mindbridge_core.oversight import AuditFinding
from mindbridge_core.pagination import Page, page_of
from mindbridge_postgres.database import Connection

__all__ = ["PostgresAuditFindings"]

_COLUMNS: Final = "id, user_id, rule, window_start, window_end, observed, threshold, found_at"

_ADD: Final = f"""
INSERT INTO audit_findings (clinic_id, {_COLUMNS})
VALUES (%(clinic_id)s, %(id)s, %(user_id)s, %(rule)s, %(window_start)s, %(window_end)s, %(observed)s, %(threshold)s,
    %(found_at)s)
ON CONFLICT (clinic_id, user_id, rule, window_start) DO NOTHING
"""

_KNOWN: Final = f"""
SELECT {_COLUMNS} FROM audit_findings
WHERE clinic_id = %(clinic_id)s AND user_id = %(user_id)s AND rule = %(rule)s AND window_start = %(window_start)s
"""

_LIST: Final = f"""
SELECT {_COLUMNS} FROM audit_findings
WHERE clinic_id = %(clinic_id)s AND (%(after)s::uuid IS NULL OR id > %(after)s)
ORDER BY id LIMIT %(limit)s
"""


class PostgresAuditFindings:
    """`AuditFindings` of the core."""

    def __init__(self, connection: Connection, clinic_id: UUID) -> None:
        """Work in the open transaction of `connection`."""
        self._connection = connection
        self._clinic_id = clinic_id

    def add(self, finding: AuditFinding) -> AuditFinding:
        """Insert the finding, or read the one that is in its place; the conflict waits for who is inserting it."""
        row = attrs.asdict(finding, recurse=False) | {"clinic_id": self._clinic_id}
        if self._connection.run(_ADD, row).rowcount == 1:
            return finding
        return self._finding(self._connection.run(_KNOWN, row).fetchall()[0])

    def list(self, after: UUID | None, limit: int) -> Page[AuditFinding]:
        """Return a keyset page, reading one row more than it shows."""
        params = {"clinic_id": self._clinic_id, "after": after, "limit": limit + 1}
        rows = self._connection.run(_LIST, params).fetchall()
        return page_of([(row[0], self._finding(row)) for row in rows], limit)

    def _finding(self, row: Sequence[Any]) -> AuditFinding:
        return AuditFinding(clinic_id=self._clinic_id, **dict(zip(_COLUMNS.split(", "), row, strict=True)))
