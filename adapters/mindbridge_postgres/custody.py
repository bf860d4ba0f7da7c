"""The clinic's wrapped keys in PostgreSQL, and what is sealed under them.

The application's role may add keys and change none: whoever rewraps, retires or destroys one connects as the owner.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg import sql

from mindbridge_core.custody import CellCount
from mindbridge_core.errors import LostUpdate
from mindbridge_core.phi import WrappedKey, stamped_version
from mindbridge_postgres.clinics import add_key, keys_of
from mindbridge_postgres.database import Connection

__all__ = ["PostgresKeyStore", "clinic_column"]

_REWRAP: Final = """
UPDATE clinic_keys SET wrapped_key = %s, master_key_id = %s
WHERE clinic_id = %s AND id = %s AND master_key_id = %s AND wrapped_key = %s
"""
_RETIRE: Final = "UPDATE clinic_keys SET retired_at = %s WHERE clinic_id = %s AND id = %s AND retired_at IS NULL"
_DESTROY: Final = "DELETE FROM clinic_keys WHERE clinic_id = %s AND id = %s AND retired_at = %s"
_COUNT: Final = sql.SQL("""
SELECT stamp, count(*) FROM (
    SELECT substring(cell FROM 1 FOR 3) AS stamp FROM {table}, LATERAL (VALUES {cells}) AS sealed (cell)
    WHERE {clinic} = %s AND cell IS NOT NULL
) AS stamps GROUP BY stamp
""")


def clinic_column(table: str) -> sql.Identifier:
    """Return the column of `table` that says whose a row is."""
    return sql.Identifier("id" if table == "clinics" else "clinic_id")


class PostgresKeyStore:
    """`KeyStore` of the core."""

    def __init__(self, connection: Connection, clinic_id: UUID) -> None:
        """Work in the open transaction of `connection`."""
        self._connection = connection
        self._clinic_id = clinic_id

    def all(self) -> Sequence[WrappedKey]:
        """Return all keys, oldest version first."""
        return keys_of(self._connection, self._clinic_id)

    def add(self, key: WrappedKey) -> None:
        """Insert a further version."""
        add_key(self._connection, key)

    def rewrap(self, key: WrappedKey, master_key_id: str, wrapped: bytes) -> None:
        """Replace the key's bytes, if they are still the stored ones."""
        where = (self._clinic_id, key.id, key.master_key_id, key.wrapped)
        _require_one(self._connection.run(_REWRAP, (wrapped, master_key_id, *where)).rowcount)

    def retire(self, key: WrappedKey, at: datetime) -> None:
        """Set when the key was retired."""
        _require_one(self._connection.run(_RETIRE, (at, self._clinic_id, key.id)).rowcount)

    def destroy(self, key: WrappedKey) -> None:
        """Delete the key, which is retired."""
        _require_one(self._connection.run(_DESTROY, (self._clinic_id, key.id, key.retired_at)).rowcount)

    def cells(self) -> Mapping[int, CellCount]:
        """Count the sealed cells of every table by their versions; reads all of the clinic's rows."""
        from mindbridge_postgres.schema.sealed import APPEND_ONLY, sealed_columns  # noqa: PLC0415 - servers need no SQLAlchemy

        records, trail = Counter[int](), Counter[int]()
        for table, columns in sealed_columns().items():
            counted = trail if table in APPEND_ONLY else records
            for stamp, count in self._stamps(table, columns):
                counted[stamped_version(stamp)] += count
        return {version: CellCount(records[version], trail[version]) for version in sorted({*records, *trail})}

    def _stamps(self, table: str, columns: Sequence[str]) -> Sequence[tuple[bytes, int]]:
        cells = sql.SQL(", ").join(sql.SQL("({})").format(sql.Identifier(table, name)) for name in columns)
        query = _COUNT.format(table=sql.Identifier(table), cells=cells, clinic=clinic_column(table))
        return self._connection.cursor(binary=True).execute(query, (self._clinic_id,)).fetchall()


def _require_one(rows: int) -> None:
    if rows != 1:
        raise LostUpdate
