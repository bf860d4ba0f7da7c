"""What is done beside a request, and what becomes of it."""

from __future__ import annotations

import logging
import threading

import pytest

from mindbridge_core.errors import DependencyUnavailable
from mindbridge_notify import Aside


def test_a_task_is_done_on_another_thread_while_the_caller_goes_on() -> None:
    go, names = threading.Event(), list[str]()

    def task() -> None:
        assert go.wait(60)
        names.append(threading.current_thread().name)

    aside = Aside()
    aside(task)
    assert [] == names
    go.set()
    aside.close()
    assert [True] == [name.startswith("mindbridge-aside") for name in names]


def test_a_task_that_fails_is_logged_by_kind_and_the_next_is_done(caplog: pytest.LogCaptureFixture) -> None:
    done = list[int]()

    def fail() -> None:
        raise DependencyUnavailable("CANARY")

    aside = Aside(threads=1)
    with caplog.at_level(logging.DEBUG):
        aside(fail)
        aside(lambda: done.append(1))
        aside.close()
    assert [1] == done
    assert "a task failed: DependencyUnavailable" in caplog.text
    assert "CANARY" not in caplog.text


def test_what_finds_no_room_is_dropped_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    go, done = threading.Event(), list[int]()
    aside = Aside(threads=1, waiting=1)
    with caplog.at_level(logging.DEBUG):
        aside(lambda: done.append(int(go.wait(60))))
        aside(lambda: done.append(2))
        aside(lambda: done.append(3))
    go.set()
    aside.close()
    assert [1, 2] == done
    assert "a task was dropped" in caplog.text
