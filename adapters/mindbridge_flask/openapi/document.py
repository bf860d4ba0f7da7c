"""Put the document together: routes become operations, their types become components."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any, Final

from mindbridge_flask.openapi.operations import HEADERS, PARAMETERS, operation
from mindbridge_flask.openapi.schemas import Schema, answer_schemas, input_schema
from mindbridge_flask.problems import Problem
from mindbridge_flask.routing import Route

__all__ = ["describe"]

_ABOUT: Final = (
    "Behavioral-health caseloads kept private, and every access accountable. Bodies are strict: unknown fields are "
    "refused by name, and a 422 names everything that is wrong at once. Every answer that is not good is a problem "
    "document (RFC 9457). Methods that an address does not take are answered with 405 and `Allow`."
)
_TAGS: Final = (
    {"name": "Authentication", "description": "Sessions, and who one is."},
    {"name": "Audit trail", "description": "Who did what, and whether the record of it is what was written."},
    {"name": "Patients", "description": "The people in care."},
    {"name": "Service", "description": "Whether the service is well, and what it offers."},
)


def describe(routes: Iterable[Route]) -> Mapping[str, Any]:
    """Return the document (OpenAPI 3.1) of the documented `routes`; its `servers` are the mount's to add."""
    shown = [route for route in routes if route.documented]
    paths: dict[str, dict[str, Any]] = {}
    for route in shown:
        paths.setdefault(route.path, {})[route.method.lower()] = operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "MindBridge Health AI",
            "version": version("mindbridge-core"),
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": list(_TAGS),
        "paths": paths,
        "components": {
            "schemas": _schemas(shown),
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "securitySchemes": {"session": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _schemas(routes: list[Route]) -> dict[str, Schema]:
    answers = {route.answer for route in routes if hasattr(route.answer, "__struct_fields__")}
    bodies = {route.body for route in routes if route.body is not None}
    found = answer_schemas([*answers, Problem]) | {cls.__name__: input_schema(cls) for cls in bodies}
    return dict(sorted(found.items()))
