"""Alerts as a stream, over the store in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from threading import Event
from typing import Any
from uuid import UUID

import attrs
import pytest
from werkzeug.test import TestResponse

from mindbridge_core import Role
from mindbridge_core.errors import DependencyUnavailable
from mindbridge_flask import HttpSettings, Streams, create_app
from mindbridge_flask.events import Stream
from mindbridge_flask.refusals import Refusal
from tests.http.world import Staff, World, new_world, refused

HIGH = {"crisis_calls_30days": 6}
Block = dict[str, str]


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who reads asks for the next look; nobody waits."""
    monkeypatch.setattr(Stream, "rest", lambda *_: None)


@attrs.define
class Reader:
    """A client that reads a stream block by block."""

    answer: TestResponse
    chunks: Iterator[bytes] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.chunks = iter(self.answer.response)  # type: ignore[arg-type]  # bytes, as it is not text
        assert [{"retry": "3000"}] == self.look()

    def look(self) -> list[Block]:
        """Return the blocks of the next look; comments are left out."""
        text = next(self.chunks).decode()
        assert text.endswith("\n\n")
        blocks = [block.split("\n") for block in text.removesuffix("\n\n").split("\n\n")]
        lines = [[line for line in block if not line.startswith(":")] for block in blocks]
        return [dict(line.split(": ", 1) for line in block) for block in lines if block]

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that the next look shows."""
        blocks = [block for block in self.look() if "data" in block]
        shown = [json.loads(block["data"]) for block in blocks]
        assert [("alert", alert["id"]) for alert in shown] == [(block["event"], block["id"]) for block in blocks]
        return shown

    def over(self) -> bool:
        return next(self.chunks, None) is None


@contextmanager
def reading(staff: Staff, query: str = "", headers: Mapping[str, str] | None = None) -> Iterator[Reader]:
    answer = staff.send("GET", f"/alerts/stream{query}", headers=headers)
    assert (200, "text/event-stream") == (answer.status_code, answer.headers["Content-Type"]), answer.text
    try:
        yield Reader(answer)
    finally:
        answer.close()


def raise_one(staff: Staff) -> dict[str, Any]:
    """Have a screening find a new high; return the alert as the list shows it."""
    patient = staff.admit(**HIGH)
    assert 201 == staff.send("POST", "/screenings", json={"patient_id": patient["id"]}).status_code
    shown: list[dict[str, Any]] = staff.send("GET", "/alerts?limit=100").get_json()["data"]
    assert patient["id"] == shown[-1]["patient_id"]
    return shown[-1]


def test_new_alerts_come_as_events_as_the_list_shows_them(admin: Staff) -> None:
    raise_one(admin)
    with reading(admin) as reader:
        assert [] == reader.alerts()
        for _ in range(2):
            assert [raise_one(admin)] == reader.alerts()
        assert [] == reader.alerts()


def test_nothing_of_the_patient_is_told_but_ids(admin: Staff) -> None:
    with reading(admin) as reader:
        reader.look()
        raise_one(admin)
        text = next(reader.chunks).decode()
    assert "Alex" not in text
    data = next(line for line in text.split("\n") if line.startswith("data: "))
    assert {
        "id",
        "kind",
        "severity",
        "patient_id",
        "cause_id",
        "task_id",
        "created_at",
        "acknowledged_at",
        "acknowledged_by",
    } == set(json.loads(data.removeprefix("data: ")))


def test_each_pause_says_where_to_go_on_and_who_was_cut_off_misses_nothing(admin: Staff) -> None:
    with reading(admin) as reader:
        (place,) = reader.look()
        assert {"id"} == set(place)
    away = [raise_one(admin), raise_one(admin)]
    with reading(admin, headers={"Last-Event-ID": place["id"]}) as reader:
        assert away == reader.alerts()
    with reading(admin, headers={"Last-Event-ID": away[0]["id"]}) as reader:
        assert away[1:] == reader.alerts()
    with reading(admin, f"?after={away[0]['id']}") as reader:
        assert away[1:] == reader.alerts()
    with reading(admin, f"?after={away[0]['id']}", {"Last-Event-ID": away[1]["id"]}) as reader:
        assert away[:1] == reader.alerts()  # raised so shortly before that it may have been stored after the other
    with reading(admin, headers={"Last-Event-ID": ""}) as reader:
        assert [] == reader.alerts()


def test_a_case_manager_is_told_of_their_caseload_and_readers_of_nothing(world: World, admin: Staff) -> None:
    manager, officer = world.session(Role.CASE_MANAGER), world.session(Role.COMPLIANCE_OFFICER)
    with reading(manager) as reader, reading(officer) as other:
        assert [[], []] == [reader.alerts(), other.alerts()]
        raise_one(admin)
        own = raise_one(manager)
        assert [[own], []] == [reader.alerts(), other.alerts()]
    assert refused(world.session(Role.READONLY).send("GET", "/alerts/stream")) == (403, "forbidden")


def test_what_cannot_be_a_place_is_refused(admin: Staff) -> None:
    assert refused(admin.send("GET", "/alerts/stream?after=x")) == (422, "invalid_input")
    assert refused(admin.send("GET", "/alerts/stream", headers={"Last-Event-ID": "x"})) == (400, "invalid_header")


def test_a_stream_ends_with_its_session(world: World, admin: Staff) -> None:
    officer = world.session(Role.COMPLIANCE_OFFICER)
    with reading(admin) as reader, reading(officer) as other:
        assert [[], []] == [reader.alerts(), other.alerts()]
        admin.send("POST", "/auth/logout")
        assert reader.over()
        assert [] == other.alerts()


@pytest.mark.parametrize(("method", "change"), [("PATCH", {"role": "readonly"}), ("DELETE", None)])
def test_a_stream_ends_when_the_account_is_closed_or_gets_another_role(
    world: World, admin: Staff, method: str, change: dict[str, str] | None
) -> None:
    manager = world.session(Role.CASE_MANAGER)
    with reading(manager) as reader:
        assert [] == reader.alerts()
        sent = {} if change is None else {"json": change}
        assert admin.send(method, f"/users/{manager.user.id}", **sent).status_code in {200, 204}
        assert reader.over()


def test_a_stream_ends_after_its_time_and_with_the_server() -> None:
    staff = new_world(HttpSettings(stream_seconds=0)).session()
    with reading(staff) as reader:
        assert [] == reader.alerts()
        assert reader.over()
    world, streams = new_world(), Streams(3)
    client = create_app(world.core, streams=streams).test_client()
    staff = attrs.evolve(world.session(), client=client)
    with reading(staff) as one, reading(staff) as other:
        assert [[], []] == [one.alerts(), other.alerts()]
        streams.close()
        assert one.over()
        assert other.over()
    assert refused(staff.send("GET", "/alerts/stream")) == (503, "too_many_streams")


def test_all_streams_have_one_limit_and_whoever_goes_makes_room() -> None:
    staff = new_world(HttpSettings(streams=2)).session()
    staff.admit()
    task = staff.send("POST", "/screenings/batch", json={}).get_json()["task_id"]
    paths = ("/alerts/stream", f"/tasks/{task}/events")
    with reading(staff):
        following = staff.send("GET", paths[1])
        for path in paths:
            answer = staff.send("GET", path)
            assert refused(answer) == (503, "too_many_streams")
            assert "3" == answer.headers["Retry-After"]
        assert 200 == staff.send("GET", "/alerts").status_code
        following.close()
        with reading(staff):
            assert refused(staff.send("GET", paths[1])) == (503, "too_many_streams")
    assert refused(staff.send("GET", paths[0], headers={"Last-Event-ID": "?"})) == (400, "invalid_header")
    for _ in range(3):
        head = staff.send("HEAD", paths[0])
        assert (200, "") == (head.status_code, head.text)
        head.close()
        answer = staff.send("GET", f"/tasks/{staff.user.id}/events")
        assert refused(answer) == (404, "not_found")


def test_nobody_takes_all_streams() -> None:
    world = new_world(HttpSettings(streams=8))
    greedy, other = world.session(), world.session()
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(reading(greedy))
        assert refused(greedy.send("GET", "/alerts/stream")) == (503, "too_many_streams")
        stack.enter_context(reading(other))
    with reading(greedy):
        pass


def test_a_signal_that_interrupts_another_does_not_wait_for_it() -> None:
    streams = Streams(2)

    class Interrupting(UUID):
        def __eq__(self, other: object) -> bool:
            streams.close()  # while whoever compares holds what closing needs
            return super().__eq__(other)

        __hash__ = UUID.__hash__

    with streams.open(Interrupting(int=1)) as stream, suppress(Refusal), streams.open(Interrupting(int=2)):
        pass
    assert stream.ended


def test_a_signal_that_interrupts_the_waking_of_a_stream_does_not_wake_it_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """To wake a stream takes a lock, which whoever was interrupted may be holding."""
    streams, woken = Streams(1), list[int]()

    def interrupted(event: Event) -> None:
        woken.append(id(event))
        assert 1 == len(woken)
        streams.close()

    with streams.open(UUID(int=1)) as stream, monkeypatch.context() as patch:
        patch.setattr(Event, "set", interrupted)
        streams.close()
    assert (True, 1) == (stream.ended, len(woken))


def test_a_database_that_is_away_for_a_while_ends_no_stream(
    admin: Staff, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reading(admin) as reader:
        (place,) = reader.look()
        with monkeypatch.context() as patch:
            patch.setattr(type(world.core.follow_alerts), "__call__", failing(DependencyUnavailable()))
            assert [place] == reader.look()
        new = raise_one(admin)
        assert [new] == reader.alerts()


def test_a_failure_ends_the_stream_and_says_nothing_of_itself(
    admin: Staff, world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with reading(admin) as reader:
        reader.look()
        monkeypatch.setattr(type(world.core.follow_alerts), "__call__", failing(ZeroDivisionError("Alex Example")))
        assert reader.over()
    assert "a stream ended: builtins.ZeroDivisionError" in caplog.text
    assert "Alex" not in caplog.text


def failing(error: Exception) -> Any:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail
