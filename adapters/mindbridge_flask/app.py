"""Our own server's application: the Blueprint, and problem documents for what lies outside it."""

from __future__ import annotations

from typing import Final

from flask import Flask, Response, request

from mindbridge_core import MindBridge
from mindbridge_flask.blueprint import NO_CHECKS, SAFE, create_blueprint
from mindbridge_flask.calls import Checks, Metrics
from mindbridge_flask.conditions import request_id
from mindbridge_flask.endpoint import refuse
from mindbridge_flask.events import Streams
from mindbridge_flask.headers import finish
from mindbridge_flask.settings import HttpSettings

__all__ = ["create_app"]

NAME: Final = "mindbridge_flask"


def create_app(
    core: MindBridge,
    *,
    settings: HttpSettings = SAFE,
    checks: Checks = NO_CHECKS,
    watches: Checks = NO_CHECKS,
    metrics: Metrics | None = None,
    streams: Streams | None = None,
    url_prefix: str = "/api",
) -> Flask:
    """Return a Flask application that serves `core` below `url_prefix` and nothing else.

    What lies outside the prefix is answered with problem documents and the same headers.
    """
    app = Flask(NAME, static_folder=None)
    blueprint = create_blueprint(
        core, settings=settings, checks=checks, watches=watches, metrics=metrics, streams=streams
    )
    app.register_blueprint(blueprint, url_prefix=url_prefix)

    def outside(error: Exception) -> Response:
        named = request_id(request.environ)
        return finish(refuse(error, named), named, settings, request.environ)

    app.register_error_handler(Exception, outside)
    return app
