"""Time-based one-time codes and what an authenticator needs to make them: pyotp, and segno for the picture."""

from __future__ import annotations

import hmac
import io
from datetime import datetime
from typing import Final

import attrs
import pyotp
import segno

from mindbridge_core.clock import require_utc
from mindbridge_core.identity import Enrolment

__all__ = ["TotpCodes"]

WINDOW: Final = (1, 0, -1)
"""Steps around now, the latest first: half a minute for slow or fast clocks and for typing (RFC 6238, 5.2)."""


@attrs.frozen
class TotpCodes:
    """`OneTimeCodes` of the core: SHA-1, six digits, 30 seconds, which is what every authenticator can do."""

    issuer: str = "MindBridge"

    def new_secret(self) -> str:
        """Return 160 random bits in base32."""
        return pyotp.random_base32()

    def step(self, secret: str, code: str, now: datetime) -> int | None:
        """Return the latest step around `now` whose code this is; every step of the window is compared."""
        totp = pyotp.TOTP(secret)
        around = [totp.timecode(require_utc(now)) + later for later in WINDOW]
        typed = code.encode()
        fitting = [step for step in around if hmac.compare_digest(totp.generate_otp(step).encode(), typed)]
        return fitting[0] if fitting else None

    def enrolment(self, secret: str, account: str) -> Enrolment:
        """Return secret, address and QR code, dark on white so that it is read on any page."""
        uri = pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=self.issuer)
        picture = io.BytesIO()
        segno.make(uri, error="m", micro=False).save(picture, kind="svg", scale=4, light="white", xmldecl=False)
        return Enrolment(secret=secret, uri=uri, qr_svg=picture.getvalue().decode())
