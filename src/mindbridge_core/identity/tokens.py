"""Secrets that name a clinic: what they look like, and how they are kept."""

from __future__ import annotations

import hashlib
import re
from typing import ClassVar, Final, Self
from uuid import UUID

import attrs

from mindbridge_core.errors import MindBridgeError, SessionEnded

__all__ = ["ClinicSecret", "RefreshSecret", "TokenPair"]

_SHAPE: Final = re.compile(r"([0-9a-f]{32})\.([A-Za-z0-9_-]{43})")


@attrs.frozen(kw_only=True)
class TokenPair:
    """The answer to a login or a refresh (RFC 6749, 5.1); `expires_in` is in seconds."""

    access_token: str = attrs.field(repr=False)
    refresh_token: str = attrs.field(repr=False)
    token_type: str = "bearer"  # noqa: S105 - the scheme's name, not a secret
    expires_in: int


@attrs.frozen
class ClinicSecret:
    """The clinic that the secret belongs to, and 256 random bits in base64url."""

    refusal: ClassVar[type[MindBridgeError]] = MindBridgeError
    clinic_id: UUID
    secret: str = attrs.field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a token; raise `refusal` when it has not the shape of one."""
        shape = _SHAPE.fullmatch(text)
        if shape is None:
            raise cls.refusal
        return cls(UUID(hex=shape[1]), shape[2])

    @property
    def text(self) -> str:
        """The token as its holder keeps it."""
        return f"{self.clinic_id.hex}.{self.secret}"

    @property
    def digest(self) -> bytes:
        """The token as the store keeps it. A plain hash will do: nobody guesses 256 random bits."""
        return hashlib.sha256(self.text.encode()).digest()


@attrs.frozen
class RefreshSecret(ClinicSecret):
    """A refresh token; what is none raises SessionEnded."""

    refusal = SessionEnded
