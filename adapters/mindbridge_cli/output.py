"""How commands speak: results on standard output, for people or as one JSON document; the rest on standard error."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from typing import Any, TypeVar

import click

__all__ = ["ExitCode", "as_json", "check_found", "printable", "result"]

Command = TypeVar("Command", bound=Callable[..., Any])


class ExitCode(IntEnum):
    """How a command ended."""

    DONE = 0
    FAILED = 1
    WRONG_USAGE = 2
    CHECK_FOUND = 3


def as_json(command: Command) -> Command:
    """Give a command the option `--json`."""
    return click.option("--json", "json_", is_flag=True, help="Print one JSON document and nothing else.")(command)


def result(content: Mapping[str, object], lines: Iterable[str], *, json_: bool) -> None:
    """Print a result: the JSON document, or the lines for people."""
    if json_:
        click.echo(json.dumps(content))
        return
    for line in lines:
        click.echo(line)


def check_found() -> None:
    """End the command: a check found something, which has been printed."""
    click.get_current_context().exit(ExitCode.CHECK_FOUND)


def printable(text: str) -> str:
    """Return text that others wrote, such as a provider's name of a model, without what a terminal would obey."""
    return "".join(character if character.isprintable() else "?" for character in text)
