"""A model provider on loopback that behaves as a test tells it to, and remembers what it was sent."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from tests.support.batch_provider import FakeBatches

GOOD: Final = {
    "risk_level": "low",
    "risk_score": 10,
    "primary_risk_factor": "takes what is prescribed",
    "contributing_factors": [],
    "recommended_actions": [{"action": "see as planned", "urgency": "routine", "assigned_to": "case_manager"}],
    "clinical_notes": None,
}


@attrs.frozen(kw_only=True)
class Sent:
    """One answer of the provider. `drip` seconds lie between its bytes, `delay` before them."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = attrs.field(factory=dict)
    delay: float = 0.0
    drip: float = 0.0
    hangs_up: bool = False


def message(text: object, *, stop: str = "end_turn", **changed: object) -> Sent:
    """A message whose text is `text`, as JSON if it is none yet."""
    written = text if isinstance(text, str) else json.dumps(text)
    content = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5-5",
        "content": [{"type": "text", "text": written}],
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": 700, "output_tokens": 90},
    }
    return json_body(content | changed)


def json_body(content: object, status: int = 200, **headers: str) -> Sent:
    return Sent(
        status=status, body=json.dumps(content).encode(), headers={"Content-Type": "application/json", **headers}
    )


def error(status: int, kind: str, **headers: str) -> Sent:
    return json_body({"type": "error", "error": {"type": kind, "message": "no"}}, status, **headers)


@attrs.define
class Provider:
    """What it answers next, and the requests so far: headers in small letters, and the parsed body."""

    url: str
    answers: Callable[[int], Sent]
    batches: FakeBatches
    requests: list[tuple[dict[str, str], Any]] = attrs.field(factory=list)
    under_way: int = 0
    most_under_way: int = 0
    lock: threading.Lock = attrs.field(factory=threading.Lock)

    def always(self, sent: Sent) -> None:
        self.answers = lambda _: sent

    def in_turn(self, *sent: Sent) -> None:
        """Give these one after another, then the last one for ever."""
        begun = len(self.requests)
        self.answers = lambda number: sent[min(number - begun, len(sent)) - 1]


class _Handler(BaseHTTPRequestHandler):
    provider: Provider
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or b"null")
        provider = self.provider
        if self.path.startswith("/v1/messages/batches"):
            self._send(provider.batches("POST", self.path, self._headers(), body))
            return
        with provider.lock:
            provider.requests.append((self._headers(), body))
            number = len(provider.requests)
            provider.under_way += 1
            provider.most_under_way = max(provider.most_under_way, provider.under_way)
        try:
            self._send(provider.answers(number))
        finally:
            with provider.lock:
                provider.under_way -= 1

    def do_GET(self) -> None:
        self._send(self.provider.batches("GET", self.path, self._headers(), None))

    def _headers(self) -> dict[str, str]:
        return {name.lower(): held for name, held in self.headers.items()}

    def _send(self, sent: Sent) -> None:
        time.sleep(sent.delay)
        if sent.hangs_up:
            self.close_connection = True
            return
        with suppress(OSError):  # whoever asked has gone
            self.send_response(sent.status)
            for name, held in sent.headers.items():
                self.send_header(name, held)
            self.send_header("Content-Length", str(len(sent.body)))
            self.end_headers()
            for start in range(0, len(sent.body), 1 if sent.drip else len(sent.body)):
                self.wfile.write(sent.body[start : start + (1 if sent.drip else len(sent.body))])
                self.wfile.flush()
                time.sleep(sent.drip)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def provider() -> Iterator[Provider]:
    """Run one for the length of a block; it says `low` until told otherwise."""
    from tests.support.batch_provider import FakeBatches  # noqa: PLC0415 - it is written in this module's words

    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.block_on_close = False
    url = f"http://127.0.0.1:{server.server_port}"
    running = Provider(url=url, answers=lambda _: message(GOOD), batches=FakeBatches(url=url))
    handler.provider = running  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
