"""Bodies and query strings become input values, or are refused with every finding at once."""

from __future__ import annotations

import json
import re
from collections import Counter
from decimal import Decimal
from typing import Final, NoReturn, TypeVar

import attrs
from flask import Request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestEntityTooLarge

from mindbridge_core.errors import Finding, InvalidInput
from mindbridge_core.validation import parse
from mindbridge_flask.refusals import Refusal
from mindbridge_flask.settings import HttpSettings

__all__ = ["canonical", "json_body", "query_of"]

Input = TypeVar("Input", bound=attrs.AttrsInstance)
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")
_TRUTH: Final = {"true": True, "false": False}


class _Members(dict[str, object]):
    """An object whose text named some members twice."""

    def __init__(self, pairs: list[tuple[str, object]], twice: set[str]) -> None:
        super().__init__(pairs)
        self.twice = twice


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    counted = Counter(name for name, _ in pairs)
    return _Members(pairs, {name for name, times in counted.items() if times > 1})


def _no_number(_: str) -> NoReturn:
    raise ValueError


def json_body(request: Request, settings: HttpSettings) -> object:
    """Return the request's JSON, numbers with a fraction as Decimal.

    Raises Refusal: 413 too long, 415 not declared as JSON in UTF-8, 400 not JSON or nested too deep; and
    InvalidInput when an object names a member twice.
    """
    _declared_as_json(request)
    raw = _raw_body(request, settings.body_limit)
    try:
        # The standard parser and not msgspec's: that one lets the last of two equal names win in silence.
        data = json.loads(
            raw.decode("utf-8"), parse_float=Decimal, parse_constant=_no_number, object_pairs_hook=_members
        )
    except (ValueError, ArithmeticError, RecursionError):
        raise Refusal.bad_body("The body is not JSON in UTF-8.") from None  # the cause quotes it
    findings: list[Finding] = []
    _inspect(data, "", settings.depth_limit, findings)
    if findings:
        raise InvalidInput(findings)
    return data


def _raw_body(request: Request, limit: int) -> bytes:
    """Return the body. One of no declared length (chunked) is cut in silence at the maximum, so that is one more."""
    request.max_content_length = limit + 1
    raw = request.get_data(cache=False)
    if len(raw) > limit:
        raise RequestEntityTooLarge
    return raw


def _declared_as_json(request: Request) -> None:
    if request.mimetype != "application/json":
        raise Refusal.unsupported("Send the body as application/json.")
    if request.mimetype_params.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
        raise Refusal.unsupported("JSON is sent in UTF-8.")
    if request.environ.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        raise Refusal.unsupported("Send the body without a content coding.")


def _inspect(value: object, pointer: str, depth: int, findings: list[Finding]) -> None:
    """Find names given twice; refuse what is nested deeper than `depth`."""
    if not isinstance(value, dict | list):
        return
    if depth == 0:
        raise Refusal.bad_body("The body is nested too deep.")
    if isinstance(value, _Members):
        findings += [
            Finding(f"{pointer}/{_name(name)}", "duplicate_field", "is given twice") for name in sorted(value.twice)
        ]
    for name, member in value.items() if isinstance(value, dict) else enumerate(value):
        _inspect(member, f"{pointer}/{_name(str(name))}", depth - 1, findings)


def _name(name: str) -> str:
    """Name what the client made up: cut, printable, escaped (RFC 6901, 3)."""
    shown = "".join(char if char.isprintable() else "?" for char in name[:64])
    return shown.replace("~", "~0").replace("/", "~1")


def query_of(cls: type[Input], sent: MultiDict[str, str]) -> Input:
    """Read a query string into the input class `cls`; raise InvalidInput with all findings.

    Unknown parameters are refused by name, and repeated ones too: which of them is meant, nobody knows.
    """
    values: dict[str, object] = {}
    findings = []
    for name, texts in sent.lists():
        values[name] = _typed(cls, name, texts[0])
        if len(texts) > 1:
            findings.append(Finding(f"/{_name(name)}", "repeated", "is given more than once"))
    try:
        query = parse(cls, values)
    except InvalidInput as invalid:
        raise InvalidInput([*findings, *invalid.findings]) from None
    if findings:
        raise InvalidInput(findings)
    return query


def _typed(cls: type[attrs.AttrsInstance], name: str, text: str) -> object:
    """Return the number or truth value that the text is, where the parameter takes one."""
    field = attrs.fields_dict(attrs.resolve_types(cls)).get(name)
    if field is not None and field.type is int and _INTEGER.fullmatch(text):
        return int(text)
    if field is not None and field.type is bool:
        return _TRUTH.get(text, text)
    return text


def canonical(data: object) -> bytes:
    """Return one text for all ways to write the same JSON: for digests. 50, 50.0 and 5e1 are one number."""
    return json.dumps(_told_apart(data), sort_keys=True, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _told_apart(value: object) -> object:
    """Return the value with texts and numbers marked, so that 50 and "50" differ and equal numbers do not."""
    if isinstance(value, dict):
        return {name: _told_apart(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_told_apart(member) for member in value]
    if isinstance(value, str):
        return f"={value}"
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return f"#{_number(Decimal(value))}"
    return value


def _number(number: Decimal) -> str:
    """Return one exact text for equal numbers; `Decimal.normalize` would round to the context's digits."""
    sign, digits, exponent = number.as_tuple()
    written = "".join(map(str, digits))
    kept = written.rstrip("0")
    return f"{'-' * sign}{kept}E{int(exponent) + len(written) - len(kept)}" if kept else "0"
