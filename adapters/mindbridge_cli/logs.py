"""Logs: one JSON object a line on standard error, with nothing in it that came out of a request or a record.

What MindBridge itself logs names routes and errors, never values. Of what others log (gunicorn, drivers) only the
template and its numbers are kept, because their texts quote addresses and headers; of an exception only its class and
where it arose.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

from mindbridge_flask.unexpected import trace

__all__ = ["configure_logs"]

TRUSTED: Final = ("mindbridge", "psycopg.pool")
"""Loggers whose texts are known to quote no request and no row."""
FIELDS: Final = ("route", "method", "status", "duration_ms", "request_id", "code", "address", "pid")
_PLACEHOLDER: Final = re.compile(r"%[-#0 +]*\d*(?:\.\d+)?([sdrif])")

Event = MutableMapping[str, Any]


def configure_logs(level: str) -> None:
    """Send everything that is logged in this process to standard error; only MindBridge's own below `warning`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.processors.TimeStamper(fmt="iso", utc=True)],
            processors=[_keep_what_is_safe, structlog.processors.JSONRenderer()],
        )
    )
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(logging.WARNING)
    logging.getLogger("mindbridge").setLevel(level.upper())
    logging.getLogger("gunicorn.error").setLevel(max(logging.INFO, logging.getLevelNamesMapping()[level.upper()]))
    logging.captureWarnings(capture=True)


def _keep_what_is_safe(_: object, __: str, event: Event) -> Event:
    record: logging.LogRecord = event["_record"]
    safe: Event = {
        "timestamp": event["timestamp"],
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": _text(record),
    }
    safe.update({name: value for name in FIELDS if (value := getattr(record, name, None)) is not None})
    if record.exc_info and record.exc_info[1] is not None:
        safe["error"], safe["at"] = trace(record.exc_info[1])
    return safe


def _text(record: logging.LogRecord) -> str:
    if record.name.startswith(TRUSTED):
        return record.getMessage()
    if not isinstance(record.msg, str):  # an exception, say
        return type(record.msg).__name__
    numbers = iter(record.args if isinstance(record.args, tuple) else ())
    return _PLACEHOLDER.sub(lambda _: _number(next(numbers, None)), record.msg)


def _number(value: object) -> str:
    return str(value) if isinstance(value, int | float) else "..."
