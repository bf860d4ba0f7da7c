"""Making a cluster once, completely or not at all, and finding it again."""

import os
import secrets
import shutil
import signal
import subprocess
from pathlib import Path

from mindbridge_embedded.errors import EmbeddedPostgresError
from mindbridge_embedded.place import PRIVATE_FOLDER, Place, open_private
from mindbridge_embedded.programs import MAJOR_VERSION, Programs
from mindbridge_embedded.spawn import Launcher, end

SUPERUSER = "postgres"
INITDB_SECONDS = 300.0


def ensure_cluster(place: Place, programs: Programs, launcher: Launcher, *, durable: bool) -> str:
    """The superuser's password of the cluster in this place, which is made first if there is none.

    An attempt that was interrupted leaves no cluster, only a folder that is removed here.
    Raises EmbeddedPostgresError for a cluster of another PostgreSQL, a lost password file, or a failing initdb.
    """
    if not place.cluster.exists():
        _make_cluster(place, programs, launcher, durable=durable)
    version_file = place.cluster / "PG_VERSION"
    version = version_file.read_text("ascii").strip() if version_file.exists() else "of unknown version"
    if version != MAJOR_VERSION:
        raise EmbeddedPostgresError(
            f"{place.cluster} was made by PostgreSQL {version}, this is {MAJOR_VERSION}: dump it there and restore it "
            "here, or choose another directory",
        )
    if not place.password_file.exists():
        raise EmbeddedPostgresError(
            f"{place.password_file} is gone: bring it back, or remove {place.cluster} to start anew without its data",
        )
    return place.password_file.read_text("ascii")


def forget_reused_pid(cluster: Path) -> None:
    """Remove a killed server's postmaster.pid if its number is some other program's now, or a dead process's still.

    PostgreSQL sees through a number that is free, but takes any process of the same user for the old server, even one
    that has ended and waits to be fetched by its parent (in a container perhaps for ever).
    """
    pid_file = cluster / "postmaster.pid"
    if not pid_file.exists():
        return
    number = pid_file.read_text("ascii", errors="replace").partition("\n")[0].strip()
    process = Path("/proc") / number
    if number.isdigit() and process.exists() and not _may_stand_in(process, cluster):
        pid_file.unlink()


def _may_stand_in(process: Path, folder: Path) -> bool:
    try:
        return (process / "cwd").readlink() == folder
    except FileNotFoundError:
        return False  # it has ended
    except PermissionError:
        return True  # another user's: PostgreSQL decides


def _make_cluster(place: Place, programs: Programs, launcher: Launcher, *, durable: bool) -> None:
    if place.unfinished.exists():
        shutil.rmtree(place.unfinished)
    place.unfinished.mkdir(mode=PRIVATE_FOLDER)
    launcher.account.own(place.unfinished)
    password = secrets.token_urlsafe(32)
    _run_initdb(place, programs, launcher, password, durable=durable)
    # The password first: a cluster under its real name always has one.
    descriptor = open_private(place.password_file, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(password)
        file.flush()
        os.fsync(file.fileno())
    place.unfinished.rename(place.cluster)
    _sync_folder(place.root)


def _run_initdb(place: Place, programs: Programs, launcher: Launcher, password: str, *, durable: bool) -> None:
    command = [str(programs.initdb), "--pgdata", str(place.unfinished), "--username", SUPERUSER]
    command += ["--auth", "scram-sha-256", "--pwfile", "/proc/self/fd/0", "--no-instructions", "--encoding", "UTF8"]
    command += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"]
    command += [] if durable else ["--no-sync"]
    # In memory, because initdb opens it by name: another user may not open root's pipe, and a file would stay behind.
    with os.fdopen(os.memfd_create("superuser_password"), "w+b") as secret:
        secret.write(password.encode())
        secret.seek(0)
        process = launcher.spawn(command, last_signal=signal.SIGKILL, stdin=secret)
    try:
        status = process.wait(INITDB_SECONDS)
    except subprocess.TimeoutExpired:
        status = None
    finally:
        end(process)
    if status != 0:
        raise EmbeddedPostgresError(
            f"initdb could not make the cluster in {place.unfinished} (exit status {status}); see to what it says "
            f"and start again:\n{launcher.log.since_start()}",
        )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
