"""The production server as a process: what it refuses to serve, what it survives, and what it never says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from mindbridge_cli.safety import insecure
from mindbridge_cli.settings import Settings
from mindbridge_security import KeyRing
from tests.cli.demos import SECONDS, command, descendants, environment, living, wait_until
from tests.cli.servers import Server, serving
from tests.support.postgres import TEMPLATE, TestDatabase, TestServer
from tests.support.sockets import free_port

CANARY = "Zanzibar-Quokka"


@pytest.fixture(scope="module")
def standing(postgres_server: TestServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for those who only ask it; each test that ends it or takes its database has one of its own."""
    made, folder = postgres_server.database(TEMPLATE), tmp_path_factory.mktemp("serve")
    KeyRing.generate().save(folder / "keys.json")
    settings = {"database_url": made.application_url, "key_ring_file": str(folder / "keys.json")}
    with serving(settings, folder / "log") as running:
        yield running
    postgres_server.drop(made)


@pytest.fixture
def server(served: dict[str, str], tmp_path: Path) -> Iterator[Server]:
    with serving(served, tmp_path / "log") as running:
        yield running


def refused(**settings: str) -> str:
    """What a server says that does not start."""
    ended = subprocess.run(
        command("serve"), env=environment(**settings), capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert (1, "") == (ended.returncode, ended.stdout)
    assert "Traceback" not in ended.stderr
    return ended.stderr


def test_without_database_and_keys_it_does_not_start_and_says_all_that_is_missing() -> None:
    said = refused(host="0.0.0.0")  # noqa: S104 - that it is refused is the test
    assert "MINDBRIDGE_DATABASE_URL" in said
    assert "keys generate" in said
    assert "ends TLS" in said


@pytest.mark.parametrize(
    ("settings", "findings"),
    [
        (Settings(), 0),
        (Settings(host="::1"), 0),
        (Settings(host="localhost"), 0),
        (Settings(host="10.0.0.5"), 1),
        (Settings(host="db.example"), 1),
        (Settings(host="10.0.0.5", behind_tls=True), 0),
        (Settings(host="10.0.0.5", allow_plain_http=True), 0),
        (Settings(notify="smtp", smtp_host="mail.example", smtp_security="plain"), 1),
        (Settings(notify="smtp", smtp_host="mail.example"), 0),
        (Settings(notify="smtp", smtp_host="127.0.0.1", smtp_security="plain"), 0),
        (Settings(argon2_time_cost=1), 1),
        (Settings(argon2_time_cost=5, argon2_memory_kib=7168), 0),
    ],
)
def test_insecure_settings_are_found_and_their_safe_twins_are_not(settings: Settings, findings: int) -> None:
    assert findings == len(list(insecure(settings)))


@pytest.mark.parametrize(("value", "findings"), [("1", 1), ("true", 1), ("0", 0), ("", 0)])
def test_a_framework_in_debug_mode_is_not_served(value: str, findings: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_DEBUG", value)
    assert findings == len(list(insecure(Settings())))


def test_a_key_ring_that_others_can_read_is_not_served(served: dict[str, str]) -> None:
    Path(served["key_ring_file"]).chmod(0o644)
    assert "chmod 600" in refused(**served)


@pytest.mark.parametrize("role", ["owner_url", "superuser_url"])
def test_a_role_that_row_level_security_does_not_bind_is_not_served(
    role: str, served: dict[str, str], database: TestDatabase
) -> None:
    said = refused(**served | {"database_url": getattr(database, role)})
    assert "NOBYPASSRLS" in said


def test_a_database_that_is_behind_is_not_served(served: dict[str, str], postgres_server: TestServer) -> None:
    said = refused(**served | {"database_url": postgres_server.database().application_url})
    assert "run `mindbridge db upgrade`" in said


def test_a_database_that_does_not_come_up_is_waited_for_and_then_given_up(served: dict[str, str]) -> None:
    url = f"postgresql://app:hunter2@127.0.0.1:{free_port()}/x"
    started = time.monotonic()
    said = refused(**served | {"database_url": url, "start_timeout_seconds": "1"})
    assert time.monotonic() - started > 1
    assert "Connection refused" in said
    assert "hunter2" not in said


@pytest.mark.slow
def test_it_answers_without_saying_who_and_logs_routes_without_values(standing: Server) -> None:
    server = standing
    status, headers, _ = server.get(f"/api/v1/patients?q={CANARY}", **{"X-Request-ID": "known-1", "User-Agent": CANARY})
    assert (401, "known-1") == (status, headers["X-Request-ID"])
    assert "Server" not in headers
    server.get(f"/api/v1/{CANARY}")
    (line,) = [line for line in server.lines() if line.get("request_id") == "known-1"]
    assert {"timestamp", "level", "logger", "event", "route", "method", "status", "duration_ms", "request_id"} == set(
        line
    )
    assert ("/v1/patients", "GET", 401) == (line["route"], line["method"], line["status"])
    assert CANARY not in server.log.read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (f"{CANARY}\r\n\r\n", 400),
        (f"GET /api/v1/patients?{CANARY} HTTP/9.9\r\n\r\n", 400),
        (f"GET /{CANARY * 300} HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (f"GET /api/health HTTP/1.1\r\nHost: x\r\n{CANARY} : y\r\n\r\n", 400),
        (f"GET /api/health HTTP/1.1\r\nHost: x\r\nX: {CANARY * 600}\r\n\r\n", 431),
        (f"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {CANARY}\r\n\r\n", 501),
        (f"GET /api/health HTTP/1.1\r\nHost: x\r\nExpect: {CANARY}\r\n\r\n", 417),
    ],
)
def test_what_is_no_request_is_answered_with_a_problem_and_never_repeated(
    sent: str, status: int, standing: Server
) -> None:
    server = standing
    head, _, body = server.raw(sent.encode()).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"application/problem+json" in head
    problem = json.loads(body)
    assert (status, "malformed_request") == (problem["status"], problem["code"])
    assert CANARY.encode() not in head + body
    assert CANARY not in server.log.read_text("utf-8")
    assert 200 == server.status()


@pytest.mark.slow
def test_killing_the_parent_ends_the_workers_at_once(server: Server) -> None:
    wait_until(lambda: 2 == len(descendants(server.process.pid)))
    family = descendants(server.process.pid)
    server.process.kill()
    wait_until(lambda: not living(family), seconds=15)


@pytest.mark.slow
def test_sigterm_ends_it_in_order(server: Server) -> None:
    family = descendants(server.process.pid)
    server.process.terminate()
    assert 0 == server.process.wait(SECONDS)
    assert set() == living(family)


SLOW_TO_BEGIN = """
import sys, time
from mindbridge_cli import server
begin = server._after_fork
def slowly(arbiter, worker):
    begin(arbiter, worker)
    time.sleep(2)
server._after_fork = slowly
from mindbridge_cli.__main__ import main
sys.exit(main())
"""


@pytest.mark.slow
def test_a_worker_that_is_only_beginning_is_not_deaf_to_the_end(served: dict[str, str]) -> None:
    told = environment(**served, port=str(free_port()), graceful_timeout_seconds="300")
    with subprocess.Popen([sys.executable, "-c", SLOW_TO_BEGIN, "serve"], env=told) as process:
        try:
            wait_until(lambda: 2 == len(descendants(process.pid)))
            process.terminate()
            assert 0 == process.wait(SECONDS)
        finally:
            process.kill()


@pytest.mark.slow
def test_a_request_in_flight_is_finished_when_it_stops(server: Server, database: TestDatabase) -> None:
    answers: list[int] = []
    with psycopg.connect(database.superuser_url) as blocking:
        blocking.execute("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE")
        waiting = threading.Thread(target=lambda: answers.append(server.status()))
        waiting.start()
        wait_until(lambda: is_waiting(database))
        server.process.terminate()
        time.sleep(0.3)
        assert server.process.poll() is None
    waiting.join(SECONDS)
    assert [200] == answers
    assert 0 == server.process.wait(SECONDS)


def is_waiting(database: TestDatabase) -> bool:
    with psycopg.connect(database.superuser_url) as superuser:
        return superuser.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)").fetchone() == (True,)


@pytest.mark.slow
def test_a_database_that_goes_away_costs_no_worker_and_its_return_is_noticed(
    server: Server, database: TestDatabase, postgres_server: TestServer
) -> None:
    postgres_server.run(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS false")
    with psycopg.connect(postgres_server.server.superuser_url) as superuser:
        superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (database.name,)
        ).fetchall()
    worker = min(descendants(server.process.pid))
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: len(living(descendants(server.process.pid)) - {worker}) == 2)
    started = time.monotonic()
    status, _, problem = server.get("/api/ready")
    assert (503, "failing") == (status, problem["checks"]["database"])
    assert time.monotonic() - started < 20
    assert 200 == server.status("/api/health")
    assert server.process.poll() is None
    postgres_server.run(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS true")
    wait_until(lambda: [200, 200, 200] == [server.status() for _ in range(3)])


@pytest.mark.slow
def test_behind_a_proxy_answers_promise_https(served: dict[str, str], tmp_path: Path) -> None:
    with serving(served | {"behind_tls": "true", "trusted_proxies": "1"}, tmp_path / "log") as server:
        _, headers, _ = server.get("/api/health")
        assert "Strict-Transport-Security" in headers
    with serving(served, tmp_path / "log") as server:
        _, headers, _ = server.get("/api/health", **{"X-Forwarded-Proto": "https"})
        assert "Strict-Transport-Security" not in headers
