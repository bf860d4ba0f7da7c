"""The count in a real Redis keeps the contract; a Redis that is gone is a refusal, not a free pass."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mindbridge_core import testing
from mindbridge_core.errors import DependencyUnavailable
from mindbridge_redis import RedisThrottle

PROGRAM = shutil.which("redis-server")
needs_redis = pytest.mark.skipif(PROGRAM is None, reason="no redis-server on this machine; .ci/run installs one")


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as line:
            line.sendall(b"PING\r\n")
            return line.recv(16).startswith(b"+PONG")
    except OSError:
        return False


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a Redis that keeps nothing on disk."""
    assert PROGRAM is not None
    port, folder = _free_port(), tmp_path_factory.mktemp("redis")
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    with Path(folder, "log").open("wb") as log, subprocess.Popen([PROGRAM, *options], stdout=log, stderr=log) as redis:
        try:
            until = time.monotonic() + 20
            while not _answers(port):
                assert time.monotonic() < until, "redis-server did not start"
                time.sleep(0.05)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            redis.terminate()


@needs_redis
class TestThrottle(testing.ThrottleContract):
    @pytest.fixture(autouse=True)
    def _ready(self, server: str) -> Iterator[None]:
        self.url = server
        self.opened: list[RedisThrottle] = []
        yield
        for throttle in self.opened:
            throttle.close()

    def throttle(self) -> RedisThrottle:
        self.opened.append(RedisThrottle.connect(self.url))
        return self.opened[-1]

    def wait(self, seconds: int) -> None:
        time.sleep(seconds)


def test_a_redis_that_does_not_answer_is_an_unavailable_dependency() -> None:
    throttle = RedisThrottle.connect(f"redis://127.0.0.1:{_free_port()}/0", timeout=0.5)
    with pytest.raises(DependencyUnavailable):
        throttle.hit(bytes(16), 60)
    throttle.close()
