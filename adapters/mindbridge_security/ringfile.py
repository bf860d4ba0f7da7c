"""A key ring that follows its file, so that a server takes a new ring without being started again."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from mindbridge_security.errors import KeyRingRefused
from mindbridge_security.keys import KeyRing

__all__ = ["RingFile", "changing_ring"]

Signature = tuple[int, int, int, int] | None


class RingFile:
    """The ring in a file, as it is now. For any number of threads.

    `latest` looks at the file's inode, size and time, and reads it only when one of them has changed. A file that is
    missing or cannot be used leaves the last good ring in force, and is not read again before it changes.
    """

    def __init__(self, path: Path, ring: KeyRing | None = None) -> None:
        """Begin with `ring`, which was read from the file, or read it; raises KeyRingRefused."""
        self._path = path.absolute()
        self._lock = Lock()
        self._seen: Signature = None if ring is not None else _signature(self._path)
        self._ring = ring or KeyRing.load(self._path)

    def latest(self) -> KeyRing:
        """Return the ring as its file has it now."""
        with self._lock:
            found = _signature(self._path)
            if found != self._seen:
                self._seen = found
                self._ring = _read(self._path) or self._ring
            return self._ring


def _signature(path: Path) -> Signature:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _read(path: Path) -> KeyRing | None:
    try:
        return KeyRing.load(path)
    except KeyRingRefused:
        return None


@contextmanager
def changing_ring(path: Path) -> Iterator[KeyRing]:
    """Yield the ring in the file, for whoever is about to replace it; nobody else in this block meanwhile.

    Without that two who add a key at one time would lose one of the two, and all that was wrapped with it. The lock is
    on the folder, and ends with the process.
    """
    descriptor = os.open(path.absolute().parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield KeyRing.load(path)
    finally:
        os.close(descriptor)
