"""Messages that leave the product for a person's mailbox: never PHI, for no mailbox is ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import attrs

__all__ = ["Later", "Message", "Notifier"]


@attrs.frozen(kw_only=True)
class Message:
    """A short plain text to one address. It may carry a one-time secret, so its text is not shown in a repr."""

    to: str = attrs.field(repr=False)
    subject: str
    text: str = attrs.field(repr=False)


class Notifier(Protocol):
    """A way to reach people outside the product, such as e-mail."""

    def send(self, message: Message) -> None:
        """Hand the message over; raise DependencyUnavailable when that fails. Slow: never called inside a unit."""


class Later(Protocol):
    """A way to have something done beside the caller, who neither waits for it nor learns how it ended."""

    def __call__(self, task: Callable[[], None]) -> None:
        """Do the task soon. What it raises ends there; it is lost when the process dies first."""
