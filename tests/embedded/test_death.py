"""The server never outlives its owner, and is not taken from a living one."""

import os
import signal
import subprocess
import time
from pathlib import Path

import psycopg
import pytest

import mindbridge_embedded
from tests.embedded.owners import (
    SECONDS,
    USERS,
    answers,
    owner_command,
    owning,
    postmaster,
    processes_in,
    read_rows,
    wait_until,
    wait_until_gone,
    write_row,
)


@pytest.mark.slow
def test_killed_owner_leaves_no_server_and_a_restart_keeps_its_rows(data_dir: Path, user: str) -> None:
    command = USERS[user](owner_command(data_dir))
    with owning(command) as owner:
        assert postmaster(data_dir) in processes_in(data_dir / "postgres")
        write_row(owner.url)
        owner.kill()
        wait_until_gone(data_dir, owner.port)
    with owning(command) as owner:
        assert read_rows(owner.url) == [("still here",)]


@pytest.mark.slow
def test_restart_right_after_the_kill_waits_for_the_old_server_to_leave(data_dir: Path, user: str) -> None:
    command = USERS[user](owner_command(data_dir))
    with owning(command) as owner, psycopg.connect(owner.url):
        old = postmaster(data_dir)
        owner.process.kill()
        with owning(command) as successor:
            assert postmaster(data_dir) != old
            assert answers(successor.port)


@pytest.mark.slow
def test_postmaster_killed_with_its_owner_does_not_prevent_a_restart(data_dir: Path, user: str) -> None:
    command = USERS[user](owner_command(data_dir))
    with owning(command) as owner:
        write_row(owner.url)
        server = postmaster(data_dir)
        os.kill(owner.process.pid, signal.SIGSTOP)
        os.kill(server, signal.SIGKILL)
        owner.kill()
        wait_until_gone(data_dir, owner.port)
    assert (data_dir / "postgres" / "postmaster.pid").exists()
    with owning(command) as owner:
        assert read_rows(owner.url) == [("still here",)]


@pytest.mark.parametrize("last_signal", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGABRT])
def test_owner_ended_by_a_signal_leaves_no_server(folder: Path, last_signal: signal.Signals) -> None:
    with owning(owner_command(folder / "data")) as owner:
        owner.process.send_signal(last_signal)
        owner.process.wait(SECONDS)
        wait_until_gone(folder / "data", owner.port)


def test_owner_that_ignores_sigint_still_takes_its_server_with_it(folder: Path) -> None:
    with owning(owner_command(folder / "data", "ignore-sigint")) as owner:
        owner.kill()
        wait_until_gone(folder / "data", owner.port)


@pytest.mark.parametrize("order", ["stop\n", ""])
def test_owner_that_ends_by_itself_has_ended_its_server(folder: Path, order: str) -> None:
    with owning(owner_command(folder / "data")) as owner:
        assert owner.finish(order) == 0
        assert processes_in(folder / "data" / "postgres") == set()
        assert not answers(owner.port)


def test_terminals_interrupt_leaves_the_server_to_its_owner(folder: Path) -> None:
    with owning(owner_command(folder / "data", "ignore-sigint")) as owner:
        os.killpg(owner.process.pid, signal.SIGINT)
        write_row(owner.url)
        assert read_rows(owner.url) == [("still here",)]
        assert owner.finish("stop\n") == 0


def test_owner_killed_at_any_moment_of_the_start_leaves_no_server(folder: Path) -> None:
    mindbridge_embedded.start(folder / "data", durable=False).stop()
    for moment in range(12):
        with subprocess.Popen(
            owner_command(folder / "data"), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        ) as process:
            pid_file = folder / "data" / "postgres" / "postmaster.pid"
            before = pid_file.read_text() if pid_file.exists() else ""
            wait_until(lambda: pid_file.exists() and pid_file.read_text() != before)  # noqa: B023 - done in this round
            time.sleep(moment / 500)
            process.kill()
        wait_until(lambda: not processes_in(folder / "data"))


def test_forked_child_neither_stops_the_server_nor_keeps_the_directory(folder: Path) -> None:
    with mindbridge_embedded.start(folder / "data", durable=False) as server:
        child = os.fork()
        if child == 0:
            server.stop()
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert answers(server.port)


@pytest.mark.parametrize("owner_lives", [True, False])
def test_initdb_ends_with_its_owner_and_is_done_again(folder: Path, *, owner_lives: bool) -> None:
    unfinished = folder / "data" / "postgres.unfinished"
    with subprocess.Popen(owner_command(folder / "data"), stdin=subprocess.PIPE) as process:
        while not (unfinished / "base").exists():
            assert process.poll() is None
        if not owner_lives:
            process.kill()
        process.communicate(timeout=SECONDS)
    assert unfinished.exists() != owner_lives
    with owning(owner_command(folder / "data")) as owner:
        write_row(owner.url)
        assert not unfinished.exists()
