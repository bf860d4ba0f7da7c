"""What passes between the server and a route's handler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar
from uuid import UUID

import attrs

from mindbridge_core import MindBridge, Origin, SessionClaim
from mindbridge_flask.events import Streams
from mindbridge_flask.settings import HttpSettings

__all__ = ["Answer", "Call", "Checks", "Metrics", "Mount", "NoQuery", "StaffCall"]

T = TypeVar("T")

Checks = Mapping[str, Callable[[], str | None]]
"""What must be in order before requests may come: each check returns None, or what is wrong."""

Metrics = Callable[[], tuple[bytes, str]]
"""Returns figures as text, and the type of that text."""


@attrs.frozen(kw_only=True)
class Mount:
    """One mounted blueprint: its core, its settings, its checks, its streams, and the OpenAPI document of its routes.

    What `watches` find is told like what `checks` find, but no request needs it, so the service stays ready.
    Without `metrics` there is no such page.
    """

    core: MindBridge
    settings: HttpSettings
    checks: Checks
    watches: Checks
    metrics: Metrics | None
    document: Mapping[str, Any]
    streams: Streams


@attrs.frozen(kw_only=True)
class Call:
    """A request from anyone."""

    mount: Mount
    origin: Origin

    @property
    def core(self) -> MindBridge:
        """The operations."""
        return self.mount.core


@attrs.frozen(kw_only=True)
class StaffCall(Call):
    """A request with a genuine access token. Whether its session still stands, the core finds out."""

    claim: SessionClaim
    claim_again: Callable[[], SessionClaim] = attrs.field(repr=False)
    """Reads the token anew, for what goes on longer than an answer: SessionEnded when its time is over."""


@attrs.frozen(kw_only=True)
class Answer(Generic[T]):
    """A good answer. `version` becomes the ETag; `made` is the last part of the new record's address.

    `among` is the path of the records that it joins, where that is not the route's own. `state` tells apart what one
    version of a record looks like at different times.
    """

    content: T
    version: int | None = None
    made: UUID | None = None
    state: str | None = None
    among: str | None = None


@attrs.frozen(kw_only=True)
class NoQuery:
    """A route that takes no query parameter."""
