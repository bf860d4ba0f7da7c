"""The people in care, as the API shows them."""

from __future__ import annotations

from uuid import uuid4

import pytest

from mindbridge_core import Role
from mindbridge_core.identity import ClinicDraft
from tests.http.world import Staff, World, findings, refused

FIELDS = {
    "id", "name", "mrn", "date_of_birth", "diagnosis", "diagnosis_code", "part2", "medication_adherence",
    "last_appointment",
    "appointments_missed", "crisis_calls_30days", "current_risk_level", "manually_escalated", "status",
    "case_manager_id", "admitted_at", "version", "created_at", "updated_at",
}  # fmt: skip


def test_a_name_alone_makes_a_patient(admin: Staff) -> None:
    answer = admin.send("POST", "/patients", json={"name": "Alex Example"})
    shown = answer.get_json()
    assert answer.status_code == 201
    assert shown.keys() == FIELDS
    assert answer.headers["Location"] == f"/api/v1/patients/{shown['id']}"
    assert answer.headers["ETag"] == '"1"'
    assert admin.client.get(answer.headers["Location"]).status_code == 401
    assert admin.send("GET", f"/patients/{shown['id']}").get_json() == shown


def test_what_was_sent_is_what_is_shown(admin: Staff) -> None:
    sent = {
        "name": "Alex Example",
        "mrn": "MRN-0001",
        "date_of_birth": "1987-04-23",
        "diagnosis": "Bipolar disorder",
        "diagnosis_code": "F31.9",
        "medication_adherence": 72.25,
        "last_appointment": "2026-01-08",
        "appointments_missed": 1,
        "crisis_calls_30days": 2,
        "current_risk_level": "medium",
        "manually_escalated": True,
        "admitted_at": "2026-01-02T03:04:05Z",
        "status": "inactive",
        "case_manager_id": None,
    }
    shown = admin.admit(**sent)
    assert {name: shown[name] for name in sent} == sent


def test_an_adherence_of_zero_is_zero_and_an_unknown_one_is_null(admin: Staff) -> None:
    assert admin.admit(medication_adherence=0)["medication_adherence"] == 0
    assert admin.admit(medication_adherence=0.0)["medication_adherence"] == 0
    assert admin.admit()["medication_adherence"] is None


def test_a_search_finds_names_by_beginnings_and_mrns_whole(admin: Staff) -> None:
    jose = admin.admit(name="José O'Neill", mrn="MRN-7")["id"]
    joan = admin.admit(name="Joan Nelson")["id"]

    def found(query: str) -> list[str]:
        answer = admin.send("GET", "/patients", query_string={"q": query})
        return [one["id"] for one in answer.get_json()["data"]]

    assert [jose, joan] == found("jo")
    assert [jose] == found("neill JOSE") == found("mrn-7")
    assert [] == found("mrn") == found("ose")


def test_a_case_managers_search_ends_at_their_caseload(world: World) -> None:
    admin, manager = world.session(), world.session(Role.CASE_MANAGER)
    admin.admit(name="Mary Outside")
    inside = manager.admit(name="Mary Inside")["id"]
    shown = manager.send("GET", "/patients?q=mary").get_json()["data"]
    assert [inside] == [one["id"] for one in shown]
    assert [] == manager.send("GET", "/patients?q=outside").get_json()["data"]


@pytest.mark.parametrize("query", ["", "x" * 256])
def test_a_search_for_nothing_or_too_much_is_refused(admin: Staff, query: str) -> None:
    answer = admin.send("GET", "/patients", query_string={"q": query})
    assert ["/q"] == [pointer for pointer, _ in findings(answer)]


def test_pages_hold_every_patient_once(admin: Staff) -> None:
    made = [admin.admit()["id"] for _ in range(5)]
    seen, cursor = [], ""
    while cursor is not None:
        answer = admin.send("GET", f"/patients?limit=2{cursor and '&cursor=' + cursor}").get_json()
        assert answer.keys() == {"data", "pagination"}
        assert answer["pagination"].keys() == {"next_cursor", "has_more"}
        cursor = answer["pagination"]["next_cursor"]
        assert answer["pagination"]["has_more"] is (cursor is not None)
        seen += [patient["id"] for patient in answer["data"]]
    assert seen == made


def test_the_total_is_counted_only_when_asked_for(admin: Staff) -> None:
    for _ in range(3):
        admin.admit()
    asked = admin.send("GET", "/patients?limit=1&include=total").get_json()["pagination"]
    assert asked["total_count"] == 3
    assert "total_count" not in admin.send("GET", "/patients?limit=1").get_json()["pagination"]


def test_filters_hold_together(admin: Staff) -> None:
    admin.admit(current_risk_level="high", status="inactive")
    wanted = admin.admit(current_risk_level="high")
    admin.admit(current_risk_level="low")
    shown = admin.send("GET", "/patients?risk_level=high&status=active").get_json()["data"]
    assert [patient["id"] for patient in shown] == [wanted["id"]]


def test_a_case_managers_new_patient_is_in_their_list_and_nobody_elses(world: World) -> None:
    maria, sarah = world.session(Role.CASE_MANAGER), world.session(Role.CASE_MANAGER)
    made = maria.admit()
    assert made["case_manager_id"] == str(maria.user.id)
    assert [patient["id"] for patient in maria.send("GET", "/patients").get_json()["data"]] == [made["id"]]
    assert sarah.send("GET", "/patients").get_json()["data"] == []


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_any_subset_of_fields_changes_and_null_empties(admin: Staff, method: str) -> None:
    made = admin.admit(mrn="M1", diagnosis="Something")
    answer = admin.send(method, f"/patients/{made['id']}", json={"name": "New Name", "mrn": None})
    changed = answer.get_json()
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    assert (changed["name"], changed["mrn"], changed["diagnosis"]) == ("New Name", None, "Something")


def test_a_deleted_patient_is_gone(admin: Staff) -> None:
    made = admin.admit()
    answer = admin.send("DELETE", f"/patients/{made['id']}")
    assert (answer.status_code, answer.data) == (204, b"")
    assert refused(admin.send("GET", f"/patients/{made['id']}")) == (404, "not_found")
    assert refused(admin.send("DELETE", f"/patients/{made['id']}")) == (404, "not_found")


def test_missing_foreign_unassigned_deleted_and_impossible_ids_answer_alike(world: World, admin: Staff) -> None:
    other_clinic = world.core.open_clinic(ClinicDraft(organization="Oak", name="South"))
    foreign = world.log_in(world.staff(Role.ADMIN, other_clinic)).admit()
    deleted, unassigned = admin.admit(), admin.admit()
    admin.send("DELETE", f"/patients/{deleted['id']}")
    maria = world.session(Role.CASE_MANAGER)
    ids = [uuid4(), foreign["id"], deleted["id"], unassigned["id"], "not-an-id", "{" + str(uuid4()) + "}"]
    answers = [maria.send("GET", f"/patients/{one}") for one in ids]
    assert [refused(answer) for answer in answers] == [(404, "not_found")] * len(ids)
    assert len({(answer.get_json()["detail"], answer.get_json()["title"]) for answer in answers}) == 1


def test_a_role_without_the_operation_is_forbidden(world: World, admin: Staff) -> None:
    made = admin.admit()
    reader = world.session(Role.READONLY)
    assert reader.send("GET", f"/patients/{made['id']}").status_code == 200
    assert refused(reader.send("DELETE", f"/patients/{made['id']}")) == (403, "forbidden")
    assert refused(reader.send("POST", "/patients", json={"name": "A"})) == (403, "forbidden")


def test_one_mrn_belongs_to_one_patient(admin: Staff) -> None:
    admin.admit(mrn="M1")
    assert refused(admin.send("POST", "/patients", json={"name": "B", "mrn": "M1"})) == (409, "duplicate_mrn")
    assert admin.send("POST", "/patients", json={"name": "B", "mrn": "M2"}).status_code == 201


def test_what_the_core_finds_is_pointed_at_too(admin: Staff) -> None:
    answer = admin.send(
        "POST", "/patients", json={"name": "A", "date_of_birth": "1801-01-01", "case_manager_id": str(uuid4())}
    )
    assert findings(answer) == {("/date_of_birth", "out_of_range"), ("/case_manager_id", "unknown_case_manager")}
