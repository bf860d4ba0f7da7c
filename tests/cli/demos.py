"""Demos as processes, and what is left of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import attrs

SECONDS = 240.0
"""What is waited for comes in two or three; where a machine is busy with other things it takes twenty times that."""
STAFF = {
    "admin@oakwood.health": ("admin", 10),
    "maria@oakwood.health": ("case_manager", 5),
    "sarah.kim@oakwood.health": ("case_manager", 5),
}


@attrs.frozen(kw_only=True)
class Demo:
    """A demo that has said that it is ready."""

    process: subprocess.Popen[str]
    said: dict[str, Any]
    seconds: float

    @property
    def family(self) -> set[int]:
        """The demo's process and everything below it."""
        return descendants(self.process.pid) | {self.process.pid}

    @property
    def passwords(self) -> dict[str, str]:
        return {user["email"]: user["password"] for user in self.said["users"] if "password" in user}

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(SECONDS)

    def patients(self, email: str, password: str) -> int:
        """Log in and count the patients on the list."""
        token = self.call("/auth/login", {"email": email, "password": password})["access_token"]
        return len(self.call("/patients", None, token)["data"])

    def call(self, path: str, body: object = None, token: str | None = None) -> Any:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.said["api"] + path, data=data, headers=headers)  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 - loopback
            return json.load(answer)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "mindbridge_cli", *arguments]


def spawn(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command("demo", "--json", "--port", "0", *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@contextmanager
def running_demo(*arguments: str) -> Iterator[Demo]:
    """A demo that is ready; what is left of it afterwards is killed."""
    started = time.monotonic()
    with spawn(*arguments) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise AssertionError(process.communicate()[1])
            yield Demo(process=process, said=json.loads(line), seconds=time.monotonic() - started)
        finally:
            process.kill()


def descendants(pid: int) -> set[int]:
    found: set[int] = set()
    with suppress(OSError):  # it has ended
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split():
            found |= {int(child)} | descendants(int(child))
    return found


def living(processes: set[int]) -> set[int]:
    """Those that run; one that is dead and waits to be fetched by its parent does not."""
    found = set()
    for pid in processes:
        with suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(") ")[2][0] not in "ZX":
                found.add(pid)
    return found


def listens(pid: int, number: signal.Signals = signal.SIGTERM) -> bool:
    """Whether a process has a handler for a signal; before that the signal ends it as the system has it."""
    with suppress(OSError):  # it has ended
        status = Path(f"/proc/{pid}/status").read_text("utf-8")
        caught = int(next(line for line in status.splitlines() if line.startswith("SigCgt:")).split()[1], 16)
        return bool(caught >> (number - 1) & 1)
    return False


def wait_until(holds: Callable[[], bool], seconds: float = SECONDS, *, pause: float = 0.02) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(pause)


def environment(**settings: str) -> dict[str, str]:
    """Nothing of this process's own settings, and these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MINDBRIDGE_")}
    return kept | {f"MINDBRIDGE_{name.upper()}": value for name, value in settings.items()}
