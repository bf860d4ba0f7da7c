"""The pages that show the API to people. All they load comes from this server, and no script stands in a page."""

from __future__ import annotations

from importlib.resources import files
from types import MappingProxyType
from typing import Final

from flask import Response

__all__ = ["ASSETS", "asset", "page"]

CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Both tools write style attributes into the page, ReDoc searches in a worker; scripts come from files alone."""

_SCRIPT: Final = "text/javascript; charset=utf-8"
ASSETS: Final = MappingProxyType(
    {
        "swagger-ui.css": ("flask_swagger_ui", "dist/swagger-ui.css", "text/css; charset=utf-8"),
        "swagger-ui-bundle.js": ("flask_swagger_ui", "dist/swagger-ui-bundle.js", _SCRIPT),
        "start-swagger-ui.js": ("mindbridge_flask", "static/start-swagger-ui.js", _SCRIPT),
        "redoc.standalone.js": ("mindbridge_flask", "static/redoc/redoc.standalone.js", _SCRIPT),
        "start-redoc.js": ("mindbridge_flask", "static/start-redoc.js", _SCRIPT),
    }
)
"""Every file that the pages load: its package, its place there, and its type."""


def page(title: str, style: str | None, *scripts: str) -> Response:
    """Return a page that runs `scripts`. Addresses are relative, so that it works under any prefix."""
    head = "" if style is None else f'<link rel="stylesheet" href="assets/{style}">'
    tags = "".join(f'<script src="assets/{name}"></script>' for name in scripts)
    html = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>MindBridge: {title}</title>{head}'
        f'</head>\n<body><div id="page"></div>{tags}</body></html>\n'
    )
    return Response(html, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": CSP})


def asset(name: str) -> Response:
    """Return one of `ASSETS`; browsers may keep it for an hour."""
    package, place, content_type = ASSETS[name]
    content = files(package).joinpath(place).read_bytes()
    return Response(content, content_type=content_type, headers={"Cache-Control": "public, max-age=3600"})
