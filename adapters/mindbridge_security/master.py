"""The master key out of a local key ring."""

from __future__ import annotations

import secrets
from typing import Final

import attrs
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mindbridge_core.errors import DamagedRecord
from mindbridge_security.errors import UnknownMasterKey
from mindbridge_security.keys import KeyRing
from mindbridge_security.ringfile import RingFile

__all__ = ["LocalMasterKey"]

FORMAT: Final = b"\x01"
NONCE_BYTES: Final = 12
LEAST_BYTES: Final = len(FORMAT) + NONCE_BYTES + 16
"""Format, nonce and AES-GCM's tag."""


@attrs.frozen
class LocalMasterKey:
    """`MasterKey` of the core: AES-256-GCM under the ring's master keys, the context authenticated with the key.

    What is wrapped is: format (1 byte), nonce (12), ciphertext, tag (16). A ring in a file is followed when it changes.
    """

    ring: KeyRing | RingFile

    @property
    def _latest(self) -> KeyRing:
        return self.ring if isinstance(self.ring, KeyRing) else self.ring.latest()

    @property
    def id(self) -> str:
        """Name the ring's current master key."""
        return self._latest.current_master_key

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """Encrypt `key` under the current master key, bound to `context`."""
        nonce, ring = secrets.token_bytes(NONCE_BYTES), self._latest
        sealed = AESGCM(ring.master_keys[ring.current_master_key]).encrypt(nonce, key, FORMAT + context)
        return FORMAT + nonce + sealed

    def unwrap(self, master_key_id: str, wrapped: bytes, context: bytes) -> bytes:
        """Decrypt what `wrap` made; raises DamagedRecord, as UnknownMasterKey when the ring lacks that master key."""
        master_key = self._latest.master_keys.get(master_key_id)
        if master_key is None:
            raise UnknownMasterKey
        if len(wrapped) < LEAST_BYTES or wrapped[:1] != FORMAT:
            raise DamagedRecord
        nonce, sealed = wrapped[1 : 1 + NONCE_BYTES], wrapped[1 + NONCE_BYTES :]
        try:
            return AESGCM(master_key).decrypt(nonce, sealed, FORMAT + context)
        except InvalidTag:
            raise DamagedRecord from None
