"""Accounts and sessions over HTTP: a change of standing holds at the very next request."""

from __future__ import annotations

from uuid import uuid4

import pytest

from mindbridge_core import Role
from tests.http.world import Staff, World, refused


def test_an_admin_lists_changes_and_deactivates_accounts(world: World) -> None:
    admin, reader = world.session(), world.session(Role.READONLY)
    listed = admin.send("GET", "/users").get_json()
    assert {str(admin.user.id), str(reader.user.id)} <= {one["id"] for one in listed["data"]}
    assert not {"password_hash", "mfa_secret"} & set(listed["data"][0])

    changed = admin.send("PATCH", f"/users/{reader.user.id}", json={"role": "compliance_officer"})
    assert (200, "compliance_officer", '"2"') == (
        changed.status_code, changed.get_json()["role"], changed.headers["ETag"],
    )  # fmt: skip
    assert (401, "invalid_token") == refused(reader.send("GET", "/auth/me"))
    officer = world.log_in(reader.user)
    assert "compliance_officer" == officer.send("GET", "/auth/me").get_json()["role"]

    assert 204 == admin.send("DELETE", f"/users/{reader.user.id}").status_code
    assert (401, "invalid_token") == refused(officer.send("GET", "/auth/me"))
    assert (404, "not_found") == refused(admin.send("DELETE", f"/users/{reader.user.id}"))


def test_pages_of_accounts_follow_one_another(world: World) -> None:
    admin = world.session()
    made = {str(world.staff(Role.READONLY).id) for _ in range(3)} | {str(admin.user.id)}
    seen, cursor = [], ""
    while cursor is not None:
        page = admin.send("GET", f"/users?limit=2{cursor and '&cursor=' + cursor}").get_json()
        seen += [one["id"] for one in page["data"]]
        cursor = page["pagination"]["next_cursor"]
    assert sorted(seen) == seen
    assert made <= set(seen)
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_nobody_else_manages_accounts(world: World, role: Role) -> None:
    caller, target = world.session(role), world.staff(Role.READONLY)
    answers = [
        caller.send("GET", "/users"),
        caller.send("PATCH", f"/users/{target.id}", json={"role": "admin"}),
        caller.send("PATCH", f"/users/{caller.user.id}", json={"role": "admin"}),
        caller.send("DELETE", f"/users/{target.id}"),
    ]
    assert [(403, "forbidden")] * 4 == [refused(answer) for answer in answers]


def test_the_last_admin_cannot_be_taken_away(admin: Staff) -> None:
    assert (409, "last_admin") == refused(admin.send("DELETE", f"/users/{admin.user.id}"))
    assert (409, "last_admin") == refused(admin.send("PATCH", f"/users/{admin.user.id}", json={"role": "readonly"}))


def test_an_e_mail_cannot_be_changed(admin: Staff) -> None:
    answer = admin.send("PATCH", f"/users/{admin.user.id}", json={"email": "other@clinic.example"})
    assert 422 == answer.status_code


def test_a_stale_version_of_an_account_is_refused(world: World) -> None:
    admin, target = world.session(), world.staff(Role.READONLY)
    path = f"/users/{target.id}"
    assert 200 == admin.send("PATCH", path, {"If-Match": '"1"'}, json={"full_name": "One"}).status_code
    assert (412, "stale_version") == refused(admin.send("PATCH", path, {"If-Match": '"1"'}, json={"full_name": "Two"}))


def test_own_sessions_are_listed_and_ended_one_by_one(world: World) -> None:
    first = world.session(Role.READONLY)
    second, stranger = world.log_in(first.user), world.session(Role.READONLY)

    shown = first.send("GET", "/auth/sessions").get_json()["data"]
    assert [False, True] == [one["current"] for one in shown]
    assert 204 == first.send("DELETE", f"/auth/sessions/{shown[0]['id']}").status_code
    assert (401, "invalid_token") == refused(second.send("GET", "/auth/me"))
    assert 200 == first.send("GET", "/auth/me").status_code

    theirs = stranger.send("GET", "/auth/sessions").get_json()["data"][0]["id"]
    for unreachable in (theirs, uuid4(), shown[0]["id"]):
        assert (404, "not_found") == refused(first.send("DELETE", f"/auth/sessions/{unreachable}"))
    assert 200 == stranger.send("GET", "/auth/me").status_code
