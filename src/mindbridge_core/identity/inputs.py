"""What callers send to identity."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import attrs

from mindbridge_core.access import Role
from mindbridge_core.identity.entities import normalize_email
from mindbridge_core.validation import UNSET, BrokenRuleError, Pattern, Text, Unset, checked, ruled

__all__ = [
    "ClinicChanges",
    "ClinicDraft",
    "Credentials",
    "PasswordChange",
    "Redemption",
    "RefreshRequest",
    "ResetRequest",
    "StaffChanges",
    "StaffDraft",
    "valid_npi",
]

_ADDRESS: Final = Pattern(
    regex=r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f.]+(\.[^@\s\x00-\x1f\x7f.]+)+",
    form="an e-mail address",
    most=254,
)


@attrs.frozen
class Email:
    """An address in the form in which two spellings of it are equal, which is the one that must be well formed."""

    def clean(self, value: object) -> object:
        """Return the normalised address."""
        return _ADDRESS.clean(normalize_email(value) if isinstance(value, str) else value)

    def schema(self) -> dict[str, object]:
        """Say the pattern."""
        return _ADDRESS.schema()


EMAIL: Final = Email()
NAME: Final = Text(least=1, most=255)
NEW_PASSWORD: Final = Text(least=1, most=1024, verbatim=True)
NPI_PREFIX: Final = "80840"
HOUR: Final = Pattern(regex=r"([01][0-9]|2[0-3]):[0-5][0-9]", form="an hour of the day, HH:MM", most=5)
_TEN_DIGITS: Final = Pattern(regex=r"[0-9]{10}", form="ten digits", most=10)
_ZONE_NAME: Final = Text(least=1, most=64)
_NO_ZONES: Final = ("localtime", "posixrules", "posix/", "right/")
"""What systems keep beside the zones: no database knows them, and the first two differ from machine to machine."""


def valid_npi(number: str) -> bool:
    """Whether ten digits end in their check digit: Luhn over "80840" and the number (45 CFR 162.406)."""
    digits = [int(digit) for digit in reversed(NPI_PREFIX + number)]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[0::2]) + sum(doubled)) % 10 == 0


def known_timezone(name: str) -> bool:
    """Whether the IANA time zone database has a zone of this name."""
    if name.startswith(_NO_ZONES):
        return False
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # the last for a name that is a folder of zones
        return False
    return True


@attrs.frozen
class Npi:
    """A provider's number with its check digit."""

    def clean(self, value: object) -> object:
        """Return the number."""
        number = _TEN_DIGITS.clean(value)
        if isinstance(number, str) and not valid_npi(number):
            code = "invalid_check_digit"
            raise BrokenRuleError(code, "does not end in its check digit")
        return number

    def schema(self) -> dict[str, object]:
        """Say the pattern."""
        return _TEN_DIGITS.schema()


@attrs.frozen
class Zone:
    """The name of a time zone by which clinics and their database can count days."""

    def clean(self, value: object) -> object:
        """Return the name."""
        name = _ZONE_NAME.clean(value)
        if isinstance(name, str) and not known_timezone(name):
            code = "unknown_timezone"
            raise BrokenRuleError(code, "is not an IANA time zone")
        return name

    def schema(self) -> dict[str, object]:
        """Say the lengths."""
        return _ZONE_NAME.schema()


@attrs.frozen(kw_only=True)
class Credentials:
    """What somebody types to log in. Any text is taken: that it is no account's is found out later."""

    email: str = attrs.field(repr=False, metadata=ruled(Text(least=1, most=254)))
    password: str = attrs.field(repr=False, metadata=ruled(Text(least=1, most=1024, verbatim=True)))
    otp: str | None = attrs.field(default=None, repr=False, metadata=ruled(Text(least=6, most=32)))

    __attrs_post_init__ = checked


@attrs.frozen(kw_only=True)
class RefreshRequest:
    """A refresh token handed in for new tokens."""

    refresh_token: str = attrs.field(repr=False, metadata=ruled(Text(least=1, most=512)))

    __attrs_post_init__ = checked


@attrs.frozen(kw_only=True)
class Redemption:
    """A one-time token, handed in with the password that its holder chose."""

    token: str = attrs.field(repr=False, metadata=ruled(Text(least=1, most=512)))
    password: str = attrs.field(repr=False, metadata=ruled(NEW_PASSWORD))

    __attrs_post_init__ = checked


@attrs.frozen(kw_only=True)
class ResetRequest:
    """The e-mail of an account whose owner has lost the password. Any text is taken, as it is to log in."""

    email: str = attrs.field(repr=False, metadata=ruled(Text(least=1, most=254)))

    __attrs_post_init__ = checked


@attrs.frozen(kw_only=True)
class PasswordChange:
    """A new password, and the one that the account has."""

    current_password: str = attrs.field(repr=False, metadata=ruled(Text(least=1, most=1024, verbatim=True)))
    password: str = attrs.field(repr=False, metadata=ruled(NEW_PASSWORD))

    __attrs_post_init__ = checked


@attrs.frozen(kw_only=True)
class StaffDraft:
    """A new member of staff."""

    email: str = attrs.field(metadata=ruled(EMAIL))
    full_name: str = attrs.field(metadata=ruled(NAME))
    role: Role
    license_number: str | None = attrs.field(default=None, metadata=ruled(Text(least=1, most=50)))

    __attrs_post_init__ = checked


@attrs.frozen(kw_only=True)
class StaffChanges:
    """Any subset of what an admin may change of an account; the e-mail is not: the person is known by it."""

    full_name: str | Unset = attrs.field(default=UNSET, metadata=ruled(NAME))
    role: Role | Unset = UNSET
    license_number: str | Unset | None = attrs.field(default=UNSET, metadata=ruled(Text(least=1, most=50)))

    __attrs_post_init__ = checked


@attrs.frozen(kw_only=True)
class ClinicDraft:
    """A new clinic and the organization that it belongs to, found by name or made."""

    organization: str = attrs.field(metadata=ruled(NAME))
    name: str = attrs.field(metadata=ruled(NAME))
    address: str | None = attrs.field(default=None, repr=False, metadata=ruled(Text(least=1, most=500)))
    phone: str | None = attrs.field(default=None, metadata=ruled(Text(least=1, most=20)))
    npi_number: str | None = attrs.field(default=None, metadata=ruled(Npi()))
    timezone: str = attrs.field(default="America/New_York", metadata=ruled(Zone()))

    __attrs_post_init__ = checked


@attrs.frozen(kw_only=True)
class ClinicChanges:
    """Any subset of what an admin may change of their clinic.

    A `screening_time` of null leaves it to the installation.
    """

    timezone: str | Unset = attrs.field(default=UNSET, metadata=ruled(Zone()))
    screening_time: str | Unset | None = attrs.field(default=UNSET, metadata=ruled(HOUR))

    __attrs_post_init__ = checked
