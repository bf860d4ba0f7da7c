"""What is done to the database as the owner of its tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime

from sqlalchemy import Connection, NullPool, create_engine, make_url

import mindbridge_migrations
from mindbridge_cli.settings import Settings, SettingsRefused
from mindbridge_postgres.tenancy import MONTHS_AHEAD, RIGHTS, drop_partitions, grant_application_role, make_partitions

__all__ = [
    "add_partitions",
    "database_findings",
    "drop_months",
    "owner_url",
    "revision_and_head",
    "take_back",
    "upgrade",
]


def owner_url(settings: Settings) -> str:
    """Return the owner's address; SettingsRefused when it is not set."""
    if settings.owner_database_url is None:
        raise SettingsRefused(["no owner: set MINDBRIDGE_OWNER_DATABASE_URL to the address as the tables' owner"])
    return settings.owner_database_url


def revision_and_head(url: str) -> tuple[str | None, str]:
    """Return the revision that the database is at, and the newest there is."""
    return mindbridge_migrations.current(url), mindbridge_migrations.head()


def upgrade(url: str, role: str, revision: str = "head") -> None:
    """Bring the database to `revision`; at the newest, also renew the role's rights and make partitions ahead.

    Done again it changes nothing. Raises UnfitRole when the application's role is missing or could undo its limits.
    """
    mindbridge_migrations.upgrade(url, revision)
    if mindbridge_migrations.current(url) != mindbridge_migrations.head():
        return
    with _transaction(url) as connection:
        grant_application_role(connection, role)
        _make_ahead(connection)


def add_partitions(url: str) -> tuple[str, ...]:
    """Make the audit trail's partitions ahead, those that are not there yet; return their names."""
    with _transaction(url) as connection:
        return _make_ahead(connection)


def drop_months(url: str, before: date) -> tuple[str, ...]:
    """Drop the audit trail's partitions of the months before; every clinic must have been made ready for it."""
    with _transaction(url) as connection:
        connection.exec_driver_sql("SET LOCAL lock_timeout = '10s'")
        return drop_partitions(connection, before)


def _make_ahead(connection: Connection) -> tuple[str, ...]:
    return make_partitions(connection, datetime.now(UTC).date(), MONTHS_AHEAD + 1)


def take_back(url: str, revision: str) -> None:
    """Take the database back to `revision`, or to `base`; what later revisions added is lost."""
    mindbridge_migrations.downgrade(url, revision)


def database_findings(url: str, role: str) -> list[str]:
    """Return where the database is behind this release or differs from it, and which rights the role lacks."""
    current, head = revision_and_head(url)
    if current != head:
        return [f"the database is at revision {current or 'none'}, not {head}: run `mindbridge db upgrade`"]
    found = [f"differs: {words}" for words in mindbridge_migrations.differences(url)]
    with _transaction(url) as connection:
        return found + list(_missing_rights(connection, role))


def _missing_rights(connection: Connection, role: str) -> Iterator[str]:
    known = connection.exec_driver_sql("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).scalar()
    if known is None:
        yield f"there is no role {role}: CREATE ROLE it with LOGIN and a password, then run `mindbridge db upgrade`"
        return
    query = "SELECT has_table_privilege(%s, %s, %s)"
    for table, rights in RIGHTS.items():
        lacking = [
            right
            for right in rights.split(", ")
            if not connection.exec_driver_sql(query, (role, table, right)).scalar()
        ]
        if lacking:
            yield f"{role} may not {', '.join(lacking)} {table}: run `mindbridge db upgrade`"


@contextmanager
def _transaction(url: str) -> Iterator[Connection]:
    address = make_url(url).set(drivername="postgresql+psycopg")
    with create_engine(address, poolclass=NullPool, hide_parameters=True).begin() as connection:
        yield connection
