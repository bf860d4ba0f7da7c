"""The database's revisions, and the few things one does with them; every URL is a plain `postgresql://` string.

A revision is written by hand and checked by hand: tables without foreign keys first, then each foreign key by its own
named `op.create_foreign_key`, one statement per `op.execute`, and a `downgrade` that takes it all back.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Connection, Engine, NullPool, create_engine, inspect, make_url, text

from mindbridge_postgres.schema import metadata
from mindbridge_postgres.tenancy import partitions

__all__ = ["MigrationsBusy", "current", "differences", "downgrade", "head", "upgrade"]

LOCK = 7_210_426_136
"""The advisory lock that one migrating process holds; it ends with the connection, however that ends."""

PATIENCE_SECONDS = 300.0


class MigrationsBusy(TimeoutError):
    """Another process has been migrating this database for longer than we wait."""


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database to `revision`; at once by two processes, one does the work and the other finds it done."""
    with _alone(url) as connection:
        command.upgrade(_config(connection), revision)


def downgrade(url: str, revision: str) -> None:
    """Take the database back to `revision`, or to `base`; what later revisions added is lost."""
    with _alone(url) as connection:
        command.downgrade(_config(connection), revision)


def current(url: str) -> str | None:
    """Return the revision that the database is at, None before the first; the application's role may ask."""
    with _engine(url).connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    """Return the newest revision."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    if newest is None:
        raise LookupError("the package was installed without its revisions")
    return newest


def differences(url: str) -> list[str]:
    """Return in words where the database differs from `mindbridge_postgres.schema`; empty when it does not.

    Looks at tables, columns, types, nullability, defaults, keys, indexes and the names of checks; the audit trail's
    partitions follow their parent and are passed over. Must run as the owner of the tables.
    """
    with _engine(url).connect() as connection:
        apart = _partition_names(connection)
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_server_default": True,
                "include_name": lambda name, kind, _: not (kind == "table" and name in apart),
            },
        )
        return [_in_words(found) for found in compare_metadata(context, metadata)] + _missing_checks(connection)


def _engine(url: str) -> Engine:
    address = make_url(url).set(drivername="postgresql+psycopg")
    return create_engine(address, poolclass=NullPool, hide_parameters=True)


def _config(connection: Connection | None = None) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "mindbridge_migrations:")
    return config


@contextmanager
def _alone(url: str) -> Iterator[Connection]:
    with _engine(url).connect() as connection:
        _wait_for_turn(connection)
        yield connection


def _wait_for_turn(connection: Connection) -> None:
    # Asked again and again instead of waited for: a waiting statement holds a snapshot, and CREATE INDEX CONCURRENTLY
    # in the process before us would wait for that snapshot in turn.
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LOCK}):
        connection.rollback()
        if time.monotonic() > deadline:
            raise MigrationsBusy("another process is migrating this database; look for it, or try again later")
        time.sleep(0.05)
    connection.rollback()


def _partition_names(connection: Connection) -> frozenset[str]:
    return partitions(connection) if inspect(connection).has_table("audit_logs") else frozenset()


def _in_words(found: object) -> str:
    if isinstance(found, list):
        return "; ".join(_in_words(one) for one in found)
    parts: Sequence[object] = found if isinstance(found, tuple) else (found,)
    return " ".join(str(getattr(part, "name", part)) for part in parts if part is not None and part != {})


def _missing_checks(connection: Connection) -> list[str]:
    looked_up = inspect(connection)
    found: list[str] = []
    for table in metadata.sorted_tables:
        if not looked_up.has_table(table.name):
            continue
        present = {check["name"] for check in looked_up.get_check_constraints(table.name)}
        wanted = {
            looked_up.dialect.identifier_preparer.format_constraint(check)
            for check in table.constraints
            if isinstance(check, CheckConstraint)
        }
        found += [f"add_check {table.name} {name}" for name in sorted(map(str, wanted - present))]
        found += [f"remove_check {table.name} {name}" for name in sorted(map(str, present - wanted))]
    return found
