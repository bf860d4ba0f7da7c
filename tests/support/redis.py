"""A real Redis of a test's own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAM = shutil.which("redis-server")
needs_redis = pytest.mark.skipif(PROGRAM is None, reason="no redis-server on this machine; .ci/run installs one")


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as line:
            line.sendall(b"PING\r\n")
            return line.recv(16).startswith(b"+PONG")
    except OSError:
        return False


@contextmanager
def redis_server(port: int, folder: Path) -> Iterator[str]:
    """Run a Redis that keeps nothing on disk, killed at the end of the block; yield its URL once it answers."""
    assert PROGRAM is not None
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    with Path(folder, "log").open("ab") as log, subprocess.Popen([PROGRAM, *options], stdout=log, stderr=log) as redis:
        try:
            until = time.monotonic() + 20
            while not _answers(port):
                assert time.monotonic() < until, "redis-server did not start"
                time.sleep(0.05)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            redis.kill()
