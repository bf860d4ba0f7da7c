"""The key that signs checkpoints of the audit trail (Ed25519, RFC 8032), in a file of its own.

It is no part of the key ring: whoever takes the server over has the ring, and with it the chain's keys. The checkpoint
key need only be where checkpoints are made, under another user or on another machine; its public half suffices to
verify.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import attrs
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from mindbridge_security import keyfile
from mindbridge_security.errors import KeyRingRefused

__all__ = ["CheckpointKey", "CheckpointPublicKey"]

ID_DIGITS: Final = 16


@attrs.frozen
class CheckpointPublicKey:
    """The half that verifies; nothing about it is secret."""

    _key: Ed25519PublicKey = attrs.field(repr=False)

    @classmethod
    def parse(cls, pem: str) -> CheckpointPublicKey:
        """Read the PEM text (RFC 7468) that `text` returned; raises KeyRingRefused."""
        try:
            key = load_pem_public_key(pem.encode())
        except ValueError:
            raise KeyRingRefused("This is not a public key in PEM form.") from None
        if not isinstance(key, Ed25519PublicKey):
            raise KeyRingRefused("This is a public key of another kind than Ed25519.")
        return cls(key)

    @property
    def id(self) -> str:
        """Name the key: the beginning of the SHA-256 hash of its 32 bytes."""
        return hashlib.sha256(self._key.public_bytes_raw()).hexdigest()[:ID_DIGITS]

    def text(self) -> str:
        """Return the key in PEM form, which OpenSSL reads too."""
        return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def signed(self, statement: bytes, signature: bytes) -> bool:
        """Whether the private half signed exactly this."""
        try:
            self._key.verify(signature, statement)
        except InvalidSignature:
            return False
        return True


@attrs.frozen
class CheckpointKey:
    """The half that signs."""

    _key: Ed25519PrivateKey = attrs.field(repr=False)

    @classmethod
    def generate(cls) -> CheckpointKey:
        """Return a new random key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, path: Path) -> CheckpointKey:
        """Read the key's file. Raises KeyRingRefused, also when anybody but its owner could read or change it."""
        try:
            key = load_pem_private_key(keyfile.read_private(path).encode(), None)
        except (TypeError, ValueError):  # the former for a key under a pass phrase
            raise KeyRingRefused(f"{path} is not a private key in PEM form, without a pass phrase.") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyRingRefused(f"{path} is a private key of another kind than Ed25519.")
        return cls(key)

    def save(self, path: Path) -> None:
        """Write the key to `path`, readable by its owner alone (mode 0600); one that is there is never replaced."""
        text = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        keyfile.write_private(path, text, overwrite=False)

    @property
    def public(self) -> CheckpointPublicKey:
        """The half that verifies."""
        return CheckpointPublicKey(self._key.public_key())

    def sign(self, statement: bytes) -> bytes:
        """Return the 64 bytes that only this key makes of the statement."""
        return self._key.sign(statement)
