"""Registration over HTTP: an admin invites, the owner accepts, and nobody else learns the token."""

from __future__ import annotations

from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from mindbridge_core import Role
from mindbridge_core.identity import ClinicDraft
from mindbridge_memory import KeptMessages
from tests.http.world import PASSWORD, World, findings, refused

NEW = {"email": "New.Body@clinic.example", "full_name": "New Body", "role": "readonly"}


def mailed(world: World) -> str:
    """The token in the newest mail."""
    notifier = world.core.ports.notifier
    assert isinstance(notifier, KeptMessages)
    (token,) = [line for line in notifier.sent[-1].text.splitlines() if "." in line and " " not in line]
    return token


def accept(world: World, token: str, password: str = PASSWORD) -> TestResponse:
    return world.client.post("/api/v1/auth/invitations/accept", json={"token": token, "password": password})


def log_in(world: World) -> TestResponse:
    return world.client.post("/api/v1/auth/login", json={"email": NEW["email"], "password": PASSWORD})


def test_an_account_is_registered_and_its_owner_joins(world: World) -> None:
    admin = world.session()
    made = admin.send("POST", "/auth/register", json=NEW | {"license_number": "LIC-7"})
    shown = made.get_json()
    assert (201, "new.body@clinic.example", "readonly", str(world.clinic_id), True) == (
        made.status_code, shown["email"], shown["role"], shown["clinic_id"], shown["invitation_sent"],
    )  # fmt: skip
    token = mailed(world)
    assert token not in made.text
    assert f"/api/v1/users/{shown['id']}" == made.headers["Location"]
    account = world.client.get(made.headers["Location"], headers=bearer(admin.tokens["access_token"]))
    assert (False, "LIC-7", '"1"') == (
        account.get_json()["joined"], account.get_json()["license_number"], account.headers["ETag"],
    )  # fmt: skip
    assert (401, "invalid_credentials") == refused(log_in(world))

    assert 204 == accept(world, token).status_code

    assert 200 == log_in(world).status_code
    assert (401, "invalid_account_token") == refused(accept(world, token))
    assert admin.send("GET", f"/users/{shown['id']}").get_json()["joined"] is True
    assert (409, "already_joined") == refused(admin.send("POST", f"/users/{shown['id']}/invitation"))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_inviting_again_replaces_the_invitation(world: World) -> None:
    admin = world.session()
    user_id = admin.send("POST", "/auth/register", json=NEW).get_json()["id"]
    first = mailed(world)
    again = admin.send("POST", f"/users/{user_id}/invitation")
    assert (200, True) == (again.status_code, again.get_json()["invitation_sent"])
    assert (401, "invalid_account_token") == refused(accept(world, first))
    assert 204 == accept(world, mailed(world)).status_code


def test_nobody_names_a_clinic_or_a_password_for_another(world: World) -> None:
    admin = world.session()
    for field in ("clinic_id", "password", "active"):
        answer = admin.send("POST", "/auth/register", json=NEW | {field: str(uuid4())})
        assert {(f"/{field}", "unknown_field")} == findings(answer)
    assert {("/role", "invalid_choice")} == findings(admin.send("POST", "/auth/register", json=NEW | {"role": "root"}))


def test_an_e_mail_of_another_clinic_is_taken(world: World) -> None:
    west = world.core.open_clinic(ClinicDraft(organization="Oak", name="West"))
    stranger = world.staff(Role.READONLY, west)
    answer = world.session().send("POST", "/auth/register", json=NEW | {"email": stranger.email.upper()})
    assert (409, "duplicate_email") == refused(answer)


def test_a_weak_password_is_told_and_the_invitation_stays(world: World) -> None:
    world.session().send("POST", "/auth/register", json=NEW)
    token = mailed(world)
    assert {("/password", "invalid_length")} == findings(accept(world, token, "short"))
    assert {("/password", "common_password")} == findings(accept(world, token, "new body new body"))
    assert 204 == accept(world, token).status_code


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_nobody_but_an_admin_invites_or_looks_at_accounts(world: World, role: Role) -> None:
    caller, guest = world.session(role), world.staff(Role.READONLY)
    answers = [
        caller.send("POST", "/auth/register", json=NEW),
        caller.send("POST", f"/users/{guest.id}/invitation"),
        caller.send("GET", f"/users/{guest.id}"),
    ]
    assert [(403, "forbidden")] * 3 == [refused(answer) for answer in answers]


def test_an_account_of_another_clinic_is_as_if_missing(world: World) -> None:
    admin = world.session()
    stranger = world.staff(Role.READONLY, world.core.open_clinic(ClinicDraft(organization="Oak", name="West")))
    for user_id in (stranger.id, uuid4()):
        assert (404, "not_found") == refused(admin.send("GET", f"/users/{user_id}"))
        assert (404, "not_found") == refused(admin.send("POST", f"/users/{user_id}/invitation"))
