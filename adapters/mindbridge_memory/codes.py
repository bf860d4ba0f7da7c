"""Time-based codes with the standard library alone (RFC 4226, RFC 6238)."""

from __future__ import annotations

import base64
import hmac
import secrets
from datetime import datetime
from typing import Final
from urllib.parse import quote
from xml.sax.saxutils import escape

import attrs

from mindbridge_core.identity import Enrolment

__all__ = ["StandardCodes"]

SECONDS: Final = 30
DIGITS: Final = 6


@attrs.frozen
class StandardCodes:
    """`OneTimeCodes` of the core. Its picture says the address as text: for a QR code take the security extra."""

    issuer: str = "MindBridge"

    def new_secret(self) -> str:
        """Return 160 random bits in base32."""
        return base64.b32encode(secrets.token_bytes(20)).decode()

    def code(self, secret: str, now: datetime, *, later: int = 0) -> str:
        """Return the code of the step of `now`, or of one `later`: what an authenticator shows."""
        return _code(secret, _step(now) + later)

    def step(self, secret: str, code: str, now: datetime) -> int | None:
        """Return the latest step around `now` whose code this is."""
        around = [_step(now) + later for later in (1, 0, -1)]
        fitting = [step for step in around if hmac.compare_digest(_code(secret, step).encode(), code.encode())]
        return fitting[0] if fitting else None

    def enrolment(self, secret: str, account: str) -> Enrolment:
        """Return secret and address, and the address as text in place of a picture."""
        issuer, name = quote(self.issuer), quote(account)
        uri = f"otpauth://totp/{issuer}:{name}?secret={secret}&issuer={issuer}"
        picture = f'<svg xmlns="http://www.w3.org/2000/svg"><text y="1em">{escape(uri)}</text></svg>'
        return Enrolment(secret=secret, uri=uri, qr_svg=picture)


def _step(now: datetime) -> int:
    return int(now.timestamp()) // SECONDS


def _code(secret: str, step: int) -> str:
    mac = hmac.digest(base64.b32decode(secret), step.to_bytes(8, "big"), "sha1")
    offset = mac[-1] & 0xF
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"
