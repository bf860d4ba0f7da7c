"""What may be said of an error in a log: its class, and where in the code it arose. Never its message or arguments."""

from __future__ import annotations

from traceback import walk_tb

__all__ = ["trace"]


def trace(error: BaseException) -> tuple[str, str]:
    """Return the error's class, and the `module:line` of each frame that it passed, outermost first."""
    kind = type(error)
    frames = walk_tb(error.__traceback__)
    places = [f"{frame.f_globals.get('__name__', '?')}:{line}" for frame, line in frames]
    return f"{kind.__module__}.{kind.__qualname__}", " > ".join(places)
