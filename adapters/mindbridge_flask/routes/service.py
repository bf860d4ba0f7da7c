"""Whether the service is well, and what it offers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from flask import Response, request

from mindbridge_flask import documentation
from mindbridge_flask.calls import Answer, Call
from mindbridge_flask.refusals import Refusal
from mindbridge_flask.resources import Health, Readiness
from mindbridge_flask.routing import RouteTable
from mindbridge_flask.unexpected import trace

__all__ = ["SERVICE"]

SERVICE: Final = RouteTable()
_log: Final = logging.getLogger("mindbridge.http")


@SERVICE.route("GET", "/health", None)
def health(call: Call) -> Answer[Health]:  # noqa: ARG001 - every handler takes the call
    """Say that the process answers; nothing else is looked at."""
    return Answer(content=Health())


@SERVICE.route("GET", "/ready", None, refusals=(HTTPStatus.SERVICE_UNAVAILABLE,))
def ready(call: Call) -> Answer[Readiness]:
    """Say whether all that requests need is there; 503 names what is not.

    What lags (`lagging`) while requests go on, such as a sink of the audit trail, is told and leaves the answer good.
    It is not looked at while something fails: it would wait for the same thing again.
    """
    found = {name: _look(name, check) for name, check in call.mount.checks.items()}
    if "failing" in found.values():
        detail = "Something that requests need is not ready; `checks` says which."
        raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", detail, checks=found)
    found |= {name: _look(name, watch, wrong="lagging") for name, watch in call.mount.watches.items()}
    return Answer(content=Readiness("ready", found))


def _look(name: str, check: Callable[[], str | None], *, wrong: str = "failing") -> str:
    """Run one check. What it found stays here: it may name hosts or accounts."""
    try:
        found = check() is not None
    except Exception as error:  # noqa: BLE001 - a check that breaks has found something
        _log.warning("the check %s broke: %s at %s", name, *trace(error))
        return wrong
    if found:
        _log.warning("%s: %s", wrong, name)
    return wrong if found else "ok"


@SERVICE.route(
    "GET",
    "/metrics",
    None,
    page=True,
    refusals=(HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE),
    media=("text/plain",),
)
def metrics(call: Call) -> Response:
    """Show the service's figures to Prometheus, where the operator has switched that on. None is of a person."""
    if call.mount.metrics is None:
        raise Refusal.no_such_path()
    text, media = call.mount.metrics()
    return Response(text, content_type=media)


@SERVICE.route("GET", "/openapi.json", None)
def openapi(call: Call) -> Answer[dict[str, object]]:
    """Describe every route (OpenAPI 3.1), with the address under which it was asked."""
    address = request.script_root + request.path.removesuffix("/openapi.json")
    return Answer(content={**call.mount.document, "servers": [{"url": quote(address) or "/"}]})


@SERVICE.route("GET", "/docs", None, page=True)
def docs(call: Call) -> Response:  # noqa: ARG001 - likewise
    """Show the routes to people, to try out (Swagger UI)."""
    return documentation.page("Swagger UI", "swagger-ui.css", "swagger-ui-bundle.js", "start-swagger-ui.js")


@SERVICE.route("GET", "/redoc", None, page=True)
def redoc(call: Call) -> Response:  # noqa: ARG001 - likewise
    """Show the routes to people, to read (ReDoc)."""
    return documentation.page("ReDoc", None, "redoc.standalone.js", "start-redoc.js")


def _declare_asset(name: str) -> None:
    @SERVICE.route("GET", f"/assets/{name}", None, page=True, documented=False)
    def asset(call: Call) -> Response:  # noqa: ARG001 - likewise
        return documentation.asset(name)


for _name in documentation.ASSETS:
    _declare_asset(_name)
