"""The syslog sink against real listeners, in clear and under TLS."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from mindbridge_audit import SyslogServer
from mindbridge_audit.syslog import message
from mindbridge_core import testing
from mindbridge_core.oversight import SinkEntry, SinkUnavailable

# RFC 5424, 6: PRI VERSION SP TIMESTAMP SP HOSTNAME SP APP-NAME SP PROCID SP MSGID SP STRUCTURED-DATA SP MSG
SHAPE = re.compile(
    r"<(?P<pri>\d{1,3})>1 (?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) (?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48})"
    r" (?P<proc>[!-~]{1,128}) (?P<id>[!-~]{1,32}) - (?P<text>.*)",
    re.DOTALL,
)


class Listener:
    """A syslog server: reads octet-counted messages until each connection's end, then closes its side."""

    def __init__(self, context: ssl.SSLContext | None = None, *, polite: bool = True) -> None:
        self.context, self.polite, self.messages, self.port = context, polite, list[bytes](), 0
        self.rude = False
        self.open()

    def open(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", self.port))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, args=(self.socket,))
        self.thread.start()

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(timeout=60)

    def _serve(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            try:
                self._take(connection)
            except OSError:
                connection.close()

    def _take(self, connection: socket.socket) -> None:
        if self.context is not None:
            connection = self.context.wrap_socket(connection, server_side=True)
        if self.rude:
            connection.close()
            return
        read = b""
        while piece := connection.recv(4096):
            read += piece
        while read:  # only what came whole counts
            count, _, rest = read.partition(b" ")
            self.messages.append(rest[: int(count)])
            read = rest[int(count) :]
        if isinstance(connection, ssl.SSLSocket) and self.polite:
            connection = connection.unwrap()
        connection.close()


def certificate(folder: Path, name: str = "localhost") -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + made.public_bytes(Encoding.PEM))
    return path


def context(pem: Path) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(pem)
    return made


def entry(**fields: object) -> SinkEntry:
    given = {"action": "patient.view", "outcome": "success", "text": '{"seq":1}', "created_at": datetime.now(UTC)}
    return SinkEntry(id=uuid4(), clinic_id=uuid4(), lane=0, seq=1, **given | fields)  # type: ignore[arg-type]  # any field


class OverListener(testing.AuditSinkContract):
    listener: Listener
    tls: bool
    ca: Path | None

    def sink(self) -> SyslogServer:
        return SyslogServer(host="localhost", port=self.listener.port, tls=self.tls, ca=self.ca)

    def arrived(self) -> list[str]:
        found = [SHAPE.fullmatch(one.decode("ascii")) for one in self.listener.messages]
        return [one["text"] for one in found if one]

    def break_place(self) -> None:
        self.listener.close()

    def mend_place(self) -> None:
        self.listener.open()


class TestInClear(OverListener):
    @pytest.fixture(autouse=True)
    def _listener(self) -> Iterator[None]:
        self.listener, self.tls, self.ca = Listener(), False, None
        yield
        self.listener.close()


class TestUnderTls(OverListener):
    @pytest.fixture(autouse=True)
    def _listener(self, tmp_path: Path) -> Iterator[None]:
        self.tls, self.ca = True, certificate(tmp_path)
        self.listener = Listener(context(self.ca))
        yield
        self.listener.close()


class TestWithAServerThatTakesNoLeave(OverListener):
    """It closes the connection under TLS without a close_notify, as some do."""

    @pytest.fixture(autouse=True)
    def _listener(self, tmp_path: Path) -> Iterator[None]:
        self.tls, self.ca = True, certificate(tmp_path)
        self.listener = Listener(context(self.ca), polite=False)
        yield
        self.listener.close()


@pytest.mark.parametrize("tls", [False, True])
def test_a_server_that_hangs_up_before_it_has_read_all_has_taken_nothing(tmp_path: Path, tls: bool) -> None:  # noqa: FBT001 - a parameter
    pem = certificate(tmp_path)
    listener = Listener(context(pem) if tls else None)
    try:
        listener.rude = True
        sink = SyslogServer(host="localhost", port=listener.port, tls=tls, ca=pem)
        with pytest.raises(SinkUnavailable):
            sink.send([entry(text="x" * 1_000_000)] * 20)
        listener.rude = False
        sink.send([entry()])
        assert 1 == len(listener.messages)
    finally:
        listener.close()


def test_a_server_that_never_closes_its_side_is_not_waited_for_for_ever() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sink = SyslogServer(host="127.0.0.1", port=silent.getsockname()[1], seconds=0.2)
        with pytest.raises(SinkUnavailable, match=r"timed out|TimeoutError"):
            sink.send([entry()])


@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_a_server_that_cannot_prove_itself_gets_nothing(tmp_path: Path, wrong: str) -> None:
    name = "localhost" if wrong == "authority" else "elsewhere.example"
    pem = certificate(tmp_path, name)
    listener = Listener(context(pem))
    try:
        trusted = None if wrong == "authority" else pem
        with pytest.raises(SinkUnavailable):
            SyslogServer(host="localhost", port=listener.port, tls=True, ca=trusted).send([entry()])
        assert [] == listener.messages
    finally:
        listener.close()


@pytest.mark.parametrize(("outcome", "priority"), [("success", 110), ("denied", 109), ("failure", 108), ("new", 108)])
def test_a_message_has_the_header_that_the_protocol_wants(outcome: str, priority: int) -> None:
    east = datetime(2026, 6, 1, 12, 0, 0, 5, timezone(timedelta(hours=2)))
    found = SHAPE.fullmatch(message(entry(outcome=outcome, created_at=east), "clinic host").decode())
    assert found is not None
    assert {
        "pri": str(priority),
        "at": "2026-06-01T10:00:00.000005Z",
        "host": "clinic_host",
        "app": "mindbridge",
        "proc": "-",
        "id": "patient.view",
        "text": '{"seq":1}',
    } == found.groupdict()


def test_a_name_that_is_empty_or_too_long_is_made_to_fit() -> None:
    found = SHAPE.fullmatch(message(entry(action="ü" * 60), "").decode())
    assert found is not None
    assert ("-", "_" * 32) == (found["host"], found["id"])
