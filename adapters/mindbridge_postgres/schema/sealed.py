"""Which columns are sealed under the clinic's data key: the one list that a rotation walks and counts."""

from collections.abc import Mapping

from mindbridge_postgres.schema.columns import SEALED, metadata

__all__ = ["APPEND_ONLY", "sealed_columns"]

APPEND_ONLY = frozenset({"audit_logs"})
"""Tables whose rows nobody may change, not even to seal them anew."""


def sealed_columns() -> Mapping[str, tuple[str, ...]]:
    """Return the sealed columns by table, as the schema marks them; every such table has an `id`."""
    found = {
        name: tuple(column.name for column in table.columns if column.info.get(SEALED))
        for name, table in sorted(metadata.tables.items())
    }
    return {name: columns for name, columns in found.items() if columns}
