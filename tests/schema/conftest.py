"""A real PostgreSQL for the schema's tests, with one migrated database and the roles that use it."""

import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import attrs
import psycopg
import pytest
from sqlalchemy import Connection, Engine, NullPool, create_engine, make_url, text

import mindbridge_migrations
from mindbridge_embedded import EmbeddedPostgres, start
from mindbridge_postgres.tenancy import grant_application_role

# Roles belong to the whole server, so these tests bring their own: others may share it.
OWNER = "schema_owner"
APPLICATION = "schema_application"
# What an ini file's interpolation and a careless URL stumble over.
PASSWORD = "p@ss/w%rd"


@attrs.frozen(kw_only=True)
class Database:
    """One database on the server, owned by `OWNER`."""

    name: str
    server: EmbeddedPostgres

    @property
    def owner_url(self) -> str:
        return self.server.url(user=OWNER, password=PASSWORD, database=self.name)

    @property
    def application_url(self) -> str:
        return self.server.url(user=APPLICATION, password=PASSWORD, database=self.name)

    @property
    def superuser_url(self) -> str:
        return self.server.superuser_url.removesuffix("postgres") + self.name


def engine(url: str) -> Engine:
    """Return an engine that keeps no connection."""
    return create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool, hide_parameters=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedPostgres]:
    """A server of this worker's own."""
    with tempfile.TemporaryDirectory(prefix="mb-schema-") as folder, start(Path(folder), durable=False) as server:
        yield server


def _make_database(server: EmbeddedPostgres, name: str) -> Database:
    with psycopg.connect(server.superuser_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} OWNER {OWNER}".encode())
    return Database(name=name, server=server)


@pytest.fixture(scope="session")
def schema_server(postgres_server: EmbeddedPostgres) -> EmbeddedPostgres:
    """The server, with the two roles of these tests."""
    with psycopg.connect(postgres_server.superuser_url, autocommit=True) as connection:
        for role in (OWNER, APPLICATION):
            connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'".encode())
    return postgres_server


@pytest.fixture
def empty_database(schema_server: EmbeddedPostgres) -> Database:
    """A database of the test's own, without tables."""
    return _make_database(schema_server, f"db_{secrets.token_hex(6)}")


@pytest.fixture(scope="session")
def database(schema_server: EmbeddedPostgres) -> Database:
    """The migrated database that tests share; they leave nothing in it."""
    shared = _make_database(schema_server, f"db_{secrets.token_hex(6)}")
    mindbridge_migrations.upgrade(shared.owner_url)
    with engine(shared.owner_url).begin() as connection:
        grant_application_role(connection, APPLICATION)
    return shared


@pytest.fixture
def owner(database: Database) -> Iterator[Connection]:
    """A transaction of the tables' owner, rolled back afterwards."""
    with engine(database.owner_url).connect() as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def application(database: Database) -> Iterator[Connection]:
    """A transaction of the application's role, rolled back afterwards."""
    with engine(database.application_url).connect() as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def database_superuser(database: Database) -> Iterator[Connection]:
    """A transaction of the cluster's superuser, whom row-level security does not bind; rolled back afterwards."""
    with engine(database.superuser_url).connect() as connection:
        yield connection
        connection.rollback()


def enter(connection: Connection, clinic_id: object) -> None:
    """Act for one clinic until the transaction ends."""
    connection.execute(text(f"SET LOCAL app.clinic_id = '{clinic_id}'"))
