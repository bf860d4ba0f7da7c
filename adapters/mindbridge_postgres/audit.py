"""The audit trail in PostgreSQL: each entry sealed into one of its clinic's lanes, in one statement.

A connection goes on with the lane that it wrote to last, whose head it remembers, so that writing an
entry reads nothing and waits for nobody. The head is moved on only if it is still the remembered one;
if another connection was there, a lane that nobody holds is taken instead, the one longest unused.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final
from uuid import UUID

import psycopg

from mindbridge_core.audit import AuditEntry
from mindbridge_core.compliance import LANES, ChainHead, SealedEntry, first_head, is_genuine, seal
from mindbridge_core.errors import AuditUnavailable
from mindbridge_core.phi import ClinicCipher
from mindbridge_postgres.database import Connection

__all__ = ["PostgresAuditTrail", "lay_lanes"]

REASON: Final = "audit_logs.access_reason"

_APPEND: Final = """
WITH free AS (
    SELECT lane FROM audit_chain_heads
    WHERE clinic_id = %(clinic_id)s AND lane = %(lane)s AND mac = %(old_head_mac)s
    FOR UPDATE SKIP LOCKED
), head AS (
    UPDATE audit_chain_heads
    SET seq = %(seq)s, entry_mac = %(mac)s, mac = %(head_mac)s, updated_at = %(created_at)s
    FROM free
    WHERE clinic_id = %(clinic_id)s AND audit_chain_heads.lane = free.lane
    RETURNING audit_chain_heads.lane
)
INSERT INTO audit_logs (
    clinic_id, id, lane, seq, created_at, user_id, action, resource_type, resource_id, resource_ids, outcome, changes,
    ip_address, user_agent, session_id, request_id, phi_accessed, access_reason, prev_mac, mac
)
SELECT
    %(clinic_id)s::uuid, %(id)s::uuid, head.lane, %(seq)s::bigint, %(created_at)s::timestamptz, %(user_id)s::uuid,
    %(action)s::text, %(resource_type)s::text, %(resource_id)s::uuid, %(resource_ids)s::uuid[], %(outcome)s::text,
    %(changes)s::jsonb, %(ip_address)s::text, %(user_agent)s::text, %(session_id)s::uuid, %(request_id)s::text,
    %(phi_accessed)s::boolean, %(access_reason)s::bytea, %(prev_mac)s::bytea, %(mac)s::bytea
FROM head
"""

_TAKE_LANE: Final = """
SELECT lane, seq, entry_mac, mac FROM audit_chain_heads
WHERE clinic_id = %(clinic_id)s AND NOT lane = ANY(%(shunned)s)
ORDER BY updated_at, lane LIMIT 1 FOR UPDATE SKIP LOCKED
"""

_WAIT_FOR_LANE: Final = """
SELECT lane, seq, entry_mac, mac FROM audit_chain_heads
WHERE clinic_id = %(clinic_id)s AND NOT lane = ANY(%(shunned)s)
ORDER BY lane LIMIT 1 FOR UPDATE
"""

_LAY_LANES: Final = """
INSERT INTO audit_chain_heads (clinic_id, lane, seq, entry_mac, mac, updated_at)
SELECT %(clinic_id)s::uuid, made.lane, 0, made.entry_mac, made.mac, %(at)s::timestamptz
FROM unnest(%(lanes)s::smallint[], %(entry_macs)s::bytea[], %(macs)s::bytea[]) AS made (lane, entry_mac, mac)
"""


def lay_lanes(connection: Connection, clinic_id: UUID, audit_key: bytes, at: datetime) -> None:
    """Make the heads of a clinic that is being opened; never again, for a lost head is a lost lane."""
    heads = [first_head(audit_key, clinic_id, lane) for lane in range(LANES)]
    params = {
        "clinic_id": clinic_id,
        "at": at,
        "lanes": [head.lane for head in heads],
        "entry_macs": [head.entry_mac for head in heads],
        "macs": [head.mac for head in heads],
    }
    connection.run(_LAY_LANES, params)


class PostgresAuditTrail:
    """The open transaction's end of its clinic's trail."""

    def __init__(self, connection: Connection, clinic_id: UUID, cipher: ClinicCipher) -> None:
        """Go on where the connection stopped."""
        self._connection = connection
        self._clinic_id = clinic_id
        self._cipher = cipher
        self._head = connection.heads.get(clinic_id)
        self._written = False

    def append(self, entry: AuditEntry) -> None:
        """Seal and insert the entry; AuditUnavailable when it cannot be."""
        try:
            if self._head is None or not self._insert(entry, self._head):
                self._head = self._take_lane()
                if not self._insert(entry, self._head):
                    raise AuditUnavailable  # cannot be: the lane is held
        except psycopg.Error as error:
            raise AuditUnavailable from error
        self._written = True

    def committed(self) -> None:
        """Let the connection go on from here: what was written is now the head."""
        if self._written and self._head is not None:
            self._connection.remember(self._head)

    def _insert(self, entry: AuditEntry, head: ChainHead) -> bool:
        sealed, after = seal(self._cipher.audit_key, head, entry)
        inserted = self._connection.run(_APPEND, self._row(sealed, head, after)).rowcount == 1
        if inserted:
            self._head = after
        return inserted

    def _row(self, sealed: SealedEntry, head: ChainHead, after: ChainHead) -> dict[str, object]:
        entry = sealed.entry
        changes = {"fields": entry.changed_fields, "values": dict(entry.changed_values)}
        reason = entry.access_reason
        return {
            "clinic_id": self._clinic_id,
            "id": entry.id,
            "lane": sealed.lane,
            "seq": sealed.seq,
            "created_at": entry.created_at,
            "user_id": entry.user_id,
            "action": entry.action.value,
            "resource_type": entry.resource_type,
            "resource_id": entry.resource_id,
            # Spelled out: adapting a list of ids costs the driver seven times as much.
            "resource_ids": "{" + ",".join([one.hex for one in entry.resource_ids]) + "}",
            "outcome": entry.outcome.value,
            "changes": json.dumps(changes),
            "ip_address": entry.ip_address,
            "user_agent": entry.user_agent,
            "session_id": entry.session_id,
            "request_id": entry.request_id,
            "phi_accessed": entry.phi_accessed,
            "access_reason": None if reason is None else self._cipher.encrypt(REASON, entry.id, reason),
            "prev_mac": sealed.prev_mac,
            "mac": sealed.mac,
            "head_mac": after.mac,
            "old_head_mac": head.mac,
        }

    def _take_lane(self) -> ChainHead:
        """Hold a lane until the transaction ends. One whose head was tampered with is shunned, as evidence."""
        shunned: list[int] = []
        while len(shunned) < LANES:
            head = self._held(_TAKE_LANE, shunned) or self._held(_WAIT_FOR_LANE, shunned)
            if head is None:
                break
            if is_genuine(self._cipher.audit_key, head):
                return head
            shunned.append(head.lane)
        raise AuditUnavailable

    def _held(self, statement: str, shunned: list[int]) -> ChainHead | None:
        found = self._connection.run(statement, {"clinic_id": self._clinic_id, "shunned": shunned}).fetchone()
        if found is None:
            return None
        lane, seq, entry_mac, mac = found
        return ChainHead(clinic_id=self._clinic_id, lane=lane, seq=seq, entry_mac=bytes(entry_mac), mac=bytes(mac))
