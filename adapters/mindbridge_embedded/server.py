"""A running server, and how to get one."""

import atexit
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import attrs

from mindbridge_embedded.account import choose_account
from mindbridge_embedded.cluster import SUPERUSER, ensure_cluster, forget_reused_pid
from mindbridge_embedded.errors import EmbeddedPostgresError
from mindbridge_embedded.place import PAUSE_SECONDS, Place, occupied, open_place, open_private, wait_until_free
from mindbridge_embedded.programs import find_programs
from mindbridge_embedded.settings import settings
from mindbridge_embedded.spawn import Launcher, Log, end

HOST = "127.0.0.1"
START_SECONDS = 60.0
PORT_ATTEMPTS = 10


@attrs.frozen(kw_only=True, eq=False)
class EmbeddedPostgres:
    """A server that accepts connections on 127.0.0.1 until `stop`, the end of the `with` block, or its owner's death.

    Its owner is the process that called `start`; in a forked child `stop` does nothing.
    """

    data_dir: Path
    port: int
    superuser_password: str = attrs.field(repr=False)
    _process: subprocess.Popen[bytes] = attrs.field(repr=False)
    _owner: int = attrs.field(factory=os.getpid, repr=False)

    @property
    def superuser_url(self) -> str:
        """The address of the database `postgres` for the superuser, password included: not for logs."""
        return self.url(user=SUPERUSER, password=self.superuser_password, database="postgres")

    def url(self, *, user: str, password: str, database: str) -> str:
        """The address of a database on this server for libpq, psycopg or SQLAlchemy, password included."""
        user, password, database = (quote(part, safe="") for part in (user, password, database))
        return f"postgresql://{user}:{password}@{HOST}:{self.port}/{database}"

    def stop(self) -> None:
        """End the server and return when it is gone; open connections are cut, committed changes kept.

        Calling it again does nothing. Raises EmbeddedPostgresError if even force does not end it.
        """
        if os.getpid() != self._owner:
            return
        end(self._process)
        wait_until_free(Place(root=self.data_dir))
        atexit.unregister(self.stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def start(data_dir: Path, *, durable: bool = True, log: Path | None = None) -> EmbeddedPostgres:
    """Run PostgreSQL 18 in this directory, making a cluster on first use; returns once it accepts connections.

    The server ends with this process, however that dies. `durable=False` gives up crash safety for speed: tests only.
    The log goes to `log`, a file, or to `postgres.log` in the directory; it carries no values out of statements.
    Call it in the main thread (the kernel binds the server to the thread, not the process), after any fork into the
    background; if it was root, the process must stay root. Raises EmbeddedPostgresError, saying how to mend it.
    """
    _refuse_unfit_process()
    programs = find_programs()
    place = open_place(data_dir)
    path = log or place.log
    with occupied(place) as lock, os.fdopen(open_private(path, os.O_WRONLY | os.O_APPEND), "ab") as file:
        launcher = Launcher(
            account=choose_account(cluster=place.cluster, programs=programs),
            log=Log(descriptor=file.fileno(), path=path, start=os.fstat(file.fileno()).st_size),
            lock=lock,
            owner=os.getpid(),
        )
        password = ensure_cluster(place, programs, launcher, durable=durable)
        forget_reused_pid(place.cluster)
        command = [str(programs.postgres), "-D", str(place.cluster), *settings(durable=durable)]
        process, port = _run_server(launcher, command, place)
    server = EmbeddedPostgres(data_dir=place.root, port=port, superuser_password=password, process=process)
    atexit.register(server.stop)
    return server


def _refuse_unfit_process() -> None:
    if sys.platform != "linux":
        raise EmbeddedPostgresError(
            "the embedded PostgreSQL runs on Linux only: give the address of a PostgreSQL server of your own",
        )
    if threading.get_native_id() != os.getpid():
        raise EmbeddedPostgresError(
            "the embedded PostgreSQL would die with the thread that starts it: start it in the program's main thread",
        )


def _run_server(launcher: Launcher, command: list[str], place: Place) -> tuple[subprocess.Popen[bytes], int]:
    for _ in range(PORT_ATTEMPTS):
        port = _free_port()
        # SIGQUIT ends a server in every state within seconds; what was committed is recovered at the next start. Its
        # polite shutdown can hang while it starts, and after the owner's death nobody would be there to insist.
        process = launcher.spawn([*command, "-c", f"port={port}"], last_signal=signal.SIGQUIT)
        try:
            ready = _wait_until_ready(process, place.cluster)
        except BaseException:
            end(process, politely=False)
            raise
        if ready:
            return process, port
        said = launcher.log.since_start()
        if "could not bind" not in said:  # else somebody took the port since we looked
            raise EmbeddedPostgresError(
                f"PostgreSQL ended while starting in {place.root}; see to what it says:\n{said}"
            )
    raise EmbeddedPostgresError(
        f"no TCP port on {HOST} stayed free long enough in {PORT_ATTEMPTS} attempts: start again"
    )


def _wait_until_ready(process: subprocess.Popen[bytes], cluster: Path) -> bool:
    """Whether the server came up; False if it ended. A stranger's server on the port cannot be mistaken for ours."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None:
        if _reports_ready(cluster / "postmaster.pid", process.pid):
            return True
        if time.monotonic() > deadline:
            raise EmbeddedPostgresError(
                f"PostgreSQL is not ready after {START_SECONDS:.0f} s: see its log and start again",
            )
        time.sleep(PAUSE_SECONDS / 2)
    return False


def _reports_ready(pid_file: Path, process: int) -> bool:
    try:
        lines = pid_file.read_text("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return False
    return len(lines) > 7 and lines[0] == str(process) and lines[7].strip() == "ready"  # noqa: PLR2004 - PostgreSQL's layout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
