"""One route as an OpenAPI operation: what it takes, and everything that it may answer."""

from __future__ import annotations

import inspect
from http import HTTPStatus
from typing import Any, Final

from flask import Response

from mindbridge_core.access import GRANTS
from mindbridge_core.patients.following import BOOKMARK
from mindbridge_flask.events import EVENT_STREAM
from mindbridge_flask.openapi.examples import RECORD_ID
from mindbridge_flask.openapi.schemas import REFERENCE, Schema, fields_of
from mindbridge_flask.problems import PROBLEM_TYPE
from mindbridge_flask.routing import Route
from mindbridge_flask.uploads import CSV_TYPE, FORM_TYPE

__all__ = ["HEADERS", "PARAMETERS", "operation"]


def _text(description: str, **schema: object) -> Schema:
    return {"description": description, "schema": {"type": "string", **schema}}


def _header(name: str, example: str, description: str, **schema: object) -> Schema:
    return {"name": name, "in": "header", "required": False, "example": example, **_text(description, **schema)}


PARAMETERS: Final[dict[str, Schema]] = {
    "RequestId": _header(
        "X-Request-ID",
        "6f1c2a34",
        "The client's own name for the request: up to 64 letters, digits, dots, hyphens or underscores. Anything else "
        "is not refused, but replaced.",
    ),
    "IfMatch": _header(
        "If-Match",
        '"1"',
        "The ETag of the version that the change starts from, or `*`. 412 when it is no longer current.",
        pattern=r'^(\*|(W/)?"[!#-~]*")$',
    ),
    "Prefer": _header(
        "Prefer",
        "handling=strict",
        "`handling=strict` (RFC 7240): a change without If-Match is refused with 428.",
    ),
    "IfNoneMatch": _header("If-None-Match", '"1"', "ETags of versions that the client has: 304 when one is current."),
    "LastEventId": _header(
        "Last-Event-ID",
        RECORD_ID,
        "The last `id` that the stream gave before it was cut off: it goes on from there.",
        pattern=f"^({BOOKMARK})?$",
    ),
    "IdempotencyKey": _header(
        "Idempotency-Key",
        "8e03978e-40d5-43dd-bc93-6894a57f9324",
        "The client's own name for what it asks. Sent again with the same body it gets the first answer, and nothing "
        "is done twice; with another body it is refused with 422.",
        minLength=1,
        maxLength=255,
        pattern="^[ -~]{1,255}$",
    ),
}

HEADERS: Final[dict[str, Schema]] = {
    "RequestId": _text("The request's name in logs, problems and the audit trail."),
    "ETag": _text("The record's version, for If-Match and If-None-Match."),
    "Location": _text("The address of the new record.", format="uri-reference"),
    "Challenge": _text("How to authenticate (RFC 6750)."),
    "RetryAfter": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}},
}

_TAGS: Final = {
    "appointments": "Patients",
    "auth": "Authentication",
    "users": "Authentication",
    "clinic": "Authentication",
    "consents": "Patients",
    "crisis-events": "Patients",
    "patients": "Patients",
    "audit-findings": "Audit trail",
    "audit-logs": "Audit trail",
    "break-glass": "Audit trail",
}

_MEANINGS: Final = {
    HTTPStatus.BAD_REQUEST: "The request cannot be read: a malformed header, or a body that is not JSON.",
    HTTPStatus.UNAUTHORIZED: "No session: log in.",
    HTTPStatus.FORBIDDEN: "The role does not permit this.",
    HTTPStatus.NOT_FOUND: "Missing, deleted, another clinic's or outside the caseload.",
    HTTPStatus.CONFLICT: "The change collides with what is stored.",
    HTTPStatus.PRECONDITION_FAILED: "The record has changed since the version that If-Match names.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too long.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not declared as application/json.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The input breaks rules; `errors` names all of them.",
    HTTPStatus.LOCKED: "Too many failed logins; the lock ends by itself.",
    HTTPStatus.PRECONDITION_REQUIRED: "Strict handling was asked for, and If-Match is missing.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many tries from this address or on this e-mail; wait as Retry-After says.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "The server failed. Nothing was changed.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Something that this needs does not answer. Nothing was changed.",
    HTTPStatus.NOT_MODIFIED: "The version that the client has is current.",
}


_FILE: Final[Schema] = {
    CSV_TYPE: {"schema": {"type": "string"}, "example": "name,mrn\r\nAlex Example,MRN-0002\r\n"},
    FORM_TYPE: {
        "schema": {
            "type": "object",
            "properties": {"file": {"type": "string", "format": "binary"}},
            "required": ["file"],
            "additionalProperties": False,
        }
    },
}


def operation(route: Route) -> dict[str, Any]:
    """Return the operation object of `route`."""
    summary, _, rest = inspect.cleandoc(route.handler.__doc__ or "").partition("\n")
    described: dict[str, Any] = {
        "operationId": route.name,
        "summary": summary.rstrip("."),
        "description": f"{summary} {rest.strip()}{_holders(route)}".strip(),
        "tags": [_TAGS.get(route.path.removeprefix("/v1/").split("/")[0], "Service")],
        "parameters": _parameters(route),
        "responses": {str(int(status)): _response(route, status) for status in sorted(route.statuses)},
        "security": [{"session": []}] if route.staff else [],
    }
    if route.body is not None:
        schema = {"$ref": REFERENCE.format(name=route.body.__name__)}
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if "upload" in route.takes:
        described["requestBody"] = {"required": True, "content": _FILE}
    return described


def _holders(route: Route) -> str:
    if route.action is None or not route.staff:
        return ""
    return "\n\nRoles: " + ", ".join(sorted(GRANTS[route.action].holders - {"operator"})) + "."


def _parameters(route: Route) -> list[Schema]:
    found: list[Schema] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "format": "uuid"},
            "example": RECORD_ID,
        }
        for name in route.variables
    ]
    found += [
        {"name": name, "in": "query", "required": needed, "schema": schema}
        for name, (schema, needed) in fields_of(route.query, nullable=False).items()
    ]
    names = ["RequestId"]
    names += ["IfMatch", "Prefer"] if route.conditional else []
    names += ["IdempotencyKey"] if route.repeatable else []
    names += ["LastEventId"] if "since" in route.takes else []
    names += ["IfNoneMatch"] if HTTPStatus.NOT_MODIFIED in route.statuses else []
    return found + [{"$ref": f"#/components/parameters/{name}"} for name in names]


def _response(route: Route, status: HTTPStatus) -> Schema:
    headers = ["RequestId"]
    content: Schema = {}
    if status is route.status:
        headers += (["ETag"] if route.tagged else []) + (["Location"] if status is HTTPStatus.CREATED else [])
        content = _content(route)
    elif status is HTTPStatus.NOT_MODIFIED:
        headers.append("ETag")
    else:
        headers += ["Challenge"] if status is HTTPStatus.UNAUTHORIZED else []
        headers += ["RetryAfter"] if _says_when(route, status) else []
        content = {PROBLEM_TYPE: {"schema": {"$ref": REFERENCE.format(name="Problem")}}}
    return {
        "description": "Done." if status is route.status else _MEANINGS[status],
        "headers": {_NAMES[name]: {"$ref": f"#/components/headers/{name}"} for name in headers},
        **({"content": content} if content else {}),
    }


def _says_when(route: Route, status: HTTPStatus) -> bool:
    """Whether the refusal says when to ask again; of streams there are only so many."""
    full = status is HTTPStatus.SERVICE_UNAVAILABLE and EVENT_STREAM in route.media
    return full or status is HTTPStatus.TOO_MANY_REQUESTS


_NAMES: Final = {
    "RequestId": "X-Request-ID",
    "ETag": "ETag",
    "Location": "Location",
    "Challenge": "WWW-Authenticate",
    "RetryAfter": "Retry-After",
}


# OpenAPI 3.1 has no word for a stream's items (3.2 has `itemSchema`): tools take the schema for that of each event.
_EVENT: Final[Schema] = {
    "type": "object",
    "properties": {
        "event": {"type": "string"},
        "id": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}


def _content(route: Route) -> Schema:
    if route.answer is Response:
        return {media: {"schema": _EVENT if media == EVENT_STREAM else {"type": "string"}} for media in route.media}
    if route.answer is type(None):
        return {}
    if hasattr(route.answer, "__struct_fields__"):
        found: Schema = {"application/json": {"schema": {"$ref": REFERENCE.format(name=route.answer.__name__)}}}
        return found | ({media: {"schema": {"type": "string"}} for media in route.media} if route.negotiated else {})
    return {"application/json": {"schema": {"type": "object"}}}
