"""Break-glass over HTTP: opened, used, listed and reviewed."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from mindbridge_core import Role
from mindbridge_core.identity import ClinicDraft
from tests.http.world import Staff, World, findings, refused

WHY = {"access_reason": "On the crisis line, nobody else is there"}
FINE = {"outcome": "justified", "note": "The crisis line confirms it"}


@pytest.fixture
def maria(world: World) -> Staff:
    return world.session(Role.CASE_MANAGER)


def opened(staff: Staff, patient_id: str) -> dict[str, Any]:
    answer = staff.send("POST", f"/patients/{patient_id}/break-glass", json=WHY)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    shown: dict[str, Any] = answer.get_json()
    return shown


def test_a_case_manager_opens_a_patient_and_reads_it(admin: Staff, maria: Staff) -> None:
    patient = admin.admit()
    path = f"/patients/{patient['id']}"
    assert refused(maria.send("GET", path)) == (404, "not_found")
    access = opened(maria, patient["id"])
    assert {"id", "patient_id", "granted_at", "expires_at"} == access.keys()
    assert access == opened(maria, patient["id"])
    assert maria.send("GET", path).get_json() == patient
    assert refused(maria.send("PATCH", path, json={"status": "inactive"})) == (403, "forbidden")
    assert maria.send("GET", "/patients").get_json()["data"] == []


def test_roles_that_reach_the_patient_anyway_do_not_open_it(world: World, admin: Staff) -> None:
    patient = admin.admit()
    for role in (Role.ADMIN, Role.COMPLIANCE_OFFICER, Role.READONLY):
        staff = world.session(role)
        answer = staff.send("POST", f"/patients/{patient['id']}/break-glass", json=WHY)
        assert refused(answer) == (403, "forbidden")


def test_patients_that_are_not_there_answer_alike_and_ones_own_is_a_conflict(
    world: World, admin: Staff, maria: Staff
) -> None:
    foreigner = world.log_in(
        world.staff(Role.ADMIN, world.core.open_clinic(ClinicDraft(organization="Oak", name="South")))
    )
    removed = admin.admit()["id"]
    assert admin.send("DELETE", f"/patients/{removed}").status_code == 204
    for patient_id in (foreigner.admit()["id"], removed, str(uuid4()), "nobody"):
        answer = maria.send("POST", f"/patients/{patient_id}/break-glass", json=WHY)
        assert refused(answer) == (404, "not_found")
    answer = maria.send("POST", f"/patients/{maria.admit()['id']}/break-glass", json=WHY)
    assert refused(answer) == (409, "in_caseload")


@pytest.mark.parametrize(
    ("body", "finding"),
    [
        ({}, ("/access_reason", "required")),
        ({"access_reason": "too short"}, ("/access_reason", "invalid_length")),
        ({"access_reason": "aaaaaaaaaaaaaaa"}, ("/access_reason", "not_in_words")),
        ({"access_reason": None}, ("/access_reason", "invalid_type")),
        (WHY | {"hours": 24}, ("/hours", "unknown_field")),
    ],
)
def test_a_reason_must_be_given_in_words(
    admin: Staff, maria: Staff, body: dict[str, object], finding: tuple[str, str]
) -> None:
    answer = maria.send("POST", f"/patients/{admin.admit()['id']}/break-glass", json=body)
    assert findings(answer) == {finding}


def test_officers_and_admins_review_the_queue_and_nobody_else(world: World, admin: Staff, maria: Staff) -> None:
    first, second = (opened(maria, admin.admit()["id"]) for _ in range(2))
    officer = world.session(Role.COMPLIANCE_OFFICER)
    page = officer.send("GET", "/break-glass?status=unreviewed&limit=1").get_json()
    (waiting,) = page["data"]
    assert {**WHY, "id": first["id"], "user_id": str(maria.user.id), "outcome": None}.items() <= waiting.items()
    cursor = page["pagination"]["next_cursor"]
    rest = officer.send("GET", f"/break-glass?status=unreviewed&cursor={cursor}").get_json()["data"]
    assert [one["id"] for one in rest] == [second["id"]]
    path = f"/break-glass/{first['id']}/review"
    for staff in (maria, world.session(Role.READONLY)):
        assert refused(staff.send("GET", "/break-glass")) == (403, "forbidden")
        assert refused(staff.send("POST", path, json=FINE)) == (403, "forbidden")
    shown = officer.send("POST", path, json=FINE).get_json()
    assert {**FINE, "reviewed_by": str(officer.user.id)}.items() <= shown.items()
    assert refused(admin.send("POST", path, json=FINE)) == (409, "already_reviewed")
    assert refused(admin.send("POST", f"/break-glass/{uuid4()}/review", json=FINE)) == (404, "not_found")
    reviewed = admin.send("GET", "/break-glass?status=reviewed").get_json()["data"]
    assert reviewed == [shown]
    assert [one["id"] for one in admin.send("GET", "/break-glass").get_json()["data"]] == [first["id"], second["id"]]


def test_a_review_says_what_it_came_to_and_why(admin: Staff, maria: Staff) -> None:
    path = f"/break-glass/{opened(maria, admin.admit()['id'])['id']}/review"
    assert findings(admin.send("POST", path, json={"outcome": "fine", "note": " "})) == {
        ("/outcome", "invalid_choice"),
        ("/note", "invalid_length"),
    }
    assert admin.send("POST", path, json=FINE | {"outcome": "unjustified"}).status_code == 200


def test_the_trail_and_the_access_report_show_the_reason(world: World, admin: Staff, maria: Staff) -> None:
    patient = admin.admit()
    access = opened(maria, patient["id"])
    maria.send("GET", f"/patients/{patient['id']}")
    officer = world.session(Role.COMPLIANCE_OFFICER)
    entries = officer.send("GET", f"/audit-logs?user_id={maria.user.id}").get_json()["data"]
    marked = [one for one in entries if one["changes"]["values"].get("break_glass_id") == access["id"]]
    assert [(one["action"], one["access_reason"]) for one in marked] == [
        ("patient.view", WHY["access_reason"]),
        ("break_glass.open", WHY["access_reason"]),
    ]
    lines = officer.send("GET", f"/patients/{patient['id']}/access-report").get_json()["data"]
    assert 2 == sum(line["access_reason"] == WHY["access_reason"] for line in lines)
