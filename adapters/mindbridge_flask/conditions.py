"""Request headers that carry meaning: credentials, preconditions, idempotency, request ids."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from uuid import uuid4

from mindbridge_core.errors import InvalidInput
from mindbridge_core.idempotency import IdempotencyKey
from mindbridge_core.patients.following import Bookmark
from mindbridge_core.validation import UNSET, Unset
from mindbridge_flask.reading import canonical
from mindbridge_flask.refusals import Refusal

__all__ = [
    "bearer_token",
    "entity_tag",
    "expected_state",
    "expected_version",
    "idempotency_key",
    "last_event",
    "not_modified",
    "request_id",
]

Environ = Mapping[str, object]

NO_VERSION: Final = 0
"""The version that no record ever has: they start at 1."""

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_BEARER: Final = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)
_TAG: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e]*"')
_VERSION: Final = re.compile(r'"([1-9][0-9]{0,9})(?:-([0-9a-f]{1,64}))?"')
_KEY: Final = re.compile(r"[\x20-\x7e]{1,255}")


def _header(environ: Environ, name: str) -> str | None:
    value = environ.get("HTTP_" + name)
    return value if isinstance(value, str) else None


def request_id(environ: Environ) -> str:
    """Return the client's own name for the request if it is harmless, else a new one."""
    sent = _header(environ, "X_REQUEST_ID")
    return sent if sent is not None and _REQUEST_ID.fullmatch(sent) else str(uuid4())


def bearer_token(environ: Environ) -> str:
    """Return the access token (RFC 6750, 2.1).

    No credentials, or another scheme's, are answered with 401; a Bearer header that is not one with 400.
    """
    sent = _header(environ, "AUTHORIZATION")
    if sent is None or sent.split(" ", 1)[0].lower() != "bearer":
        raise Refusal.no_credentials()
    shape = _BEARER.fullmatch(sent)
    if shape is None:
        raise Refusal.bad_authorization("The Authorization header must be the word Bearer and one token.")
    return shape[1]


def entity_tag(version: int, state: str | None = None) -> str:
    """Return the strong tag of a record's version (RFC 9110, 8.8.3), and of the state that it is seen in."""
    return f'"{version}"' if state is None else f'"{version}-{state}"'


def expected_version(environ: Environ) -> int | None:
    """Return the version that If-Match names; None when any will do (RFC 9110, 13.1.1).

    A weak or foreign tag matches no version. Without If-Match a client that sent `Prefer: handling=strict` (RFC 7240,
    4.4) is asked for it with 428.
    """
    if _header(environ, "IF_MATCH") is None and prefers_strict(environ):
        detail = "Name the version that you start from: send its ETag as If-Match."
        raise Refusal(HTTPStatus.PRECONDITION_REQUIRED, "precondition_required", detail)
    named = _named(environ)
    if named is None:
        return None
    return int(named[0][1]) if named else NO_VERSION


def expected_state(environ: Environ) -> str | Unset | None:
    """Return the state in which the version that If-Match names was seen; UNSET when any will do.

    Only who changes what the state is made of has to have seen it as it is.
    """
    named = _named(environ)
    return named[0][2] if named else UNSET


def _named(environ: Environ) -> list[re.Match[str]] | None:
    """Return the one version that If-Match names, in a list, or none; None when any will do."""
    sent = _header(environ, "IF_MATCH")
    if sent is None or sent.strip() == "*":
        return None
    named = [found for found in map(_VERSION.fullmatch, _tags(sent)) if found]
    if len(named) > 1:
        raise Refusal.bad_header("If-Match may name one version of the record.")
    return named


def _tags(sent: str) -> list[str]:
    """Return the tags of a comma-separated list. Two steps, each linear: one expression for it all would backtrack."""
    tags = _TAG.findall(sent)
    rest = _TAG.sub("", sent).replace(" ", "").replace("\t", "")
    if not tags or rest.strip(",") or len(rest) < len(tags) - 1:
        raise Refusal.bad_header("If-Match must be * or entity tags in double quotes.")
    return tags


def not_modified(environ: Environ, current: str) -> bool:
    """Whether If-None-Match names the record's current tag, weakly compared (RFC 9110, 13.1.2).

    A malformed one names nothing: the whole answer is always a right answer to it.
    """
    sent = _header(environ, "IF_NONE_MATCH")
    if sent is None:
        return False
    if sent.strip() == "*":
        return True
    return current in {tag.removeprefix("W/") for tag in _TAG.findall(sent)}


def prefers_strict(environ: Environ) -> bool:
    """Whether the client asked for strict handling."""
    sent = _header(environ, "PREFER")
    if sent is None:
        return False
    preferences = (part.split(";", 1)[0].replace(" ", "").replace('"', "").lower() for part in sent.split(","))
    return "handling=strict" in preferences


def idempotency_key(environ: Environ, method: str, route: str, body: object) -> IdempotencyKey | None:
    """Return the client's key with the digest of what it asks; None without one, 400 for a malformed one."""
    sent = _header(environ, "IDEMPOTENCY_KEY")
    if sent is None:
        return None
    if _KEY.fullmatch(sent) is None:
        raise Refusal.bad_header("Idempotency-Key must be 1 to 255 printable ASCII characters.")
    asked = b"\0".join((method.encode(), route.encode(), canonical(body)))
    return IdempotencyKey(sent, hashlib.sha256(asked).digest())


def last_event(environ: Environ) -> Bookmark | None:
    """Return where Last-Event-ID says that the client's stream was cut off; None without one (WHATWG HTML, 9.2.4)."""
    sent = _header(environ, "LAST_EVENT_ID")
    if not sent:
        return None
    try:
        return Bookmark.read(sent)
    except InvalidInput:
        raise Refusal.bad_header("Last-Event-ID must be an id that the stream gave.") from None
