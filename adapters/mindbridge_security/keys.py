"""The key ring: every secret of the service in one value that can be rotated, written down and read back."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, date, datetime
from enum import StrEnum, unique
from pathlib import Path
from types import MappingProxyType
from typing import Final

import attrs

from mindbridge_security import keyfile, keytext

__all__ = ["KeyRing", "TokenAlgorithm", "TokenKey"]

KEY_BYTES: Final = 32


@unique
class TokenAlgorithm(StrEnum):
    """How access tokens are signed (RFC 7518, 3.2; RFC 8037, 3.1)."""

    EDDSA = "EdDSA"
    HS256 = "HS256"


@attrs.frozen(kw_only=True)
class TokenKey:
    """A key that signs access tokens: 32 bytes, which for EdDSA are the private key (RFC 8032, 5.1.5)."""

    algorithm: TokenAlgorithm
    secret: bytes = attrs.field(repr=False)

    def __attrs_post_init__(self) -> None:
        """Refuse a key of another length."""
        _require_length(self.secret)


def _require_length(secret: bytes) -> None:
    if len(secret) != KEY_BYTES:
        raise ValueError(f"a key must have {KEY_BYTES} bytes")


def _new_id() -> str:
    # Random, not derived from the key: a name that is logged and stored says nothing about the key.
    return secrets.token_hex(4)


def _names(keys: Mapping[str, object]) -> str:
    return repr(list(keys))


def _masters(keys: Mapping[str, bytes]) -> Mapping[str, bytes]:
    return MappingProxyType(dict(keys))


def _dates(made_on: Mapping[str, date]) -> Mapping[str, date]:
    return MappingProxyType(dict(made_on))


def _today() -> date:
    return datetime.now(UTC).date()


def _tokens(keys: Mapping[str, TokenKey]) -> Mapping[str, TokenKey]:
    return MappingProxyType(dict(keys))


@attrs.frozen(kw_only=True)
class KeyRing:
    """Master keys and token keys by id. One of each is current; the older ones still open and verify.

    Changing one returns another ring. Raises ValueError when a current key is not in the ring or a key has not
    32 bytes. Neither its repr nor an error shows a secret.
    """

    master_keys: Mapping[str, bytes] = attrs.field(repr=_names, converter=_masters)
    current_master_key: str
    token_keys: Mapping[str, TokenKey] = attrs.field(repr=_names, converter=_tokens)
    current_token_key: str
    made_on: Mapping[str, date] = attrs.field(factory=dict, converter=_dates)
    """When each master key was made; older releases did not say."""

    def __attrs_post_init__(self) -> None:
        """Hold the ring to its promises."""
        if self.current_master_key not in self.master_keys or self.current_token_key not in self.token_keys:
            raise ValueError("a current key is not in the ring")
        for secret in self.master_keys.values():
            _require_length(secret)

    @classmethod
    def generate(cls, *, token_algorithm: TokenAlgorithm = TokenAlgorithm.HS256) -> KeyRing:
        """Return a ring with one new random key of each kind."""
        master_id, token_id = _new_id(), _new_id()
        return cls(
            master_keys={master_id: secrets.token_bytes(KEY_BYTES)},
            current_master_key=master_id,
            token_keys={token_id: TokenKey(algorithm=token_algorithm, secret=secrets.token_bytes(KEY_BYTES))},
            current_token_key=token_id,
            made_on={master_id: _today()},
        )

    @classmethod
    def parse(cls, text: str) -> KeyRing:
        """Read what `text` returned, out of an environment variable say; raise KeyRingRefused with every finding."""
        written = keytext.read(text, tuple(TokenAlgorithm))
        return cls(
            master_keys=written.master_keys,
            current_master_key=written.current_master_key,
            token_keys={
                id: TokenKey(algorithm=TokenAlgorithm(algorithm), secret=secret)
                for id, (algorithm, secret) in written.token_keys.items()
            },
            current_token_key=written.current_token_key,
            made_on=written.made_on,
        )

    @classmethod
    def load(cls, path: Path) -> KeyRing:
        """Read the ring's file. Raises KeyRingRefused, also when anybody but its owner could read or change it."""
        return cls.parse(keyfile.read_private(path))

    def save(self, path: Path, *, overwrite: bool = False) -> None:
        """Write the ring to `path`, whole or not at all, readable by its owner alone (mode 0600).

        Raises KeyRingRefused when there is a file and `overwrite` is not set: without its master keys a database
        can never be read again.
        """
        keyfile.write_private(path, self.text(), overwrite=overwrite)

    def text(self) -> str:
        """Return the ring as JSON, secrets and all."""
        written = keytext.Written(
            master_keys=self.master_keys,
            current_master_key=self.current_master_key,
            token_keys={id: (key.algorithm.value, key.secret) for id, key in self.token_keys.items()},
            current_token_key=self.current_token_key,
            made_on=self.made_on,
        )
        return keytext.write(written)

    def with_new_master_key(self) -> KeyRing:
        """Return the ring with a new current master key; what the older ones wrapped still opens."""
        id = _new_id()
        keys = {**self.master_keys, id: secrets.token_bytes(KEY_BYTES)}
        return attrs.evolve(self, master_keys=keys, current_master_key=id, made_on={**self.made_on, id: _today()})

    def with_new_token_key(self, algorithm: TokenAlgorithm | None = None) -> KeyRing:
        """Return the ring with a new current token key, of the current one's algorithm unless told otherwise.

        Tokens of the older keys stay good until they expire or the key is taken out.
        """
        id, current = _new_id(), self.token_keys[self.current_token_key]
        key = TokenKey(algorithm=algorithm or current.algorithm, secret=secrets.token_bytes(KEY_BYTES))
        return attrs.evolve(self, token_keys={**self.token_keys, id: key}, current_token_key=id)

    def without(self, id: str) -> KeyRing:
        """Return the ring without an older key; raises ValueError for a current or an unknown one."""
        if id in {self.current_master_key, self.current_token_key}:
            raise ValueError("a current key cannot be taken out: make a new one first")
        if id not in self.master_keys and id not in self.token_keys:
            raise ValueError("the ring has no key of this id")
        return attrs.evolve(
            self,
            master_keys={kept: key for kept, key in self.master_keys.items() if kept != id},
            made_on={kept: made_on for kept, made_on in self.made_on.items() if kept != id},
            token_keys={kept: key for kept, key in self.token_keys.items() if kept != id},
        )
