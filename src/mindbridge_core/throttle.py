"""How often one address or one e-mail may try: a port that counts, and the rule that turns the next try away."""

from __future__ import annotations

import ipaddress
from typing import Protocol

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Anonymous, Origin
from mindbridge_core.errors import TooManyRequests
from mindbridge_core.ids import PLATFORM_CLINIC_ID
from mindbridge_core.phi import ClinicKeys
from mindbridge_core.work import Unit, Work

__all__ = ["Count", "HoldBack", "Throttle", "ThrottleLimits", "address_group"]

IPV6_NETWORK = 64
"""Bits that name one customer's network (RFC 6177): whoever has it can send from any of its addresses."""


@attrs.frozen(kw_only=True)
class Count:
    """A key's hits in its window, this one included, and the whole seconds until the window ends, at least 1."""

    hits: int
    seconds_left: int


class Throttle(Protocol):
    """Hits per key in windows of fixed length, one count for all processes. A window begins with its first hit."""

    def hit(self, key: bytes, seconds: int) -> Count:
        """Count a hit on `key`, 16 bytes, whose windows last `seconds`.

        No hit is lost or counted twice, however many come at once. Raises DependencyUnavailable.
        """


@attrs.frozen(kw_only=True)
class ThrottleLimits:
    """Tries per operation that one address and one e-mail have in a window of `seconds`.

    An address may be a whole clinic's behind its router, hence the wider limit.
    """

    per_address: int = attrs.field(default=60, validator=attrs.validators.ge(1))
    per_email: int = attrs.field(default=10, validator=attrs.validators.ge(1))
    seconds: int = attrs.field(default=60, validator=attrs.validators.ge(1))


def address_group(address: str | None) -> str:
    """Return what is counted as one sender: an IPv4 address, an IPv6 network of 64 bits, or `unknown`.

    IPv4 inside IPv6 (RFC 4291, 2.5.5.2) is IPv4; a port, which some proxies add, is passed over.
    """
    text = address or ""
    if text.startswith("[") or text.count(":") == 1:
        text = text.rpartition(":")[0].strip("[]") if not text.endswith("]") else text.strip("[]")
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), IPV6_NETWORK), strict=False))


@attrs.frozen(kw_only=True)
class HoldBack:
    """Turn away who tries too often at what anyone may try: by address, and where there is one by e-mail.

    Keys are keyed hashes, so that what counts them lists neither addresses nor e-mails. Nobody is known yet, so a
    refusal goes into the platform's trail; only the first of each window does, or the trail would be the next thing
    to flood.
    """

    throttle: Throttle
    limits: ThrottleLimits
    keys: ClinicKeys
    work: Work[Unit]

    def address(self, action: Action, origin: Origin) -> None:
        """Count a try of `action` from the caller's address. Raises TooManyRequests, DependencyUnavailable."""
        self._count(action, origin, f"address {address_group(origin.ip_address)}", self.limits.per_address)

    def email(self, action: Action, origin: Origin, email_norm: str) -> None:
        """Count a try of `action` on a normalised e-mail, account or not. Raises likewise."""
        self._count(action, origin, f"email {email_norm}", self.limits.per_email)

    def _count(self, action: Action, origin: Origin, counted: str, limit: int) -> None:
        key = self.keys.cipher(PLATFORM_CLINIC_ID).blind_index("throttle.key", f"{action} {counted}")
        count = self.throttle.hit(key, self.limits.seconds)
        if count.hits <= limit:
            return
        refusal = TooManyRequests(count.seconds_left, reason=f"too_many_requests_per_{counted.partition(' ')[0]}")
        if count.hits == limit + 1:
            with self.work(Anonymous(origin=origin), action):
                raise refusal
        raise refusal
