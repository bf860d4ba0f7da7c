"""A notifier that keeps what it was given, for tests and first steps."""

from __future__ import annotations

import attrs

from mindbridge_core.notices import Message

__all__ = ["KeptMessages"]


@attrs.frozen
class KeptMessages:
    """`Notifier` of the core: `sent` holds every message, oldest first."""

    sent: list[Message] = attrs.field(factory=list)

    def send(self, message: Message) -> None:
        """Keep the message."""
        self.sent.append(message)
