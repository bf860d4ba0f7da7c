"""Log lines are JSON and hold nothing that came out of a request."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from io import StringIO

import pytest

from mindbridge_cli.logs import configure_logs

SECRET = "Zanzibar Quokka"


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """What is written to standard error from now on, with the logs configured as a server does."""
    handlers, level = logging.root.handlers[:], logging.root.level
    names = ("mindbridge", "gunicorn.error")
    levels = {name: logging.getLogger(name).level for name in names}
    written = StringIO()
    monkeypatch.setattr("sys.stderr", written)
    configure_logs("debug")
    yield written
    logging.captureWarnings(capture=False)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def line(logged: StringIO) -> dict[str, object]:
    content: dict[str, object] = json.loads(logged.getvalue())
    return content


def test_our_own_lines_carry_their_fields_and_no_others(logged: StringIO) -> None:
    fields = {"route": "/v1/patients", "status": 200, "name": "x"}
    extra = {key: value for key, value in fields.items() if key != "name"} | {"patient": SECRET}
    logging.getLogger("mindbridge.http").info("%s %d", "GET", 200, extra=extra)
    said = line(logged)
    assert ("GET 200", "/v1/patients", 200, "info") == (said["event"], said["route"], said["status"], said["level"])
    assert {"timestamp", "level", "logger", "event", "route", "status"} == said.keys()


def test_of_others_only_the_template_and_its_numbers_are_kept(logged: StringIO) -> None:
    logging.getLogger("gunicorn.error").error("Error handling request %s (pid:%s) 100%%", f"/?q={SECRET}", 12)
    assert "Error handling request ... (pid:12) 100%%" == line(logged)["event"]


def test_of_an_exception_only_class_and_place_are_kept(logged: StringIO) -> None:
    try:
        dict[str, int]()[SECRET]
    except KeyError as error:
        logging.getLogger("gunicorn.error").exception(error)  # noqa: TRY401 - as gunicorn does
    said = line(logged)
    assert ("KeyError", "builtins.KeyError") == (said["event"], said["error"])
    assert SECRET not in str(said)


def test_a_line_that_cannot_be_formatted_is_not_shown_either(logged: StringIO) -> None:
    del logging.root.handlers[1:]  # pytest's own, which would show it
    logging.getLogger("mindbridge.http").error("%d", SECRET)
    assert "a line could not be logged" == line(logged)["event"]


def test_others_are_silent_below_warning(logged: StringIO) -> None:
    logging.getLogger("werkzeug").info(SECRET)
    logging.getLogger("psycopg").debug(SECRET)
    assert "" == logged.getvalue()
