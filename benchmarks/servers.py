"""gunicorn as a child process: started on a free port, ready when it answers, ended with all its workers."""

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

__all__ = ["THREADS", "Server", "running_server"]

ROOT: Final = Path(__file__).resolve().parent.parent
SETTINGS: Final = ROOT / "benchmarks" / "gunicorn_settings.py"
START_SECONDS: Final = 60.0
END_SECONDS: Final = 20.0
THREADS: Final = 4


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


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the server ended with {process.returncode} while starting"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("the server does not listen")


@contextmanager
def running_server(application: str, environment: Mapping[str, str]) -> Iterator[Server]:
    """Serve `application`, a factory in `benchmarks.wsgi`, until the end of the block."""
    port = _free_port()
    command = [sys.executable, "-m", "gunicorn", "--config", str(SETTINGS), "--bind", f"127.0.0.1:{port}"]
    process = subprocess.Popen(
        [*command, f"benchmarks.wsgi:{application}()"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | dict(environment),
    )
    try:
        _wait(port, process)
        yield Server(port=port, pid=process.pid)
    finally:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
