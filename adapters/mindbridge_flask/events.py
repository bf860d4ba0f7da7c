"""Streams of server-sent events (WHATWG HTML, 9.2): one way to serve them, and one limit for all of them.

Each stream takes a thread of the server for as long as it lasts. So there are only so many, each ends after a time,
and when the server stops all of them end at once; clients ask again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from http import HTTPStatus
from time import monotonic
from typing import Final
from uuid import UUID

import attrs
from flask import Response

from mindbridge_core.errors import DependencyUnavailable, MindBridgeError
from mindbridge_flask.refusals import Refusal
from mindbridge_flask.unexpected import trace

__all__ = ["EVENT_STREAM", "Stream", "Streams", "Told", "event", "follow"]

EVENT_STREAM: Final = "text/event-stream"
RETRY_SECONDS: Final = 3
MOST_EACH: Final = 4
"""Streams that one member of staff has open at once in a process, so that nobody takes them all."""
WAITING: Final = b": waiting\n"
_log: Final = logging.getLogger("mindbridge.http")


@attrs.frozen(kw_only=True)
class Told:
    """What a look found: events, and whether it was the last. `more` can be had at once.

    `place` is where a client that is cut off now goes on; it is said in every pause.
    """

    events: bytes = b""
    place: str | None = None
    more: bool = False
    over: bool = False


Look = Callable[[], Told]


def event(kind: str, data: bytes, event_id: str | None = None) -> bytes:
    """Return one event; `data` has no line breaks."""
    named = b"" if event_id is None else f"id: {event_id}\n".encode()
    return b"event: " + kind.encode() + b"\n" + named + b"data: " + data + b"\n\n"


class Stream:
    """One open stream: a thread that waits, and can be woken or ended by others."""

    def __init__(self) -> None:
        self.ended = False
        self._woken = threading.Event()

    def wake(self) -> None:
        """Have it look now."""
        self._woken.set()

    def end(self) -> None:
        """Have it end now.

        Once: a second signal may come while the first is within, and would wait for the lock that this holds.
        """
        if not self.ended:
            self.ended = True
            self._woken.set()

    def rest(self, seconds: float) -> None:
        """Wait until it is woken, or for so long. Who wakes it while it looks has it look again."""
        self._woken.wait(seconds)
        self._woken.clear()


class Streams:
    """All open streams of this process, and how many there may be."""

    def __init__(self, limit: int) -> None:
        """Begin with none."""
        self._limit = limit
        # The server's signals close from the main thread, and a second one may interrupt the first while it holds this.
        self._lock = threading.RLock()
        self._open: dict[Stream, UUID] = {}

    @contextmanager
    def open(self, user_id: UUID) -> Iterator[Stream]:
        """Count one more stream for the length of the block; refused with 503 when there are as many as may be."""
        stream = Stream()
        with self._lock:
            if len(self._open) >= self._limit or list(self._open.values()).count(user_id) >= MOST_EACH:
                raise _too_many()
            self._open[stream] = user_id
        try:
            yield stream
        finally:
            with self._lock:
                del self._open[stream]

    def close(self) -> None:
        """End all streams, and refuse new ones: the server stops."""
        with self._lock:
            self._limit, ending = 0, list(self._open)
        for stream in ending:
            stream.end()


def _too_many() -> Refusal:
    detail = "As many streams are open as this server keeps. Ask again, or look without a stream."
    headers = {"Retry-After": str(RETRY_SECONDS)}
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "too_many_streams", detail, headers=headers)


def follow(
    streams: Streams,
    user_id: UUID,
    look: Look,
    *,
    pause: float,
    seconds: float,
    watching: Callable[[Callable[[], None]], AbstractContextManager[None]] | None = None,
) -> Response:
    """Answer with a stream of what `look` finds, now, every `pause` seconds and whenever it is woken, for `seconds`.

    The stream counts as the user's. The first look is made at once, so that what it refuses is answered as any refusal.
    `watching` is entered with what wakes the stream. No transaction is open while it waits.
    """
    with ExitStack() as held:
        stream = held.enter_context(streams.open(user_id))
        if watching is not None:
            held.enter_context(watching(stream.wake))
        frames = _frames(stream, look(), look, pause, monotonic() + seconds)
        answer = Response(frames, status=HTTPStatus.OK)
        answer.headers["Content-Type"] = EVENT_STREAM
        answer.headers["X-Accel-Buffering"] = "no"
        # Called when the answer was sent, or its client has gone: a generator that never began could not say so.
        answer.call_on_close(held.pop_all().close)
    return answer


def _frames(stream: Stream, told: Told, look: Look, pause: float, until: float) -> Iterator[bytes]:
    yield f"retry: {RETRY_SECONDS * 1000}\n\n".encode()
    while True:
        yield told.events if told.more or told.over else told.events + WAITING + _place(told)
        left = until - monotonic()
        if told.over or stream.ended or left <= 0:
            return
        if not told.more:
            stream.rest(min(pause, left))
        if stream.ended:
            return
        try:
            told = _look_again(look, told)
        except MindBridgeError:
            return


def _place(told: Told) -> bytes:
    """Say where to go on: an id without data is noted by the client, and no event."""
    return b"\n" if told.place is None else f"id: {told.place}\n\n".encode()


def _look_again(look: Look, told: Told) -> Told:
    try:
        return look()
    except DependencyUnavailable:
        return Told(place=told.place)  # what is not there now is looked for again, and nothing is shown meanwhile
    except MindBridgeError:
        raise
    except Exception as error:  # noqa: BLE001 - the answer has begun, so it can only end
        _log.error("a stream ended: %s at %s", *trace(error))
        raise MindBridgeError from None
