"""Input becomes a value that cannot be invalid, or is refused with every finding at once.

An input class is a frozen attrs class whose fields carry a `Rule` in their metadata. `parse` reads
JSON-like data into it; building one directly checks the same rules. The rules also describe
themselves as JSON Schema, so that the published schema cannot drift from what is enforced.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, StrEnum, unique
from functools import cache
from typing import Any, Final, Literal, NoReturn, Protocol, TypeVar
from uuid import UUID

import attrs
from cattrs import ClassValidationError, Converter, ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, override

from mindbridge_core.errors import Finding, InvalidInput

__all__ = ["UNSET", "Number", "Pattern", "Rule", "Text", "Unset", "checked", "given", "parse", "ruled", "shown"]

Input = TypeVar("Input", bound=attrs.AttrsInstance)


@unique
class Unset(Enum):
    """The type of `UNSET`: the field was not sent, which is not the same as null."""

    UNSET = "unset"


UNSET: Final[Literal[Unset.UNSET]] = Unset.UNSET

_RFC_3339: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class BrokenRuleError(ValueError):
    """One value breaks one rule."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Rule(Protocol):
    """A limit on one field's value."""

    def clean(self, value: object) -> object:
        """Return the value to keep; raise BrokenRuleError."""

    def schema(self) -> dict[str, object]:
        """Return the rule in words of JSON Schema 2020-12."""


@attrs.frozen(kw_only=True)
class Text:
    """Text of `least` to `most` characters, without control characters or lone surrogates.

    It is kept in NFC and trimmed, or, where it is `verbatim` (a password), exactly as it was sent.
    """

    least: int = 0
    most: int
    verbatim: bool = False

    def clean(self, value: object) -> object:
        """Return the text in normal form."""
        if not isinstance(value, str):
            return value
        if _CONTROL.search(value):
            code = "invalid_characters"
            raise BrokenRuleError(code, "holds control characters or lone surrogates")
        text = value if self.verbatim else unicodedata.normalize("NFC", value).strip()
        if len(text) < self.least or max(len(text), len(value)) > self.most:
            code = "invalid_length"
            raise BrokenRuleError(code, f"must have {self.least} to {self.most} characters")
        if text and not self.verbatim and not any(char.isprintable() and not char.isspace() for char in text):
            code = "invalid_characters"
            raise BrokenRuleError(code, "holds nothing that can be seen")
        return text

    def schema(self) -> dict[str, object]:
        """Say the lengths."""
        return {"minLength": self.least, "maxLength": self.most}


@attrs.frozen(kw_only=True)
class Pattern:
    """Text that matches `regex` as a whole; `form` says it in words."""

    regex: str
    form: str
    most: int

    def clean(self, value: object) -> object:
        """Return the text."""
        if isinstance(value, str) and (len(value) > self.most or re.fullmatch(self.regex, value) is None):
            code = "invalid_format"
            raise BrokenRuleError(code, f"must be {self.form}")
        return value

    def schema(self) -> dict[str, object]:
        """Say the pattern."""
        return {"maxLength": self.most, "pattern": f"^{self.regex}$"}


@attrs.frozen(kw_only=True)
class Number:
    """A number from `least` to `most`, with at most `decimals` digits behind the point."""

    least: int = 0
    most: int
    decimals: int = 0

    def clean(self, value: object) -> object:
        """Return the number."""
        if not isinstance(value, int | Decimal):
            return value
        if not self.least <= value <= self.most:
            code = "out_of_range"
            raise BrokenRuleError(code, f"must be from {self.least} to {self.most}")
        if isinstance(value, Decimal) and value != round(value, self.decimals):
            code = "too_precise"
            raise BrokenRuleError(code, f"must have at most {self.decimals} decimals")
        # In one spelling: 0E-999999 is nought, and so is -0.0.
        return round(value, self.decimals) + 0 if isinstance(value, Decimal) else value

    def schema(self) -> dict[str, object]:
        """Say the bounds."""
        return {"minimum": self.least, "maximum": self.most}


def ruled(rule: Rule) -> dict[str, Rule]:
    """Return the metadata of a field that `rule` limits."""
    return {"rule": rule}


def _rule_of(attribute: attrs.Attribute[object]) -> Rule | None:
    rule: Rule | None = attribute.metadata.get("rule")
    return rule


def checked(value: attrs.AttrsInstance) -> None:
    """Hold an input class's fields to their rules: for `__attrs_post_init__`; raises InvalidInput."""
    findings = []
    for attribute in attrs.fields(type(value)):
        rule, held = _rule_of(attribute), getattr(value, attribute.name)
        if rule is None or held is UNSET or held is None:
            continue
        try:
            object.__setattr__(value, attribute.name, rule.clean(held))
        except BrokenRuleError as broken:
            findings.append(Finding(f"/{attribute.name}", broken.code, str(broken)))
    if findings:
        raise InvalidInput(findings)


def given(value: attrs.AttrsInstance) -> dict[str, Any]:
    """Return the fields that were sent, by name."""
    return {name: held for name in attrs.fields_dict(type(value)) if (held := getattr(value, name)) is not UNSET}


def parse(cls: type[Input], data: object) -> Input:
    """Read JSON-like `data` into the input class `cls`; raise InvalidInput with all findings.

    Types are taken as they are sent: "5" is no integer and 1 no truth value. Unknown fields are refused
    by name. Dates and times are RFC 3339 text, decimals are numbers.
    """
    if not isinstance(data, Mapping):
        raise InvalidInput([Finding("", "invalid_type", "must be an object")])
    try:
        parsed: Input = _structure(cls)(data, cls)
    except ClassValidationError as group:
        raise InvalidInput(_findings(group)) from None  # the cause quotes the input
    return parsed


def _findings(group: ClassValidationError) -> list[Finding]:
    findings = []
    noted, plain = group.group_exceptions()
    for error, note in noted:
        code = error.code if isinstance(error, BrokenRuleError) else "required"
        message = str(error) if isinstance(error, BrokenRuleError) else "is required"
        findings.append(Finding(f"/{note.name}", code, message))
    for error in plain:
        if isinstance(error, ForbiddenExtraKeysError):
            findings += [
                Finding("/" + shown(name), "unknown_field", "is not a field") for name in sorted(error.extra_fields)
            ]
        else:
            assert isinstance(error, InvalidInput)  # noqa: S101 - rules over several fields, held by the class itself
            findings += error.findings
    return findings


def shown(name: str) -> str:
    """Name in a pointer what the client made up: cut, printable, escaped (RFC 6901, 3)."""
    printable = "".join(char if char.isprintable() else "?" for char in name[:64])
    return printable.replace("~", "~0").replace("/", "~1")


Reader = Callable[[object], object]


def _refuse(message: str, code: str = "invalid_type") -> NoReturn:
    raise BrokenRuleError(code, message)


def _exactly(kind: type, message: str) -> Reader:
    return lambda value: value if type(value) is kind else _refuse(message)


def _from_text(read: Callable[[str], object], message: str) -> Reader:
    def reader(value: object) -> object:
        try:
            return read(value) if type(value) is str else _refuse(message)
        except BrokenRuleError:
            raise
        except (ValueError, OverflowError):  # the latter for a time that leaves the calendar in UTC
            _refuse(message)

    return reader


def _decimal(value: object) -> Decimal:
    if type(value) not in {int, float, Decimal}:
        _refuse("must be a number")
    number = Decimal(str(value))
    return number if number.is_finite() else _refuse("must be a finite number")


def _date(text: str) -> date:
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII) is None:
        raise ValueError
    return date.fromisoformat(text)


def _uuid(text: str) -> UUID:
    if re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text) is None:
        raise ValueError
    return UUID(text)


def _moment(text: str) -> datetime:
    if _RFC_3339.fullmatch(text) is None:
        raise ValueError
    return datetime.fromisoformat(text).astimezone(UTC)


def _choice(kind: type[StrEnum]) -> Reader:
    message = "must be one of: " + ", ".join(sorted(kind))
    return lambda value: (
        kind(value) if type(value) is str and value in set(kind) else _refuse(message, "invalid_choice")
    )


_READERS: Final[Mapping[object, Reader]] = {
    bool: _exactly(bool, "must be true or false"),
    date: _from_text(_date, "must be a date such as 2026-01-31"),
    datetime: _from_text(_moment, "must be a time with its offset, such as 2026-01-31T08:30:00Z"),
    Decimal: _decimal,
    int: _exactly(int, "must be an integer"),
    str: _exactly(str, "must be text"),
    UUID: _from_text(_uuid, "must be a UUID"),
}


def _reader(annotation: object) -> Reader:
    """Return the reader of what can be sent for a field: `Unset` cannot, null only where None is a member."""
    members = set(getattr(annotation, "__args__", (annotation,))) - {Unset}
    nullable = type(None) in members
    (kind,) = members - {type(None)}
    read = _choice(kind) if isinstance(kind, type) and issubclass(kind, StrEnum) else _READERS[kind]
    return (lambda value: None if value is None else read(value)) if nullable else read


def _field_hook(attribute: attrs.Attribute[object]) -> Callable[[object, object], object]:
    rule, read = _rule_of(attribute), _reader(attribute.type)

    def structure(value: object, _: object) -> object:
        held = read(value)
        return held if rule is None or held is None else rule.clean(held)

    return structure


@cache
def _structure(cls: type[attrs.AttrsInstance]) -> Callable[[Mapping[str, object], Any], Any]:
    fields = attrs.fields(attrs.resolve_types(cls))
    hooks: dict[str, Any] = {field.name: override(struct_hook=_field_hook(field)) for field in fields}
    return make_dict_structure_fn(cls, Converter(detailed_validation=True), _cattrs_forbid_extra_keys=True, **hooks)
