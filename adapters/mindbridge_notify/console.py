"""Messages on the terminal, for trials on one machine."""

from __future__ import annotations

import sys
from typing import TextIO

import attrs

from mindbridge_core.errors import DependencyUnavailable
from mindbridge_core.notices import Message

__all__ = ["ConsoleNotifier"]


@attrs.frozen
class ConsoleNotifier:
    """`Notifier` of the core on a text stream, standard error unless told otherwise.

    Messages may hold one-time secrets: where the stream is kept, so are they.
    """

    stream: TextIO | None = None

    def send(self, message: Message) -> None:
        """Write the message; raises DependencyUnavailable when the stream is closed or full."""
        text = f"\nTo: {message.to}\nSubject: {message.subject}\n\n{message.text}\n"
        try:
            print(text, file=self.stream or sys.stderr, flush=True)
        except (OSError, ValueError) as error:  # the latter for a closed stream
            raise DependencyUnavailable from error
