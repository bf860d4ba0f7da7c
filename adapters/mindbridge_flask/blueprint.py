"""The API as a Blueprint, for any Flask application, under any prefix, as often as one likes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from flask import Blueprint
from flask.blueprints import BlueprintSetupState
from werkzeug.routing import BaseConverter, PathConverter, Rule

from mindbridge_core import MindBridge
from mindbridge_flask.calls import Checks, Metrics, Mount
from mindbridge_flask.endpoint import Endpoint
from mindbridge_flask.events import Streams
from mindbridge_flask.openapi import describe
from mindbridge_flask.routes import ROUTES
from mindbridge_flask.routing import Route
from mindbridge_flask.settings import HttpSettings

__all__ = ["create_blueprint"]

SAFE: Final = HttpSettings()
NO_CHECKS: Final[Checks] = MappingProxyType({})


def create_blueprint(
    core: MindBridge,
    *,
    name: str = "mindbridge",
    settings: HttpSettings = SAFE,
    checks: Checks = NO_CHECKS,
    watches: Checks = NO_CHECKS,
    metrics: Metrics | None = None,
    streams: Streams | None = None,
) -> Blueprint:
    """Return a Blueprint that serves `core`.

    It answers every address below the prefix it is registered at, and none outside; unknown ones and
    failures too, so that no error handler of the application is asked. It puts rules into the
    application's URL map, and changes nothing else there. `checks` are what `/ready` looks at,
    and `watches` what it tells of without refusing. `metrics` makes `/metrics`; without it there is none.
    Pass `streams` to end those that are open, when the server stops.
    """
    mount = Mount(
        core=core,
        settings=settings,
        checks=MappingProxyType(dict(checks)),
        watches=MappingProxyType(dict(watches)),
        metrics=metrics,
        document=_document(),
        streams=streams or Streams(settings.streams),
    )
    blueprint = Blueprint(name, __name__)
    blueprint.record(lambda state: _lay(state, mount))
    return blueprint


@cache
def _document() -> Mapping[str, Any]:
    """Return what is described of all routes, which is the same wherever they are mounted."""
    return describe(ROUTES)


class AnyMethodRule(Rule):
    """A rule for every method, and for any rest of a path: slashes, line breaks and nothing at all included."""

    def get_converter(
        self, variable_name: str, converter_name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> BaseConverter:
        """Return the rule's own converter for `rest`, so that none is registered with the application."""
        if converter_name == REST_CONVERTER:
            return RestOfPath(self.map)
        return super().get_converter(variable_name, converter_name, args, kwargs)


class RestOfPath(PathConverter):
    """All that is left of a path."""

    part_isolating = False
    regex = r"[\s\S]*"


REST_CONVERTER: Final = "rest"
REST: Final = f"/<{REST_CONVERTER}:rest>"


def _lay(state: BlueprintSetupState, mount: Mount) -> None:
    """Add one rule per path. It takes every method, so that refusing one is not left to the application."""
    prefix = (state.url_prefix or "").rstrip("/")
    for path, endpoint in _endpoints(mount):
        name = re.sub("[^A-Za-z0-9]+", "_", endpoint.template).strip("_")
        full_name = f"{state.name_prefix}.{state.name}.{name}".lstrip(".")
        state.app.view_functions[full_name] = endpoint
        rule = AnyMethodRule(
            prefix + path, endpoint=full_name, subdomain=state.subdomain, defaults=state.url_defaults or None
        )
        state.app.url_map.add(rule)


def _endpoints(mount: Mount) -> Iterator[tuple[str, Endpoint]]:
    by_path: dict[str, dict[str, Route]] = {}
    for route in ROUTES:
        by_path.setdefault(route.path, {})[route.method] = route
    for path, routes in by_path.items():
        yield path.replace("{", "<").replace("}", ">"), Endpoint(mount=mount, template=path, routes=routes)
    yield REST, Endpoint(mount=mount, template="unknown", routes={})
    yield "", Endpoint(mount=mount, template="prefix", routes={})
