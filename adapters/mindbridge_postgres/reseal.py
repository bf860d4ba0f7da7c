"""The walk that seals a clinic's cells anew after its data key was rotated.

It runs as the owner of the tables, for the application may not change all of them, while the application serves.
Nothing but the cells changes: a row keeps its version, and so its ETag, and its times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

import attrs
from psycopg import sql

from mindbridge_core.errors import DamagedRecord
from mindbridge_core.phi import ClinicCipher, ClinicKeys, cell_stamp, stamped_version
from mindbridge_postgres.custody import clinic_column
from mindbridge_postgres.database import Connection, Database, set_clinic
from mindbridge_postgres.errors import translated
from mindbridge_postgres.schema.sealed import APPEND_ONLY, sealed_columns

__all__ = ["Resealed", "reseal"]

PAGE: Final = 100

# A row that somebody else holds is passed over and left to the next pass, so that the walk waits for nobody and nobody
# can wait for it in a circle. A row that is read here stays as it is until the batch is stored: no change is lost.
_PAGE: Final = sql.SQL("""
SELECT id, {columns} FROM {table}
WHERE {clinic} = %(clinic_id)s AND (%(after)s::uuid IS NULL OR id > %(after)s::uuid) AND ({older})
ORDER BY id LIMIT %(page)s FOR NO KEY UPDATE SKIP LOCKED
""")
_OLDER: Final = sql.SQL("substring({} FROM 1 FOR 3) <> %(stamp)s::bytea")
_STORE: Final = sql.SQL("""
UPDATE {table} AS stored SET {changes} FROM unnest(%s::uuid[], {arrays}) AS sealed (id, {columns})
WHERE stored.{clinic} = %s AND stored.id = sealed.id
""")


@attrs.frozen
class Resealed:
    """What a pass did: cells that are under the current version now, and cells that do not open."""

    cells: int = 0
    damaged: int = 0

    def __add__(self, other: Resealed) -> Resealed:
        """Return both together."""
        return Resealed(self.cells + other.cells, self.damaged + other.damaged)


def reseal(
    database: Database, keys: ClinicKeys, clinic_id: UUID, *, told: Callable[[int], object], page: int = PAGE
) -> Resealed:
    """Go once through every table that seals cells, and seal anew those of the clinic under an older version.

    `page` rows at a time, each batch a transaction: killed at any moment, all that was stored stands, and the next call
    goes on. `told` gets the number of cells of each batch. A cell that does not open stays as it is.
    """
    done = Resealed()
    for table, columns in sealed_columns().items():
        if table not in APPEND_ONLY:
            done += _Walk(database, keys, clinic_id, table, columns).run(page, told)
    return done


@attrs.frozen
class _Walk:
    """One table's pass."""

    database: Database
    keys: ClinicKeys
    clinic_id: UUID
    table: str
    columns: Sequence[str]

    def run(self, page: int, told: Callable[[int], object]) -> Resealed:
        done, after = Resealed(), None
        while True:
            cipher = self.keys.cipher(self.clinic_id)  # before the batch: it may have to ask the store
            with self.database.connection() as connection, translated(), connection.transaction():
                connection.execute(set_clinic(self.clinic_id), prepare=False)
                rows = self._older(connection, cipher, after, page)
                sealed = [self._anew(cipher, row) for row in rows]
                self._store(connection, [cells for cells, _ in sealed])
            batch = sum((one for _, one in sealed), Resealed())
            told(batch.cells)
            done += batch
            if len(rows) < page:
                return done
            after = rows[-1][0]

    def _older(self, connection: Connection, cipher: ClinicCipher, after: UUID | None, page: int) -> list[Any]:
        names = [sql.Identifier(name) for name in self.columns]
        query = _PAGE.format(
            columns=sql.SQL(", ").join(names),
            table=sql.Identifier(self.table),
            clinic=clinic_column(self.table),
            older=sql.SQL(" OR ").join(_OLDER.format(name) for name in names),
        )
        stamp = cell_stamp(cipher.version)
        params = {"clinic_id": self.clinic_id, "after": after, "stamp": stamp, "page": page}
        return connection.cursor(binary=True).execute(query, params).fetchall()

    def _anew(self, cipher: ClinicCipher, row: Sequence[Any]) -> tuple[Sequence[Any], Resealed]:
        """Return the row's id and cells, those under an older version sealed anew, and how many there were."""
        id, cells, done = row[0], list(row[1:]), Resealed()
        for place, name in enumerate(self.columns):
            cell = cells[place]
            if cell is None or stamped_version(cell) == cipher.version:
                continue
            column = f"{self.table}.{name}"
            try:
                cells[place] = cipher.encrypt(column, id, cipher.decrypt(column, id, cell))
                done += Resealed(cells=1)
            except DamagedRecord:
                done += Resealed(damaged=1)
        return (id, *cells), done

    def _store(self, connection: Connection, rows: Sequence[Sequence[Any]]) -> None:
        if not rows:
            return
        names = [sql.Identifier(name) for name in self.columns]
        statement = _STORE.format(
            table=sql.Identifier(self.table),
            changes=sql.SQL(", ").join(sql.SQL("{0} = sealed.{0}").format(name) for name in names),
            arrays=sql.SQL(", ").join(sql.SQL("%s::bytea[]") for _ in names),
            columns=sql.SQL(", ").join(names),
            clinic=clinic_column(self.table),
        )
        values = [list(column) for column in zip(*rows, strict=True)]
        connection.execute(statement, [*values, self.clinic_id], prepare=False)
