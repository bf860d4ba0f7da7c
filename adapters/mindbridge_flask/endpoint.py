"""One address: from the request to the answer, whatever happens in between.

Nothing leaves here as an exception, so no error handler of the host application is ever asked.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from time import perf_counter
from typing import Final
from urllib.parse import quote
from uuid import UUID

import attrs
from flask import Response, request

from mindbridge_core import Origin, SessionClaim
from mindbridge_core.errors import InvalidInput, NotFound
from mindbridge_core.identity import normalize_email
from mindbridge_core.validation import parse
from mindbridge_flask.calls import Answer, Call, Mount, StaffCall
from mindbridge_flask.conditions import (
    bearer_token,
    entity_tag,
    expected_state,
    expected_version,
    idempotency_key,
    last_event,
    not_modified,
    request_id,
)
from mindbridge_flask.headers import finish, preflight
from mindbridge_flask.problems import PROBLEM_TYPE, problem_of, refusal_of
from mindbridge_flask.reading import json_body, query_of
from mindbridge_flask.refusals import Refusal
from mindbridge_flask.resources import encode
from mindbridge_flask.routing import Route
from mindbridge_flask.unexpected import trace
from mindbridge_flask.uploads import csv_upload

__all__ = ["Bare", "Endpoint", "refuse"]

_log: Final = logging.getLogger("mindbridge.http")
KNOWN_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


class Bare(Response):
    """An answer with no content type but the one it is given."""

    default_mimetype = None


@attrs.frozen(kw_only=True)
class Endpoint:
    """All methods of one path; with no routes, the answer to every path that there is not."""

    mount: Mount
    template: str
    routes: Mapping[str, Route]

    @property
    def allow(self) -> str:
        """The methods that the path takes."""
        reading = {"HEAD"} if "GET" in self.routes else set()
        return ", ".join(sorted({*self.routes, *reading, "OPTIONS"}))

    def __call__(self, **values: str) -> Response:
        """Answer the current request."""
        started = perf_counter()
        named = request_id(request.environ)
        try:
            response = self._answer(values, named)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets a problem document
            response = refuse(error, named)
        finish(response, named, self.mount.settings, request.environ)
        if _log.isEnabledFor(logging.INFO):
            self._note(response.status_code, named, perf_counter() - started)
        return response

    def _note(self, status: int, named: str, seconds: float) -> None:
        """Log the request by its route: paths and query strings may say who it was about."""
        method = request.method if request.method in KNOWN_METHODS else "other"
        noted = {
            "route": self.template,
            "method": method,
            "status": status,
            "duration_ms": round(seconds * 1000, 3),
            "request_id": named,
        }
        _log.info("%s %s %d", method, self.template, status, extra=noted)

    def _answer(self, values: Mapping[str, str], named: str) -> Response:
        if not self.routes:
            raise Refusal.no_such_path()
        method = request.method
        route = self.routes.get("GET" if method == "HEAD" else method)
        if route is not None:
            return _respond(route, _arguments(route, self.mount, values, named))
        if method != "OPTIONS":
            raise Refusal.wrong_method(self.allow)
        headers = preflight(self.allow, self.mount.settings, request.environ)
        return Bare(status=HTTPStatus.NO_CONTENT, headers=headers)


def _arguments(route: Route, mount: Mount, values: Mapping[str, str], named: str) -> dict[str, object]:
    """Return what the route's handler asks for: who calls first, then what was sent.

    What was sent and cannot be read is refused after session and role, and entered in the trail.
    """
    environ = request.environ
    origin = Origin(request_id=named, ip_address=request.remote_addr, user_agent=environ.get("HTTP_USER_AGENT"))
    call = _call(route, mount, origin)
    if route.throttled and route.action is not None:
        mount.core.hold_back.address(route.action, origin)
    try:
        sent = _sent(route, mount, values)
    except InvalidInput as unread:
        if isinstance(call, StaffCall) and route.action is not None:
            mount.core.turn_away(call.claim, route.action, unread)
        raise
    email = getattr(sent.get("body"), "email", None)
    if route.throttled and route.action is not None and email is not None:
        mount.core.hold_back.email(route.action, origin, normalize_email(email))
    return {"call": call, **sent}


def _sent(route: Route, mount: Mount, values: Mapping[str, str]) -> dict[str, object]:
    environ = request.environ
    arguments: dict[str, object] = {name: _uuid(values[name]) for name in route.variables}
    query = None if route.page else query_of(route.query, request.args)
    if "query" in route.takes:
        arguments["query"] = query
    if route.conditional:
        arguments["version"] = expected_version(environ)
    if "state" in route.takes:
        arguments["state"] = expected_state(environ)
    if "upload" in route.takes:
        arguments["upload"] = csv_upload(request, mount.settings.import_limit)
    if "since" in route.takes:
        arguments["since"] = last_event(environ)
    if route.body is not None:
        data = json_body(request, mount.settings)
        arguments["body"] = parse(route.body, data)
        if route.repeatable:
            arguments["once"] = idempotency_key(environ, route.method, route.path, data)
    return arguments


def _call(route: Route, mount: Mount, origin: Origin) -> Call:
    if not route.staff:
        return Call(mount=mount, origin=origin)
    read = _claim(mount, origin)
    return StaffCall(mount=mount, origin=origin, claim=read(), claim_again=read)


def _claim(mount: Mount, origin: Origin) -> Callable[[], SessionClaim]:
    if request.query_string and "access_token" in request.args:
        raise Refusal.bad_authorization("An access token does not belong into an address.")
    token = bearer_token(request.environ)
    ports = mount.core.ports
    return lambda: ports.access_tokens.read(token, ports.clock(), origin)


def _uuid(text: str) -> UUID:
    """Read a record's id; there is no record under any other text."""
    try:
        found = UUID(text)
    except ValueError:
        raise NotFound from None
    if str(found) != text.lower():
        raise NotFound
    return found


def _respond(route: Route, arguments: dict[str, object]) -> Response:
    answer = route.handler(**arguments)
    if not isinstance(answer, Answer):
        return answer
    if route.status is HTTPStatus.NO_CONTENT:
        return Bare(status=route.status)
    headers = [("Content-Type", "application/json")]
    if answer.version is not None:
        tag = entity_tag(answer.version, answer.state)
        headers.append(("ETag", tag))
        if route.method == "GET" and not_modified(request.environ, tag):
            return Bare(status=HTTPStatus.NOT_MODIFIED, headers=headers[1:])
    if answer.made is not None:
        headers.append(("Location", quote(f"{request.script_root}{_collection(answer.among)}/{answer.made}")))
    return Bare(encode(answer.content), status=route.status, headers=headers)


def _collection(among: str | None) -> str:
    """Return the address of the records that a new one joins: the one that was asked, or `among` beside it."""
    return request.path if among is None else request.path.rsplit("/v1/", 1)[0] + among


def refuse(error: Exception, named: str) -> Response:
    """Return the problem document that answers `error`; what the server is to blame for is logged."""
    refusal, title = refusal_of(error)
    if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("%s at %s", *trace(error), extra={"request_id": named, "code": refusal.code})
    body = encode(problem_of(refusal, title, named))
    headers = {**refusal.headers, "Content-Type": PROBLEM_TYPE}
    return Bare(body, status=refusal.status, headers=headers)
