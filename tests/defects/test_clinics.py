"""Who reaches whose records, and with which tokens: defects 3, 15, 16, 17, 32, 49."""

from __future__ import annotations

import base64
import hmac
from datetime import timedelta
from typing import Any
from uuid import uuid4

import attrs
import pytest

from mindbridge_core import Origin, Role, SessionClaim
from tests.defects.scene import Caller, Scene, refused
from tests.support.product import PASSWORD

CHANGES: dict[str, dict[str, object]] = {"PUT": {"json": {"name": "Mallory"}}, "PATCH": {"json": {"name": "Mallory"}}}
PLACEHOLDERS = ("CHANGE-ME-IN-PRODUCTION", "change-me", "secret", "")
METHODS = ("GET", "PUT", "PATCH", "DELETE")


def reach(caller: Caller, method: str, patient_id: str) -> tuple[int, str]:
    return refused(caller.send(method, f"/patients/{patient_id}", **CHANGES.get(method, {})))


@pytest.mark.parametrize("role", [Role.ADMIN, Role.CASE_MANAGER])
def test_who_creates_a_patient_sees_them_in_the_list_of_their_own_clinic(scene: Scene, role: Role) -> None:
    caller, elsewhere = scene.signed_in(role), scene.signed_in(Role.ADMIN, scene.clinic())
    made = caller.admit()
    assert [made["id"]] == caller.listed()
    assert [] == elsewhere.listed()
    assert [made["id"]] == [str(row["id"]) for row in scene.rows("patients")]


@pytest.mark.parametrize("role", [Role.ADMIN, Role.CASE_MANAGER, Role.READONLY])
def test_staff_of_another_clinic_neither_read_nor_change_a_patient_by_id(scene: Scene, role: Role) -> None:
    owner, stranger = scene.signed_in(Role.ADMIN), scene.signed_in(role, scene.clinic())
    made = owner.admit()
    lacks = {Role.READONLY: {"PUT", "PATCH", "DELETE"}, Role.CASE_MANAGER: {"DELETE"}}.get(role, set())
    for method in METHODS:
        expected = (403, "forbidden") if method in lacks else (404, "not_found")
        assert expected == reach(stranger, method, made["id"])
    assert made == owner.send("GET", f"/patients/{made['id']}").get_json()


@pytest.mark.parametrize("role", [Role.READONLY, Role.COMPLIANCE_OFFICER])
def test_who_may_only_read_neither_creates_changes_nor_deletes(scene: Scene, role: Role) -> None:
    owner, reader = scene.signed_in(Role.ADMIN), scene.signed_in(role)
    made = owner.admit()
    assert (403, "forbidden") == refused(reader.send("POST", "/patients", json={"name": "Mallory"}))
    for method in METHODS[1:]:
        assert (403, "forbidden") == reach(reader, method, made["id"])
    assert made == reader.send("GET", f"/patients/{made['id']}").get_json()
    assert [made["id"]] == reader.listed()


def test_a_case_manager_does_not_reach_a_colleagues_patient_by_id(scene: Scene) -> None:
    maria, sarah = scene.signed_in(Role.CASE_MANAGER), scene.signed_in(Role.CASE_MANAGER)
    made = maria.admit()
    for method in METHODS[:3]:
        assert (404, "not_found") == reach(sarah, method, made["id"])
    assert made == maria.send("GET", f"/patients/{made['id']}").get_json()


def claim_of(scene: Scene, caller: Caller) -> SessionClaim:
    return scene.core.ports.access_tokens.read(caller.tokens["access_token"], scene.clock(), Origin())


def signed(scene: Scene, caller: Caller, claim: SessionClaim) -> Caller:
    """Return the caller with a token for `claim` under our own key, as somebody who stole it would make one."""
    now = scene.clock()
    token = scene.core.ports.access_tokens.issue(claim, now, now + timedelta(minutes=5))
    return attrs.evolve(caller, tokens={**caller.tokens, "access_token": token})


def test_even_a_token_under_our_own_key_opens_no_other_clinic(scene: Scene) -> None:
    own, other = scene.signed_in(Role.ADMIN), scene.signed_in(Role.ADMIN, scene.clinic())
    other.admit()
    genuine = claim_of(scene, own)
    assert [] == signed(scene, own, genuine).listed()
    forged: list[dict[str, Any]] = [
        {"clinic_id": other.user.clinic_id},
        {"clinic_id": other.user.clinic_id, "user_id": other.user.id},
        {"user_id": other.user.id},
        {"user_id": uuid4()},
        {"session_id": uuid4()},
        {"clinic_id": uuid4()},
    ]
    for changes in forged:
        answer = signed(scene, own, attrs.evolve(genuine, **changes)).send("GET", "/patients")
        assert (401, "invalid_token") == refused(answer)


def resigned(token: str, secret: bytes) -> str:
    """Return the token with its header and claims as they are, signed with `secret`."""
    signed = token.rpartition(".")[0]
    signature = hmac.digest(secret, signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


@pytest.mark.parametrize("secret", PLACEHOLDERS)
def test_a_token_under_a_guessed_secret_is_refused(scene: Scene, secret: str) -> None:
    caller = scene.signed_in(Role.ADMIN)
    token, ring = caller.tokens["access_token"], scene.product.ring
    assert token == resigned(token, ring.token_keys[ring.current_token_key].secret)  # so that it is the key that counts
    forged = attrs.evolve(caller, tokens={"access_token": resigned(token, secret.encode())})
    assert (401, "invalid_token") == refused(forged.send("GET", "/auth/me"))


def test_a_patient_is_given_to_case_managers_of_the_own_clinic_only(scene: Scene) -> None:
    admin, own = scene.signed_in(Role.ADMIN), scene.staff(Role.CASE_MANAGER)
    made = admin.admit(case_manager_id=str(own.id))
    retired = scene.staff(Role.CASE_MANAGER)
    scene.change_user(retired, deleted_at=scene.clock())
    others = [scene.staff(Role.CASE_MANAGER, scene.clinic()).id, admin.user.id, retired.id, uuid4()]
    for other in map(str, others):
        body = {"name": "Eve", "case_manager_id": other}
        assert (422, "invalid_input") == refused(admin.send("POST", "/patients", json=body))
        assert (422, "invalid_input") == refused(admin.send("PUT", f"/patients/{made['id']}", json=body))
    assert made == admin.send("GET", f"/patients/{made['id']}").get_json()


def test_there_is_no_default_password(scene: Scene) -> None:
    assert [] == scene.rows("users")
    for email in ("admin@oakwood.health", "admin@example.org", "admin"):
        for password in ("admin123!", "admin", PASSWORD):
            assert 200 != scene.log_in(email, password).status_code
