"""Batches of screenings, as the API shows them."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import attrs
import pytest

from mindbridge_core import Operator, Role
from mindbridge_core.errors import DamagedRecord
from mindbridge_flask.events import Stream
from mindbridge_flask.routes import tasks
from mindbridge_memory.batches import MemoryBatches
from tests.core.house import FakeClock
from tests.http.world import Staff, World, new_world


def order(staff: Staff, **body: Any) -> dict[str, Any]:
    answer = staff.send("POST", "/screenings/batch", json=body)
    assert answer.status_code == 202, answer.text
    shown: dict[str, Any] = answer.get_json()
    return shown


def work(world: World) -> None:
    worker = uuid4()
    while world.core.run_batch(Operator(clinic_id=world.clinic_id), worker) is not None:
        pass


def events(text: str) -> list[dict[str, Any]]:
    blocks = [block.split("\n") for block in text.split("\n\n") if block.startswith("event: progress\n")]
    return [json.loads(lines[1].removeprefix("data: ")) for lines in blocks]


def test_a_batch_is_ordered_and_watched(world: World, admin: Staff) -> None:
    admin.admit(crisis_calls_30days=6)
    admin.admit()
    ordered = order(admin)
    path = f"/v1/tasks/{ordered['task_id']}"
    assert {"task_id", "status", "progress_url", "events_url"} == set(ordered)
    assert ("queued", f"/api{path}", f"/api{path}/events") == tuple(list(ordered.values())[1:])
    shown = admin.send("GET", path.removeprefix("/v1")).get_json()
    assert {"total": 2, "screened": 0, "failed": 0, "status": "queued"}.items() <= shown.items()
    work(world)
    followed = admin.send("GET", f"{path.removeprefix('/v1')}/events")
    assert followed.headers["Content-Type"].startswith("text/event-stream")
    (last,) = events(followed.text)
    assert {"total": 2, "screened": 2, "failed": 0, "status": "done"}.items() <= last.items()
    assert last == admin.send("GET", path.removeprefix("/v1")).get_json()
    assert "Alex" not in followed.text


def test_a_large_batch_is_accepted_before_all_are_found_and_its_counts_only_grow(
    world: World, admin: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = MemoryBatches.cover
    monkeypatch.setattr(MemoryBatches, "cover", lambda on, batch_id, _: whole(on, batch_id, 1))
    for _ in range(3):
        admin.admit()
    ordered = order(admin)
    assert "preparing" == ordered["status"]
    worker = uuid4()

    def nap(*_: object) -> None:
        world.core.run_batch(Operator(clinic_id=world.clinic_id), worker)

    monkeypatch.setattr(Stream, "rest", nap)
    told = events(admin.send("GET", f"/tasks/{ordered['task_id']}/events").text)
    assert [("preparing", 1, 0), ("preparing", 2, 0), ("queued", 3, 0), ("done", 3, 3)] == [
        (one["status"], one["total"], one["screened"]) for one in told
    ]


def test_a_stream_tells_of_changes_and_ends_with_the_task_the_session_or_its_time(
    world: World, admin: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin.admit()
    first, second = order(admin), order(admin)
    path = f"/tasks/{first['task_id']}"
    monkeypatch.setattr(tasks, "LONGEST", 0.0)
    assert ["queued"] == [one["status"] for one in events(admin.send("GET", f"{path}/events").text)]
    monkeypatch.setattr(tasks, "LONGEST", 30.0)
    naps: list[float] = []

    def nap(_: Stream, seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 2:
            work(world)

    monkeypatch.setattr(Stream, "rest", nap)
    text = admin.send("GET", f"{path}/events").text
    assert ["queued", "done"] == [one["status"] for one in events(text)]
    assert text.count(": waiting") == 2
    colleague = world.session(Role.CASE_MANAGER)
    own = order(colleague)
    assert own["status"] == "done"
    admin.admit()
    third = order(admin)
    monkeypatch.setattr(Stream, "rest", lambda *_: admin.send("POST", "/auth/logout"))
    assert ["queued"] == [one["status"] for one in events(admin.send("GET", f"/tasks/{third['task_id']}/events").text)]
    assert second["task_id"] != third["task_id"]


def test_whom_a_batch_set_aside_is_listed_in_pages_for_its_owner(
    world: World, admin: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = sorted(admin.admit()["id"] for _ in range(3))

    def damaged(*_: object) -> None:
        raise DamagedRecord

    task = f"/tasks/{order(admin)['task_id']}"
    monkeypatch.setattr("mindbridge_core.screening.use_cases.screenings.held", damaged)
    monkeypatch.setattr("mindbridge_core.screening.use_cases.caseloads.made", damaged)
    work(world)
    assert 3 == admin.send("GET", task).get_json()["failed"]
    first = admin.send("GET", f"{task}/set-aside?limit=2").get_json()
    cursor = first["pagination"]["next_cursor"]
    rest = admin.send("GET", f"{task}/set-aside?limit=2&cursor={cursor}").get_json()
    rows = first["data"] + rest["data"]
    assert [{"patient_id": one, "reason": "damaged_record"} for one in ids] == rows
    assert (True, False) == (first["pagination"]["has_more"], rest["pagination"]["has_more"])
    listed = admin.send("GET", "/alerts?unacknowledged=true").get_json()["data"]
    assert {("not_screened", "critical", task.rsplit("/", 1)[1])} == {
        (one["kind"], one["severity"], one["task_id"]) for one in listed
    }
    assert set(ids) == {one["patient_id"] for one in listed}
    assert 404 == world.session(Role.CASE_MANAGER).send("GET", f"{task}/set-aside").status_code
    for role in (Role.READONLY, Role.COMPLIANCE_OFFICER):
        assert 403 == world.session(role).send("GET", f"{task}/set-aside").status_code
    assert 404 == admin.send("GET", f"/tasks/{uuid4()}/set-aside").status_code


def test_a_task_that_no_worker_goes_on_with_says_so_until_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()
    world = new_world(change_ports=lambda ports: attrs.evolve(ports, clock=clock))
    admin = world.session()
    admin.admit()
    task = f"/tasks/{order(admin)['task_id']}"
    fresh = admin.send("GET", task).get_json()
    assert (None, None) == (fresh["waiting_since"], fresh["hint"])
    left: list[int] = []

    def nap(*_: object) -> None:
        left.append(1)
        clock.forward(minutes=5)
        if len(left) == 2:
            work(world)

    monkeypatch.setattr(tasks, "LONGEST", 30.0)
    monkeypatch.setattr(Stream, "rest", nap)
    told = events(admin.send("GET", f"{task}/events").text)
    assert [("queued", False), ("queued", True), ("done", False)] == [
        (one["status"], one["waiting_since"] is not None) for one in told
    ]
    assert "mindbridge worker" in told[1]["hint"]
    assert told[1]["waiting_since"] == fresh["created_at"]


def test_a_batch_is_cancelled_and_nobody_elses_is_shown(world: World, admin: Staff) -> None:
    admin.admit()
    task = f"/tasks/{order(admin)['task_id']}"
    other = world.session(Role.CASE_MANAGER)
    for method, path in (("GET", task), ("GET", f"{task}/events"), ("POST", f"{task}/cancel")):
        assert 404 == other.send(method, path).status_code
    cancelled = admin.send("POST", f"{task}/cancel").get_json()
    assert ("cancelled", "by_request") == (cancelled["status"], cancelled["reason"])
    for role in (Role.READONLY, Role.COMPLIANCE_OFFICER):
        assert 403 == world.session(role).send("POST", "/screenings/batch", json={}).status_code
    assert 404 == admin.send("POST", "/screenings/batch", json={"case_manager_id": str(uuid4())}).status_code
    assert 422 == admin.send("POST", "/screenings/batch", json={"risk_level": "dire"}).status_code
