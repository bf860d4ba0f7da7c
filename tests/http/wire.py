"""What a request was when it reached the application, and not what it was meant to be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from jsonschema import Draft202012Validator

Definitions = Mapping[str, Mapping[str, Any]]


class Wire:
    """A WSGI application in front of another; it remembers the request that went through last."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application
        self._environ: WSGIEnvironment = {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Hand the request on."""
        self._environ = dict(environ)
        return self._application(environ, start_response)

    @property
    def sent_json(self) -> bool:
        """Whether a body was sent, as JSON."""
        kind, length = self._environ.get("CONTENT_TYPE", ""), self._environ.get("CONTENT_LENGTH") or "0"
        return kind == "application/json" and length != "0"

    def sent_good_query(self, described: Definitions) -> bool:
        """Whether the query held only parameters that are `described`, each once at most, and with a good value."""
        sent = parse_qsl(self._environ.get("QUERY_STRING", ""), keep_blank_values=True)
        return len(dict(sent)) == len(sent) and set(dict(sent)) <= set(described) and _all_good(dict(sent), described)

    def sent_good_headers(self, described: Definitions) -> bool:
        """Whether each header that is `described` had a good value, or was left out where it may be."""
        names = {name: "HTTP_" + name.upper().replace("-", "_") for name in described}
        return _all_good({name: self._environ[key] for name, key in names.items() if key in self._environ}, described)


def _all_good(sent: Mapping[str, str], described: Definitions) -> bool:
    return all(
        _is_good(sent[name], definition.get("schema", {})) if name in sent else not definition.get("required", False)
        for name, definition in described.items()
    )


def _is_good(text: str, schema: Mapping[str, Any]) -> bool:
    value = json.loads(text) if _is_plain(text, schema.get("type")) else text
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).is_valid(value)


def _is_plain(text: str, kind: object) -> bool:
    """Whether the text spells a value of a kind other than text."""
    spelled = {"boolean": "true|false", "integer": "-?(0|[1-9][0-9]{0,18})"}.get(str(kind))
    return spelled is not None and re.fullmatch(spelled, text) is not None
