"""Checkpoints: what a trail was at a moment, signed, so that a later reader needs to trust neither store nor keys.

A checkpoint commits, lane by lane, to the number of entries and to a SHA-256 hash over all of them:

    h(0) = SHA-256("mindbridge trail 1" | clinic, 16 bytes | lane, decimal)
    h(n) = SHA-256(h(n-1) | previous MAC, 32 bytes | MAC, 32 bytes | the entry's spelling)

No secret goes into it, so whoever has an export of the trail can compute it again, and whoever has the public key
(Ed25519, RFC 8032) can tell whose statement it is. It shows what the chain's own MACs cannot: a tail that was cut
together with its heads, and entries forged by a holder of the clinic's key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import attrs

from mindbridge_core.compliance import Anchor, ChainBreak, Link
from mindbridge_core.errors import DamagedRecord

__all__ = ["Checkpoint", "LaneHash", "LaneMark", "SignedCheckpoint", "marks_of", "read_checkpoint", "write_checkpoint"]

_DOMAIN: Final = b"mindbridge checkpoint 1\n"
HASH_BYTES: Final = 32


@attrs.frozen
class LaneMark:
    """How far a lane had come: the number and MAC of its last entry, and the hash over it and all before it."""

    lane: int
    seq: int
    mac: bytes
    hash: bytes


@attrs.frozen(kw_only=True)
class Checkpoint:
    """A clinic's trail at a moment. A lane that is not among `lanes` had no entry."""

    clinic_id: UUID
    made_at: datetime
    lanes: tuple[LaneMark, ...]


@attrs.frozen(kw_only=True)
class SignedCheckpoint:
    """A checkpoint as it was read: `statement` is what `signature` must be good for, under the key `key_id`."""

    checkpoint: Checkpoint
    key_id: str
    signature: bytes
    statement: bytes


def _members(checkpoint: Checkpoint, key_id: str) -> dict[str, object]:
    return {
        "clinic_id": str(checkpoint.clinic_id),
        "made_at": checkpoint.made_at.isoformat(),
        "key_id": key_id,
        "lanes": [[mark.lane, mark.seq, mark.mac.hex(), mark.hash.hex()] for mark in checkpoint.lanes],
    }


def _statement(members: Mapping[str, object]) -> bytes:
    return _DOMAIN + json.dumps(members, sort_keys=True, separators=(",", ":")).encode()


def write_checkpoint(checkpoint: Checkpoint, key_id: str, sign: Callable[[bytes], bytes]) -> str:
    """Return the checkpoint as a line of JSON, signed over all its other members (sorted, without spaces)."""
    members = _members(checkpoint, key_id)
    return json.dumps({**members, "signature": sign(_statement(members)).hex()})


def read_checkpoint(line: str) -> SignedCheckpoint:
    """Read a line that `write_checkpoint` made; raises DamagedRecord for any other. The signature is yet to be held."""
    try:
        members: dict[str, Any] = json.loads(line)
        signature = bytes.fromhex(members.pop("signature"))
        checkpoint = Checkpoint(
            clinic_id=UUID(members["clinic_id"]),
            made_at=datetime.fromisoformat(members["made_at"]),
            lanes=tuple(
                LaneMark(lane, seq, bytes.fromhex(mac), bytes.fromhex(digest))
                for lane, seq, mac, digest in members["lanes"]
            ),
        )
        genuine = _members(checkpoint, members["key_id"])
    except (AttributeError, KeyError, TypeError, ValueError):
        raise DamagedRecord("A line is not a checkpoint.") from None
    if members != genuine:  # another spelling, or more than was signed
        raise DamagedRecord("A line is not a checkpoint.")
    return SignedCheckpoint(
        checkpoint=checkpoint, key_id=members["key_id"], signature=signature, statement=_statement(members)
    )


class LaneHash:
    """The running hash of one lane, held against marks as it passes them."""

    def __init__(self, clinic_id: UUID, lane: int, marks: Iterable[LaneMark] = (), stop: int = 0) -> None:
        self._hash = hashlib.sha256(b"mindbridge trail 1" + clinic_id.bytes + b"%d" % lane).digest()
        self._lane, self._seq, self._mac = lane, 0, b""
        self._marks = {mark.seq: mark for mark in sorted(marks, key=lambda mark: mark.seq)}
        self._stop = stop
        self.stopped: LaneMark | None = None
        """Where the lane stood at the number `stop`, once that has been passed."""

    def begin(self, anchor: Anchor) -> Iterable[ChainBreak]:
        """Go on from an anchor; return a break where checkpoints are held and none of them speaks of it.

        What they say of entries before it is past telling.
        """
        self._hash, self._seq, self._mac = anchor.hash, anchor.seq, anchor.entry_mac
        if self._marks and anchor.seq not in self._marks:
            return (ChainBreak(lane=self._lane, seq=anchor.seq + 1, kind="unanchored"),)
        self._marks = {seq: mark for seq, mark in self._marks.items() if seq >= anchor.seq}
        return self._compared(None)

    def __call__(self, link: Link) -> Iterable[ChainBreak]:
        """Take the next link in; return a break when a mark says that another was there, or other ones before it."""
        self._hash = hashlib.sha256(self._hash + link.prev_mac + link.mac + link.content).digest()
        self._seq, self._mac = link.seq, link.mac
        if link.seq == self._stop:
            self.stopped = self.mark
        return self._compared(link) if self._marks else ()

    def _compared(self, link: Link | None) -> Iterable[ChainBreak]:
        mark = self._marks.pop(self._seq, None)
        if mark is None or (mark.hash == self._hash and mark.mac == self._mac):
            return ()
        id = None if link is None else UUID(link.id)
        return (ChainBreak(lane=self._lane, seq=self._seq, kind="rewritten", entry_id=id),)

    def missed(self) -> Iterator[ChainBreak]:
        """Yield a break when marks were never reached: entries that were there are gone."""
        if self._marks:
            yield ChainBreak(lane=self._lane, seq=min(self._marks), kind="rolled_back")

    @property
    def mark(self) -> LaneMark | None:
        """Where the lane stands now; None before its first entry."""
        return LaneMark(self._lane, self._seq, self._mac, self._hash) if self._seq else None


def marks_of(checkpoints: Iterable[Checkpoint], clinic_id: UUID) -> dict[int, list[LaneMark]]:
    """Return the clinic's marks by lane."""
    found: dict[int, list[LaneMark]] = {}
    for checkpoint in checkpoints:
        if checkpoint.clinic_id == clinic_id:
            for mark in checkpoint.lanes:
                found.setdefault(mark.lane, []).append(mark)
    return found
