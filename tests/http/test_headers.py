"""What every answer carries, and what OPTIONS, HEAD and other origins get."""

from __future__ import annotations

import pytest
from werkzeug.test import TestResponse

from mindbridge_flask import HttpSettings
from tests.http.world import Staff, World, new_world

PATHS = [
    "/api/health",
    "/api/openapi.json",
    "/api/docs",
    "/api/redoc",
    "/api/assets/start-redoc.js",
    "/api/v1/patients",
    "/api/no",
    "/no",
]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_is_hardened(world: World, path: str) -> None:
    headers = world.client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Permissions-Policy"].startswith("camera=()")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "Access-Control-Allow-Origin" not in headers
    assert "Set-Cookie" not in headers
    names = [name for name, _ in headers.items()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("path", [path for path in PATHS if "assets" not in path])
def test_nothing_is_stored_but_the_pages_files(world: World, admin: Staff, path: str) -> None:
    headers = {"Authorization": f"Bearer {admin.tokens['access_token']}"}
    assert world.client.get(path, headers=headers).headers["Cache-Control"] == "no-store"
    assert world.client.get("/api/assets/start-redoc.js").headers["Cache-Control"] == "public, max-age=3600"


def test_https_is_promised_over_https_and_by_setting() -> None:
    plain, told = new_world(), new_world(HttpSettings(hsts=True))
    promise = "Strict-Transport-Security"
    assert promise not in plain.client.get("/api/health").headers
    assert plain.client.get("/api/health", base_url="https://localhost").headers[promise].startswith("max-age=63072000")
    assert told.client.get("/api/health").headers[promise].startswith("max-age=63072000")


def test_head_is_get_without_the_body(admin: Staff) -> None:
    made = admin.admit()
    for path in ("/patients", f"/patients/{made['id']}"):
        get, head = admin.send("GET", path), admin.send("HEAD", path)
        assert (head.status_code, head.data) == (200, b"")
        assert head.headers["Content-Length"] == get.headers["Content-Length"]
        assert head.headers.get("ETag") == get.headers.get("ETag")


def test_options_says_what_a_path_takes_to_anyone(world: World) -> None:
    answer = world.client.options("/api/v1/patients")
    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"


def _preflight(world: World, origin: str) -> TestResponse:
    asked = {"Origin": origin, "Access-Control-Request-Method": "PATCH"}
    return world.client.options("/api/v1/patients/1", headers=asked)


def _shared(answer: TestResponse) -> list[str]:
    return [name for name, _ in answer.headers.items() if name.startswith("Access-Control")]


def test_other_origins_are_told_nothing_unless_configured() -> None:
    world = new_world(HttpSettings(cors_origins=frozenset({"https://ui.example"})))
    allowed, refused = _preflight(world, "https://ui.example"), _preflight(world, "https://evil.example")
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://ui.example"
    assert "PATCH" in allowed.headers["Access-Control-Allow-Methods"]
    assert "If-Match" in allowed.headers["Access-Control-Allow-Headers"]
    assert _shared(refused) == []
    assert [answer.headers["Vary"] for answer in (allowed, refused)] == ["Origin", "Origin"]
    assert _shared(_preflight(new_world(), "https://ui.example")) == []


def test_a_configured_origin_may_read_answers_and_problems() -> None:
    world = new_world(HttpSettings(cors_origins=frozenset({"https://ui.example"})))
    for path in ("/api/health", "/api/v1/patients"):
        headers = world.client.get(path, headers={"Origin": "https://ui.example"}).headers
        assert headers["Access-Control-Allow-Origin"] == "https://ui.example"
        assert "ETag" in headers["Access-Control-Expose-Headers"]
        assert "Access-Control-Allow-Credentials" not in headers
