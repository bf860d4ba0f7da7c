"""The second factor over HTTP: set up, asked for, recovered from, demanded."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from werkzeug.test import TestResponse

from mindbridge_core import Role
from mindbridge_memory import StandardCodes
from tests.http.world import PASSWORD, Staff, World, findings, refused

REALM = 'Bearer realm="mindbridge"'
AGAIN = {"password": PASSWORD}


def shown(secret: str, later: int = 0) -> str:
    """What an authenticator shows."""
    return StandardCodes().code(secret, datetime.now(UTC), later=later)


def enrolled(staff: Staff) -> tuple[str, list[str]]:
    """Set a second factor up over HTTP; return its secret and the recovery codes."""
    secret, codes, _ = confirmed(staff)
    return secret, codes


def confirmed(staff: Staff) -> tuple[str, list[str], str]:
    """Return the code that confirmed the second factor as well: a step later another would be shown."""
    proposed = staff.send("POST", "/auth/mfa/enroll", json=AGAIN)
    assert 200 == proposed.status_code
    assert {"secret", "otpauth_uri", "qr_svg"} == proposed.get_json().keys()
    assert "no-store" in proposed.headers["Cache-Control"]
    secret: str = proposed.get_json()["secret"]
    code = shown(secret)
    answer = staff.send("POST", "/auth/mfa/confirm", json={"otp": code})
    assert 200 == answer.status_code
    assert "no-store" in answer.headers["Cache-Control"]
    return secret, answer.get_json()["recovery_codes"], code


def log_in(staff: Staff, **more: str) -> TestResponse:
    return staff.client.post("/api/v1/auth/login", json={"email": staff.user.email, "password": PASSWORD, **more})


def test_a_login_with_a_second_factor_takes_a_code_that_was_not_used(admin: Staff) -> None:
    secret, codes, used = confirmed(admin)
    assert admin.send("GET", "/auth/me").get_json()["mfa_enabled"] is True
    assert (401, "mfa_required") == refused(log_in(admin))
    wrong = log_in(admin, otp="000000")
    assert (401, "invalid_code") == refused(wrong)
    assert REALM == wrong.headers["WWW-Authenticate"]
    assert (401, "invalid_code") == refused(log_in(admin, otp=used))  # it confirmed the enrolment
    assert 200 == log_in(admin, otp=shown(secret, 1)).status_code
    assert 200 == log_in(admin, otp=codes[0]).status_code
    assert (401, "invalid_code") == refused(log_in(admin, otp=codes[0]))


def test_a_wrong_password_is_never_told_that_a_code_is_owed(admin: Staff) -> None:
    secret, _ = enrolled(admin)
    body = {"email": admin.user.email, "password": "wrong", "otp": shown(secret, 1)}
    answers = [
        admin.client.post("/api/v1/auth/login", json=sent)
        for sent in (body, {**body, "otp": None}, {**body, "email": "nobody@example.org"})
    ]
    assert [(401, "invalid_credentials")] * 3 == [refused(answer) for answer in answers]
    assert 200 == log_in(admin, otp=shown(secret, 1)).status_code


def test_enrolling_and_disabling_end_other_sessions_and_ask_for_the_password(world: World, admin: Staff) -> None:
    other = world.log_in(admin.user)
    assert (401, "invalid_credentials") == refused(admin.send("POST", "/auth/mfa/enroll", json={"password": "wrong"}))
    secret, codes = enrolled(admin)
    assert (401, "invalid_token") == refused(other.send("GET", "/auth/me"))
    assert (409, "mfa_enabled") == refused(admin.send("POST", "/auth/mfa/enroll", json=AGAIN))

    third = Staff(client=admin.client, user=admin.user, tokens=log_in(admin, otp=codes[0]).get_json())
    body = {**AGAIN, "otp": "000000"}
    assert (401, "invalid_code") == refused(admin.send("POST", "/auth/mfa/disable", json=body))
    off = admin.send("POST", "/auth/mfa/disable", json={**AGAIN, "otp": shown(secret, 1)})
    assert (204, b"") == (off.status_code, off.data)
    assert (401, "invalid_token") == refused(third.send("GET", "/auth/me"))
    assert (409, "mfa_not_enabled") == refused(admin.send("POST", "/auth/mfa/disable", json=body))
    assert 200 == log_in(admin).status_code


def test_recovery_codes_are_renewed(admin: Staff) -> None:
    _, old = enrolled(admin)
    renewed = admin.send("POST", "/auth/mfa/recovery-codes", json=AGAIN)
    assert 200 == renewed.status_code
    new = renewed.get_json()["recovery_codes"]
    assert (10, True) == (len(new), set(new).isdisjoint(old))
    assert (401, "invalid_code") == refused(log_in(admin, otp=old[0]))
    assert 200 == log_in(admin, otp=new[0]).status_code


def test_wrong_passwords_lock_here_as_at_the_door(admin: Staff) -> None:
    wrong = {"password": "wrong"}
    answers = [refused(admin.send("POST", "/auth/mfa/enroll", json=wrong)) for _ in range(6)]
    assert [(401, "invalid_credentials")] * 5 + [(423, "account_locked")] == answers
    assert (423, "account_locked") == refused(log_in(admin))


def test_what_is_missing_is_named(admin: Staff) -> None:
    assert {("/password", "required"), ("/otp", "required")} == findings(
        admin.send("POST", "/auth/mfa/disable", json={})
    )
    assert {("/required", "required")} == findings(admin.send("PUT", "/clinic/mfa", json={}))


def test_a_clinic_demands_it_and_the_next_request_feels_it(world: World, admin: Staff) -> None:
    reader = world.session(Role.READONLY)
    before = admin.send("GET", "/clinic/mfa")
    assert ([], False) == (before.get_json()["roles"], before.get_json()["required"])
    assert 200 == reader.send("GET", "/patients").status_code

    changed = admin.send("PUT", "/clinic/mfa", {"If-Match": before.headers["ETag"]}, json={"required": True})
    assert (200, '"1"') == (changed.status_code, changed.headers["ETag"])
    assert ["admin", "case_manager", "compliance_officer", "readonly"] == changed.get_json()["roles"]
    for staff in (reader, admin):
        for path in ("/patients", "/auth/me", "/users", "/clinic/mfa"):
            assert (403, "mfa_enrolment_required") == refused(staff.send("GET", path))

    enrolled(reader)
    assert 200 == reader.send("GET", "/patients").status_code
    enrolled(admin)
    path, off = "/clinic/mfa", {"required": False}
    assert (412, "stale_version") == refused(admin.send("PUT", path, {"If-Match": '"0"'}, json=off))
    assert [] == admin.send("PUT", path, {"If-Match": '"1"'}, json=off).get_json()["roles"]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_nobody_but_an_admin_demands_or_resets(world: World, role: Role) -> None:
    caller, target = world.session(role), world.session(Role.READONLY)
    enrolled(target)
    assert (403, "forbidden") == refused(caller.send("PUT", "/clinic/mfa", json={"required": False}))
    assert (403, "forbidden") == refused(caller.send("DELETE", f"/users/{target.user.id}/mfa"))
    assert 200 == target.send("GET", "/auth/me").status_code


def test_an_admin_resets_a_colleagues_factor(world: World, admin: Staff) -> None:
    target = world.session(Role.CASE_MANAGER)
    path = f"/users/{target.user.id}/mfa"
    assert (409, "mfa_not_enabled") == refused(admin.send("DELETE", path))
    enrolled(target)
    assert 204 == admin.send("DELETE", path).status_code
    assert (401, "invalid_token") == refused(target.send("GET", "/auth/me"))
    again = world.log_in(target.user)
    assert (403, "mfa_enrolment_required") == refused(again.send("GET", "/patients"))
    enrolled(again)
    assert 200 == again.send("GET", "/patients").status_code
    assert (403, "forbidden") == refused(admin.send("DELETE", f"/users/{admin.user.id}/mfa"))
