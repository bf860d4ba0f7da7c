"""Everything in one process tree, for a look: PostgreSQL, schema, sample data, server, worker."""

from __future__ import annotations

import shutil
import signal
import socket
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

import attrs

from mindbridge_cli.compose import composed
from mindbridge_cli.demo_database import prepare_database
from mindbridge_cli.demo_place import DemoPlace
from mindbridge_cli.demo_worker import worker_beside
from mindbridge_cli.seed_file import Seed, oakwood
from mindbridge_cli.seeding import plant
from mindbridge_cli.server import Serving, run_server
from mindbridge_cli.settings import Settings
from mindbridge_core.identity import normalize_email
from mindbridge_embedded import start

__all__ = ["Announcement", "DemoInterrupted", "run_demo"]

HOST: Final = "127.0.0.1"
DEMO_TRIES: Final = 100_000
READY_SECONDS: Final = 60.0


class DemoInterrupted(Exception):
    """A signal ended the demo before it served."""


@attrs.frozen(kw_only=True)
class Announcement:
    """What the demo says when it is ready. Passwords are there only the first time."""

    url: str
    database_url: str = attrs.field(repr=False)
    users: tuple[Mapping[str, str], ...] = attrs.field(repr=False)
    data_dir: Path

    def as_json(self) -> dict[str, object]:
        """Return it as one JSON object."""
        return {
            "url": self.url,
            "api": f"{self.url}/api/v1",
            "database_url": self.database_url,
            "users": [dict(user) for user in self.users],
            "data_dir": str(self.data_dir),
        }


def run_demo(port: int, data_dir: Path | None, say: Callable[[Announcement], None]) -> int:
    """Serve the sample clinic on 127.0.0.1 until SIGINT or SIGTERM; return the exit code.

    The database lives in `data_dir`, or in a temporary directory that is removed at the end. All that is started ends
    with this process, however it dies. Raises OSError when the port is taken, EmbeddedPostgresError.
    """
    hangs_up = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN  # as nohup asks
    with ExitStack() as stack:
        stack.enter_context(_ended_by_signals())
        listener = stack.enter_context(_bound(port))
        root = data_dir or Path(stack.enter_context(_temporary_directory()))
        server = stack.enter_context(start(root))
        database = prepare_database(server)
        place = DemoPlace(server.data_dir)
        ring, seed = place.ring(used=database.used), oakwood()
        settings = Settings(
            database_url=database.url,
            workers=2,
            pool_max=4,
            graceful_timeout_seconds=3,
            screening_time="never",  # its worker orders for a clinic that was given a time of its own, and for no other
            notify="console",  # all that is sent is read here
            throttle_per_address=DEMO_TRIES,  # all that is tried out comes from one address
            throttle_per_email=DEMO_TRIES,
        )
        passwords = place.passwords(normalize_email(member.email) for member in seed.staff)
        with composed(settings, ring) as product:
            plant(product.core, seed, passwords)
        stack.enter_context(worker_beside(settings, ring, listener))
        announcement = Announcement(
            url=f"http://{HOST}:{listener.getsockname()[1]}",
            database_url=database.url,
            users=_users(seed, passwords),
            data_dir=server.data_dir,
        )
        serving = Serving(
            settings=settings,
            ring=ring,
            bind=f"fd://{listener.detach()}",
            announce=_announcer(announcement, place, say),
            ends_with_terminal=hangs_up,
        )
        return run_server(serving)


def _users(seed: Seed, passwords: Mapping[str, str]) -> tuple[Mapping[str, str], ...]:
    users = []
    for member in seed.staff:
        user = {"email": member.email, "role": str(member.role)}
        password = passwords.get(normalize_email(member.email))
        users.append(user if password is None else {"email": member.email, "password": password, "role": user["role"]})
    return tuple(users)


def _announcer(announcement: Announcement, place: DemoPlace, say: Callable[[Announcement], None]) -> Callable[[], bool]:
    """Return what is to be asked until the server is ready; then it says so, once, and forgets the passwords."""
    deadline = time.monotonic() + READY_SECONDS

    def announce() -> bool:
        if not _answers(f"{announcement.url}/api/ready"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the server was not ready within {READY_SECONDS:.0f} s")
            return False
        say(announcement)
        place.forget_passwords()
        return True

    return announce


def _answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except urllib.error.HTTPError as answer:
        answer.close()
        return False
    except OSError:
        return False


@contextmanager
def _bound(port: int) -> Iterator[socket.socket]:
    """Take the port at once, so that one that is taken is found out before anything is made; it does not listen yet."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        yield listener


@contextmanager
def _temporary_directory() -> Iterator[str]:
    path = tempfile.mkdtemp(prefix="mindbridge-demo-")
    try:
        yield path
    finally:
        shutil.rmtree(path)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Have the signals that end a program unwind it, until gunicorn takes them over; later ones find all in order."""

    def end(number: int, _: FrameType | None) -> NoReturn:
        raise DemoInterrupted(signal.Signals(number).name)

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
