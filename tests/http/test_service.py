"""Health, readiness, documentation pages, the access log."""

from __future__ import annotations

import logging
import re
from typing import NoReturn

import pytest

from tests.http.world import Staff, World, new_world, refused


def test_health_looks_at_nothing() -> None:
    world = new_world(checks={"database": _broken})
    answer = world.client.get("/api/health")
    assert (answer.status_code, answer.get_json()) == (200, {"status": "healthy", "service": "MindBridge Health AI"})


def _broken() -> NoReturn:
    message = "CANARY host=10.0.0.1"
    raise OSError(message)


def test_a_service_whose_checks_find_nothing_is_ready() -> None:
    world = new_world(checks={"database": lambda: None, "keys": lambda: None})
    answer = world.client.get("/api/ready")
    assert (answer.status_code, answer.get_json()) == (
        200,
        {"status": "ready", "checks": {"database": "ok", "keys": "ok"}},
    )


def test_a_service_that_is_not_ready_says_which_check_and_not_why(caplog: pytest.LogCaptureFixture) -> None:
    world = new_world(checks={"database": lambda: "CANARY host=10.0.0.1", "keys": lambda: None, "sink": _broken})
    with caplog.at_level(logging.DEBUG):
        answer = world.client.get("/api/ready")
    assert refused(answer) == (503, "not_ready")
    assert answer.get_json()["checks"] == {"database": "failing", "keys": "ok", "sink": "failing"}
    assert "CANARY" not in answer.text + caplog.text
    assert "builtins.OSError" in caplog.text


def test_what_only_lags_is_told_and_leaves_the_service_ready() -> None:
    watches = {"sink_a": lambda: "CANARY is late", "sink_b": lambda: None, "sink_c": _broken}
    answer = new_world(checks={"database": lambda: None}, watches=watches).client.get("/api/ready")
    assert (answer.status_code, answer.get_json()) == (
        200,
        {"status": "ready", "checks": {"database": "ok", "sink_a": "lagging", "sink_b": "ok", "sink_c": "lagging"}},
    )


def test_where_something_fails_nobody_waits_for_what_may_lag() -> None:
    looked = list[int]()
    watches = {"sink": lambda: looked.append(1)}
    checks = {"database": _broken, "keys": lambda: None}
    answer = new_world(checks=checks, watches=watches).client.get("/api/ready")
    assert refused(answer) == (503, "not_ready")
    assert ({"database": "failing", "keys": "ok"}, []) == (answer.get_json()["checks"], looked)


def test_figures_are_shown_only_where_they_are_switched_on() -> None:
    assert refused(new_world().client.get("/api/metrics")) == (404, "unknown_path")
    shown = new_world(metrics=lambda: (b"lag 1\n", "text/plain; version=1.0.0")).client.get("/api/metrics")
    assert (shown.status_code, shown.text, shown.content_type) == (200, "lag 1\n", "text/plain; version=1.0.0")


@pytest.mark.parametrize("path", ["/api/docs", "/api/redoc"])
def test_a_page_loads_only_files_that_this_server_has_and_runs_no_script_of_its_own(world: World, path: str) -> None:
    answer = world.client.get(path)
    assert answer.content_type == "text/html; charset=utf-8"
    sources = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert len(sources) >= 2
    for source in sources:
        served = world.client.get(f"/api/{source}")
        assert (served.status_code, len(served.data) > 50) == (200, True)
    assert re.findall(r"<script(?! src=)[^>]*>|<script[^>]*>[^<]", answer.text) == []
    csp = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    assert csp["script-src"] == "'self'"
    assert {value for value in csp.values() if "http" in value or "*" in value} == set()


def test_the_access_log_names_the_route_and_never_the_path_or_the_query(
    admin: Staff, caplog: pytest.LogCaptureFixture
) -> None:
    made = admin.admit(name="CANARY")
    with caplog.at_level(logging.INFO, logger="mindbridge.http"):
        admin.send("GET", f"/patients/{made['id']}?CANARY=CANARY", {"X-Request-ID": "r1"})
        admin.send("GET", f"/patients/{made['id']}", {"X-Request-ID": "r2"})
        admin.client.get("/api/CANARY", headers={"X-Request-ID": "r3"})
        admin.client.open("/api/health", method="CANARY", headers={"X-Request-ID": "r4"})
    noted = [
        tuple(getattr(record, name) for name in ("method", "route", "status", "request_id"))
        for record in caplog.records
    ]
    assert noted == [
        ("GET", "/v1/patients/{patient_id}", 422, "r1"),
        ("GET", "/v1/patients/{patient_id}", 200, "r2"),
        ("GET", "unknown", 404, "r3"),
        ("other", "/health", 405, "r4"),
    ]
    assert all(getattr(record, "duration_ms") >= 0 for record in caplog.records)  # noqa: B009 - an extra of the record
    told = caplog.text + repr([vars(record) for record in caplog.records])
    assert [word for word in ("CANARY", made["id"], admin.tokens["access_token"]) if word in told] == []
