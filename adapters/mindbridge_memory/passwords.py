"""Passwords with the standard library alone."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from typing import Final

import attrs

__all__ = ["LOW_COST", "FewCommonPasswords", "ScryptHasher"]

LOW_COST: Final = 2**10
"""About a megabyte and a few milliseconds: for examples and tests. For real passwords take the security extra."""

BLOCKS: Final = 8
SALT_BYTES: Final = 16
SHAPE: Final = re.compile(r"scrypt\$([0-9]{1,7})\$([A-Za-z0-9+/]{22}==)\$([A-Za-z0-9+/]{43}=)")
LEAST_OF_ONES_OWN: Final = 8
LEAST_WORD: Final = 3

COMMON: Final = frozenset(
    {
        "password", "passw0rd", "letmein", "welcome", "changeme", "iloveyou", "trustno1", "qwertyuiop", "asdfghjkl",
        "zxcvbnm", "qwerty", "abc123", "monkey", "dragon", "sunshine", "princess", "football", "baseball", "superman",
        "administrator", "admin", "secret", "mindbridge", "correct", "horse", "battery", "staple",
    }
)  # fmt: skip
DIGITS: Final = "01234567890123456789"


@attrs.frozen
class ScryptHasher:
    """`PasswordHasher` of the core over scrypt (RFC 7914); `cost` is its N, a power of two."""

    cost: int = LOW_COST

    def hash(self, password: str) -> str:
        """Return `scrypt$cost$salt$digest` with a new salt."""
        salt = secrets.token_bytes(SALT_BYTES)
        return "$".join(("scrypt", str(self.cost), _text(salt), _text(self._digest(password, salt, self.cost))))

    def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password fits; the work is the same when there is no hash, or none of this scheme."""
        cost, salt, expected = _parts(password_hash) or (self.cost, bytes(SALT_BYTES), b"")
        return hmac.compare_digest(self._digest(password, salt, cost), expected)

    def outdated(self, password_hash: str) -> bool:
        """Whether the hash was made at another cost."""
        parts = _parts(password_hash)
        return parts is None or parts[0] != self.cost

    def _digest(self, password: str, salt: bytes, cost: int) -> bytes:
        return hashlib.scrypt(password.encode(), salt=salt, n=cost, r=BLOCKS, p=1, dklen=32)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _parts(password_hash: str | None) -> tuple[int, bytes, bytes] | None:
    """Return cost, salt and digest; None for what `hash` never made."""
    shape = SHAPE.fullmatch(password_hash or "")
    return shape and (int(shape[1]), base64.b64decode(shape[2]), base64.b64decode(shape[3]))


@attrs.frozen
class FewCommonPasswords:
    """`CommonPasswords` of the core over a handful of words: enough for examples, not against an attacker."""

    words: frozenset[str] = COMMON

    def include(self, password: str, related: Collection[str]) -> bool:
        """Whether little is left of the password without common and related words and runs of one character."""
        rest = password.casefold()
        parts = [part for word in related for part in re.split(r"[\W_]+", word.casefold()) if len(part) >= LEAST_WORD]
        for word in sorted({*self.words, *parts}, key=len, reverse=True):
            rest = rest.replace(word, "")
        rest = re.sub(r"(.)\1+", r"\1", rest)
        return len(rest) < LEAST_OF_ONES_OWN or rest in DIGITS
