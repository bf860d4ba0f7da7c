"""The stream of alerts from a real server over a real database."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import attrs
import psycopg
import pytest

from mindbridge_core import Operator, Role
from mindbridge_core.identity import User
from mindbridge_core.patients import Alert, AlertKind, PatientDraft
from mindbridge_postgres import PoolSettings
from mindbridge_security import KeyRing
from tests.cli.demos import SECONDS, wait_until
from tests.cli.servers import Server, serving
from tests.support.postgres import TestDatabase
from tests.support.product import PASSWORD, Product, compose

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
CANARY = "Zanzibar Quokka"
LIMIT = 3


@attrs.frozen
class House:
    """A server, and the product on the same database beside it."""

    server: Server
    product: Product
    database: TestDatabase

    def token(self, user: User) -> str:
        status, _, pair = self.server.post("/api/v1/auth/login", {"email": user.email, "password": PASSWORD})
        assert 200 == status
        return str(pair["access_token"])

    def high(self, clinic_id: UUID, manager: User | None = None) -> tuple[str, str]:
        """Take a patient in whom the rules find high; return patient and screening."""
        by = Operator(clinic_id=clinic_id)
        draft = PatientDraft(name=CANARY, crisis_calls_30days=6, case_manager_id=manager.id if manager else None)
        patient = self.product.core.admit_patient(by, draft)
        with psycopg.connect(self.database.superuser_url) as superuser:
            ((screening_id,),) = superuser.execute("SELECT id FROM screenings WHERE patient_id = %s", (patient.id,))
        return str(patient.id), str(screening_id)

    def listeners(self) -> set[int]:
        """Return the backends that listen."""
        with psycopg.connect(self.database.superuser_url) as superuser:
            rows = superuser.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = %s AND query LIKE 'LISTEN%%'", (self.database.name,)
            ).fetchall()
        return {row[0] for row in rows}


@attrs.define
class Follower:
    """A client of the stream."""

    answer: http.client.HTTPResponse
    connection: http.client.HTTPConnection
    text: str = ""
    place: str = ""

    def block(self) -> dict[str, str]:
        """Read to the next blank line; comments are left out. At the end: nothing at all, not even an empty block."""
        found: dict[str, str] = {}
        while True:
            line = self.answer.readline().decode()
            self.text += line
            if line in {"", "\n"}:
                break
            if not line.startswith(":"):
                name, _, value = line.rstrip("\n").partition(": ")
                found[name] = value
        self.place = found.get("id", self.place)
        return found

    def ready(self) -> Follower:
        """Read until the stream has begun and looked."""
        assert {"retry": "3000"} == self.block()
        assert {"id"} == set(self.block())
        return self

    def alert(self) -> dict[str, Any]:
        """Read until an alert comes."""
        while "data" not in (block := self.block()):
            assert block, "the stream ended"
        alert: dict[str, Any] = json.loads(block["data"])
        assert ("alert", alert["id"]) == (block["event"], block["id"])
        return alert

    def ends(self) -> bool:
        """Read to the end; whether no alert came before it."""
        rest = self.answer.read().decode()
        self.text += rest
        return "data:" not in rest


@contextmanager
def following(house: House, token: str, **headers: str) -> Iterator[Follower]:
    with closing(http.client.HTTPConnection("127.0.0.1", house.server.port, timeout=120)) as connection:
        sent = {"Authorization": f"Bearer {token}"} | {name.replace("_", "-"): text for name, text in headers.items()}
        connection.request("GET", "/api/v1/alerts/stream", headers=sent)
        answer = connection.getresponse()
        assert (200, "text/event-stream") == (answer.status, answer.headers["Content-Type"]), answer.read()
        with answer:
            yield Follower(answer, connection)


@pytest.fixture
def house(database: TestDatabase, key_ring: Path, served: dict[str, str], tmp_path: Path) -> Iterator[House]:
    product = compose(database.application_url, KeyRing.load(key_ring), PoolSettings(most=4))
    product.core.prepare_platform()
    settings = served | {"workers": "1", "threads": "1", "streams": str(LIMIT), "argon2_memory_kib": "8192"}
    settings |= {"argon2_time_cost": "5"}
    with serving(settings, tmp_path / "log") as server:
        yield House(server, product, database)
    product.database.close()


def test_alerts_come_at_once_to_those_who_may_see_them_and_hold_ids_alone(house: House) -> None:
    north, south = house.product.clinic("North"), house.product.clinic("South")
    staff = house.product.staff
    manager, colleague = staff(north, Role.CASE_MANAGER), staff(north, Role.CASE_MANAGER)
    admin, foreigner, reader = staff(north, Role.ADMIN), staff(south, Role.ADMIN), staff(north, Role.READONLY)
    reading = house.token(reader)
    with ExitStack() as stack:
        admins, managers, foreign = (
            stack.enter_context(following(house, house.token(user))).ready() for user in (admin, manager, foreigner)
        )
        wait_until(lambda: 1 == len(house.listeners()))
        foreign_high = house.high(south)
        others, own = house.high(north, colleague), house.high(north, manager)
        found = [admins.alert(), admins.alert()]
        assert [others, own] == [(one["patient_id"], one["cause_id"]) for one in found]
        assert found[1] == managers.alert()
        assert foreign_high[0] == foreign.alert()["patient_id"]
        assert CANARY not in admins.text + managers.text + foreign.text
        assert found[0]["id"] not in managers.text + foreign.text
    wait_until(lambda: 503 != opened(house, reading))
    status, _, problem = house.server.get("/api/v1/alerts/stream", Authorization=f"Bearer {reading}")
    assert (403, "forbidden") == (status, problem["code"])
    assert CANARY not in house.server.log.read_text("utf-8")
    assert (1, 2) == entries(house, admin)


def entries(house: House, user: User) -> tuple[int, int]:
    """Return how many entries of the user's following name no patient, and how many patients the others name."""
    with psycopg.connect(house.database.superuser_url) as superuser:
        rows = superuser.execute(
            "SELECT cardinality(resource_ids) FROM audit_logs WHERE user_id = %s AND action = 'alert.follow'"
            " AND outcome = 'success'",
            (user.id,),
        ).fetchall()
    return sum(not row[0] for row in rows), sum(row[0] for row in rows)


def opened(house: House, token: str) -> int:
    """Ask for a stream and leave it; return the status."""
    with closing(http.client.HTTPConnection("127.0.0.1", house.server.port, timeout=120)) as connection:
        connection.request("GET", "/api/v1/alerts/stream", headers={"Authorization": f"Bearer {token}"})
        return connection.getresponse().status


def test_who_was_away_is_told_what_came_meanwhile_and_what_was_stored_late(house: House) -> None:
    clinic = house.product.clinic()
    token = house.token(house.product.staff(clinic, Role.ADMIN))
    with following(house, token) as first:
        first.ready()
    away = [house.high(clinic)[0], house.high(clinic)[0]]
    with following(house, token, Last_Event_ID=first.place) as second:
        assert away == [second.alert()["patient_id"] for _ in away]
        # Its id is made before that of another one, and it is stored after that: the other's unit does not wait.
        late = late_alert(house, clinic, UUID(away[0]))
        with house.product.core.ports.open_unit(clinic) as unit:
            unit.alerts.raise_all([late])
            newer = house.high(clinic)[0]
            assert newer == second.alert()["patient_id"]
        assert str(late.id) == second.alert()["id"]


def late_alert(house: House, clinic: UUID, patient_id: UUID) -> Alert:
    return Alert(
        id=house.product.core.ports.new_id(),
        clinic_id=clinic,
        kind=AlertKind.BREAK_GLASS,
        patient_id=patient_id,
        cause_id=uuid4(),
        created_at=datetime.now(UTC),
    )


def test_when_the_listening_connection_is_lost_another_comes_and_nothing_is_missed(house: House) -> None:
    clinic = house.product.clinic()
    with following(house, house.token(house.product.staff(clinic, Role.ADMIN))) as follower:
        follower.ready()
        wait_until(lambda: 1 == len(house.listeners()))
        (before,) = house.listeners()
        with psycopg.connect(house.database.superuser_url) as superuser:
            superuser.execute("SELECT pg_terminate_backend(%s)", (before,))
        meanwhile = house.high(clinic)[0]
        assert meanwhile == follower.alert()["patient_id"]
        wait_until(lambda: 1 == len(house.listeners() - {before}))
        told_in(house, clinic, follower)
        # So it was woken: by itself it would look again five seconds after it has told of one.
        assert any(told_in(house, clinic, follower) < 2.5 for _ in range(10))


def told_in(house: House, clinic: UUID, follower: Follower) -> float:
    """Return how long it took until a new alert was told."""
    started = time.monotonic()
    assert house.high(clinic)[0] == follower.alert()["patient_id"]
    return time.monotonic() - started


@pytest.mark.parametrize("end", ["log out", "other role", "deactivated"])
def test_the_end_of_the_session_ends_the_stream(house: House, end: str) -> None:
    clinic = house.product.clinic()
    manager, boss = house.product.staff(clinic, Role.CASE_MANAGER), house.product.staff(clinic, Role.ADMIN)
    token, boss_token = house.token(manager), house.token(boss)
    with following(house, token) as follower:
        follower.ready()
        path = f"/api/v1/users/{manager.id}"
        if end == "log out":
            sent(house, "POST", "/api/v1/auth/logout", token)
        elif end == "other role":
            sent(house, "PATCH", path, boss_token, {"role": "readonly"})
        else:
            sent(house, "DELETE", path, boss_token)
        house.high(clinic, manager if end == "log out" else None)
        assert follower.ends()


def sent(house: House, method: str, path: str, token: str, body: object = None) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", house.server.port, timeout=120)) as connection:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        assert answer.status in {200, 204}, answer.read()


def test_with_all_streams_taken_requests_go_on_and_who_leaves_makes_room(house: House) -> None:
    clinic = house.product.clinic()
    token = house.token(house.product.staff(clinic, Role.ADMIN))
    with ExitStack() as stack:
        for _ in range(LIMIT):
            stack.enter_context(following(house, token)).ready()
        status, headers, problem = house.server.get("/api/v1/alerts/stream", Authorization=f"Bearer {token}")
        assert (503, "too_many_streams", "3") == (status, problem["code"], headers["Retry-After"])
        started = time.monotonic()
        assert [200] * 20 == [house.server.get("/api/v1/alerts", Authorization=f"Bearer {token}")[0] for _ in range(20)]
        assert time.monotonic() - started < 20
    wait_until(lambda: 200 == opened(house, token))


def test_a_client_that_vanished_or_takes_nothing_gives_its_thread_back(house: House) -> None:
    clinic = house.product.clinic()
    token = house.token(house.product.staff(clinic, Role.ADMIN))
    fill(house, clinic)
    asked = (
        f"GET /api/v1/alerts/stream?after={UUID(int=0)} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
    with ExitStack() as stack:
        for _ in range(LIMIT):
            slow = stack.enter_context(socket.socket())
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.connect(("127.0.0.1", house.server.port))
            slow.sendall(asked.encode())
            assert slow.recv(15).startswith(b"HTTP/1.1 200")
        assert 503 == opened(house, token)
        wait_until(lambda: 200 == opened(house, token))


def fill(house: House, clinic: UUID) -> None:
    """Store more alerts than the buffers between server and client hold."""
    patient_id, _ = house.high(clinic)
    with psycopg.connect(house.database.superuser_url) as superuser:
        superuser.execute(
            "INSERT INTO alerts (clinic_id, id, kind, patient_id, cause_id, created_at)"
            " SELECT %s, ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'high_risk', %s,"
            " gen_random_uuid(), now() FROM generate_series(1, 25000) AS n",
            (clinic, patient_id),
        )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_when_the_server_stops_streams_end_at_once(house: House, number: signal.Signals) -> None:
    clinic = house.product.clinic()
    with following(house, house.token(house.product.staff(clinic, Role.ADMIN))) as follower:
        follower.ready()
        started = time.monotonic()
        house.server.process.send_signal(number)
        assert follower.ends()
        assert 0 == house.server.process.wait(SECONDS)
        assert time.monotonic() - started < 25  # and not the half minute that requests would have
