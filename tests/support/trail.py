"""Reading a clinic's trail out of PostgreSQL, to verify it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from mindbridge_core.access import Action
from mindbridge_core.audit import AuditEntry, Outcome
from mindbridge_core.compliance import ChainBreak, ChainHead, SealedEntry, verify_clinic
from mindbridge_core.phi import ClinicCipher

Heads = dict[int, ChainHead]
Lanes = dict[int, list[SealedEntry]]


def read_trail(url: str, clinic_id: UUID, cipher: ClinicCipher) -> tuple[Heads, Lanes]:
    """Return heads and entries by lane, as the database has them."""
    with psycopg.connect(url, row_factory=dict_row, options="-c timezone=UTC") as connection:
        connection.execute(f"SET LOCAL app.clinic_id = '{clinic_id}'".encode())
        heads = connection.execute(
            "SELECT clinic_id, lane, seq, entry_mac, mac FROM audit_chain_heads WHERE clinic_id = %s", (clinic_id,)
        ).fetchall()
        rows = connection.execute(
            "SELECT * FROM audit_logs WHERE clinic_id = %s ORDER BY lane, seq", (clinic_id,)
        ).fetchall()
    lanes: Lanes = {}
    for row in rows:
        lanes.setdefault(row["lane"], []).append(_sealed(row, cipher))
    return {head["lane"]: ChainHead(**head) for head in heads}, lanes


def _sealed(row: dict[str, Any], cipher: ClinicCipher) -> SealedEntry:
    placed = {name: row.pop(name) for name in ("lane", "seq", "prev_mac", "mac")}
    changes = row.pop("changes")
    row["action"], row["outcome"] = Action(row["action"]), Outcome(row["outcome"])
    row["resource_ids"] = tuple(row["resource_ids"])
    if row["access_reason"] is not None:
        row["access_reason"] = cipher.decrypt("audit_logs.access_reason", row["id"], row["access_reason"])
    row["changed_fields"] = tuple(changes.get("fields", ()))
    row["changed_values"] = changes.get("values", {})
    return SealedEntry(entry=AuditEntry(**row), **placed)


def breaks(url: str, clinic_id: UUID, cipher: ClinicCipher) -> list[ChainBreak]:
    """Return every break of the clinic's trail."""
    heads, lanes = read_trail(url, clinic_id, cipher)
    return list(verify_clinic(cipher.audit_key, heads, lanes))


def entries(url: str, clinic_id: UUID, cipher: ClinicCipher) -> list[AuditEntry]:
    """Return the clinic's entries, oldest first."""
    _, lanes = read_trail(url, clinic_id, cipher)
    found = [sealed.entry for lane in lanes.values() for sealed in lane]
    return sorted(found, key=lambda entry: (entry.created_at, entry.id))
