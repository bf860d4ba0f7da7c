"""The server's worker process: gunicorn's, but it dies with its parent and repeats nothing that it was sent."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import struct
from contextlib import suppress
from http import HTTPStatus
from socket import IPPROTO_TCP, SO_SNDTIMEO, SOL_SOCKET, TCP_USER_TIMEOUT, socket
from types import FrameType
from typing import Any, Final
from uuid import uuid4

from gunicorn import util  # type: ignore[import-untyped]  # gunicorn has no types
from gunicorn.http import errors, wsgi  # type: ignore[import-untyped]  # likewise
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]  # likewise

__all__ = ["ENDING", "DiscreetWorker", "die_with_parent"]

PR_SET_PDEATHSIG: Final = 1
ENDING: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})
"""The signals that end a worker; they are held back while one is being forked."""
SEND_SECONDS: Final = 20
"""How long a client may take nothing of an answer before its thread is freed."""
_STATUS: Final = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
}


def die_with_parent(parent: int) -> None:
    """Be killed when the parent dies, however that happens; every change that was not committed is rolled back."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        os._exit(1)  # it died before the order was given


class UnsignedResponse(wsgi.Response):  # type: ignore[misc]  # likewise
    """An answer that does not say which server sent it."""

    def default_headers(self) -> list[str]:
        """Return gunicorn's headers without `Server`."""
        return [line for line in super().default_headers() if not line.startswith("Server:")]


class DiscreetWorker(ThreadWorker):  # type: ignore[misc]  # likewise
    """A gthread worker that repeats nothing of a malformed request, neither in its answer nor in the log.

    It ends its streams of events when it is to stop, and waits for no client that takes nothing.
    """

    def init_process(self) -> None:
        """Start, with answers that carry no `Server` header."""
        wsgi.Response = UnsignedResponse
        super().init_process()

    def init_signals(self) -> None:
        """Know what to do with a signal, and take those that were held back until now."""
        super().init_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in order: streams are ended, all other requests finished."""
        self.app.streams.close()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """Stop at once; the interpreter waits for its threads, so the streams are ended here too."""
        self.app.streams.close()
        super().handle_quit(sig, frame)

    def handle_request(self, req: object, conn: Any) -> bool:  # noqa: ANN401 - gunicorn's connection
        """Answer; a client that takes nothing for too long, or acknowledges nothing, has gone."""
        conn.sock.setsockopt(SOL_SOCKET, SO_SNDTIMEO, struct.pack("@ll", SEND_SECONDS, 0))
        with suppress(OSError):  # a socket that is not TCP's
            conn.sock.setsockopt(IPPROTO_TCP, TCP_USER_TIMEOUT, SEND_SECONDS * 1000)
        try:
            return bool(super().handle_request(req, conn))
        except (BlockingIOError, TimeoutError):
            self.log.debug("a client took nothing of its answer")
            return False

    def handle_error(self, req: object, client: socket, addr: object, exc: BaseException) -> None:  # noqa: ARG002 - gunicorn's signature
        """Answer a request that never became one for the application, with a problem document."""
        malformed = isinstance(exc, errors.ParseException | errors.ExpectationFailed)
        default = HTTPStatus.BAD_REQUEST if malformed else HTTPStatus.INTERNAL_SERVER_ERROR
        status = next((found for kind, found in _STATUS.items() if isinstance(exc, kind)), default)
        request_id = str(uuid4())
        if malformed:
            self.log.info("refused what is no request")
        else:
            self.log.error("a request failed outside the application", exc_info=exc)
        try:
            util.write(client, _answer(status, request_id))
        except OSError:
            self.log.debug("the client had gone")


def _answer(status: HTTPStatus, request_id: str) -> bytes:
    code = "internal_error" if status == HTTPStatus.INTERNAL_SERVER_ERROR else "malformed_request"
    body = json.dumps(
        {
            "type": f"urn:problem-type:mindbridge:{code}",
            "title": status.phrase,
            "status": int(status),
            "detail": "The server could not read the request." if code == "malformed_request" else "The server failed.",
            "instance": f"urn:request:{request_id}",
            "code": code,
            "correlation_id": request_id,
        }
    ).encode()
    head = [
        f"HTTP/1.1 {int(status)} {status.phrase}",
        "Connection: close",
        "Content-Type: application/problem+json",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        f"X-Request-ID: {request_id}",
    ]
    return "\r\n".join([*head, "", ""]).encode() + body
