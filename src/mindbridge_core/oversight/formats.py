"""An exported trail as text: NDJSON, which `read_line` reads back, or CSV for spreadsheets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum, unique
from typing import Any, Final
from uuid import UUID

import attrs

from mindbridge_core.compliance import Link
from mindbridge_core.errors import DamagedRecord
from mindbridge_core.oversight.entities import TrailRecord
from mindbridge_core.spreadsheets import csv_line

__all__ = ["ExportFormat", "export_text", "read_line", "read_links", "record_members"]


@unique
class ExportFormat(StrEnum):
    """How an export is written."""

    CSV = "csv"
    NDJSON = "ndjson"


def _id(id: UUID | None) -> str | None:
    return None if id is None else str(id)


def record_members(record: TrailRecord) -> dict[str, Any]:
    """Return the record as members of a JSON object, seals included."""
    return {
        "lane": record.lane,
        "seq": record.seq,
        "id": str(record.id),
        "clinic_id": str(record.clinic_id),
        "created_at": record.created_at.isoformat(),
        "action": record.action,
        "outcome": record.outcome,
        "resource_type": record.resource_type,
        "resource_id": _id(record.resource_id),
        "resource_ids": [str(one) for one in record.resource_ids],
        "changed_fields": list(record.changed_fields),
        "changed_values": dict(record.changed_values),
        "phi_accessed": record.phi_accessed,
        "user_id": _id(record.user_id),
        "session_id": _id(record.session_id),
        "request_id": record.request_id,
        "ip_address": record.ip_address,
        "user_agent": record.user_agent,
        "access_reason": record.access_reason,
        "prev_mac": record.prev_mac.hex(),
        "mac": record.mac.hex(),
    }


_MEMBERS: Final = [field.name for field in attrs.fields(TrailRecord) if field.name != "intact"]


def export_text(records: Iterable[TrailRecord], form: ExportFormat) -> Iterator[str]:
    """Yield the export's lines, each with its end, as records come."""
    if form is ExportFormat.CSV:
        yield csv_line(_MEMBERS)
        for record in records:
            yield csv_line(_cell(value) for value in record_members(record).values())
    else:
        for record in records:
            yield json.dumps(record_members(record), separators=(",", ":")) + "\n"


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def read_line(line: str) -> TrailRecord:
    """Read a line of an NDJSON export; raises DamagedRecord for any other."""
    try:
        members: dict[str, Any] = json.loads(line)
        record = TrailRecord(
            **members
            | {name: UUID(members[name]) for name in ("clinic_id", "id")}
            | {name: members[name] and UUID(members[name]) for name in ("resource_id", "user_id", "session_id")}
            | {name: bytes.fromhex(members[name]) for name in ("prev_mac", "mac")}
            | {
                "created_at": datetime.fromisoformat(members["created_at"]),
                "resource_ids": tuple(UUID(one) for one in members["resource_ids"]),
                "changed_fields": tuple(members["changed_fields"]),
            }
        )
        written = record_members(record)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise DamagedRecord("A line is not of an exported trail.") from None
    if written != members:  # another spelling of a value, or more than an entry says
        raise DamagedRecord("A line is not of an exported trail.")
    return record


def read_links(lines: Iterable[str]) -> Iterator[Link]:
    """Yield the link of every line of an NDJSON export."""
    for line in lines:
        yield read_line(line).link
