"""A syslog server: RFC 5424 messages over TCP, counted in octets (RFC 6587, 3.4.1), with TLS where told (RFC 5425)."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Final

import attrs

from mindbridge_core.oversight import SinkEntry, SinkUnavailable

__all__ = ["SyslogServer", "message"]

LOG_AUDIT: Final = 13
SEVERITY: Final = {"success": 6, "denied": 5, "failure": 4}
"""Informational, notice, warning (RFC 5424, 6.2.1); an outcome that nobody knows is a warning too."""
_NO_NAME: Final = re.compile(r"[^!-~]")


def message(entry: SinkEntry, host: str) -> bytes:
    """Return the entry as a message: its JSON behind a header with its time, and its action as MSGID."""
    priority = LOG_AUDIT * 8 + SEVERITY.get(entry.outcome, 4)
    at = entry.created_at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    return f"<{priority}>1 {at}Z {_named(host, 255)} mindbridge - {_named(entry.action, 32)} - {entry.text}".encode()


def _named(text: str, longest: int) -> str:
    """Write a name of the header: printable ASCII without spaces, or `-`."""
    return _NO_NAME.sub("_", text)[:longest] or "-"


@attrs.frozen(kw_only=True)
class SyslogServer:
    """`AuditSink` of the core. `tls` says whether the server must prove itself, by the system's authorities or `ca`'s.

    Syslog has no receipts. So each batch has a connection of its own: once all is written, our side is closed, and
    only when the server, having read to that end, closes its side in turn, the batch counts as taken. What the server
    then does with it is not ours to know.
    """

    host: str
    port: int
    tls: bool = False
    ca: Path | None = None
    seconds: float = 10.0
    """How long connecting, and each wait for the server, may take."""
    name: str = attrs.field(default="syslog", init=False)

    def send(self, entries: Sequence[SinkEntry]) -> None:
        """Send a message for each entry; raises SinkUnavailable."""
        if not entries:
            return
        messages = [message(entry, socket.gethostname()) for entry in entries]
        counted = b"".join(b"%d %b" % (len(one), one) for one in messages)
        try:
            with socket.create_connection((self.host, self.port), self.seconds) as plain:
                if self.tls:
                    self._send_sealed(plain, counted)
                else:
                    plain.sendall(counted)
                    plain.shutdown(socket.SHUT_WR)
                    self._wait_for_end(plain)
        except OSError as error:  # ssl's errors and timeouts too
            reason = error.strerror or type(error).__name__
            raise SinkUnavailable(f"{self.host}:{self.port}: {reason}") from error

    def _send_sealed(self, plain: socket.socket, counted: bytes) -> None:
        context = ssl.create_default_context(cafile=None if self.ca is None else str(self.ca))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        with context.wrap_socket(plain, server_hostname=self.host) as sealed:
            sealed.sendall(counted)
            try:
                sealed.unwrap()  # close_notify there and back
            except ssl.SSLEOFError:
                return  # some servers just close the connection, and they do so at our end of it

    def _wait_for_end(self, connection: socket.socket) -> None:
        """Read until the server has closed its side; what it says meanwhile means nothing in this protocol."""
        deadline = time.monotonic() + self.seconds
        while connection.recv(65_536):
            if time.monotonic() > deadline:
                raise TimeoutError("the server does not close the connection")
