"""Keep-alive HTTP connections in one thread: the driver shares the machine with what it drives, so it does little."""

from __future__ import annotations

import select
import socket
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from time import perf_counter
from typing import Final

import attrs

__all__ = ["Sample", "drive", "median_of", "request"]

HEAD_END: Final = b"\r\n\r\n"
LENGTH: Final = b"content-length:"
CHUNK: Final = 1 << 18
PATIENCE: Final = 20.0
"""Seconds without any answer after which a run is given up."""


@attrs.frozen(kw_only=True)
class Sample:
    """What one stretch of load showed: answers per second, and seconds that half and 99 % of them took at most."""

    rate: float
    p50: float
    p99: float
    answers: int


def request(
    method: str,
    path: str,
    *,
    token: str | None = None,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """Return an HTTP/1.1 request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: benchmark", *(f"{k}: {v}" for k, v in (headers or {}).items())]
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def _connect(port: int) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


@attrs.define
class _Connection:
    socket: socket.socket
    requests: Iterator[bytes]
    expected: bytes
    sent_at: float = 0.0
    answer: bytes = b""
    missing: int = -1

    def send(self) -> None:
        self.answer, self.missing = b"", -1
        self.sent_at = perf_counter()
        self.socket.sendall(next(self.requests))

    def receive(self) -> bool:
        """Read what is there; whether the answer is complete."""
        chunk = self.socket.recv(CHUNK)
        assert chunk, "the server closed a connection that was to be kept alive"
        if self.missing >= 0:
            self.missing -= len(chunk)
            return self.missing == 0
        self.answer += chunk
        end = self.answer.find(HEAD_END)
        if end < 0:
            return False
        head = self.answer[:end].lower()
        start = head.find(LENGTH)
        assert head[9:12] == self.expected, f"{head[9:12]!r} instead of {self.expected!r}: {self.answer[-400:]!r}"
        length = 0 if start < 0 else int(head[start + len(LENGTH) :].split(b"\r\n", 1)[0])
        self.missing = end + len(HEAD_END) + length - len(self.answer)
        return self.missing == 0


def drive(port: int, streams: Sequence[Iterable[bytes]], seconds: float, *, status: int) -> Sample:
    """Send each stream over a connection of its own, one request at a time, for `seconds`.

    Every answer must have `status`. A stream must not run dry.
    """
    taken: list[float] = []
    with ExitStack() as stack:
        poll = stack.enter_context(select.epoll())
        open_ones: dict[int, _Connection] = {}
        for stream in streams:
            made = stack.enter_context(_connect(port))
            open_ones[made.fileno()] = _Connection(made, iter(stream), str(status).encode())
            poll.register(made, select.EPOLLIN)
        start = perf_counter()
        for connection in open_ones.values():
            connection.send()
        end = _answer_all(poll, open_ones, start + seconds, taken)
    return sample_of(taken, end - start)


def _answer_all(poll: select.epoll, waiting: dict[int, _Connection], until: float, taken: list[float]) -> float:
    busy, now = len(waiting), perf_counter()
    while busy:
        ready = poll.poll(PATIENCE)
        assert ready, "the server gave no answer in time"
        for descriptor, _ in ready:
            connection = waiting[descriptor]
            if not connection.receive():
                continue
            now = perf_counter()
            taken.append(now - connection.sent_at)
            if now < until:
                connection.send()
            else:
                busy -= 1
    return now


def sample_of(taken: list[float], seconds: float) -> Sample:
    """Return the sample of the times that `seconds` of load took."""
    assert taken, "nothing was measured"
    ordered = sorted(taken)
    return Sample(
        rate=len(ordered) / seconds,
        p50=ordered[len(ordered) // 2],
        p99=ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))],
        answers=len(ordered),
    )


def median_of(samples: Sequence[Sample]) -> Sample:
    """Return the medians of the rounds; answers are added up."""
    return Sample(
        rate=statistics.median(sample.rate for sample in samples),
        p50=statistics.median(sample.p50 for sample in samples),
        p99=statistics.median(sample.p99 for sample in samples),
        answers=sum(sample.answers for sample in samples),
    )
