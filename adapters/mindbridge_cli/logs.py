"""Logs: one JSON object a line on standard error, with nothing in it that came out of a request or a record.

What MindBridge itself logs names routes and errors, never values. Of what others log (gunicorn, drivers) only the
template and its numbers are kept, because their texts quote addresses and headers; of an exception only its class and
where it arose.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Final, TextIO

import structlog

from mindbridge_flask.unexpected import trace

__all__ = ["configure_logs"]

TRUSTED: Final = ("mindbridge", "psycopg.pool")
"""Loggers whose texts are known to quote no request and no row."""
FIELDS: Final = ("route", "method", "status", "duration_ms", "request_id", "code", "address", "pid")
_PLACEHOLDER: Final = re.compile(r"%[-#0 +]*\d*(?:\.\d+)?([sdrif])")

_stamp: Final = structlog.processors.TimeStamper(fmt="iso", utc=True)
_render: Final = structlog.processors.JSONRenderer()


def configure_logs(level: str) -> None:
    """Send everything that is logged in this process to standard error; only MindBridge's own below `warning`."""
    handler = _Handler(sys.stderr)
    handler.setFormatter(_SafeLines())
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(logging.WARNING)
    logging.getLogger("mindbridge").setLevel(level.upper())
    logging.getLogger("gunicorn.error").setLevel(max(logging.INFO, logging.getLevelNamesMapping()[level.upper()]))
    logging.captureWarnings(capture=True)


class _Handler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say that a line was lost; the library would print the very values that are kept out."""
        self.stream.write(f'{{"level": "error", "logger": "{record.name}", "event": "a line could not be logged"}}\n')


class _SafeLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Return the line. structlog's own bridge would format the message, values and all, before it asks."""
        safe: dict[str, object] = {"level": record.levelname.lower(), "logger": record.name, "event": _text(record)}
        safe |= {name: value for name in FIELDS if (value := getattr(record, name, None)) is not None}
        if record.exc_info and record.exc_info[1] is not None:
            safe["error"], safe["at"] = trace(record.exc_info[1])
        return str(_render(None, record.levelname, _stamp(None, record.levelname, safe)))


def _text(record: logging.LogRecord) -> str:
    if record.name.startswith(TRUSTED):
        return record.getMessage()
    if not isinstance(record.msg, str):  # an exception, say
        return type(record.msg).__name__
    numbers = iter(record.args if isinstance(record.args, tuple) else ())
    return _PLACEHOLDER.sub(lambda _: _number(next(numbers, None)), record.msg)


def _number(value: object) -> str:
    return str(value) if isinstance(value, int | float) else "..."
