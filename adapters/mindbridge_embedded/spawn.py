"""Starting and ending PostgreSQL's processes."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import attrs

from mindbridge_embedded.account import Account
from mindbridge_embedded.errors import EmbeddedPostgresError

FAST_SECONDS, IMMEDIATE_SECONDS, KILLED_SECONDS = 15.0, 10.0, 10.0
LAUNCH = Path(__file__).with_name("launch.py")
TAIL_BYTES = 4000
TAIL_LINES = 15


@attrs.frozen(kw_only=True)
class Log:
    """The server's log file, of which only what was written since `start` is of interest."""

    descriptor: int
    path: Path
    start: int

    def since_start(self) -> str:
        """The last lines written since then, 15 at most."""
        with self.path.open("rb") as file:
            file.seek(max(self.start, file.seek(0, 2) - TAIL_BYTES))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-TAIL_LINES:])


@attrs.frozen(kw_only=True)
class Launcher:
    """Starts programs as one account, writing to one log, holding the data directory's lock while they live."""

    account: Account
    log: Log
    lock: int
    owner: int

    def spawn(
        self,
        command: list[str],
        *,
        last_signal: signal.Signals,
        stdin: int | IO[bytes] = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        """The command as a process that receives `last_signal` when the owner dies.

        It leads a session of its own: Ctrl-C in the owner's terminal ends the owner first, which then stops the server.
        """
        orders = {"parent": self.owner, "last_signal": last_signal, **attrs.asdict(self.account)}
        return subprocess.Popen(  # noqa: S603 - the wheel's own programs, no shell
            [sys.executable, "-I", "-S", str(LAUNCH), json.dumps(orders), *command],
            stdin=stdin,
            stdout=self.log.descriptor,
            stderr=self.log.descriptor,
            cwd="/",
            pass_fds=(self.lock,),
            start_new_session=True,
        )


def end(process: subprocess.Popen[bytes], *, politely: bool = True) -> None:
    """Stop a server: politely, then at once, then by force; returns when it is gone, does nothing if it already was.

    A server that is not up yet may hang for ever on the polite way (seen with 18.4 in crash recovery).
    """
    steps = [(signal.SIGQUIT, IMMEDIATE_SECONDS), (signal.SIGKILL, KILLED_SECONDS)]
    for last_signal, seconds in [(signal.SIGINT, FAST_SECONDS), *steps] if politely else steps:
        process.send_signal(last_signal)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        return
    raise EmbeddedPostgresError(
        f"the server (process {process.pid}) does not end: see what it waits for and end it by hand"
    )
