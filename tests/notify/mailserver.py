"""A real SMTP server on this machine, with a certificate of its own, that keeps what it takes."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import attrs
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.sockets import free_port

USERNAME, PASSWORD = "mindbridge", "a password for the mail server"
PATIENCE = 60.0
"""Seconds in which a mail server must have started on a machine that others use too."""


@attrs.define
class MailServer:
    """What the server took: each envelope with the mail in it, and whether it came over TLS."""

    port: int
    envelopes: list[Envelope] = attrs.field(factory=list)
    greeted: list[str | None] = attrs.field(factory=list)
    encrypted: list[bool] = attrs.field(factory=list)
    refuse: str | None = None

    def mails(self) -> list[EmailMessage]:
        """All mail taken, parsed."""
        contents = [one.content for one in self.envelopes if isinstance(one.content, bytes)]
        return [message_from_bytes(content, policy=policy.default) for content in contents]

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep the mail."""
        if self.refuse is not None:
            return self.refuse
        self.envelopes.append(envelope)
        self.greeted.append(session.host_name)
        self.encrypted.append(session.ssl is not None or isinstance(server.transport, ssl.SSLObject))
        return "250 OK"


def make_certificate(folder: Path) -> Path:
    """Write a key with a self-signed certificate for 127.0.0.1 and localhost; return the file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "mail.pem"
    path.write_bytes(secret + certificate.public_bytes(pem))
    return path


def _may(_: SMTP, __: Session, ___: Envelope, ____: str, given: Any) -> AuthResult:
    good = isinstance(given, LoginPassword) and given == LoginPassword(USERNAME.encode(), PASSWORD.encode())
    return AuthResult(success=good, handled=False)  # so that the server refuses; else it would say nothing at all


@contextmanager
def mail_server(
    certificate: Path | None = None, *, implicit: bool = False, port: int | None = None, **options: Any
) -> Iterator[MailServer]:
    """Run a server: plain, with STARTTLS when it has a certificate, or with TLS from the first byte."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    taken = MailServer(port or free_port())
    tls: dict[str, Any] = {"ssl_context": context} if implicit else {"tls_context": context}
    if context is not None and not implicit:
        options |= {"require_starttls": True, "authenticator": _may, "auth_require_tls": True}
    controller = Controller(taken, hostname="localhost", port=taken.port, ready_timeout=PATIENCE, **tls, **options)
    controller.start()
    try:
        yield taken
    finally:
        controller.stop()
