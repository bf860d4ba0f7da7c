"""What makes a password acceptable (NIST SP 800-63B-4, 3.1.1.2; OWASP ASVS 5.0, 6.2)."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

from mindbridge_core.errors import Finding, InvalidInput
from mindbridge_core.identity.ports import CommonPasswords

__all__ = ["MAX_LENGTH", "MIN_LENGTH", "MIN_LENGTH_WITH_MFA", "accept_password", "normalize_password"]

MIN_LENGTH = 15
MIN_LENGTH_WITH_MFA = 8
MAX_LENGTH = 128


def normalize_password(password: str) -> str:
    """Return the form that is hashed, NFKC, so that one password typed on two keyboards is one password."""
    return unicodedata.normalize("NFKC", password)


def accept_password(password: str, common: CommonPasswords, related: Collection[str], *, mfa: bool = False) -> str:
    """Return the password in the form to hash, or raise InvalidInput: too short, too long, common or personal.

    There are no composition rules, and the whole password counts.
    """
    least = MIN_LENGTH_WITH_MFA if mfa else MIN_LENGTH
    normal = normalize_password(password)
    if not least <= len(normal) <= MAX_LENGTH:
        message = f"must have {least} to {MAX_LENGTH} characters"
        raise InvalidInput([Finding("/password", "invalid_length", message)])
    if common.include(normal, related):
        message = "is common, or built from a name, an e-mail or the clinic; choose another"
        raise InvalidInput([Finding("/password", "common_password", message)])
    return normal
