"""What the server is set to: nobody comes in without a password, nothing out of statements reaches the log."""

import re
import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import mindbridge_embedded
from mindbridge_embedded import EmbeddedPostgres
from tests.embedded.owners import owner_command, owning, processes_in, wait_until

CANARY = "Zephyrine-Quillfeather"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    with mindbridge_embedded.start(tmp_path_factory.mktemp("embedded") / "data") as server:
        yield server


@pytest.fixture
def connection(running: EmbeddedPostgres) -> Iterator[psycopg.Connection]:
    with psycopg.connect(running.superuser_url, autocommit=True) as opened:
        yield opened


def setting(connection: psycopg.Connection, name: str) -> object:
    row = connection.execute("select current_setting(%s)", [name]).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
        ("max_connections", "60"),
        ("shared_buffers", "128MB"),
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("log_statement", "none"),
        ("log_min_error_statement", "panic"),
        ("log_error_verbosity", "terse"),
        ("log_parameter_max_length_on_error", "0"),
        ("password_encryption", "scram-sha-256"),
        ("TimeZone", "UTC"),
        ("server_encoding", "UTF8"),
    ],
)
def test_setting_is(connection: psycopg.Connection, name: str, value: str) -> None:
    assert setting(connection, name) == value


def test_volatile_server_does_not_wait_for_the_disk(folder: Path) -> None:
    with (
        mindbridge_embedded.start(folder / "data", durable=False) as server,
        psycopg.connect(server.superuser_url) as connection,
    ):
        names = ("fsync", "synchronous_commit", "full_page_writes")
        assert [setting(connection, name) for name in names] == ["off", "off", "off"]


def test_text_is_ordered_by_code_point_everywhere(connection: psycopg.Connection) -> None:
    row = connection.execute("select datlocprovider, datlocale from pg_database where datname = 'template1'").fetchone()
    assert row == ("b", "C.UTF-8")


def test_every_way_in_asks_for_scram(connection: psycopg.Connection) -> None:
    rows = connection.execute("select distinct auth_method from pg_hba_file_rules").fetchall()
    assert rows == [("scram-sha-256",)]


@pytest.mark.parametrize("password", ["", "postgres", "x" * 43])
def test_wrong_password_is_refused(running: EmbeddedPostgres, password: str) -> None:
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(running.url(user="postgres", password=password, database="postgres"))


def test_only_the_loopback_listens_and_no_unix_socket(running: EmbeddedPostgres) -> None:
    listening = "0A"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    addresses = {row[1] for row in rows if row[3] == listening and row[1].endswith(f":{running.port:04X}")}
    assert addresses == {f"0100007F:{running.port:04X}"}
    assert f".s.PGSQL.{running.port}" not in Path("/proc/net/unix").read_text()


def test_password_lies_in_a_private_file_and_nowhere_else(running: EmbeddedPostgres) -> None:
    holders = [
        file.relative_to(running.data_dir)
        for file in running.data_dir.rglob("*")
        if file.is_file() and running.superuser_password.encode() in file.read_bytes()
    ]
    assert holders == [Path("superuser_password")]
    assert {
        stat.S_IMODE((running.data_dir / name).stat().st_mode) for name in ("superuser_password", "postgres.log")
    } == {
        0o600,
    }
    assert stat.S_IMODE(running.data_dir.stat().st_mode) == 0o700
    assert running.superuser_password not in repr(running)
    for process in processes_in(running.data_dir / "postgres"):
        assert running.superuser_password.encode() not in Path(f"/proc/{process}/cmdline").read_bytes()


def test_each_directory_has_a_password_of_its_own(running: EmbeddedPostgres, folder: Path) -> None:
    with mindbridge_embedded.start(folder / "data", durable=False) as other:
        assert other.superuser_password != running.superuser_password
        assert re.fullmatch(r"[\w-]{43}", other.superuser_password)


def test_environment_of_the_owner_stays_with_it(folder: Path) -> None:
    with owning(owner_command(folder / "data"), environment={"MINDBRIDGE_TEST_KEY": CANARY}):
        processes = processes_in(folder / "data" / "postgres")
        assert processes != set()
        for process in processes:
            assert CANARY.encode() not in Path(f"/proc/{process}/environ").read_bytes()


def test_values_of_failing_statements_stay_out_of_the_log(
    running: EmbeddedPostgres,
    connection: psycopg.Connection,
) -> None:
    connection.execute("create temporary table patient (name text primary key)")
    connection.execute("insert into patient values (%s)", [CANARY])
    with pytest.raises(psycopg.errors.UniqueViolation, match=CANARY):
        connection.execute("insert into patient values (%s)", [CANARY])
    with pytest.raises(psycopg.errors.InvalidTextRepresentation, match=CANARY):
        connection.execute("select %s::uuid", [CANARY])
    with pytest.raises(psycopg.errors.RaiseException, match=CANARY):
        connection.execute(f"do $$ begin raise warning '{CANARY}'; raise exception '{CANARY}'; end $$")
    with pytest.raises(psycopg.errors.SyntaxError):
        connection.execute(f"selec '{CANARY}'")
    assert CANARY not in (running.data_dir / "postgres.log").read_text()


def test_statement_of_a_killed_worker_stays_out_of_the_log(folder: Path) -> None:
    with (
        mindbridge_embedded.start(folder / "data", durable=False) as server,
        psycopg.connect(server.superuser_url) as victim,
    ):
        with pytest.raises(psycopg.OperationalError):
            victim.execute(f"copy (select '{CANARY}') to program 'kill -9 $PPID'")
        log = folder / "data" / "postgres.log"
        wait_until(lambda: "was terminated by signal 9" in log.read_text())
        wait_until(lambda: log.read_text().count("ready to accept connections") == 2)
        assert CANARY not in log.read_text()
