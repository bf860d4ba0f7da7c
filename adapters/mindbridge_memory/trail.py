"""The audit trail in memory: one lane is written, all of a clinic's heads exist."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import attrs

from mindbridge_core.audit import AuditEntry
from mindbridge_core.compliance import LANES, ChainHead, SealedEntry, first_head, is_genuine, seal
from mindbridge_core.errors import AuditUnavailable
from mindbridge_core.phi import ClinicCipher
from mindbridge_memory.tables import Tables

__all__ = ["MemoryAuditTrail", "Trail"]

LANE: Final = 0
"""Units are serial here, so a second lane would spare nobody a wait."""

Trail = tuple[dict[int, ChainHead], dict[int, list[SealedEntry]]]
"""A clinic's heads by lane, and its entries by lane in the order of their numbers."""


@attrs.frozen
class MemoryAuditTrail:
    """The open unit's end of its clinic's trail."""

    tables: Tables
    clinic_id: UUID
    cipher: ClinicCipher

    def append(self, entry: AuditEntry) -> None:
        """Seal the entry behind the lane's head; AuditUnavailable when that head is not one that was made here."""
        head = self.tables.heads.get((self.clinic_id, LANE))
        if head is None or entry.clinic_id != self.clinic_id or not is_genuine(self.cipher.audit_key, head):
            raise AuditUnavailable
        sealed, after = seal(self.cipher.audit_key, head, entry)
        self.tables.entries.put((self.clinic_id, LANE, sealed.seq), sealed)
        self.tables.heads.put((self.clinic_id, LANE), after)

    def read(self) -> Trail:
        """Return all heads and entries of the clinic."""
        heads = [head for head in self.tables.heads.rows() if head.clinic_id == self.clinic_id]
        found = [sealed for sealed in self.tables.entries.rows() if sealed.entry.clinic_id == self.clinic_id]
        lanes: dict[int, list[SealedEntry]] = {}
        for sealed in sorted(found, key=lambda sealed: sealed.seq):
            lanes.setdefault(sealed.lane, []).append(sealed)
        return {head.lane: head for head in heads}, lanes

    def lay_lanes(self) -> None:
        """Make the heads of a clinic that is being opened; never again, for a lost head is a lost lane."""
        for lane in range(LANES):
            head = first_head(self.cipher.audit_key, self.clinic_id, lane)
            self.tables.heads.put((self.clinic_id, lane), head)
