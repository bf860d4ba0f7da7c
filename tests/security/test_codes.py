"""One-time codes as authenticators make them, over all of time; and a picture that holds the address."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mindbridge_core.identity import OneTimeCodes
from mindbridge_memory import StandardCodes
from mindbridge_security import TotpCodes

CODES = [TotpCodes(), StandardCodes()]
secrets = (
    st.binary(min_size=20, max_size=40)
    .map(lambda raw: base64.b32encode(raw).decode().rstrip("="))
    .filter(lambda text: len(text) % 8 == 0)
)
moments = st.datetimes(datetime(1970, 1, 2), datetime(9998, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is given
around = st.integers(-6, 6)


@pytest.mark.parametrize("codes", CODES, ids=lambda codes: type(codes).__name__)
@given(secret=secrets, now=moments, later=around)
def test_a_code_is_good_one_step_around_now_and_never_beyond(
    codes: OneTimeCodes, secret: str, now: datetime, later: int
) -> None:
    totp = pyotp.TOTP(secret)
    shown = totp.at(now, counter_offset=later)
    near = {totp.at(now, counter_offset=each): totp.timecode(now) + each for each in (-1, 0, 1)}
    assert near.get(shown) == codes.step(secret, shown, now)
    assert (abs(later) <= 1) <= (shown in near)


@pytest.mark.parametrize("codes", CODES, ids=lambda codes: type(codes).__name__)
@given(secret=secrets, now=moments, typed=st.text(max_size=12))
def test_no_other_text_is_a_code(codes: OneTimeCodes, secret: str, now: datetime, typed: str) -> None:
    totp = pyotp.TOTP(secret)
    near = {totp.at(now, counter_offset=each) for each in (-1, 0, 1)}
    assert (typed in near) == (codes.step(secret, typed, now) is not None)


@pytest.mark.parametrize("codes", CODES, ids=lambda codes: type(codes).__name__)
def test_the_address_is_read_back_as_it_was_meant(codes: OneTimeCodes) -> None:
    secret = codes.new_secret()
    address = urlsplit(codes.enrolment(secret, "zoë+a&b@example.org").uri)
    assert ("otpauth", "totp", "/MindBridge:zoë+a&b@example.org") == (
        address.scheme, address.netloc, unquote(address.path),
    )  # fmt: skip
    assert {"secret": [secret], "issuer": ["MindBridge"]} == parse_qs(address.query)


def test_the_picture_is_drawn_of_dark_on_white_and_grows_with_the_address() -> None:
    short, long = (TotpCodes().enrolment("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", name).qr_svg for name in ("a", "a" * 120))
    assert all('fill="#fff"' in picture and "<path" in picture for picture in (short, long))
    assert len(short) < len(long)
    assert "JBSWY3DP" not in short
