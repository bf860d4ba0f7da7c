"""A real PostgreSQL for tests: one server per test process, a migrated template, a fresh database in milliseconds."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import attrs
import psycopg
from sqlalchemy import NullPool, create_engine, make_url

import mindbridge_migrations
from mindbridge_embedded import EmbeddedPostgres, start
from mindbridge_postgres.tenancy import grant_application_role

OWNER = "mindbridge_owner"
APPLICATION = "mindbridge_app"
# A percent sign and a slash: what an ini file's interpolation and a careless URL stumble over.
PASSWORD = "p%ss/w%rd"
TEMPLATE = "mindbridge_template"


@attrs.frozen(kw_only=True)
class TestDatabase:
    """One database, and how each role reaches it."""

    __test__ = False

    name: str
    server: EmbeddedPostgres

    @property
    def owner_url(self) -> str:
        """The migrations' role."""
        return self.server.url(user=OWNER, password=PASSWORD, database=self.name)

    @property
    def application_url(self) -> str:
        """The application's role."""
        return self.server.url(user=APPLICATION, password=PASSWORD, database=self.name)

    @property
    def superuser_url(self) -> str:
        """The cluster's superuser, whom row-level security does not bind."""
        return self.server.superuser_url.rpartition("/")[0] + "/" + quote(self.name)


@attrs.frozen
class TestServer:
    """A running server with the product's roles."""

    __test__ = False

    server: EmbeddedPostgres

    def run(self, statement: str) -> None:
        """Run a statement as the superuser, outside any transaction."""
        with psycopg.connect(self.server.superuser_url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def database(self, template: str | None = None) -> TestDatabase:
        """Make a database: empty, or a copy of `template`."""
        database = TestDatabase(name=f"db_{secrets.token_hex(6)}", server=self.server)
        copied = f" TEMPLATE {template} STRATEGY file_copy" if template else ""
        self.run(f"CREATE DATABASE {database.name} OWNER {OWNER}{copied}")
        return database

    def drop(self, database: TestDatabase) -> None:
        """Drop the database and whoever is still connected."""
        self.run(f"DROP DATABASE {database.name} WITH (FORCE)")


def migrate(database: TestDatabase) -> None:
    """Bring an empty database to the newest revision, with the application's rights."""
    mindbridge_migrations.upgrade(database.owner_url)
    url = make_url(database.owner_url).set(drivername="postgresql+psycopg")
    with create_engine(url, poolclass=NullPool, hide_parameters=True).begin() as connection:
        grant_application_role(connection, APPLICATION)


@contextmanager
def running_server(folder: Path) -> Iterator[TestServer]:
    """Run a server in `folder` until the end of the block, with roles and a migrated template."""
    with start(folder, durable=False) as embedded:
        server = TestServer(embedded)
        for role in (OWNER, APPLICATION):
            server.run(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
        template = TestDatabase(name=TEMPLATE, server=embedded)
        server.run(f"CREATE DATABASE {TEMPLATE} OWNER {OWNER}")
        migrate(template)
        yield server
