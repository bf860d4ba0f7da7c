"""The headers that every answer carries, whatever it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from flask import Response

from mindbridge_flask.settings import HttpSettings

__all__ = ["finish", "preflight"]

ALWAYS: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Permissions-Policy", "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
CSP: Final = ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
NO_STORE: Final = ("Cache-Control", "no-store")
HSTS: Final = ("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
EXPOSED: Final = "ETag, Location, Retry-After, WWW-Authenticate, X-Request-ID"
ALLOWED: Final = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Prefer, X-Request-ID"
)


def finish(response: Response, request_id: str, settings: HttpSettings, environ: Mapping[str, object]) -> Response:
    """Add what the answer does not say itself. Nothing may be stored unless the answer said otherwise."""
    headers = response.headers
    headers.extend(ALWAYS)
    headers.add("X-Request-ID", request_id)
    for name, value in (CSP, NO_STORE):
        if name not in headers:
            headers.add(name, value)
    if settings.hsts or environ.get("wsgi.url_scheme") == "https":
        headers.add(*HSTS)
    if settings.cors_origins:
        _share(response, settings, environ)
    return response


def _share(response: Response, settings: HttpSettings, environ: Mapping[str, object]) -> None:
    """Let scripts of the configured origins read the answer (Fetch, CORS protocol). Cookies are never part of it."""
    response.headers.add("Vary", "Origin")
    origin = environ.get("HTTP_ORIGIN")
    if isinstance(origin, str) and origin in settings.cors_origins:
        response.headers.add("Access-Control-Allow-Origin", origin)
        response.headers.add("Access-Control-Expose-Headers", EXPOSED)


def preflight(allow: str, settings: HttpSettings, environ: Mapping[str, object]) -> dict[str, str]:
    """Return the headers that answer OPTIONS, and with them a browser's question before it sends (preflight)."""
    headers = {"Allow": allow}
    if environ.get("HTTP_ORIGIN") in settings.cors_origins and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
        headers |= {
            "Access-Control-Allow-Methods": allow,
            "Access-Control-Allow-Headers": ALLOWED,
            "Access-Control-Max-Age": "600",
        }
    return headers
