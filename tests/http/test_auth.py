"""Logging in and out, credentials, challenges."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import attrs
import pytest

from mindbridge_core import Ports, Role
from mindbridge_core.errors import MfaRequired
from mindbridge_core.identity import Lockout
from tests.http.world import PASSWORD, Staff, World, new_world, refused

REALM = 'Bearer realm="mindbridge"'
BAD_TOKEN = f'{REALM}, error="invalid_token"'


def test_a_login_answers_with_tokens_that_work(world: World) -> None:
    staff = world.session()
    assert staff.tokens.keys() == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert staff.tokens["token_type"] == "bearer"
    assert staff.tokens["expires_in"] == 1800
    assert staff.send("GET", "/auth/me").status_code == 200


@pytest.mark.parametrize("path", ["/auth/me", "/users/me"])
def test_me_is_the_account_without_secrets(admin: Staff, path: str) -> None:
    answer = admin.send("GET", path)
    shown = answer.get_json()
    assert datetime.fromisoformat(shown.pop("last_login")).utcoffset() == timedelta(0)
    assert shown == {
        "id": str(admin.user.id),
        "email": admin.user.email,
        "full_name": "Some admin",
        "role": "admin",
        "clinic_id": str(admin.user.clinic_id),
        "mfa_enabled": False,
        "license_number": None,
    }


def test_a_wrong_password_and_an_unknown_email_are_refused_alike_with_a_challenge(world: World) -> None:
    user = world.staff(Role.ADMIN)
    answers = [
        world.client.post("/api/v1/auth/login", json={"email": email, "password": "not the password at all"})
        for email in (user.email, "nobody@clinic.example")
    ]
    assert [refused(answer) for answer in answers] == [(401, "invalid_credentials")] * 2
    assert [answer.headers["WWW-Authenticate"] for answer in answers] == [REALM] * 2
    assert answers[0].get_json()["detail"] == answers[1].get_json()["detail"]


def test_too_many_wrong_passwords_lock_even_the_right_one() -> None:
    world = new_world(change_ports=lambda ports: attrs.evolve(ports, lockout=Lockout(limit=2)))
    user = world.staff(Role.ADMIN)
    for _ in range(2):
        world.client.post("/api/v1/auth/login", json={"email": user.email, "password": "wrong"})
    answer = world.client.post("/api/v1/auth/login", json={"email": user.email, "password": PASSWORD})
    assert refused(answer) == (423, "account_locked")


def test_a_refresh_token_is_traded_once_and_a_second_use_ends_the_session(world: World) -> None:
    staff = world.session()
    body = {"refresh_token": staff.tokens["refresh_token"]}
    first = world.client.post("/api/v1/auth/refresh", json=body)
    assert first.status_code == 200
    assert staff.send("GET", "/auth/me").status_code == 200
    second = world.client.post("/api/v1/auth/refresh", json=body)
    assert refused(second) == (401, "invalid_token")
    assert second.headers["WWW-Authenticate"] == BAD_TOKEN
    assert refused(staff.send("GET", "/auth/me")) == (401, "invalid_token")


def test_a_refresh_token_of_no_clinic_is_refused_like_any_other_bad_one(world: World) -> None:
    unknown = f"{UUID(int=7).hex}.{'A' * 43}"
    known = f"{world.clinic_id.hex}.{'A' * 43}"
    answers = [
        world.client.post("/api/v1/auth/refresh", json={"refresh_token": text}) for text in (unknown, known, "x")
    ]
    assert [refused(answer) for answer in answers] == [(401, "invalid_token")] * 3
    assert len({(answer.get_json()["detail"], answer.get_json()["title"]) for answer in answers}) == 1
    assert {answer.headers["WWW-Authenticate"] for answer in answers} == {BAD_TOKEN}


def test_logout_ends_this_session_and_no_other(world: World) -> None:
    user = world.staff(Role.READONLY)
    one, other = world.log_in(user), world.log_in(user)
    answer = one.send("POST", "/auth/logout")
    assert (answer.status_code, answer.data) == (204, b"")
    assert "Content-Type" not in answer.headers
    assert refused(one.send("GET", "/auth/me")) == (401, "invalid_token")
    assert other.send("GET", "/auth/me").status_code == 200


def test_logout_everywhere_ends_all_sessions(world: World) -> None:
    user = world.staff(Role.READONLY)
    one, other = world.log_in(user), world.log_in(user)
    assert one.send("POST", "/auth/logout?everywhere=true").status_code == 204
    assert refused(other.send("GET", "/auth/me")) == (401, "invalid_token")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic YTpi"}, {"Authorization": ""}])
def test_without_bearer_credentials_the_challenge_names_no_error(world: World, headers: dict[str, str]) -> None:
    answer = world.client.get("/api/v1/patients", headers=headers)
    assert refused(answer) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == REALM


def test_a_bad_token_is_an_invalid_token(world: World) -> None:
    answer = world.client.get("/api/v1/patients", headers={"Authorization": "Bearer abc.def"})
    assert refused(answer) == (401, "invalid_token")
    assert answer.headers["WWW-Authenticate"] == BAD_TOKEN


@pytest.mark.parametrize("sent", ["Bearer", "Bearer ", "Bearer a b", "Bearer a,Bearer b", "bearer \xe4", "Bearer a=b"])
def test_a_malformed_bearer_header_is_an_invalid_request(world: World, sent: str) -> None:
    answer = world.client.get("/api/v1/patients", headers={"Authorization": sent})
    assert refused(answer) == (400, "invalid_request")
    assert answer.headers["WWW-Authenticate"] == f'{REALM}, error="invalid_request"'


def test_the_scheme_is_read_in_any_case(admin: Staff) -> None:
    headers = {"Authorization": f"bEARER  {admin.tokens['access_token']}"}
    assert admin.client.get("/api/v1/auth/me", headers=headers).status_code == 200


def test_a_token_in_the_address_is_refused_with_or_without_a_good_header(admin: Staff) -> None:
    path = f"/auth/me?access_token={admin.tokens['access_token']}"
    assert refused(admin.client.get(f"/api/v1{path}")) == (400, "invalid_request")
    assert refused(admin.send("GET", path)) == (400, "invalid_request")


def test_an_expired_token_is_refused() -> None:
    now = [datetime.now(UTC)]

    def with_clock(ports: Ports) -> Ports:
        return attrs.evolve(ports, clock=lambda: now[0])

    world = new_world(change_ports=with_clock)
    staff = world.session()
    assert staff.send("GET", "/auth/me").status_code == 200
    now[0] += timedelta(minutes=31)
    assert refused(staff.send("GET", "/auth/me")) == (401, "invalid_token")


def test_a_second_factor_owed_is_said_by_its_code(world: World) -> None:
    user = world.staff(Role.ADMIN)
    with world.store.open_unit(world.clinic_id) as unit:
        unit.second_factors.propose(user.id, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
        unit.second_factors.enable(user.id, 0)
    answer = world.client.post("/api/v1/auth/login", json={"email": user.email, "password": PASSWORD})
    assert refused(answer) == (401, MfaRequired.code)
    assert answer.headers["WWW-Authenticate"] == REALM
