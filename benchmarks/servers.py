"""Servers as child processes: each on a free port, ready when it listens, ended with all its workers."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs

__all__ = ["PRODUCT", "Server", "running_server"]

ROOT: Final = Path(__file__).resolve().parent.parent
SETTINGS: Final = ROOT / "benchmarks" / "gunicorn_settings.py"
START_SECONDS: Final = 60.0
END_SECONDS: Final = 20.0
PRODUCT: Final = "product"
"""The server that `mindbridge serve` runs, with its defaults: 2 workers of 4 threads, a line of log per request."""


@attrs.frozen(kw_only=True)
class Server:
    """A running server."""

    port: int
    pid: int

    def workers(self) -> list[int]:
        """Return the worker processes' ids."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text("ascii").split()]

    def memory(self) -> list[float]:
        """Return what each worker holds in memory (RSS), in MiB."""
        return [_resident(pid) for pid in self.workers()]


def _resident(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the server ended while starting: {log.read_text()[-2000:]}"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("the server does not listen")


@contextmanager
def running_server(name: str, environment: Mapping[str, str], log: Path) -> Iterator[Server]:
    """Serve until the end of the block: the product by its own command, all else out of `benchmarks.wsgi`."""
    port = _free_port()
    arguments = ["mindbridge_cli", "serve", "--port", str(port)] if name == PRODUCT else _plain(name, port)
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | dict(environment),
            stderr=file,
        )
        try:
            _wait(port, process, log)
            yield Server(port=port, pid=process.pid)
        finally:
            _end(process)


def _plain(application: str, port: int) -> list[str]:
    bind = f"127.0.0.1:{port}"
    return ["gunicorn", "--config", str(SETTINGS), "--bind", bind, f"benchmarks.wsgi:{application}()"]


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
