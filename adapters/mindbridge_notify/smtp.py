"""Mail over SMTP (RFC 5321, RFC 6409), with TLS."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from enum import StrEnum, unique
from pathlib import Path
from smtplib import SMTP, SMTP_SSL

import attrs

from mindbridge_core.errors import DependencyUnavailable
from mindbridge_core.notices import Message

__all__ = ["SmtpNotifier", "SmtpSecurity", "SmtpSettings"]


@unique
class SmtpSecurity(StrEnum):
    """How the connection is protected: messages carry one-time secrets."""

    STARTTLS = "starttls"
    TLS = "tls"
    PLAIN = "plain"


@attrs.frozen(kw_only=True)
class SmtpSettings:
    """Which server takes the mail, and how to talk to it. `timeout` is in seconds, for each step of that."""

    host: str
    port: int = 587
    security: SmtpSecurity = SmtpSecurity.STARTTLS
    username: str | None = None
    password: str | None = attrs.field(default=None, repr=False)
    sender: str
    timeout: float = 10.0
    ca_file: Path | None = None

    @property
    def domain(self) -> str:
        """The domain that the mail comes from, by which the server is greeted: this machine's name is not told."""
        return self.sender.rpartition("@")[2]


@attrs.frozen
class SmtpNotifier:
    """`Notifier` of the core: one connection for each message, to one recipient.

    Where TLS was asked for, nothing is said over a connection without it, and the server's certificate is verified.
    """

    settings: SmtpSettings

    def send(self, message: Message) -> None:
        """Hand the message to the server; DependencyUnavailable when it does not take it.

        So it is for an address that cannot stand in a header, such as one that is not ASCII before the `@`.
        """
        try:
            recipient = Address(addr_spec=message.to)
            mail = self._mail(message, recipient)
            with self._connection() as server:
                server.send_message(mail, self.settings.sender, [recipient.addr_spec])
        except (OSError, ValueError, IndexError, MessageError) as error:  # what smtplib and email raise
            raise DependencyUnavailable from error

    def _mail(self, message: Message, recipient: Address) -> EmailMessage:
        """Return the mail; a header that holds a line break is refused by `email` itself."""
        mail = EmailMessage()
        mail["From"] = Address(addr_spec=self.settings.sender)
        mail["To"] = recipient
        mail["Subject"] = message.subject
        mail["Date"] = formatdate()
        mail["Message-ID"] = make_msgid(domain=self.settings.domain)
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office reply
        mail.set_content(message.text)
        return mail

    @contextmanager
    def _connection(self) -> Iterator[SMTP]:
        held = self.settings
        name, timeout = held.domain, held.timeout
        if held.security is SmtpSecurity.TLS:
            server: SMTP = SMTP_SSL(held.host, held.port, name, timeout=timeout, context=self._context())
        else:
            server = SMTP(held.host, held.port, name, timeout=timeout)
        try:
            if held.security is SmtpSecurity.STARTTLS:
                server.starttls(context=self._context())
            if held.username is not None:
                server.login(held.username, held.password or "")
            yield server
        finally:
            _part(server)

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.settings.ca_file)


def _part(server: SMTP) -> None:
    """Say goodbye, if the server still listens; what was sent is sent."""
    try:
        server.quit()
    except smtplib.SMTPException:
        server.close()
