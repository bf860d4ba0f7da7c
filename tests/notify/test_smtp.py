"""Mail goes to a real server, over TLS, and says no more than it must."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mindbridge_core.errors import DependencyUnavailable
from mindbridge_core.notices import Message
from mindbridge_notify import NoNotifier, SmtpNotifier, SmtpSecurity, SmtpSettings
from tests.notify.mailserver import PASSWORD, PATIENCE, USERNAME, MailServer, mail_server, make_certificate
from tests.support.sockets import free_port

TO = "ana@clinic.example"
LETTER = Message(
    to=TO, subject="Your MindBridge account", text="Zoë,\n\n.a line with a dot\nhttps://x.example/#token=1\n"
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


def notifier(port: int, **changes: Any) -> SmtpNotifier:
    plain: dict[str, Any] = {"host": "localhost", "port": port, "sender": "noreply@mail.example", "timeout": PATIENCE}
    return SmtpNotifier(SmtpSettings(**plain | changes))


def secure(certificate: Path, **changes: Any) -> dict[str, Any]:
    return {"ca_file": certificate, "username": USERNAME, "password": PASSWORD, **changes}


def fails(sends: SmtpNotifier, message: Message = LETTER) -> bool:
    with pytest.raises(DependencyUnavailable):
        sends.send(message)
    return True


def test_a_mail_arrives_over_starttls_with_all_that_it_should_say(certificate: Path) -> None:
    with mail_server(certificate) as server:
        notifier(server.port, **secure(certificate)).send(LETTER)
    (mail,), (envelope,) = server.mails(), server.envelopes
    assert ("noreply@mail.example", [TO]) == (envelope.mail_from, envelope.rcpt_tos)
    assert ("noreply@mail.example", TO, LETTER.subject) == (mail["From"], mail["To"], mail["Subject"])
    assert LETTER.text == mail.get_content().replace("\r\n", "\n")
    assert ("auto-generated", True) == (mail["Auto-Submitted"], mail["Message-ID"].endswith("@mail.example>"))
    assert {"From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"} == set(mail.keys()) - {
        "MIME-Version", "Content-Type", "Content-Transfer-Encoding", "X-Peer", "X-MailFrom", "X-RcptTo",
    }  # fmt: skip
    assert [True] == server.encrypted
    assert ["mail.example"] == server.greeted  # not this machine's name


def test_a_mail_arrives_over_tls_from_the_first_byte(certificate: Path) -> None:
    with mail_server(certificate, implicit=True) as server:
        notifier(server.port, ca_file=certificate, security=SmtpSecurity.TLS).send(LETTER)
    assert [LETTER.subject] == [mail["Subject"] for mail in server.mails()]


def test_a_mail_arrives_in_clear_where_that_was_asked_for() -> None:
    with mail_server() as server:
        notifier(server.port, security=SmtpSecurity.PLAIN).send(LETTER)
    assert ([LETTER.subject], [False]) == ([mail["Subject"] for mail in server.mails()], server.encrypted)


def test_nothing_is_sent_to_a_server_that_offers_no_tls_or_shows_another_certificate(
    certificate: Path, tmp_path: Path
) -> None:
    other = make_certificate(tmp_path)
    with mail_server() as bare, mail_server(certificate) as strange:
        assert fails(notifier(bare.port, **secure(certificate)))
        assert fails(notifier(strange.port, **secure(other)))
        assert fails(notifier(strange.port, **secure(certificate, host="127.0.0.1")))  # not the name it is for
    assert [] == bare.envelopes + strange.envelopes


def test_a_wrong_password_for_the_server_is_a_failure(certificate: Path) -> None:
    with mail_server(certificate) as server:
        assert fails(notifier(server.port, **secure(certificate, password="wrong")))
        notifier(server.port, **secure(certificate)).send(LETTER)
    assert 1 == len(server.envelopes)


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "Hello\r\nBcc: eve@evil.example"},
        {"subject": "Hello\nBcc: eve@evil.example"},
        {"to": f"{TO}\r\nBcc: eve@evil.example"},
        {"to": f"{TO},eve@evil.example"},
        {"to": f"{TO}, eve@evil.example"},
        {"to": f"Ana <{TO}>"},
        {"to": "<>"},
        {"to": ""},
        {"to": "@"},
        {"to": "no address"},
        {"to": "zoë@clinic.example"},
    ],
)
def test_what_would_become_another_header_or_recipient_is_not_sent(changes: dict[str, str]) -> None:
    message = Message(**{"to": TO, "subject": "Hello", "text": "Hello"} | changes)
    with mail_server() as server:
        assert fails(notifier(server.port, security=SmtpSecurity.PLAIN), message)
    assert [] == server.envelopes


def test_a_server_that_refuses_or_is_not_there_is_a_failure() -> None:
    with mail_server() as server:
        server.refuse = "550 not here"
        assert fails(notifier(server.port, security=SmtpSecurity.PLAIN))
    assert fails(notifier(free_port(), security=SmtpSecurity.PLAIN))


@contextmanager
def listener(first: bytes) -> Iterator[int]:
    """Somebody who takes the connection, says `first` and nothing more."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        held: list[socket.socket] = []

        def take() -> None:
            connection, _ = bound.accept()
            held.append(connection)
            connection.sendall(first)

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        try:
            yield bound.getsockname()[1]
        finally:
            thread.join(PATIENCE)
            for connection in held:
                connection.close()


@pytest.mark.parametrize("security", list(SmtpSecurity))
@pytest.mark.parametrize("first", [b"", b"220 ready\r\n"])
def test_a_server_that_says_nothing_is_given_up_in_time(security: SmtpSecurity, first: bytes) -> None:
    with listener(first) as port:
        start = time.monotonic()
        assert fails(notifier(port, host="127.0.0.1", security=security, timeout=0.3))
        assert time.monotonic() - start < 20  # on a busy machine, where 0.3 s are not; without a limit it never ends


def test_settings_show_no_password() -> None:
    assert PASSWORD not in repr(notifier(25, username=USERNAME, password=PASSWORD))


def test_where_no_mail_is_set_up_nothing_counts_as_sent() -> None:
    with pytest.raises(DependencyUnavailable):
        NoNotifier().send(LETTER)


def test_the_server_keeps_what_it_takes() -> None:
    assert [] == MailServer(25).mails()
