"""The demo as whoever tries the product meets it: a real process, a real database, requests over HTTP."""

from __future__ import annotations

import re
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.cli.demos import SECONDS, STAFF, Demo, command, living, running_demo, spawn, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def test_a_demo_shows_each_member_of_staff_their_patients_and_ends_with_all_it_started() -> None:
    with running_demo() as demo:
        assert {"url", "api", "database_url", "users", "data_dir"} == demo.said.keys()
        assert [{"email", "password", "role"}] * 3 == [user.keys() for user in demo.said["users"]]
        assert {email: role for email, (role, _) in STAFF.items()} == {
            user["email"]: user["role"] for user in demo.said["users"]
        }
        assert 3 == len({password for password in demo.passwords.values() if len(password) >= 15})
        seen = {email: demo.patients(email, password) for email, password in demo.passwords.items()}
        assert {email: patients for email, (_, patients) in STAFF.items()} == seen
        assert demo.seconds < 60
        family = demo.family
        assert 5 <= len(family)

        assert 0 == demo.end(signal.SIGTERM)

        assert set() == living(family)
        assert not Path(demo.said["data_dir"]).exists()
        assert demo.process.stdout is not None
        assert "" == demo.process.stdout.read()


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo for those who only look at it, which Ctrl-C ends."""
    with running_demo("--data-dir", str(tmp_path_factory.mktemp("demo"))) as demo:
        yield demo
        assert 0 == demo.end(signal.SIGINT)


def test_the_database_is_reached_over_tcp_as_a_role_without_rights_to_spare(standing: Demo) -> None:
    with psycopg.connect(standing.said["database_url"]) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, (SELECT count(*) FROM patients)"
            " FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    assert (False, False, False, 0) == row
    assert standing.said["database_url"].startswith("postgresql://mindbridge_app:")


def test_a_killed_demo_leaves_no_process_and_a_restart_keeps_data_and_passwords(tmp_path: Path) -> None:
    place = tmp_path / "demo"
    with running_demo("--data-dir", str(place)) as demo:
        email, password = next(iter(demo.passwords.items()))
        token = demo.call("/auth/login", {"email": email, "password": password})["access_token"]
        demo.call("/patients", {"name": "Newly Admitted"}, token)
        family = demo.family
        demo.process.kill()
        wait_until(lambda: not living(family))
    with running_demo("--data-dir", str(place)) as demo:
        assert [{"email", "role"}] * 3 == [user.keys() for user in demo.said["users"]]
        assert 11 == demo.patients(email, password)
        assert 0 == demo.end(signal.SIGTERM)
    assert set() == secrets_in(place, password)
    assert 0o600 == stat.S_IMODE((place / "keys.json").stat().st_mode)


def test_a_batch_that_is_ordered_in_the_demo_is_run(standing: Demo) -> None:
    email = "admin@oakwood.health"
    token = standing.call("/auth/login", {"email": email, "password": standing.passwords[email]})["access_token"]
    task = standing.call("/screenings/batch", {}, token)["task_id"]
    wait_until(lambda: standing.call(f"/tasks/{task}", None, token)["status"] == "done")
    assert 10 == standing.call(f"/tasks/{task}", None, token)["screened"]
    assert 3 == len(standing.call("/alerts", None, token)["data"])


def secrets_in(place: Path, password: str) -> set[str]:
    """Which files hold the password, or what it came out of."""
    kept = [path for path in place.rglob("*") if path.is_file() and path.stat().st_uid == place.stat().st_uid]
    return {path.name for path in kept if path.name == "passwords.seed" or password.encode() in path.read_bytes()}


def test_a_first_start_killed_at_any_moment_is_completed_by_the_next(tmp_path: Path) -> None:
    place = tmp_path / "demo"
    for marker in ("postgres", "keys.json", "passwords.seed"):
        with spawn("--data-dir", str(place)) as process:
            wait_until(lambda marker=marker: (place / marker).exists())  # type: ignore[misc]  # mypy infers no default
            process.kill()
    with running_demo("--data-dir", str(place)) as demo:
        seen = {email: demo.patients(email, password) for email, password in demo.passwords.items()}
        assert {email: patients for email, (_, patients) in STAFF.items()} == seen
        assert 0 == demo.end(signal.SIGTERM)


def test_two_demos_at_once_know_nothing_of_one_another() -> None:
    with running_demo() as one, running_demo() as other:
        email = "admin@oakwood.health"
        token = one.call("/auth/login", {"email": email, "password": one.passwords[email]})["access_token"]
        one.call("/patients", {"name": "Only Here"}, token)
        assert 11 == one.patients(email, one.passwords[email])
        assert 10 == other.patients(email, other.passwords[email])
        assert one.passwords[email] != other.passwords[email]
        assert 0 == one.end(signal.SIGTERM)
        assert 10 == other.patients(email, other.passwords[email])
        assert 0 == other.end(signal.SIGTERM)


def test_a_second_demo_in_the_same_directory_is_refused(standing: Demo) -> None:
    with spawn("--data-dir", standing.said["data_dir"]) as second:
        said, complained = second.communicate(timeout=SECONDS)
    assert (1, "") == (second.returncode, said)
    assert "a server already runs" in complained
    assert "Traceback" not in complained
    assert standing.process.poll() is None


def test_a_taken_port_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = subprocess.run(
            command("demo", "--port", port, "--data-dir", str(tmp_path / "demo")),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    assert (1, "") == (ended.returncode, ended.stdout)
    assert "Address already in use" in ended.stderr
    assert not (tmp_path / "demo").exists()


def test_for_people_the_demo_prints_address_and_passwords_and_a_signal_while_starting_ends_it(tmp_path: Path) -> None:
    process = subprocess.Popen(
        command("demo", "--port", "0", "--data-dir", str(tmp_path)), stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(6)]
        process.send_signal(signal.SIGINT)
        assert 0 == process.wait(SECONDS)
    assert re.fullmatch(r"MindBridge runs at http://127\.0\.0\.1:\d+/api/docs\n", lines[0])
    assert 3 == sum(line.split()[0] in STAFF for line in lines if line.strip())

    with spawn("--data-dir", str(tmp_path)) as process:
        wait_until((tmp_path / "postgres" / "postmaster.pid").exists)
        process.terminate()
        assert 1 == process.wait(SECONDS)
    assert not (tmp_path / "postgres" / "postmaster.pid").exists()
