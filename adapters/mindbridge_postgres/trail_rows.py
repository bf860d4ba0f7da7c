"""Rows of the audit trail as bytes: so they are verified as they lie there, and at a rate that lets one do it.

Nothing is made of a value before it is known to be of the one form that the application writes. A row in any other form
is not an error but a finding.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from struct import iter_unpack
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg
from psycopg.types.numeric import Int8BinaryLoader
from psycopg.types.string import ByteaBinaryLoader

from mindbridge_core.compliance import Link, assemble, quote, spell_changes
from mindbridge_core.errors import DamagedRecord
from mindbridge_core.oversight import TrailRecord
from mindbridge_core.phi import ClinicCipher

__all__ = ["COLUMNS", "Months", "RawRow", "Reader", "leave_raw"]

REASON: Final = "audit_logs.access_reason"
COLUMNS: Final = (
    "lane, seq, id, created_at, action, outcome, resource_type, resource_id, resource_ids, changes, phi_accessed,"
    " user_id, session_id, request_id, ip_address, user_agent, access_reason, prev_mac, mac, tableoid"
)


class RawRow(NamedTuple):
    """One row in the order of `COLUMNS`. Ids, lists of ids and JSON are bytes; times are microseconds since 2000."""

    lane: int
    seq: int
    id: bytes
    created_at: int
    action: str
    outcome: str
    resource_type: str
    resource_id: bytes | None
    resource_ids: bytes
    changes: bytes
    phi_accessed: bool
    user_id: bytes | None
    session_id: bytes | None
    request_id: str | None
    ip_address: str | None
    user_agent: str | None
    access_reason: bytes | None
    prev_mac: bytes
    mac: bytes
    partition: int


def leave_raw(cursor: psycopg.Cursor[Any]) -> None:
    """Have a cursor for binary results leave those values as they are."""
    for kind in ("uuid", UUIDS, "jsonb"):
        cursor.adapters.register_loader(kind, ByteaBinaryLoader)
    cursor.adapters.register_loader("timestamptz", Int8BinaryLoader)


UUIDS: Final = psycopg.adapters.types["uuid"].array_oid

EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
TICK: Final = timedelta(microseconds=1)
LAST: Final = datetime.max.replace(tzinfo=UTC)
NO_IDS: Final = (0).to_bytes(4, "big") + (0).to_bytes(4, "big") + (2950).to_bytes(4, "big")
ONE_DIMENSION: Final = (1).to_bytes(4, "big") + (0).to_bytes(4, "big") + (2950).to_bytes(4, "big")
FROM_ONE: Final = (1).to_bytes(4, "big")
UUID_LENGTH: Final = (16).to_bytes(4, "big")
NEVER: Final = (0, 0)
KEPT: Final = 4_096
ALTERED: Final = "altered"
MISFILED: Final = "misfiled"


class NotOfThisFormError(ValueError):
    """A stored value has a form that the application never writes."""


class Reader:
    """Reads one clinic's rows. `months` says of each partition which times it is for."""

    def __init__(self, clinic_id: UUID, cipher: ClinicCipher, months: Months) -> None:
        self._clinic_id, self._clinic, self._cipher, self._months = clinic_id, clinic_id.hex, cipher, months
        self._bounds = months.bounds
        self._changes: dict[bytes, str] = {}
        self._words: dict[str, str] = {}

    def link(self, row: Sequence[Any]) -> Link:
        """Return the row as verifying needs it."""
        (
            lane,
            seq,
            id,
            created_at,
            action,
            outcome,
            resource_type,
            resource_id,
            resource_ids,
            changes,
            phi_accessed,
            user_id,
            session_id,
            request_id,
            ip_address,
            user_agent,
            access_reason,
            prev_mac,
            mac,
            partition,
        ) = row
        words = self._words
        try:
            content = assemble(
                id=id.hex(),
                clinic_id=self._clinic,
                created_at=(EPOCH + TICK * created_at).isoformat(),
                action=words.get(action) or self._word(action),
                outcome=words.get(outcome) or self._word(outcome),
                resource_type=words.get(resource_type) or self._word(resource_type),
                resource_id="null" if resource_id is None else f'"{resource_id.hex()}"',
                resource_ids="[]" if resource_ids == NO_IDS else _quoted(resource_ids),
                changes=self._changes.get(changes) or self._spelled(changes),
                phi_accessed=phi_accessed,
                user_id="null" if user_id is None else f'"{user_id.hex()}"',
                session_id="null" if session_id is None else f'"{session_id.hex()}"',
                origin=(
                    f"{'null' if request_id is None else quote(request_id)},"
                    f"{'null' if ip_address is None else words.get(ip_address) or self._word(ip_address)},"
                    f"{'null' if user_agent is None else words.get(user_agent) or self._word(user_agent)}"
                ),
                access_reason="null" if access_reason is None else quote(self._reason(id, access_reason)),
            )
        except (DamagedRecord, NotOfThisFormError, OverflowError):
            return Link(lane, seq, self._clinic, id.hex(), prev_mac, mac, b"", ALTERED)
        first, following = self._bounds.get(partition, NEVER)
        flaw = "" if first <= created_at < following or self._months.hold(partition, created_at) else MISFILED
        return Link(lane, seq, self._clinic, id.hex(), prev_mac, mac, content, flaw)

    def record(self, row: Sequence[Any], *, intact: bool) -> TrailRecord:
        """Return the row for its readers; what cannot be read of an altered one is empty."""
        raw = RawRow(*row)
        id = UUID(bytes=raw.id)
        try:
            fields, values = _members(raw.changes)
        except NotOfThisFormError:
            fields, values = [], {}
        return TrailRecord(
            lane=raw.lane,
            seq=raw.seq,
            id=id,
            clinic_id=self._clinic_id,
            created_at=_time(raw.created_at),
            action=raw.action,
            outcome=raw.outcome,
            resource_type=raw.resource_type,
            resource_id=_id(raw.resource_id),
            resource_ids=_ids(raw.resource_ids),
            changed_fields=tuple(fields),
            changed_values=values,
            phi_accessed=raw.phi_accessed,
            user_id=_id(raw.user_id),
            session_id=_id(raw.session_id),
            request_id=raw.request_id,
            ip_address=raw.ip_address,
            user_agent=raw.user_agent,
            access_reason=self._reason_or_none(raw),
            prev_mac=raw.prev_mac,
            mac=raw.mac,
            intact=intact,
        )

    def _word(self, word: str) -> str:
        """Spell a word of which there are few, and keep that."""
        _bound(self._words)
        spelled = self._words[word] = quote(word)
        return spelled

    def _spelled(self, changes: bytes) -> str:
        fields, values = _members(changes)
        _bound(self._changes)
        spelled = self._changes[changes] = spell_changes(fields, values)
        return spelled

    def _reason(self, id: bytes, sealed: bytes) -> str:
        return self._cipher.decrypt(REASON, UUID(bytes=id), sealed)

    def _reason_or_none(self, raw: RawRow) -> str | None:
        try:
            return None if raw.access_reason is None else self._reason(raw.id, raw.access_reason)
        except DamagedRecord:
            return None


class Months:
    """The trail's partitions by their numbers, with the times that each is for, in microseconds since 2000.

    A row elsewhere is hidden from whoever asks for a period. The partition for everything else holds no time that
    a month's partition is for.
    """

    def __init__(self, partitions: Sequence[tuple[int, str]]) -> None:
        named = {oid: _month(name) for oid, name in partitions}
        self.bounds = {oid: bounds for oid, bounds in named.items() if bounds}
        """From which time on, and until before which, of each month's partition."""

    def until(self, before: datetime) -> list[int]:
        """Return the partitions of months that had ended by then."""
        return [oid for oid, (_, following) in self.bounds.items() if following <= _microseconds(before)]

    def hold(self, partition: int, created_at: int) -> bool:
        """Whether a row of this time belongs into that partition."""
        bounds = self.bounds.get(partition)
        if bounds is not None:
            return bounds[0] <= created_at < bounds[1]
        return not any(first <= created_at < following for first, following in self.bounds.values())


def _month(name: str) -> tuple[int, int] | None:
    """Read the month off a partition's name, as `make_partitions` gives it; None for the one for everything else."""
    year, parted, month = name.removeprefix("audit_logs_y").partition("m")
    if not (parted and year.isdecimal() and month.isdecimal()):
        return None
    first = datetime(int(year), int(month), 1, tzinfo=UTC)
    following = (first + timedelta(days=31)).replace(day=1)
    return _microseconds(first), _microseconds(following)


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def _bound(cache: dict[Any, Any]) -> None:
    if len(cache) >= KEPT:
        cache.clear()


def _members(changes: bytes) -> tuple[list[str], dict[str, object]]:
    """Read `changes`, which holds two members and nothing else."""
    content = json.loads(changes[1:])  # behind the number of jsonb's own format
    if not isinstance(content, dict) or content.keys() != {"fields", "values"}:
        raise NotOfThisFormError
    fields, values = content["fields"], content["values"]
    if not isinstance(fields, list) or not isinstance(values, dict):
        raise NotOfThisFormError
    return fields, values


def _hex_ids(array: bytes) -> list[str]:
    """Read an array of ids: one dimension, counted from 1, without nulls."""
    if array == NO_IDS:
        return []
    count = int.from_bytes(array[12:16], "big")
    if array[:12] != ONE_DIMENSION or array[16:20] != FROM_ONE or len(array) != 20 + 20 * count:
        raise NotOfThisFormError
    members = list(iter_unpack("4s16s", array[20:]))
    if {length for length, _ in members} != {UUID_LENGTH}:
        raise NotOfThisFormError
    return [id.hex() for _, id in members]


def _quoted(array: bytes) -> str:
    return '["' + '","'.join(_hex_ids(array)) + '"]'


def _id(raw: bytes | None) -> UUID | None:
    return None if raw is None else UUID(bytes=raw)


def _ids(array: bytes) -> tuple[UUID, ...]:
    try:
        return tuple(map(UUID, _hex_ids(array)))
    except NotOfThisFormError:
        return ()


def _time(microseconds: int) -> datetime:
    try:
        return EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return LAST
