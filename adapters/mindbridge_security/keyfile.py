"""A file of secrets: read only when nobody else can, written whole and for the owner's eyes alone."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from mindbridge_security.errors import KeyRingRefused

__all__ = ["read_private", "require_private", "write_private"]

OWNER_ONLY: Final = 0o600
FOR_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
MOST_BYTES: Final = 65_536


def read_private(path: Path) -> str:
    """Return the file's text.

    Raises KeyRingRefused when it is missing, is no plain file, can be read or changed by its group or others,
    belongs to another user than this process's or root, or is larger than 64 KiB.
    """
    try:
        # The open file is judged, not its name, so that it cannot be swapped in between; a pipe must not block.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise KeyRingRefused(f"There is no key ring at {path}. Make one with: mindbridge keys generate") from None
    except OSError as error:
        raise KeyRingRefused(f"The key ring at {path} cannot be opened: {error.strerror}.") from None
    try:
        require_private(path, os.fstat(descriptor))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(MOST_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > MOST_BYTES:
        raise KeyRingRefused(f"{path} is too large for a key ring.")
    try:
        return content.decode()
    except UnicodeDecodeError:  # which would carry the bytes
        raise KeyRingRefused(f"{path} is not UTF-8 text.") from None


def require_private(path: Path, found: os.stat_result) -> None:
    """Raise KeyRingRefused unless it is a plain file for its owner alone, who is this process's user or root."""
    if not stat.S_ISREG(found.st_mode):
        raise KeyRingRefused(f"{path} is not a plain file.")
    if found.st_uid not in {0, os.geteuid()}:
        raise KeyRingRefused(f"{path} belongs to another user, who can read and change it. Give it to yours: chown.")
    if found.st_mode & FOR_OTHERS:
        raise KeyRingRefused(f"{path} can be used by more than its owner. Close it: chmod 600, and make new keys.")


def write_private(path: Path, text: str, *, overwrite: bool) -> None:
    """Write `text` to `path` with mode 0600, whole or not at all, also when the machine fails meanwhile.

    Raises KeyRingRefused when there is something at `path` and `overwrite` is not set, or nothing can be written.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write_new(draft, text)
        try:
            _put(draft, path, overwrite=overwrite)
        finally:
            draft.unlink(missing_ok=True)
        _settle(path.parent)
    except FileExistsError:
        raise KeyRingRefused(
            f"There is a key ring at {path} already. Without its master keys their database can never be read again."
        ) from None
    except OSError as error:
        raise KeyRingRefused(f"The key ring cannot be written to {path}: {error.strerror}.") from None


def _write_new(draft: Path, text: str) -> None:
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, OWNER_ONLY)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, OWNER_ONLY)  # whatever the umask takes away
            file.write(text)
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        draft.unlink()
        raise


def _put(draft: Path, path: Path, *, overwrite: bool) -> None:
    if overwrite:
        draft.replace(path)
    else:
        path.hardlink_to(draft)  # a rename would replace what somebody else has just written


def _settle(folder: Path) -> None:
    """Have the folder's entry reach the disk; without it a crash could lose a key that is in use already."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
