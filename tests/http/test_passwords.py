"""Passwords over HTTP: changed, lost, replaced, and locks that an admin ends."""

from __future__ import annotations

import pytest
from werkzeug.test import TestResponse

from mindbridge_core import Role
from mindbridge_core.identity import User
from mindbridge_memory import KeptMessages
from tests.http.world import PASSWORD, World, findings, refused

NEW = "another lantern over other rivers"


def mailed(world: World) -> str:
    """The token in the newest mail."""
    notifier = world.core.ports.notifier
    assert isinstance(notifier, KeptMessages)
    (token,) = [line for line in notifier.sent[-1].text.splitlines() if "." in line and " " not in line]
    return token


def log_in(world: World, user: User, password: str = PASSWORD) -> TestResponse:
    return world.client.post("/api/v1/auth/login", json={"email": user.email, "password": password})


def ask(world: World, email: str) -> TestResponse:
    return world.client.post("/api/v1/auth/password/reset", json={"email": email})


def confirm(world: World, token: str, password: str = NEW) -> TestResponse:
    return world.client.post("/api/v1/auth/password/reset/confirm", json={"token": token, "password": password})


@pytest.mark.parametrize("role", list(Role))
def test_everybody_changes_their_own_password_and_is_logged_out(world: World, role: Role) -> None:
    caller = world.session(role)
    wrong = caller.send("POST", "/auth/password", json={"current_password": "wrong", "password": NEW})
    assert (401, "invalid_credentials") == refused(wrong)
    weak = caller.send("POST", "/auth/password", json={"current_password": PASSWORD, "password": "short"})
    assert {("/password", "invalid_length")} == findings(weak)
    changed = caller.send("POST", "/auth/password", json={"current_password": PASSWORD, "password": NEW})
    assert 204 == changed.status_code
    assert (401, "invalid_token") == refused(caller.send("GET", "/auth/me"))
    assert [401, 200] == [log_in(world, caller.user, password).status_code for password in (PASSWORD, NEW)]


def test_guessing_the_current_password_locks_the_e_mail_until_an_admin_unlocks_it(world: World) -> None:
    admin, caller = world.session(), world.session(Role.READONLY)
    sent = {"current_password": "wrong", "password": NEW}
    statuses = [caller.send("POST", "/auth/password", json=sent).status_code for _ in range(6)]
    assert [401] * 5 + [423] == statuses
    assert (423, "account_locked") == refused(log_in(world, caller.user))
    path = f"/users/{caller.user.id}/unlock"
    assert (403, "forbidden") == refused(caller.send("POST", path))
    assert 204 == admin.send("POST", path).status_code
    assert 200 == log_in(world, caller.user).status_code


def test_a_reset_is_answered_alike_for_known_and_unknown_e_mails(world: World) -> None:
    user = world.staff(Role.READONLY)
    known, unknown = ask(world, user.email), ask(world, "nobody@clinic.example")
    assert (202, {"status": "accepted"}) == (known.status_code, known.get_json())
    names = ("Content-Type", "Content-Length", "Cache-Control")
    assert [known.data, *(known.headers[name] for name in names)] == [
        unknown.data, *(unknown.headers[name] for name in names),
    ]  # fmt: skip
    assert [*known.headers.keys()] == [*unknown.headers.keys()]
    notifier = world.core.ports.notifier
    assert isinstance(notifier, KeptMessages)
    assert [user.email] == [message.to for message in notifier.sent]


def test_a_reset_works_once_and_ends_every_session(world: World) -> None:
    caller = world.session(Role.READONLY)
    ask(world, caller.user.email)
    token = mailed(world)
    assert {("/password", "invalid_length")} == findings(confirm(world, token, "short"))
    assert 200 == caller.send("GET", "/auth/me").status_code
    assert 204 == confirm(world, token).status_code
    assert (401, "invalid_token") == refused(caller.send("GET", "/auth/me"))
    assert (401, "invalid_account_token") == refused(confirm(world, token))
    assert [401, 200] == [log_in(world, caller.user, password).status_code for password in (PASSWORD, NEW)]
