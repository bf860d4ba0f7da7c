"""Who asks, from where, and on what ground."""

from __future__ import annotations

from uuid import UUID

import attrs

from mindbridge_core.access import Holder, Role
from mindbridge_core.ids import PLATFORM_CLINIC_ID

__all__ = ["Actor", "Anonymous", "Caller", "Operator", "Origin", "Principal", "SessionClaim"]


def _fitted(text: str | None, width: int) -> str | None:
    """Fit untrusted text to its column: control characters and lone surrogates would break a row or a log line."""
    cut = text and text[:width]
    return cut if not cut or cut.isprintable() else "".join(char if char.isprintable() else "?" for char in cut)


def _request_id(text: str | None) -> str | None:
    return _fitted(text, 128)


def _address(text: str | None) -> str | None:
    return _fitted(text, 45)


def _agent(text: str | None) -> str | None:
    return _fitted(text, 255)


@attrs.frozen(kw_only=True)
class Origin:
    """Where a call came from, for sessions and the trail; nothing here is trusted, and all of it is cut to fit."""

    request_id: str | None = attrs.field(default=None, converter=_request_id)
    ip_address: str | None = attrs.field(default=None, converter=_address)
    user_agent: str | None = attrs.field(default=None, converter=_agent)


NOWHERE = Origin()


@attrs.frozen(kw_only=True)
class Actor:
    """A member of a clinic's staff whose identity is established."""

    clinic_id: UUID
    user_id: UUID
    role: Role
    session_id: UUID | None = None
    origin: Origin = NOWHERE

    @property
    def holder(self) -> Role:
        """What the catalogue knows them as."""
        return self.role


@attrs.frozen(kw_only=True)
class Operator:
    """Whoever has the server's command line and its secrets; acts for one clinic at a time."""

    clinic_id: UUID = PLATFORM_CLINIC_ID
    origin: Origin = NOWHERE
    holder: Holder = attrs.field(default=Holder.OPERATOR, init=False)
    user_id: UUID | None = attrs.field(default=None, init=False)
    session_id: UUID | None = attrs.field(default=None, init=False)


@attrs.frozen(kw_only=True)
class Anonymous:
    """Somebody not yet known; `clinic_id` says only whose trail remembers the attempt."""

    clinic_id: UUID = PLATFORM_CLINIC_ID
    origin: Origin = NOWHERE
    holder: Holder = attrs.field(default=Holder.ANYONE, init=False)
    user_id: UUID | None = attrs.field(default=None, init=False)
    session_id: UUID | None = attrs.field(default=None, init=False)


@attrs.frozen(kw_only=True)
class SessionClaim:
    """What a verified access token says; role and standing are read from the store at each use."""

    clinic_id: UUID
    user_id: UUID
    session_id: UUID
    origin: Origin = NOWHERE


Principal = Actor | Operator | Anonymous
Caller = Principal | SessionClaim
