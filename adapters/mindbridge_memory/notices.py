"""A notifier that keeps what it was given, and a `later` that is now, for tests and first steps."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import attrs

from mindbridge_core.errors import MindBridgeError
from mindbridge_core.notices import Message

__all__ = ["KeptMessages", "at_once"]


@attrs.frozen
class KeptMessages:
    """`Notifier` of the core: `sent` holds every message, oldest first."""

    sent: list[Message] = attrs.field(factory=list)

    def send(self, message: Message) -> None:
        """Keep the message."""
        self.sent.append(message)


def at_once(task: Callable[[], None]) -> None:
    """`Later` of the core: do the task before returning, so that a test sees what it did."""
    with suppress(MindBridgeError):
        task()
