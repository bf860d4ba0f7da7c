"""A file with one JSON object a line, turned over when it is full."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs

from mindbridge_core.oversight import SinkEntry, SinkUnavailable

__all__ = ["JsonLinesFile"]

FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
TAIL: Final = 65_536


@attrs.frozen(kw_only=True)
class JsonLinesFile:
    """`AuditSink` of the core: `path`, and full files beside it as `path.1` (the newest) to `path.<kept>`.

    What `send` took is on the disk: written, and synchronised with its folder. Files are readable by their owner alone
    (0600). A file holds at most `full` bytes, unless one batch alone is longer. What an interrupted write left of a
    line is cut off before the next, for its entry was never counted and comes again whole.
    """

    path: Path
    full: int = attrs.field(default=100_000_000, validator=attrs.validators.ge(1))
    kept: int = attrs.field(default=100, validator=attrs.validators.ge(1))
    name: str = attrs.field(default="file", init=False)

    def send(self, entries: Sequence[SinkEntry]) -> None:
        """Add a line for each entry; raises SinkUnavailable."""
        if not entries:
            return
        lines = b"".join(entry.text.encode() + b"\n" for entry in entries)
        try:
            if 0 < self._whole_lines() <= self.full - len(lines):
                self._add(lines)
            else:
                self._begin_anew(lines)
        except OSError as error:
            raise SinkUnavailable(f"{self.path}: {error.strerror or type(error).__name__}") from error

    @contextmanager
    def _opened(self) -> Iterator[int]:
        descriptor = os.open(self.path, FLAGS, 0o600)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise SinkUnavailable(f"{self.path} is not a file")
            os.fchmod(descriptor, 0o600)
            yield descriptor
        finally:
            os.close(descriptor)

    def _whole_lines(self) -> int:
        """Return the length of what the file holds, a torn line at its end cut off."""
        with self._opened() as descriptor:
            return _cut_torn_line(descriptor)

    def _add(self, lines: bytes) -> None:
        with self._opened() as descriptor:
            _write(descriptor, lines)
            os.fsync(descriptor)

    def _begin_anew(self, lines: bytes) -> None:
        """Write the lines into a new file, whose name lasts too."""
        if self.path.lstat().st_size:
            self._turn_over()
        self._add(lines)
        _sync_folder(self.path.parent)

    def _turn_over(self) -> None:
        """Rename every file to the next number; the one beyond the last is overwritten. Each step leaves all readable.

        Whoever is interrupted leaves a gap in the numbers, which the next turn closes up to.
        """
        free = next(
            number for number in range(1, self.kept + 1) if number == self.kept or not self._old(number).exists()
        )
        for number in range(free, 1, -1):
            self._old(number - 1).replace(self._old(number))
        self.path.replace(self._old(1))
        _sync_folder(self.path.parent)

    def _old(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(descriptor: int, lines: bytes) -> None:
    left = memoryview(lines)
    while left:
        left = left[os.write(descriptor, left) :]


def _cut_torn_line(descriptor: int) -> int:
    """Cut off what follows the last line's end; return where that is."""
    end = length = os.fstat(descriptor).st_size
    while end:
        begin = max(0, end - TAIL)
        found = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        end = begin if found < 0 else begin + found + 1
        if found >= 0:
            break
    if end != length:
        os.ftruncate(descriptor, end)
    return end
