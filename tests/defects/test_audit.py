"""What the trail says, and what is done without it: defects 6, 37 to 39, 41, 42, 44."""

from __future__ import annotations

from uuid import UUID, uuid4

import psycopg
import pytest

from mindbridge_core import Action, Role
from mindbridge_core.audit import AuditEntry, Outcome
from tests.defects.scene import WRONG, Caller, Scene, refused, scene_of
from tests.support.postgres import TestDatabase
from tests.support.product import Product

Called = list[tuple[Action, Outcome, bool]]


def since(scene: Scene, before: int) -> list[AuditEntry]:
    return scene.trail()[before:]


def told(entries: list[AuditEntry]) -> Called:
    return [(entry.action, entry.outcome, entry.phi_accessed) for entry in entries]


@pytest.fixture
def admin(scene: Scene) -> Caller:
    """An admin with a session."""
    return scene.signed_in(Role.ADMIN)


def test_every_request_for_patients_leaves_its_entry_by_user_record_and_request(scene: Scene, admin: Caller) -> None:
    before = len(scene.trail())
    made = admin.admit()
    patient_id, path = UUID(made["id"]), f"/patients/{made['id']}"
    assert 53 == len(f"/api/v1{path}")  # longer than the first plan's column
    admin.send("GET", path, headers={"X-Request-ID": "request-7", "User-Agent": "probe/1"})
    admin.send("PATCH", path, json={"name": "Eve"})
    admin.send("GET", "/patients")
    admin.send("DELETE", path)
    found = since(scene, before)
    actions = [Action.PATIENT_CREATE, Action.PATIENT_VIEW, Action.PATIENT_CHANGE, Action.PATIENT_LIST]
    assert [(action, Outcome.SUCCESS, True) for action in [*actions, Action.PATIENT_DELETE]] == told(found)
    assert {(admin.user.id, scene.clinic_id, "patient")} == {
        (entry.user_id, entry.clinic_id, entry.resource_type) for entry in found
    }
    assert [patient_id, patient_id, patient_id, None, patient_id] == [entry.resource_id for entry in found]
    assert (patient_id,) == found[3].resource_ids
    view = found[1]
    assert ("request-7", "probe/1", "127.0.0.1") == (view.request_id, view.user_agent, view.ip_address)
    assert view.session_id is not None


def test_a_refused_request_is_no_access_to_phi(scene: Scene, admin: Caller) -> None:
    made, stranger = admin.admit(), scene.signed_in(Role.CASE_MANAGER)
    reader = scene.signed_in(Role.READONLY)
    before = len(scene.trail())
    path = f"/patients/{made['id']}"
    assert 401 == scene.app.test_client().get(f"/api/v1{path}").status_code
    assert 404 == stranger.send("GET", path).status_code
    assert 404 == admin.send("GET", f"/patients/{uuid4()}").status_code
    assert 403 == reader.send("DELETE", path).status_code
    admin.send("POST", "/auth/logout")
    assert 401 == admin.send("GET", path).status_code
    denied = [entry for entry in since(scene, before) if entry.action is not Action.AUTH_LOGOUT]
    view, delete = Action.PATIENT_VIEW, Action.PATIENT_DELETE
    assert [(action, Outcome.DENIED, False) for action in (view, view, delete, view)] == told(denied)
    # Who asked is known by name where a session stood; to the last request nobody belongs any more.
    assert [stranger.user.id, admin.user.id, reader.user.id] == [entry.user_id for entry in denied[:3]]


def test_failed_logins_are_entered(scene: Scene) -> None:
    user = scene.staff(Role.READONLY)
    before = len(scene.trail())
    scene.log_in(user.email, WRONG)
    scene.log_in(user.email)
    found = since(scene, before)
    login = Action.AUTH_LOGIN
    assert [(login, Outcome.DENIED, False), (login, Outcome.SUCCESS, False)] == told(found)
    assert [user.id] * 2 == [entry.resource_id for entry in found]


def test_a_deleted_patient_says_by_whom_and_when(scene: Scene, admin: Caller) -> None:
    kept, deleted = admin.admit(), admin.admit()
    assert 204 == admin.send("DELETE", f"/patients/{deleted['id']}").status_code
    rows = {str(row["id"]): row for row in scene.rows("patients")}
    assert (None, None) == (rows[kept["id"]]["deleted_by"], rows[kept["id"]]["deleted_at"])
    assert admin.user.id == rows[deleted["id"]]["deleted_by"]
    assert rows[deleted["id"]]["deleted_at"] is not None


def test_an_error_of_ours_is_entered_as_a_failure(scene: Scene, admin: Caller) -> None:
    made = admin.admit()
    with psycopg.connect(scene.database.superuser_url) as superuser:
        superuser.execute("UPDATE patients SET name = name || '\\x00' WHERE id = %s", (made["id"],))
    before = len(scene.trail())
    assert (500, "damaged_record") == refused(admin.send("GET", f"/patients/{made['id']}"))
    assert [(Action.PATIENT_VIEW, Outcome.FAILURE, False)] == told(since(scene, before))


def test_what_cannot_be_entered_is_not_done(product: Product, database: TestDatabase) -> None:
    scene = scene_of(product, database)
    admin = scene.signed_in(Role.ADMIN)
    made = admin.admit(name="Ada Example")
    path = f"/patients/{made['id']}"
    with psycopg.connect(database.superuser_url) as superuser:
        superuser.execute("ALTER TABLE audit_logs ADD CONSTRAINT never CHECK (false) NOT VALID")
    for method, address, options in (
        ("GET", path, {}),
        ("GET", "/patients", {}),
        ("PATCH", path, {"json": {"name": "Eve"}}),
        ("POST", "/patients", {"json": {"name": "Eve"}}),
        ("DELETE", path, {}),
    ):
        answer = admin.send(method, address, **options)
        assert (503, "audit_unavailable") == refused(answer)
        assert "Example" not in answer.text
    with psycopg.connect(database.superuser_url) as superuser:
        superuser.execute("ALTER TABLE audit_logs DROP CONSTRAINT never")
    assert made == admin.send("GET", path).get_json()
    assert [made["id"]] == admin.listed()
