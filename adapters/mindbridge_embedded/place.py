"""The directory of one embedded server: what lies where in it, and who uses it."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import attrs

from mindbridge_embedded.errors import EmbeddedPostgresError

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
# How long a server whose owner was killed may take to write its last pages.
FAREWELL_SECONDS = 30.0
PAUSE_SECONDS = 0.02


@attrs.frozen(kw_only=True)
class Place:
    """The layout of the data directory; `root` is absolute and free of symbolic links."""

    root: Path

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own directory: the only thing here that may belong to another user."""
        return self.root / "postgres"

    @property
    def unfinished(self) -> Path:
        """Where a cluster is made; it takes its real name when it is complete."""
        return self.root / "postgres.unfinished"

    @property
    def password_file(self) -> Path:
        """The superuser's password."""
        return self.root / "superuser_password"

    @property
    def log(self) -> Path:
        """The server's log, unless the caller names another."""
        return self.root / "postgres.log"

    @property
    def lock(self) -> Path:
        """Locked while a server runs here; holds the process id of its owner."""
        return self.root / "lock"


def open_place(data_dir: Path) -> Place:
    """The data directory, made private to this user if it does not exist; an existing one keeps its mode."""
    try:
        data_dir.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        return Place(root=data_dir.resolve(strict=True))
    except OSError as error:
        raise EmbeddedPostgresError(
            f"cannot use {data_dir} as a data directory ({error.strerror}): choose a directory you may write to",
        ) from error


def open_private(path: Path, flags: int) -> int:
    """A descriptor of a file of mode 0600, made if need be; EmbeddedPostgresError if it may not be opened."""
    try:
        return os.open(path, flags | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    except OSError as error:
        raise EmbeddedPostgresError(
            f"cannot open {path} ({error.strerror}): start as the user who owns it, or choose another data directory",
        ) from error


@contextlib.contextmanager
def occupied(place: Place) -> Iterator[int]:
    """Hold the directory's lock; yields the descriptor to hand to the server.

    The lock is the kernel's and lasts until the last process that holds the descriptor is gone: the server and its
    workers after this block, nobody if none was started. Raises EmbeddedPostgresError while the owner of another server
    lives; the server of a dead owner is waited for.
    """
    descriptor = open_private(place.lock, os.O_RDWR | os.O_NOFOLLOW)
    try:
        _wait_for_lock(descriptor, place)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def wait_until_free(place: Place) -> None:
    """Return when no process of this owner's server is left; EmbeddedPostgresError if they do not go."""
    with contextlib.suppress(FileNotFoundError):  # the owner may have removed the directory already
        descriptor = os.open(place.lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            _wait_for_own(descriptor, place)
        finally:
            os.close(descriptor)


def _wait_for_own(descriptor: int, place: Place) -> None:
    deadline = time.monotonic() + FAREWELL_SECONDS
    while not _lock(descriptor) and _owner(descriptor) == os.getpid():
        if time.monotonic() > deadline:
            raise EmbeddedPostgresError(f"processes of the server in {place.root} are still running: end them by hand")
        time.sleep(PAUSE_SECONDS)


def _wait_for_lock(descriptor: int, place: Place) -> None:
    deadline = time.monotonic() + FAREWELL_SECONDS
    while not _lock(descriptor):
        owner = _owner(descriptor)
        if _lives(owner) or time.monotonic() > deadline:
            raise EmbeddedPostgresError(
                f"a server already runs in {place.root}, started by process {owner}: stop that one, or choose another "
                "data directory",
            )
        time.sleep(PAUSE_SECONDS)


def _lock(descriptor: int) -> bool:
    import fcntl  # noqa: PLC0415 - absent on Windows, where importing this package must still give a clear error

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _owner(descriptor: int) -> int:
    written = os.pread(descriptor, 32, 0)
    return int(written) if written.isdigit() else 0


def _lives(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(b") ")[2][:1] not in b"ZX"  # killed, but not yet fetched by its own parent
