"""Being told to end: by SIGTERM or SIGINT, at any moment."""

from __future__ import annotations

import os
import select
import signal
from typing import Final

__all__ = ["Ending", "end_asked"]

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Ending:
    """Whether the end was asked for. It is used like a `threading.Event`, but a signal's handler may set it.

    The handler runs in the thread that waits, between any two of its steps. An event has a lock, which that thread may
    just be holding: the handler would wait for it for ever. Here it writes into a pipe, and nobody is in its way.
    """

    def __init__(self) -> None:
        """Begin with nobody having asked."""
        self._asked = False
        self._told, self._tell = os.pipe()  # for the length of the process

    def set(self) -> None:
        """Ask for the end."""
        if not self._asked:
            self._asked = True
            os.write(self._tell, b"\0")

    def is_set(self) -> bool:
        """Whether it was asked for."""
        return self._asked

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is asked for, or for so many seconds; return whether it was."""
        select.select([self._told], [], [], timeout)
        return self._asked


def end_asked() -> Ending:
    """Return what SIGTERM and SIGINT set from now on. Ask before anything is begun, so that nothing is cut off."""
    ending = Ending()
    for number in SIGNALS:
        signal.signal(number, lambda *_: ending.set())
    return ending
