"""One clinic's cells: AES-256-GCM, each bound to its place, and blind indexes."""

from __future__ import annotations

import hmac
import time
import unicodedata
from collections.abc import Callable, Mapping
from os import urandom
from typing import Final
from uuid import UUID

import attrs
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mindbridge_core.errors import DamagedRecord, UnknownClinic
from mindbridge_core.phi import cell_stamp, stamped_version

__all__ = ["ClinicSecrets", "KeyedCipher"]

NONCE_BYTES: Final = 12
HEADER_BYTES: Final = 3
BODY: Final = HEADER_BYTES + NONCE_BYTES
INDEX_BYTES: Final = 16
ASK_AGAIN: Final = 1.0
"""Seconds for which a key version that is not stored stays unknown, so that forged cells cannot have the store asked
for each of them. A genuine cell is never met before its key: both become visible together, or the key first."""


@attrs.frozen(kw_only=True)
class ClinicSecrets:
    """A clinic's keys, unwrapped: data keys by version, of which `current` encrypts."""

    data: Mapping[int, bytes] = attrs.field(repr=False)
    current: int
    index: bytes = attrs.field(repr=False)
    audit: bytes = attrs.field(repr=False)


class KeyedCipher:
    """`ClinicCipher` of the core, for any number of threads.

    A cell is: format (1 byte), key version (2, big-endian), nonce (12, random), ciphertext, tag (16). Authenticated
    with it are format and version, the clinic's id, `table.column` and the row's id; all but the column have one
    length, so that no two places read alike. Rotate a clinic's data key well before 2^32 encryptions
    (NIST SP 800-38D, 8.3).

    `reload` returns the clinic's keys as they are stored now; it is asked when a cell names a key version that is
    not known here, because another process has rotated the key. Whoever has them from elsewhere gives them to `take`.
    """

    __slots__ = ("_absent", "_audit_key", "_clinic", "_index_key", "_openers", "_places", "_reload", "_sealer")

    def __init__(self, clinic_id: UUID, keys: ClinicSecrets, reload: Callable[[], ClinicSecrets]) -> None:
        self._clinic = clinic_id.bytes
        self._places: dict[str, bytes] = {}
        self._reload = reload
        self._absent = b"", 0.0
        self.take(keys)

    def take(self, keys: ClinicSecrets) -> None:
        """Work with these keys from now on."""
        # Each is replaced by one assignment, so that a thread at work sees the old ones or the new ones.
        self._openers = {cell_stamp(version): AESGCM(key).decrypt for version, key in keys.data.items()}
        self._sealer = cell_stamp(keys.current), AESGCM(keys.data[keys.current]).encrypt
        self._index_key = keys.index
        self._audit_key = keys.audit

    @property
    def audit_key(self) -> bytes:
        """Return the 32-byte key of the clinic's audit chain."""
        return self._audit_key

    @property
    def version(self) -> int:
        """Return the version of the data key that encrypts now."""
        return stamped_version(self._sealer[0])

    def encrypt(self, column: str, row: UUID, plaintext: str) -> bytes:
        """Return the cell's bytes under the current data key; raises ValueError for text with lone surrogates."""
        header, seal = self._sealer
        nonce = urandom(NONCE_BYTES)
        try:
            text = plaintext.encode()
        except UnicodeEncodeError:  # which would carry the text
            raise ValueError("text with lone surrogates cannot be encrypted") from None
        return header + nonce + seal(nonce, text, header + self._place(column) + row.bytes)

    def decrypt(self, column: str, row: UUID, ciphertext: bytes) -> str:
        """Return the cell's text; raises DamagedRecord when the bytes are not what was encrypted for this place."""
        header = ciphertext[:HEADER_BYTES]
        opener = self._openers.get(header) or self._opener_of_new_key(header)
        place = header + (self._places.get(column) or self._place(column)) + row.bytes
        try:
            return opener(ciphertext[HEADER_BYTES:BODY], ciphertext[BODY:], place).decode()
        except (InvalidTag, ValueError):  # the latter for bytes too short to hold a nonce
            raise DamagedRecord from None

    def _place(self, column: str) -> bytes:
        """Return clinic and column as they are authenticated; columns are few and named in code."""
        place = self._places[column] = self._clinic + column.encode()
        return place

    def _opener_of_new_key(self, header: bytes) -> Callable[[bytes, bytes, bytes], bytes]:
        absent, until = self._absent
        if len(header) < HEADER_BYTES or not stamped_version(header) or (header == absent and time.monotonic() < until):
            raise DamagedRecord
        try:
            self.take(self._reload())
        except UnknownClinic:  # the keys are gone, the record is there
            raise DamagedRecord from None
        opener = self._openers.get(header)
        if opener is None:
            self._absent = header, time.monotonic() + ASK_AGAIN
            raise DamagedRecord
        return opener

    def blind_index(self, column: str, text: str) -> bytes:
        """Return 16 bytes that are equal for text that differs only in case, spacing or Unicode form.

        The first half of HMAC-SHA256. Meant for values that differ from record to record: equal ones show.
        """
        return hmac.digest(self._index_key, f"{column}\0{_collapsed(text)}".encode(), "sha256")[:INDEX_BYTES]


def _collapsed(text: str) -> str:
    """Return the form in which text is compared: a compatibility caseless match (The Unicode Standard, D146)."""
    if text.isascii():
        return " ".join(text.lower().split())
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", text).casefold())
    return " ".join(unicodedata.normalize("NFKC", folded.casefold()).split())
