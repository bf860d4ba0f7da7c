"""The forms that a setting's value may take, each a converter that says in words what it takes.

A converter is also given what it made itself, and returns that unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar, overload
from urllib.parse import urlsplit

import attrs

__all__ = [
    "address",
    "file",
    "flag",
    "hour",
    "mailbox",
    "many",
    "number",
    "one_of",
    "optional",
    "origin",
    "page",
    "secret_text",
    "setting",
    "sink",
    "syslog_address",
    "text",
    "whole",
]

T = TypeVar("T")
Given: TypeAlias = Any
"""Text out of a variable, or whatever TOML has."""
Converter = Callable[[Given], T]

_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})
_ROLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")
_MAILBOX: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_HOST: Final = re.compile(r"[A-Za-z0-9.:_-]{1,253}")


@attrs.frozen
class _Form:
    """How a setting is described: what it takes, what it is for, whether it is secret."""

    takes: str
    about: str
    secret: bool = False


@overload
def setting(about: str, taking: tuple[str, Converter[T]], *, secret: bool = ...) -> T | None: ...
@overload
def setting(about: str, taking: tuple[str, Converter[T]], *, default: T, secret: bool = ...) -> T: ...
def setting(about: str, taking: tuple[str, Converter[Any]], *, default: Any = None, secret: bool = False) -> Any:
    """Return the attrs field of a setting; without a default it may be left out."""
    takes, convert = taking
    if default is None:
        convert = optional(convert)
    metadata = {"form": _Form(takes, about, secret)}
    return attrs.field(default=default, converter=convert, repr=not secret, metadata=metadata)


def optional(convert: Converter[T]) -> Converter[T | None]:
    """Take nothing, or an empty variable, as not set."""
    return lambda value: None if value is None or value == "" else convert(value)


def whole(least: int, most: int) -> tuple[str, Converter[int]]:
    """Take a whole number within bounds."""

    def convert(value: Given) -> int:
        if isinstance(value, bool | float) or not least <= (number := int(value)) <= most:
            raise ValueError
        return number

    return f"a whole number from {least} to {most}", convert


def number(least: float, most: float) -> tuple[str, Converter[float]]:
    """Take a number within bounds."""

    def convert(value: Given) -> float:
        if isinstance(value, bool) or not least <= (found := float(value)) <= most:
            raise ValueError
        return found

    return f"a number from {least:g} to {most:g}", convert


def flag() -> tuple[str, Converter[bool]]:
    """Take true or false."""

    def convert(value: Given) -> bool:
        if isinstance(value, bool):
            return value
        if str(value).lower() not in _TRUE | _FALSE:
            raise ValueError
        return str(value).lower() in _TRUE

    return "true or false", convert


def one_of(choices: Sequence[str]) -> tuple[str, Converter[str]]:
    """Take one of some words."""

    def convert(value: Given) -> str:
        if value not in choices:
            raise ValueError
        return str(value)

    return "one of " + ", ".join(choices), convert


def _matching(pattern: re.Pattern[str]) -> Converter[str]:
    def convert(value: Given) -> str:
        if not isinstance(value, str) or pattern.fullmatch(value) is None:
            raise ValueError
        return value

    return convert


def text(kind: str) -> tuple[str, Converter[str]]:
    """Take text: a `role`, a `host`, or any `name` of up to 255 printable characters."""
    if kind == "role":
        return "the name of a database role", _matching(_ROLE)
    if kind == "host":
        return "a host name or address", _matching(_HOST)
    return "text of 1 to 255 characters", _matching(re.compile(r"[^\x00-\x1f\x7f]{1,255}"))


def hour() -> tuple[str, Converter[str]]:
    """Take a time of day, or that there is none."""
    return "a time of day, as `06:30`, or `never`", _matching(re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|never"))


def secret_text(takes: str) -> tuple[str, Converter[str]]:
    """Take any text, described as `takes`."""
    return takes, str


def file() -> tuple[str, Converter[Path]]:
    """Take the path of a file; one from a settings file is relative to that file."""
    return "the path of a file", Path


def address() -> tuple[str, Converter[str]]:
    """Take the address of a PostgreSQL database."""

    def convert(value: Given) -> str:
        parts = urlsplit(str(value))
        if parts.scheme != "postgresql" or not parts.hostname or not parts.username or len(parts.path) < len("/d"):
            raise ValueError
        assert parts.port is None or parts.port  # noqa: S101 - reading it is what refuses a port that is none
        return str(value)

    return "postgresql://USER:PASSWORD@HOST:PORT/DATABASE", convert


def redis_address() -> tuple[str, Converter[str]]:
    """Take the address of a Redis server."""

    def convert(value: Given) -> str:
        parts = urlsplit(str(value))
        if parts.scheme not in {"redis", "rediss"} or not parts.hostname:
            raise ValueError
        assert parts.port is None or parts.port  # noqa: S101 - as above
        return str(value)

    return "redis://HOST:PORT/NUMBER, or rediss:// with TLS", convert


def syslog_address() -> tuple[str, Converter[str]]:
    """Take the address of a syslog server; the port is never guessed."""

    def convert(value: Given) -> str:
        parts = urlsplit(str(value))
        if parts.scheme not in {"tcp", "tls"} or not parts.hostname or not parts.port or parts.path or parts.username:
            raise ValueError
        return str(value)

    return "tcp://HOST:PORT, or tls://HOST:PORT", convert


def sink(value: str) -> str:
    """Take the name of a kind of sink."""
    if value not in {"file", "syslog"}:
        raise ValueError
    return value


def origin(value: str) -> str:
    """Take a web origin: scheme, host and port, nothing else."""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or value != f"{parts.scheme}://{parts.netloc}":
        raise ValueError
    return value


def page() -> tuple[str, Converter[str]]:
    """Take the address below which pages lie: with TLS, but on this machine."""

    def convert(value: Given) -> str:
        parts = urlsplit(str(value))
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise ValueError
        return str(value).rstrip("/")

    return "https://HOST/PATH (http:// on this machine alone)", convert


def mailbox() -> tuple[str, Converter[str]]:
    """Take a plain e-mail address."""
    return "an e-mail address", _matching(_MAILBOX)


def many(takes: str, convert: Converter[T]) -> tuple[str, Converter[tuple[T, ...]]]:
    """Take any number of values: a list, or text with commas between them."""

    def all_of(value: Given) -> tuple[T, ...]:
        parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else list(value)
        return tuple(convert(part) for part in parts if part != "")

    return takes, all_of
