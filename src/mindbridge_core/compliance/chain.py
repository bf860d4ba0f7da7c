"""The keyed hash chain that shows whether an audit trail was altered.

A clinic's trail runs in `LANES` chains side by side, so that requests of one clinic need not wait for
one another. Each lane counts its entries without a gap, and each entry's MAC covers the entry, its
place and the MAC before it. The lane's head carries a MAC of its own that no entry shows: whoever
drops entries from the tail would have to put back a head that they have never seen.

What this cannot show: a trail and its heads put back together to an earlier state that the attacker
had kept a copy of. Signed checkpoints outside the database show that.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple
from uuid import UUID

import attrs

from mindbridge_core.audit import AuditEntry
from mindbridge_core.compliance.content import spell

__all__ = [
    "LANES",
    "Anchor",
    "ChainBreak",
    "ChainHead",
    "Link",
    "SealedEntry",
    "first_head",
    "is_anchor",
    "is_genuine",
    "is_intact",
    "link_of",
    "make_anchor",
    "seal",
    "verify_clinic",
    "verify_lane",
    "verify_links",
]

LANES: Final = 64
BLOCK: Final = 64
"""Octets that SHA-256 takes at once."""


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
    entry_id: UUID | None = attrs.field(default=None, eq=False)
    """The entry that stands there, if one does. It says no more of the place, so it does not count in comparing."""


@attrs.frozen(kw_only=True)
class Anchor:
    """Where a lane begins once what came before was dropped: number and MAC of the last dropped entry.

    `hash` is the running hash that checkpoints use, over it and all before it; `mac` is over all three.
    """

    clinic_id: UUID
    lane: int
    seq: int
    entry_mac: bytes
    hash: bytes
    mac: bytes


class Link(NamedTuple):
    """An entry as verifying needs it: its place, its ids in hexadecimal digits, its MACs, and what the MAC covers.

    `flaw` says why no spelling of it can be right: its row says more, or other, than an entry can.
    """

    lane: int
    seq: int
    clinic_id: str
    id: str
    prev_mac: bytes
    mac: bytes
    content: bytes
    flaw: str = ""


Passed = Callable[[Link], Iterable[ChainBreak]]


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


def make_anchor(key: bytes, *, clinic_id: UUID, lane: int, seq: int, entry_mac: bytes, running: bytes) -> Anchor:
    """Return the anchor of a lane whose entries up to `seq` are to be dropped; `running` is its running hash there."""
    mac = _mac(key, b"anchor", clinic_id.bytes, b"%d %d" % (lane, seq), entry_mac, running)
    return Anchor(clinic_id=clinic_id, lane=lane, seq=seq, entry_mac=entry_mac, hash=running, mac=mac)


def is_anchor(key: bytes, anchor: Anchor) -> bool:
    """Whether the anchor is one that a holder of the key made."""
    made = make_anchor(
        key,
        clinic_id=anchor.clinic_id,
        lane=anchor.lane,
        seq=anchor.seq,
        entry_mac=anchor.entry_mac,
        running=anchor.hash,
    )
    return hmac.compare_digest(anchor.mac, made.mac)


def _content(entry: AuditEntry) -> bytes:
    """Return one spelling of the entry's every field."""
    return spell(
        id=entry.id,
        clinic_id=entry.clinic_id,
        created_at=entry.created_at,
        action=entry.action,
        outcome=entry.outcome,
        resource_type=entry.resource_type,
        resource_id=entry.resource_id,
        resource_ids=entry.resource_ids,
        changed_fields=entry.changed_fields,
        changed_values=entry.changed_values,
        phi_accessed=entry.phi_accessed,
        user_id=entry.user_id,
        session_id=entry.session_id,
        request_id=entry.request_id,
        ip_address=entry.ip_address,
        user_agent=entry.user_agent,
        access_reason=entry.access_reason,
    )


def _sealed(content: bytes, lane: int, seq: int, prev_mac: bytes) -> bytes:
    """Return what an entry's MAC covers: as `_mac` has it, written out, because a trail of millions is verified."""
    place = b"%d %d" % (lane, seq)
    return b"\0\0\0\5entry%b%b%b%b%b%b" % (
        len(place).to_bytes(4, "big"),
        place,
        len(prev_mac).to_bytes(4, "big"),
        prev_mac,
        len(content).to_bytes(4, "big"),
        content,
    )


def _entry_mac(key: bytes, content: bytes, lane: int, seq: int, prev_mac: bytes) -> bytes:
    return hmac.digest(key, _sealed(content, lane, seq, prev_mac), "sha256")


def _prepared(key: bytes) -> Callable[[bytes], bytes]:
    """Return HMAC-SHA-256 under a key that is worked in once for all messages (RFC 2104, 4): half the time of each."""
    block = (hashlib.sha256(key).digest() if len(key) > BLOCK else key).ljust(BLOCK, b"\0")
    inner = hashlib.sha256(bytes(octet ^ 0x36 for octet in block)).copy
    outer = hashlib.sha256(bytes(octet ^ 0x5C for octet in block)).copy

    def mac(message: bytes) -> bytes:
        inside, outside = inner(), outer()
        inside.update(message)
        outside.update(inside.digest())
        return outside.digest()

    return mac


def seal(key: bytes, head: ChainHead, entry: AuditEntry) -> tuple[SealedEntry, ChainHead]:
    """Put `entry` behind `head`; return it sealed, with the lane's new head."""
    seq = head.seq + 1
    mac = _entry_mac(key, _content(entry), head.lane, seq, head.entry_mac)
    sealed = SealedEntry(entry=entry, lane=head.lane, seq=seq, prev_mac=head.entry_mac, mac=mac)
    return sealed, _head(key, entry.clinic_id, head.lane, seq, mac)


def link_of(sealed: SealedEntry) -> Link:
    """Return the entry as a link of its chain."""
    entry = sealed.entry
    return Link(
        sealed.lane, sealed.seq, entry.clinic_id.hex, entry.id.hex, sealed.prev_mac, sealed.mac, _content(entry)
    )


def is_intact(key: bytes, link: Link) -> bool:
    """Whether the entry, in its place, is one that a holder of the key sealed."""
    lane, seq, _, _, prev_mac, mac, content, flaw = link
    return not flaw and mac == _entry_mac(key, content, lane, seq, prev_mac)


def verify_links(
    key: bytes, head: ChainHead, links: Iterable[Link], passed: Passed | None = None, start: Anchor | None = None
) -> Iterator[ChainBreak]:
    """Yield every break of one lane, whose links come in the order of `seq`; memory stays constant.

    `passed` is handed every link that stands in its place, and may find more. `start` is a genuine anchor of the lane.
    """
    before_all = start or first_head(key, head.clinic_id, head.lane)
    clinic, mac_of = head.clinic_id.hex, _prepared(key)
    own, seq, before = head.lane, before_all.seq, before_all.entry_mac
    for link in links:
        lane, number, clinic_id, id, prev_mac, mac, content, flaw = link
        if lane != own or clinic_id != clinic or number <= seq:
            yield ChainBreak(lane=own, seq=number, kind="misplaced", entry_id=UUID(id))
            continue
        if number != seq + 1:
            yield ChainBreak(lane=own, seq=seq + 1, kind="missing")
        elif prev_mac != before:
            yield ChainBreak(lane=own, seq=number, kind="unlinked", entry_id=UUID(id))
        if flaw or mac != mac_of(_sealed(content, lane, number, prev_mac)):
            yield ChainBreak(lane=own, seq=number, kind=flaw or "altered", entry_id=UUID(id))
        if passed is not None:
            yield from passed(link)
        seq, before = number, mac
    if head != _head(key, head.clinic_id, own, seq, before):
        yield ChainBreak(lane=own, seq=seq + 1, kind="truncated")


def verify_lane(key: bytes, head: ChainHead, entries: Iterable[SealedEntry]) -> Iterator[ChainBreak]:
    """Yield every break of one lane, whose entries come in the order of `seq`; memory stays constant."""
    return verify_links(key, head, map(link_of, entries))


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
