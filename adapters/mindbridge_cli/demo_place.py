"""The demo's directory: its key ring, and the passwords that are made once and never written down.

The passwords come out of a random seed that lies in the directory, mode 0600, only until they have been printed. So a
first start that was killed at any moment is repeated with the same passwords: accounts that it made already fit them,
and a line that it printed already stays true. Once the seed is gone nobody can find them out any more.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import attrs

from mindbridge_core.errors import MindBridgeError
from mindbridge_security import KeyRing

__all__ = ["DemoPlace"]

SEED_BYTES: Final = 32
PASSWORD_LENGTH: Final = 24
"""Letters and digits of base32: 120 bits."""


@attrs.frozen
class DemoPlace:
    """What the demo keeps beside the database's files, in a directory that no other demo uses meanwhile."""

    root: Path

    @property
    def key_ring(self) -> Path:
        """The demo's own key ring."""
        return self.root / "keys.json"

    @property
    def seed(self) -> Path:
        """What the passwords come out of, until they have been printed."""
        return self.root / "passwords.seed"

    @property
    def announced(self) -> Path:
        """Stands when the passwords have been printed."""
        return self.root / "passwords.announced"

    def ring(self, *, used: bool) -> KeyRing:
        """Return the key ring, made at the first start; refuses to make one for a database that needs another's."""
        if self.key_ring.exists():
            return KeyRing.load(self.key_ring)
        if used:
            raise MindBridgeError(
                f"{self.key_ring} is gone, and without it the data in {self.root} cannot be read: bring it back, or"
                " choose another directory"
            )
        ring = KeyRing.generate()
        ring.save(self.key_ring)
        return ring

    def passwords(self, emails: Iterable[str]) -> dict[str, str]:
        """Return the passwords that have yet to be printed, by e-mail; none once they have been."""
        if self.announced.exists():
            self.seed.unlink(missing_ok=True)
            return {}
        if not self.seed.exists():
            _write(self.seed, secrets.token_bytes(SEED_BYTES))
        seed = self.seed.read_bytes()
        return {email: _password(seed, email) for email in emails}

    def forget_passwords(self) -> None:
        """Note that they have been printed, then drop what they came out of."""
        _write(self.announced, b"")
        self.seed.unlink(missing_ok=True)


def _password(seed: bytes, email: str) -> str:
    mac = hmac.digest(seed, email.encode(), hashlib.sha256)
    text = base64.b32encode(mac).decode().lower()[:PASSWORD_LENGTH]
    return "-".join(text[start : start + 6] for start in range(0, PASSWORD_LENGTH, 6))


def _write(path: Path, content: bytes) -> None:
    """Write the file whole or not at all, for its owner alone."""
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
