"""The keyed hash chain that shows whether an audit trail was altered.

A clinic's trail runs in `LANES` chains side by side, so that requests of one clinic need not wait for
one another. Each lane counts its entries without a gap, and each entry's MAC covers the entry, its
place and the MAC before it. The lane's head carries a MAC of its own that no entry shows: whoever
drops entries from the tail would have to put back a head that they have never seen.

What this cannot show: a trail and its heads put back together to an earlier state that the attacker
had kept a copy of. Signed checkpoints outside the database show that.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core.audit import AuditEntry

__all__ = [
    "LANES",
    "ChainBreak",
    "ChainHead",
    "SealedEntry",
    "first_head",
    "is_genuine",
    "seal",
    "verify_clinic",
    "verify_lane",
]

LANES: Final = 64


@attrs.frozen(kw_only=True)
class ChainHead:
    """Where a lane stands: the number and MAC of its last entry, and the MAC over both. No entry yet: number 0."""

    clinic_id: UUID
    lane: int
    seq: int
    entry_mac: bytes
    mac: bytes


@attrs.frozen(kw_only=True)
class SealedEntry:
    """An entry with its place in the chain."""

    entry: AuditEntry
    lane: int
    seq: int
    prev_mac: bytes
    mac: bytes


@attrs.frozen(kw_only=True)
class ChainBreak:
    """A place where a trail is not what was written: `lane` and the `seq` of the entry, and what is wrong."""

    lane: int
    seq: int
    kind: str


def _mac(key: bytes, *parts: bytes) -> bytes:
    """HMAC-SHA-256 (RFC 2104) over parts that each carry their length, so that no two lists of parts meet."""
    return hmac.digest(key, b"".join(len(part).to_bytes(4, "big") + part for part in parts), "sha256")


def _head(key: bytes, clinic_id: UUID, lane: int, seq: int, entry_mac: bytes) -> ChainHead:
    mac = _mac(key, b"head", clinic_id.bytes, b"%d %d" % (lane, seq), entry_mac)
    return ChainHead(clinic_id=clinic_id, lane=lane, seq=seq, entry_mac=entry_mac, mac=mac)


def first_head(key: bytes, clinic_id: UUID, lane: int) -> ChainHead:
    """Return the head of a lane that has no entry yet."""
    return _head(key, clinic_id, lane, 0, _mac(key, b"lane", clinic_id.bytes, b"%d" % lane))


def is_genuine(key: bytes, head: ChainHead) -> bool:
    """Whether the head is one that a holder of the key made; a lane whose head is not must not be built upon."""
    return hmac.compare_digest(head.mac, _head(key, head.clinic_id, head.lane, head.seq, head.entry_mac).mac)


def _content(entry: AuditEntry) -> bytes:
    """Return one spelling of the entry's every field."""
    return json.dumps(
        [
            entry.id.hex,
            entry.clinic_id.hex,
            entry.created_at.isoformat(),
            entry.action,
            entry.outcome,
            entry.resource_type,
            entry.resource_id and entry.resource_id.hex,
            [one.hex for one in entry.resource_ids],
            entry.changed_fields,
            sorted(entry.changed_values.items()),
            entry.phi_accessed,
            entry.user_id and entry.user_id.hex,
            entry.session_id and entry.session_id.hex,
            entry.request_id,
            entry.ip_address,
            entry.user_agent,
            entry.access_reason,
        ],
        separators=(",", ":"),
    ).encode()


def _entry_mac(key: bytes, entry: AuditEntry, lane: int, seq: int, prev_mac: bytes) -> bytes:
    return _mac(key, b"entry", b"%d %d" % (lane, seq), prev_mac, _content(entry))


def seal(key: bytes, head: ChainHead, entry: AuditEntry) -> tuple[SealedEntry, ChainHead]:
    """Put `entry` behind `head`; return it sealed, with the lane's new head."""
    seq = head.seq + 1
    mac = _entry_mac(key, entry, head.lane, seq, head.entry_mac)
    sealed = SealedEntry(entry=entry, lane=head.lane, seq=seq, prev_mac=head.entry_mac, mac=mac)
    return sealed, _head(key, entry.clinic_id, head.lane, seq, mac)


def verify_lane(key: bytes, head: ChainHead, entries: Iterable[SealedEntry]) -> Iterator[ChainBreak]:
    """Yield every break of one lane, whose entries come in the order of `seq`; memory stays constant."""
    first = first_head(key, head.clinic_id, head.lane)
    seq, mac = 0, first.entry_mac
    for sealed in entries:
        if sealed.lane != head.lane or sealed.entry.clinic_id != head.clinic_id or sealed.seq <= seq:
            yield ChainBreak(lane=head.lane, seq=sealed.seq, kind="misplaced")
            continue
        if sealed.seq != seq + 1:
            yield ChainBreak(lane=head.lane, seq=seq + 1, kind="missing")
        elif sealed.prev_mac != mac:
            yield ChainBreak(lane=head.lane, seq=sealed.seq, kind="unlinked")
        if not hmac.compare_digest(sealed.mac, _entry_mac(key, sealed.entry, sealed.lane, sealed.seq, sealed.prev_mac)):
            yield ChainBreak(lane=head.lane, seq=sealed.seq, kind="altered")
        seq, mac = sealed.seq, sealed.mac
    if head != _head(key, head.clinic_id, head.lane, seq, mac):
        yield ChainBreak(lane=head.lane, seq=seq + 1, kind="truncated")


def verify_clinic(
    key: bytes, heads: Mapping[int, ChainHead], lanes: Mapping[int, Iterable[SealedEntry]]
) -> Iterator[ChainBreak]:
    """Yield every break of a clinic's trail; a lane without its head is a break, and so is one too many."""
    for lane in sorted((set(heads) | set(lanes)) - set(range(LANES))):
        yield ChainBreak(lane=lane, seq=0, kind="unknown_lane")
    for lane in range(LANES):
        if lane not in heads:
            yield ChainBreak(lane=lane, seq=0, kind="headless")
        else:
            yield from verify_lane(key, heads[lane], lanes.get(lane, ()))
