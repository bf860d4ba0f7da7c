"""No mail at all, until somebody says how it is sent."""

from __future__ import annotations

import attrs

from mindbridge_core.errors import DependencyUnavailable
from mindbridge_core.notices import Message

__all__ = ["NoNotifier"]


@attrs.frozen
class NoNotifier:
    """`Notifier` of the core where none is set up: every message is refused, so that nobody takes it for sent."""

    def send(self, _: Message) -> None:
        """Raise DependencyUnavailable."""
        raise DependencyUnavailable
