"""Appointments, crisis events, metrics and the timeline, as the API shows them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from mindbridge_core import Role
from mindbridge_core.identity import ClinicDraft
from tests.http.world import Staff, World, findings, refused


def ago(**by: float) -> str:
    return (datetime.now(UTC) - timedelta(**by)).isoformat().replace("+00:00", "Z")


def call_at(at: str, **more: Any) -> dict[str, Any]:
    return {"severity": "high", "event_type": "crisis_call", "occurred_at": at, **more}


def made(staff: Staff, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = staff.send("POST", path, json=body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    shown: dict[str, Any] = answer.get_json()
    return shown


def test_an_appointment_is_scheduled_missed_and_counted(admin: Staff) -> None:
    patient = admin.admit()
    path = f"/patients/{patient['id']}/appointments"
    answer = admin.send("POST", path, json={"scheduled_at": ago(days=1), "appointment_type": "therapy", "notes": "n"})
    visit = answer.get_json()
    assert (answer.status_code, answer.headers["ETag"]) == (201, '"1"')
    assert answer.headers["Location"] == f"/api/v1/appointments/{visit['id']}"
    assert (visit["status"], visit["notes"], visit["scheduled_by"]) == ("scheduled", "n", str(admin.user.id))
    missed = admin.send("PATCH", f"/appointments/{visit['id']}", {"If-Match": '"1"'}, json={"status": "missed"})
    assert (missed.status_code, missed.headers["ETag"]) == (200, '"2"')
    assert admin.send("GET", path).get_json() == {
        "data": [missed.get_json()],
        "pagination": {"next_cursor": None, "has_more": False},
    }
    assert admin.send("GET", f"/patients/{patient['id']}").get_json()["appointments_missed"] == 1
    assert admin.send("GET", "/patients").get_json()["data"][0]["appointments_missed"] == 1


def test_a_closed_appointment_and_a_stale_version_are_refused(admin: Staff) -> None:
    path = f"/patients/{admin.admit()['id']}/appointments"
    address = f"/appointments/{made(admin, path, {'scheduled_at': ago(days=1)})['id']}"
    assert admin.send("PATCH", address, json={"status": "completed"}).status_code == 200
    again = admin.send("PATCH", address, json={"status": "completed"})
    assert refused(again) == (409, "illegal_transition")
    assert refused(admin.send("PATCH", address, {"If-Match": '"1"'}, json={"notes": "n"})) == (412, "stale_version")
    strict = admin.send("PATCH", address, {"Prefer": "handling=strict"}, json={"notes": "n"})
    assert refused(strict) == (428, "precondition_required")
    early = made(admin, path, {"scheduled_at": ago(days=-1)})
    answer = admin.send("PATCH", f"/appointments/{early['id']}", json={"status": "missed"})
    assert findings(answer) == {("/status", "too_early")}
    assert findings(admin.send("POST", path, json={"scheduled_at": "2026-01-01T10:00:00"})) == {
        ("/scheduled_at", "invalid_type")
    }


def test_a_crisis_event_is_reported_resolved_and_counted(admin: Staff) -> None:
    patient = admin.admit(crisis_calls_30days=2)
    path = f"/patients/{patient['id']}/crisis-events"
    event = made(admin, path, call_at(ago(hours=-0.0), description="d", follow_up_required=True))
    resolved = admin.send("PATCH", f"/crisis-events/{event['id']}", json={"resolution": "r"})
    assert resolved.get_json()["resolved_by"] == str(admin.user.id)
    assert refused(admin.send("PATCH", f"/crisis-events/{event['id']}", json={"resolution": "r"})) == (
        409,
        "illegal_transition",
    )
    assert admin.send("GET", path).get_json()["data"] == [resolved.get_json()]
    assert admin.send("GET", f"/patients/{patient['id']}").get_json()["crisis_calls_30days"] == 3
    assert findings(admin.send("POST", path, json=call_at(ago(hours=-1)))) == {("/occurred_at", "out_of_range")}
    assert findings(admin.send("POST", path, json=call_at(ago(hours=1), event_type="they called"))) == {
        ("/event_type", "invalid_choice")
    }


def test_a_metric_is_recorded_and_the_newest_is_the_patients(admin: Staff) -> None:
    patient = admin.admit(medication_adherence=90)
    path = f"/patients/{patient['id']}/metrics"
    newest = made(admin, path, {"metric_type": "medication_adherence", "metric_value": 41.5})
    made(admin, path, {"metric_type": "medication_adherence", "metric_value": 99, "recorded_at": ago(days=9)})
    made(admin, path, {"metric_type": "phq_9", "metric_value": 19, "recorded_at": ago(days=5)})
    shown = admin.send("GET", path).get_json()["data"]
    assert [(one["metric_type"], one["metric_value"]) for one in shown] == [
        ("medication_adherence", 41.5),
        ("phq_9", 19),
        ("medication_adherence", 99),
    ]
    assert shown[0] == newest
    assert admin.send("GET", f"/patients/{patient['id']}").get_json()["medication_adherence"] == 41.5
    answer = admin.send("POST", path, json={"metric_type": "gad_7", "metric_value": 22})
    assert findings(answer) == {("/metric_value", "out_of_range")}


def test_the_timeline_shows_all_of_it_in_order_page_by_page(admin: Staff) -> None:
    record = f"/patients/{admin.admit()['id']}"
    visit = made(admin, f"{record}/appointments", {"scheduled_at": ago(days=3)})
    event = made(admin, f"{record}/crisis-events", call_at(ago(days=1)))
    metric = made(admin, f"{record}/metrics", {"metric_type": "gad_7", "metric_value": 9, "recorded_at": ago(days=2)})
    seen: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        shown = admin.send("GET", f"{record}/timeline?limit=1{cursor and '&cursor=' + cursor}").get_json()
        seen += shown["data"]
        cursor = shown["pagination"]["next_cursor"]
    assert seen == [
        {"kind": "crisis_event", "at": event["occurred_at"], "crisis_event": event},
        {"kind": "metric", "at": metric["recorded_at"], "metric": metric},
        {"kind": "appointment", "at": visit["scheduled_at"], "appointment": visit},
    ]
    assert findings(admin.send("GET", f"{record}/timeline?cursor=x")) == {("/cursor", "invalid_cursor")}


def test_what_one_may_not_reach_is_as_if_not_there(world: World, admin: Staff) -> None:
    record = f"/patients/{admin.admit()['id']}"
    visit = made(admin, f"{record}/appointments", {"scheduled_at": ago(days=3)})
    event = made(admin, f"{record}/crisis-events", call_at(ago(days=1)))
    other_clinic = world.core.open_clinic(ClinicDraft(organization="Oak", name="South"))
    foreigner, manager = world.log_in(world.staff(Role.ADMIN, other_clinic)), world.session(Role.CASE_MANAGER)
    for staff in (foreigner, manager):
        for part in ("appointments", "crisis-events", "metrics", "timeline"):
            assert refused(staff.send("GET", f"{record}/{part}")) == (404, "not_found")
        for address in (f"/appointments/{visit['id']}", f"/crisis-events/{event['id']}", f"/appointments/{uuid4()}"):
            assert refused(staff.send("PATCH", address, json={})) == (404, "not_found")
        assert refused(staff.send("POST", f"{record}/crisis-events", json=call_at(ago(days=1)))) == (404, "not_found")
    reader = world.session(Role.READONLY)
    assert reader.send("GET", f"{record}/timeline").status_code == 200
    assert refused(reader.send("PATCH", f"/appointments/{visit['id']}", json={})) == (403, "forbidden")
    assert admin.send("PATCH", f"/appointments/{visit['id']}", json={}).status_code == 200


@pytest.mark.parametrize(
    ("part", "body"),
    [
        ("appointments", {"scheduled_at": "2026-01-05T10:00:00Z"}),
        ("crisis-events", call_at("2026-01-05T10:00:00Z")),
        ("metrics", {"metric_type": "phq_9", "metric_value": 5}),
    ],
)
def test_the_same_key_and_body_give_the_first_answer_once(admin: Staff, part: str, body: dict[str, Any]) -> None:
    key, path = {"Idempotency-Key": "k"}, f"/patients/{admin.admit()['id']}/{part}"
    first, again = (admin.send("POST", path, key, json=body) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.get_json() == again.get_json()
    assert len(admin.send("GET", path).get_json()["data"]) == 1
    elsewhere = f"/patients/{admin.admit()['id']}/{part}"
    assert refused(admin.send("POST", elsewhere, key, json=body)) == (422, "idempotency_key_reused")


def test_a_number_that_follows_from_records_changes_the_tag_and_not_the_version(admin: Staff) -> None:
    record = f"/patients/{admin.admit()['id']}"
    before = admin.send("GET", record).headers["ETag"]
    assert before == '"1"'
    made(admin, f"{record}/crisis-events", call_at(ago(days=1)))
    answer = admin.send("GET", record, {"If-None-Match": before})
    assert (answer.status_code, answer.get_json()["crisis_calls_30days"]) == (200, 1)
    tag = answer.headers["ETag"]
    assert tag.startswith('"1-')
    assert admin.send("GET", record, {"If-None-Match": tag}).status_code == 304
    made(admin, f"{record}/crisis-events", call_at(ago(days=1)))
    assert admin.send("GET", record, {"If-None-Match": tag}).status_code == 200
    changed = admin.send("PATCH", record, {"If-Match": tag}, json={"name": "B"})
    assert (changed.status_code, changed.headers["ETag"][:3]) == (200, '"2-')
    assert refused(admin.send("PATCH", record, {"If-Match": tag}, json={"name": "C"})) == (412, "stale_version")


def test_a_form_that_was_opened_before_a_record_came_does_not_write_its_old_numbers_over_it(admin: Staff) -> None:
    record = f"/patients/{admin.admit(medication_adherence=90)['id']}"
    for adherence in (30, 20):
        tag = admin.send("GET", record).headers["ETag"]
        made(admin, f"{record}/metrics", {"metric_type": "medication_adherence", "metric_value": adherence})
        for method in ("PUT", "PATCH"):
            late = admin.send(method, record, {"If-Match": tag}, json={"name": "B", "medication_adherence": 90})
            assert refused(late) == (412, "stale_version")
        assert admin.send("GET", record).get_json()["medication_adherence"] == adherence
    tag = admin.send("GET", record).headers["ETag"]
    changed = admin.send("PUT", record, {"If-Match": tag}, json={"name": "B", "medication_adherence": 80})
    assert (changed.status_code, changed.get_json()["medication_adherence"]) == (200, 80)
    late = admin.send("PATCH", record, {"If-Match": '"2"'}, json={"name": "C"})
    assert late.status_code == 200


def test_examples_of_bodies_are_accepted_as_they_stand(world: World, admin: Staff) -> None:
    schemas = world.client.get("/api/openapi.json").get_json()["components"]["schemas"]
    record = f"/patients/{admin.admit()['id']}"
    sent = (("appointments", "AppointmentDraft"), ("crisis-events", "CrisisEventDraft"), ("metrics", "MetricDraft"))
    ids = [made(admin, f"{record}/{part}", schemas[name]["examples"][0])["id"] for part, name in sent]
    for address, name in ((f"/appointments/{ids[0]}", "AppointmentChanges"),
                          (f"/crisis-events/{ids[1]}", "CrisisEventChanges")):  # fmt: skip
        assert admin.send("PATCH", address, json=schemas[name]["examples"][0]).status_code == 200


def test_a_new_record_has_its_address_below_what_was_asked_or_among_its_like(admin: Staff) -> None:
    record = f"/patients/{admin.admit()['id']}"
    for part, body, address in (
        ("consents", {"consent_type": "treatment", "consent_form_version": "1"}, f"{record}/consents"),
        ("metrics", {"metric_type": "phq_9", "metric_value": 5}, f"{record}/metrics"),
        ("crisis-events", call_at(ago(days=1)), "/crisis-events"),
    ):
        answer = admin.send("POST", f"{record}/{part}", json=body)
        assert answer.headers["Location"] == f"/api/v1{address}/{answer.get_json()['id']}"
