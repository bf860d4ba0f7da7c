"""Processes that own a server, as whichever user, and what is left of their servers."""

import contextlib
import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import attrs
import psycopg

import mindbridge_embedded

OWNER = Path(__file__).with_name("owner.py")
LAUNCH = Path(mindbridge_embedded.__file__).with_name("launch.py")
ORDINARY_UID = (
    next(user.pw_uid for user in pwd.getpwall() if user.pw_uid not in {0, 65534}) if os.geteuid() == 0 else os.geteuid()
)
CAP_DAC_READ_SEARCH = 2
IS_ROOT = os.geteuid() == 0
SECONDS = 240.0


@attrs.frozen(kw_only=True)
class Owner:
    """A process that runs `owner.py`; its server is up."""

    process: subprocess.Popen[str]
    url: str
    port: int

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(SECONDS)

    def finish(self, order: str) -> int:
        self.process.communicate(order, timeout=SECONDS)
        return self.process.returncode


def as_current(command: list[str]) -> list[str]:
    return command


def as_ordinary(command: list[str], uid: int = ORDINARY_UID) -> list[str]:
    """The command run by a user without rights, whom only the interpreter's own folder may be opened to."""
    if not IS_ROOT:
        return command
    reachable = all(folder.stat().st_mode & 0o1 for folder in (*Path(sys.executable).resolve().parents, *OWNER.parents))
    orders = {
        "parent": os.getpid(),
        "last_signal": signal.SIGKILL,
        "uid": uid,
        "gid": uid,
        "capability": None if reachable else CAP_DAC_READ_SEARCH,
    }
    return [sys.executable, "-I", "-S", str(LAUNCH), json.dumps(orders), *command]


USERS: dict[str, Callable[[list[str]], list[str]]] = {"current": as_current, "ordinary": as_ordinary}


def owner_command(data_dir: Path, *extra: str) -> list[str]:
    return [sys.executable, str(OWNER), str(data_dir), *extra]


def spawn(command: list[str], *, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ) | dict(environment or {}),
        start_new_session=True,
    )


@contextlib.contextmanager
def owning(command: list[str], *, environment: Mapping[str, str] | None = None) -> Iterator[Owner]:
    """A running owner; what is left of it afterwards is killed, and its server with it."""
    with spawn(command, environment=environment) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise AssertionError(process.communicate()[1])
            yield Owner(process=process, **json.loads(line))
        finally:
            process.kill()


def refusal(command: list[str]) -> str:
    """What an owner that cannot start its server says last."""
    with spawn(command) as process:
        said, complained = process.communicate("stop", timeout=SECONDS)
    assert said == ""
    assert process.returncode == 1
    return complained.partition("EmbeddedPostgresError: ")[2]


def processes_in(folder: Path) -> set[int]:
    """The processes whose working directory lies there: a server and all its workers stand in its cluster."""
    found = set()
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):  # ended meanwhile, or another user's
            if entry.name.isdigit() and (entry / "cwd").readlink().is_relative_to(folder):
                found.add(int(entry.name))
    return found


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wait_until_gone(data_dir: Path, port: int) -> None:
    """Return when neither a process nor a listening port is left of the server; AssertionError after a while."""
    wait_until(lambda: not processes_in(data_dir / "postgres"))
    assert not answers(port)


def write_row(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("create table kept (word text)")
        connection.execute("insert into kept values ('still here')")


def read_rows(url: str) -> list[tuple[str, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute("select word from kept").fetchall()
