"""From the request over a real mail server to the login: invitations, resets, and a mail server that is down."""

from __future__ import annotations

import re

import attrs

from mindbridge_core import Ports, Role
from mindbridge_core.identity import AccountLinks
from mindbridge_notify import Aside, SmtpNotifier, SmtpSecurity, SmtpSettings
from tests.http.world import PASSWORD, World, new_world
from tests.notify.mailserver import PATIENCE, MailServer, mail_server
from tests.support.sockets import free_port

NEW = {"email": "new.body@clinic.example", "full_name": "New Body", "role": "readonly"}
PAGES = "https://clinic.example/app"
OTHER = "another lantern over other rivers"


def world_with_mail(port: int, later: Aside) -> World:
    """A clinic whose mail goes to the server at `port`."""
    settings = SmtpSettings(
        host="localhost", port=port, security=SmtpSecurity.PLAIN, sender="noreply@mail.example", timeout=PATIENCE
    )

    def change(ports: Ports) -> Ports:
        return attrs.evolve(ports, notifier=SmtpNotifier(settings), later=later, account_links=AccountLinks(base=PAGES))

    return new_world(change_ports=change)


def token(server: MailServer, page: str) -> str:
    """The token in the newest mail, out of its link."""
    text = server.mails()[-1].get_content().replace("\r\n", "\n")
    found = re.search(rf"^{re.escape(PAGES)}/{page}#token=(\S+)$", text, re.MULTILINE)
    assert found is not None
    return found[1]


def accept(world: World, invitation: str) -> int:
    sent = {"token": invitation, "password": PASSWORD}
    return world.client.post("/api/v1/auth/invitations/accept", json=sent).status_code


def log_in(world: World, password: str = PASSWORD) -> int:
    return world.client.post("/api/v1/auth/login", json={"email": NEW["email"], "password": password}).status_code


def test_an_invitation_and_a_reset_arrive_by_mail_and_work() -> None:
    later = Aside()
    with mail_server() as server:
        world = world_with_mail(server.port, later)
        made = world.session().send("POST", "/auth/register", json=NEW).get_json()
        assert made["invitation_sent"] is True
        assert [204, 200] == [accept(world, token(server, "invitation")), log_in(world)]

        asked = world.client.post("/api/v1/auth/password/reset", json={"email": NEW["email"]})
        later.close()
        assert 202 == asked.status_code
        object.__setattr__(world.core.reset_password.tell, "later", Aside())
        confirm = {"token": token(server, "reset"), "password": OTHER}
        assert 204 == world.client.post("/api/v1/auth/password/reset/confirm", json=confirm).status_code
        assert [401, 200] == [log_in(world), log_in(world, OTHER)]
    subjects = [str(mail["Subject"]) for mail in server.mails()]
    assert ["Your MindBridge account", "A new password for MindBridge"] == subjects[:2]
    assert {NEW["email"]} == {str(mail["To"]) for mail in server.mails()}


def test_a_mail_server_that_is_down_loses_no_account_and_is_told() -> None:
    port = free_port()
    world = world_with_mail(port, Aside())
    admin = world.session()
    made = admin.send("POST", "/auth/register", json=NEW)
    assert (201, False) == (made.status_code, made.get_json()["invitation_sent"])
    with mail_server(port=port) as server:
        again = admin.send("POST", f"/users/{made.get_json()['id']}/invitation")
        assert (200, True) == (again.status_code, again.get_json()["invitation_sent"])
        assert [204, 200] == [accept(world, token(server, "invitation")), log_in(world)]
    assert Role.READONLY == admin.send("GET", f"/users/{made.get_json()['id']}").get_json()["role"]
