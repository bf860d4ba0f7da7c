"""What is said of an error: the whole text of those known to quote nothing, of any other only where it arose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from mindbridge_cli.demo import DemoInterrupted
from mindbridge_cli.start import StartRefused
from mindbridge_core.errors import InvalidInput, MindBridgeError
from mindbridge_embedded import EmbeddedPostgresError
from mindbridge_flask.unexpected import trace
from mindbridge_migrations import MigrationsBusy
from mindbridge_postgres.tenancy import UnfitRole

__all__ = ["in_words"]


def in_words(error: Exception) -> list[str]:
    """Return what went wrong in a line, and the findings, if any."""
    for kind, tell in _TOLD:
        if isinstance(error, kind):
            return tell(error)
    name, places = trace(error)
    return [f"unexpected {name}", f"at {places}"]


def _finding_by_finding(refused: InvalidInput) -> list[str]:
    return [refused.text, *(f"{found.pointer or '/'}: {found.message}" for found in refused.findings)]


def _of_system(error: OSError) -> list[str]:
    return [" ".join(filter(None, [error.strerror, error.filename and str(error.filename)])) or "a file failed"]


def _first_line(error: Exception) -> str:
    """Return what the server said, which names hosts and roles; a statement's own text and values come after it."""
    said = [line.strip() for line in _causes(error)]
    return said[-1].splitlines()[0] if said[-1] else type(error).__name__


def _causes(error: BaseException) -> Iterator[str]:
    yield str(error)
    original = getattr(error, "orig", None)
    if isinstance(original, psycopg.OperationalError):
        yield str(original)
    elif original is not None:
        yield type(original).__name__


_Telling = Callable[[Any], list[str]]  # Any: each the error it stands beside
_TOLD: Final[tuple[tuple[type[Exception], _Telling], ...]] = (
    (InvalidInput, _finding_by_finding),
    (StartRefused, lambda refused: ["the server does not start", *refused.findings]),
    (DemoInterrupted, lambda signal: [f"ended by {signal}"]),
    (MindBridgeError, lambda refused: [str(refused)]),
    (EmbeddedPostgresError, lambda refused: [str(refused)]),
    (MigrationsBusy, lambda busy: [str(busy)]),
    (UnfitRole, lambda unfit: [str(unfit)]),
    (psycopg.OperationalError, lambda error: [f"the database refused: {_first_line(error)}"]),
    (SQLAlchemyError, lambda error: [f"the database refused: {_first_line(error)}"]),
    (OSError, _of_system),
)
