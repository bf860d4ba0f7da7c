"""Reading trails out of PostgreSQL: a page in a unit, a lane in a snapshot, an export in batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import attrs
import psycopg
from psycopg.abc import Params

from mindbridge_core.compliance import LANES, Anchor, ChainHead, Link, is_intact
from mindbridge_core.ids import PLATFORM_CLINIC_ID
from mindbridge_core.oversight import ChainPlace, Cut, LaneReading, Period, TrailFilter, TrailPage, TrailRecord
from mindbridge_core.phi import ClinicCipher, ClinicKeys
from mindbridge_postgres.database import Connection, Database, set_clinic
from mindbridge_postgres.errors import translated
from mindbridge_postgres.trail_rows import COLUMNS, Months, Reader, leave_raw

__all__ = ["PostgresTrailReader", "PostgresTrails"]

FETCHED: Final = 2_000
"""Rows that verifying holds at once."""

_PARTITIONS: Final = """
SELECT c.oid::bigint, c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'audit_logs'::regclass
"""
_HEAD: Final = "SELECT seq, entry_mac, mac FROM audit_chain_heads WHERE clinic_id = %s AND lane = %s"
_ANCHORS: Final = "SELECT seq, entry_mac, hash, mac FROM audit_anchors WHERE clinic_id = %s AND lane = %s ORDER BY seq"
_ANCHOR: Final = """
INSERT INTO audit_anchors (clinic_id, lane, seq, entry_mac, hash, mac, made_at)
VALUES (%(clinic_id)s, %(lane)s, %(seq)s, %(entry_mac)s, %(hash)s, %(mac)s, %(made_at)s) ON CONFLICT DO NOTHING
"""
_CUTS: Final = """
SELECT lane, count(*) FILTER (WHERE goes), max(seq) FILTER (WHERE goes), coalesce(min(seq) FILTER (WHERE NOT goes), 0)
FROM (
    SELECT lane, seq, tableoid = ANY (%(oids)s::oid[]) AS goes FROM audit_logs WHERE clinic_id = %(clinic_id)s
) AS found GROUP BY lane HAVING bool_or(goes)
"""
_LENGTH: Final = "SELECT coalesce(sum(seq), 0)::bigint FROM audit_chain_heads WHERE clinic_id = %s"
_LANE: Final = f"""
DECLARE lane_reading NO SCROLL CURSOR FOR
SELECT {COLUMNS} FROM audit_logs WHERE clinic_id = %s AND lane = %s ORDER BY seq
"""
_UNKNOWN: Final = f"""
SELECT lane FROM audit_chain_heads WHERE clinic_id = %(clinic_id)s AND (lane < 0 OR lane >= {LANES})
UNION SELECT lane FROM audit_logs WHERE clinic_id = %(clinic_id)s AND lane < 0
UNION SELECT lane FROM audit_logs WHERE clinic_id = %(clinic_id)s AND lane >= {LANES}
ORDER BY lane
"""
# A lane's number rises with its commits, for its head is held until then: what is seen has all before it.
_FOLLOWING: Final = f"""
SELECT found.* FROM unnest(%(lanes)s::smallint[], %(seqs)s::bigint[]) AS sent (lane, seq)
CROSS JOIN LATERAL (
    SELECT {COLUMNS} FROM audit_logs l
    WHERE l.clinic_id = %(clinic_id)s AND l.lane = sent.lane AND l.seq > sent.seq
    ORDER BY l.seq, l.id LIMIT %(limit)s
) AS found ORDER BY lane, seq, id
"""
_PAGE: Final[dict[str, LiteralString]] = {
    "user_id": " AND user_id = %(user_id)s",
    "session_id": " AND session_id = %(session_id)s",
    "action": " AND action = %(action)s",
    "outcome": " AND outcome = %(outcome)s",
    "resource_type": " AND resource_type = %(resource_type)s",
    "resource_id": " AND resource_id = %(resource_id)s",
    "phi_accessed": " AND phi_accessed = %(phi_accessed)s",
    "since": " AND created_at >= %(since)s",
    "until": " AND created_at < %(until)s",
    "before_id": " AND (created_at, id) < (%(before_at)s, %(before_id)s)",
}
_BATCH: Final[dict[str, LiteralString]] = {
    "since": _PAGE["since"],
    "until": _PAGE["until"],
    "id": " AND (lane, seq) >= (%(lane)s, %(seq)s) AND (lane, seq, id) > (%(lane)s, %(seq)s, %(id)s)",
}


def _raw(connection: Connection, statement: LiteralString, params: Params | None = None) -> Sequence[Sequence[Any]]:
    """Return rows whose values are left as they are stored."""
    cursor = connection.cursor(binary=True)
    leave_raw(cursor)
    return cursor.execute(statement, params, prepare=True).fetchall()


def _where(conditions: dict[str, LiteralString], params: dict[str, Any]) -> LiteralString:
    where: LiteralString = "WHERE clinic_id = %(clinic_id)s"
    for name, condition in conditions.items():
        where += condition if params[name] is not None else ""
    return where


def _months(connection: Connection) -> Months:
    return Months([(oid, name) for oid, name in connection.run(_PARTITIONS).fetchall()])


def _anchors(connection: Connection, clinic_id: UUID, lane: int) -> Sequence[Anchor]:
    rows = connection.run(_ANCHORS, (clinic_id, lane)).fetchall()
    return [
        Anchor(clinic_id=clinic_id, lane=lane, seq=seq, entry_mac=entry_mac, hash=running, mac=mac)
        for seq, entry_mac, running, mac in rows
    ]


def _records(rows: Sequence[Sequence[Any]], reader: Reader, cipher: ClinicCipher) -> list[TrailRecord]:
    key = cipher.audit_key
    return [reader.record(row, intact=is_intact(key, reader.link(row))) for row in rows]


class PostgresTrailReader:
    """`TrailReader` of the core."""

    def __init__(self, connection: Connection, clinic_id: UUID, cipher: ClinicCipher) -> None:
        """Work in the open transaction of `connection`."""
        self._connection, self._clinic_id, self._cipher = connection, clinic_id, cipher

    def page(self, only: TrailFilter) -> TrailPage:
        """Return a keyset page, reading one row more than it shows."""
        params = attrs.asdict(only, recurse=False) | {
            "clinic_id": self._clinic_id,
            "before_at": only.before and only.before.at,
            "before_id": only.before and only.before.id,
        }
        del params["before"], params["limit"]
        query: LiteralString = (
            f"SELECT {COLUMNS} FROM audit_logs {_where(_PAGE, params)}"
            f" ORDER BY created_at DESC, id DESC LIMIT {int(only.limit) + 1}"
        )
        reader = Reader(self._clinic_id, self._cipher, _months(self._connection))
        return TrailPage.of(_records(_raw(self._connection, query, params), reader, self._cipher), only.limit)

    def keep_anchors(self, anchors: Sequence[Anchor], at: datetime) -> None:
        """Insert anchors one by one: there are 64 at most."""
        for anchor in anchors:
            self._connection.run(_ANCHOR, attrs.asdict(anchor) | {"made_at": at})


@attrs.frozen
class PostgresTrails:
    """`Trails` of the core."""

    database: Database
    keys: ClinicKeys

    def clinics(self) -> Sequence[UUID]:
        """Return the clinics that were opened, the platform's first."""
        with self.database.connection() as connection, translated():
            rows = connection.run("SELECT id FROM clinics WHERE id <> %s ORDER BY id", (PLATFORM_CLINIC_ID,)).fetchall()
        return [PLATFORM_CLINIC_ID, *(UUID(int=row[0].int) for row in rows)]

    def length(self, clinic_id: UUID) -> int:
        """Add the heads' numbers."""
        with self._snapshot(clinic_id) as connection:
            row = connection.run(_LENGTH, (clinic_id,)).fetchone()
        return int(row[0]) if row else 0

    def unknown_lanes(self, clinic_id: UUID) -> Sequence[int]:
        """Return the numbers that no lane has."""
        with self._snapshot(clinic_id) as connection:
            return [lane for (lane,) in connection.run(_UNKNOWN, {"clinic_id": clinic_id}).fetchall()]

    @contextmanager
    def lane(self, clinic_id: UUID, lane: int) -> Iterator[LaneReading]:
        """Read a lane in one snapshot: its head and its entries agree, whatever is committed meanwhile."""
        cipher = self.keys.cipher(clinic_id)
        with self._snapshot(clinic_id) as connection:
            found = connection.run(_HEAD, (clinic_id, lane)).fetchone()
            head = None
            if found is not None:
                seq, entry_mac, mac = found
                head = ChainHead(clinic_id=clinic_id, lane=lane, seq=seq, entry_mac=entry_mac, mac=mac)
            anchors = _anchors(connection, clinic_id, lane)
            reader = Reader(clinic_id, cipher, _months(connection))
            yield LaneReading(head=head, links=_links(connection, clinic_id, lane, reader), anchors=anchors)

    def batch(self, clinic_id: UUID, period: Period, after: ChainPlace | None, limit: int) -> Sequence[TrailRecord]:
        """Return the next records of the period."""
        cipher = self.keys.cipher(clinic_id)
        params = {
            "clinic_id": clinic_id,
            "since": period.since,
            "until": period.until,
            "lane": after and after.lane,
            "seq": after and after.seq,
            "id": after and after.id,
        }
        query: LiteralString = (
            f"SELECT {COLUMNS} FROM audit_logs {_where(_BATCH, params)} ORDER BY lane, seq, id LIMIT {int(limit)}"
        )
        with self._snapshot(clinic_id) as connection:
            rows, months = _raw(connection, query, params), _months(connection)
        return _records(rows, Reader(clinic_id, cipher, months), cipher)

    def following(self, clinic_id: UUID, after: Mapping[int, int], limit: int) -> Sequence[TrailRecord]:
        """Return the next records of some lanes, all as they were at one moment."""
        cipher = self.keys.cipher(clinic_id)
        params = {"clinic_id": clinic_id, "lanes": list(after), "seqs": list(after.values()), "limit": limit}
        with self._snapshot(clinic_id) as connection:
            rows, months = _raw(connection, _FOLLOWING, params), _months(connection)
        return _records(rows, Reader(clinic_id, cipher, months), cipher)

    def cuts(self, clinic_id: UUID, before: datetime) -> Mapping[int, Cut]:
        """Return what each lane has in the partitions of the months before, whatever times its rows claim."""
        with self._snapshot(clinic_id) as connection:
            oids = _months(connection).until(before)
            rows = connection.run(_CUTS, {"clinic_id": clinic_id, "oids": oids}).fetchall()
        return {lane: Cut(entries, last, first_kept) for lane, entries, last, first_kept in rows}

    @contextmanager
    def _snapshot(self, clinic_id: UUID) -> Iterator[Connection]:
        """Lend a connection in a transaction that changes nothing and sees one moment."""
        with self.database.connection() as connection, translated():
            connection.command(f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {set_clinic(clinic_id)}")
            try:
                with self.database.holding(clinic_id, connection):
                    yield connection
            finally:
                _end(connection)


def _end(connection: Connection) -> None:
    """End a transaction that has nothing to keep; a connection on which that fails is thrown away by the pool."""
    try:
        connection.command("ROLLBACK")
    except psycopg.Error:
        connection.close()


def _links(connection: Connection, clinic_id: UUID, lane: int, reader: Reader) -> Iterator[Link]:
    connection.execute(_LANE, (clinic_id, lane), prepare=False)
    link = reader.link
    while rows := _raw(connection, f"FETCH FORWARD {FETCHED} FROM lane_reading"):
        yield from map(link, rows)
