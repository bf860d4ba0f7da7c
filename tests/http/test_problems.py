"""Every refusal is a problem document; failures say nothing of themselves."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime

import attrs
import pytest

from mindbridge_core import MindBridgeError, Origin, Ports, SessionClaim
from mindbridge_core.errors import (
    AuditUnavailable,
    DamagedRecord,
    DependencyUnavailable,
    NotFound,
    UnknownClinic,
    UnstorableRecord,
)
from mindbridge_core.identity import AccessTokens
from mindbridge_flask.problems import TABLE, refusal_of
from tests.http.world import Staff, World, new_world, refused


def _family(kind: type[MindBridgeError] = MindBridgeError) -> Iterator[type[MindBridgeError]]:
    if kind.__module__ == MindBridgeError.__module__:
        yield kind
    for child in kind.__subclasses__():
        yield from _family(child)


def test_every_error_of_the_core_has_its_row() -> None:
    family = set(_family())
    assert len(family) > 15
    assert family - TABLE.keys() == set()


def test_an_error_that_the_table_does_not_know_is_answered_as_its_nearest_ancestor() -> None:
    class Vanished(NotFound):
        """An error of a later version."""

    refusal, title = refusal_of(Vanished())
    assert (refusal.status, refusal.code, title) == (404, "not_found", "Not found")


def test_no_refusal_gives_a_good_status() -> None:
    assert {row.status for row in TABLE.values() if row.status < 400} == set()


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/v1",
        "/v1/",
        "/v1/patients/",
        "//v1/patients",
        "/v1//patients",
        "/x/y/z",
        "/a%0Ab",
        "/%00",
        "/docs/",
        "/v1/patients/a/b",
        "/%C3%28",
        "/assets/",
        "/assets/../app.py",
        "/assets/start-redoc.jsx",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "BREW"])
def test_an_unknown_path_below_the_prefix_is_a_problem(world: World, method: str, path: str) -> None:
    assert refused(world.client.open("/api" + path, method=method)) in {
        (404, "unknown_path"),
        (405, "method_not_allowed"),
    }


@pytest.mark.parametrize("path", ["/", "/apis", "/other", "/v1/patients"])
def test_what_lies_outside_the_prefix_of_our_own_server_is_a_problem_too(world: World, path: str) -> None:
    answer = world.client.get(path)
    assert refused(answer) == (404, "unknown_path")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/v1/patients", "GET, HEAD, OPTIONS, POST"),
        ("/v1/auth/login", "OPTIONS, POST"),
        ("/health", "GET, HEAD, OPTIONS"),
        ("/v1/patients/1", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
    ],
)
@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "BREW"])
def test_a_method_that_a_path_does_not_take_is_refused_with_those_it_takes(
    world: World, path: str, allow: str, method: str
) -> None:
    answer = world.client.open("/api" + path, method=method)
    assert refused(answer) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == allow


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DependencyUnavailable(), (503, "dependency_unavailable")),
        (AuditUnavailable(), (503, "audit_unavailable")),
        (DamagedRecord(), (500, "damaged_record")),
        (UnstorableRecord(), (500, "unstorable_record")),
        (UnknownClinic(), (401, "invalid_token")),
    ],
)
def test_a_failing_store_is_a_problem(error: MindBridgeError, expected: tuple[int, str]) -> None:
    assert refused(_failing(error).send("GET", "/patients")) == expected


@pytest.mark.parametrize(
    "error",
    [RuntimeError("CANARY"), KeyError("CANARY"), ValueError("CANARY"), RecursionError("CANARY"), MemoryError("CANARY")],
)
def test_an_unexpected_error_shows_and_logs_nothing_but_its_class_and_place(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    staff = _failing(error)
    with caplog.at_level(logging.DEBUG):
        answer = staff.send("GET", "/patients?cursor=AAAAAAAAAAAAAAAAAAAAAA")
    assert refused(answer) == (500, "internal_error")
    assert answer.headers["Cache-Control"] == "no-store"
    told = caplog.text + repr([vars(record) for record in caplog.records]) + answer.text
    assert "CANARY" not in told
    assert f"builtins.{type(error).__name__} at mindbridge_flask.endpoint:" in caplog.text
    assert f"{__name__}:" in caplog.text
    assert all(record.exc_info is None for record in caplog.records)


def _failing(error: Exception) -> Staff:
    """Return somebody with a session whose next request fails with `error`."""
    tokens: list[FailingTokens] = []

    def with_failing_tokens(ports: Ports) -> Ports:
        tokens.append(FailingTokens(ports.access_tokens))
        return attrs.evolve(ports, access_tokens=tokens[0])

    staff = new_world(change_ports=with_failing_tokens).session()
    tokens[0].error = error
    return staff


@attrs.define
class FailingTokens:
    """Access tokens whose reading fails from when `error` is set."""

    genuine: AccessTokens
    error: Exception | None = None

    def issue(self, claim: SessionClaim, issued_at: datetime, expires_at: datetime) -> str:
        return self.genuine.issue(claim, issued_at, expires_at)

    def read(self, token: str, now: datetime, origin: Origin) -> SessionClaim:
        if self.error is not None:
            raise self.error
        return self.genuine.read(token, now, origin)
