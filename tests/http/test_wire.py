"""The witness of what was sent takes no bad request for a good one: the conformance test leaves a check out by it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from werkzeug.test import Client

from tests.http.wire import Wire

QUERY: dict[str, dict[str, Any]] = {
    "everywhere": {"schema": {"type": "boolean"}},
    "limit": {"schema": {"type": "integer", "minimum": 1}},
    "manager": {"schema": {"type": "string", "format": "uuid"}},
}
HEADERS: dict[str, dict[str, Any]] = {
    "Authorization": {"required": True, "schema": {"type": "string"}},
    "If-Match": {"schema": {"type": "string", "pattern": '^"[0-9]+"$'}},
}


def empty(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("204 No Content", [])
    return []


@pytest.fixture
def wire() -> Wire:
    return Wire(empty)


@pytest.fixture
def send(wire: Wire) -> Callable[..., Any]:
    return Client(wire).post


@pytest.mark.parametrize(
    "query",
    ["", "everywhere=false", "limit=5&everywhere=true", "manager=019a3f5c-7a10-7c3e-8f21-5d0c6b9e4a77"],
)
def test_a_query_as_described_is_good(wire: Wire, send: Callable[..., Any], query: str) -> None:
    send("/", query_string=query)
    assert wire.sent_good_query(QUERY)


@pytest.mark.parametrize(
    "query",
    ["x=", "everywhere=", "everywhere=0", "everywhere=false&everywhere=false", "limit=0", "limit=1e2", "manager=me"],
)
def test_any_other_query_is_not(wire: Wire, send: Callable[..., Any], query: str) -> None:
    send("/", query_string=query)
    assert not wire.sent_good_query(QUERY)


def test_a_list_without_members_never_leaves(wire: Wire, send: Callable[..., Any]) -> None:
    send("/", query_string={"everywhere": "false", "x": []})
    assert wire.sent_good_query(QUERY)


@pytest.mark.parametrize(
    ("headers", "good"),
    [
        ({"Authorization": "Bearer x"}, True),
        ({"Authorization": "Bearer x", "If-Match": '"1"', "Unnamed": ""}, True),
        ({"Authorization": "Bearer x", "If-Match": "1"}, False),
        ({"If-Match": '"1"'}, False),
    ],
)
def test_headers_are_good_when_none_is_missing_or_bad(
    wire: Wire, send: Callable[..., Any], headers: dict[str, str], *, good: bool
) -> None:
    send("/", headers=headers)
    assert wire.sent_good_headers(HEADERS) == good


def test_only_a_body_that_says_so_is_json(wire: Wire, send: Callable[..., Any]) -> None:
    requests: list[dict[str, Any]] = [{"json": {}}, {"data": b"{}"}, {"data": b"", "content_type": "application/json"}]
    seen = []
    for sent in requests:
        send("/", **sent)
        seen.append(wire.sent_json)
    assert seen == [True, False, False]
