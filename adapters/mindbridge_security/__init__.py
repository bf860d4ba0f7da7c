"""Secrets and cryptography for MindBridge: a key ring, PHI ciphers, password hashes, access tokens."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from mindbridge_security.checkpoints import CheckpointKey, CheckpointPublicKey
from mindbridge_security.cipher import ClinicSecrets, KeyedCipher
from mindbridge_security.clinic_keys import ClinicKeyRing, wrapping_context
from mindbridge_security.codes import TotpCodes
from mindbridge_security.common import ZxcvbnPasswords
from mindbridge_security.errors import KeyRingRefused, UnknownMasterKey
from mindbridge_security.keys import KeyRing, TokenAlgorithm, TokenKey
from mindbridge_security.master import LocalMasterKey
from mindbridge_security.passwords import Argon2Hasher, Argon2Settings
from mindbridge_security.ringfile import RingFile, changing_ring
from mindbridge_security.tokens import JwtAccessTokens

__all__ = [
    "Argon2Hasher",
    "Argon2Settings",
    "CheckpointKey",
    "CheckpointPublicKey",
    "ClinicKeyRing",
    "ClinicSecrets",
    "JwtAccessTokens",
    "KeyRing",
    "KeyRingRefused",
    "KeyedCipher",
    "LocalMasterKey",
    "RingFile",
    "TokenAlgorithm",
    "TokenKey",
    "TotpCodes",
    "UnknownMasterKey",
    "ZxcvbnPasswords",
    "changing_ring",
    "random_secret",
    "utc_now",
    "wrapping_context",
]


def random_secret() -> str:
    """Return 256 random bits as 43 characters of base64url (RFC 4648, 5)."""
    return secrets.token_urlsafe(32)


def utc_now() -> datetime:
    """Return the present, aware and in UTC."""
    return datetime.now(UTC)
