"""Screenings and their reviews, as the API shows them."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from mindbridge_core import Role
from mindbridge_core.identity import ClinicDraft
from mindbridge_memory import ScriptedAssessor, scripted_answer
from tests.http.world import Staff, World, findings, new_world, refused

AT_RISK = {"medication_adherence": 45, "appointments_missed": 3, "crisis_calls_30days": 4}
WELL = {"medication_adherence": 95}


def screen(staff: Staff, patient_id: str, **headers: str) -> dict[str, Any]:
    answer = staff.send("POST", "/screenings", headers=headers, json={"patient_id": patient_id})
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.get_json()
    assert answer.headers["Location"].endswith(f"/screenings/{shown['id']}")
    assert answer.headers["Cache-Control"] == "no-store"
    return shown


def test_a_patient_is_screened_and_the_level_is_the_patients(admin: Staff) -> None:
    made = admin.admit(**AT_RISK)
    shown = screen(admin, made["id"])
    expected = {
        "patient_id": made["id"],
        "performed_by": str(admin.user.id),
        "screening_type": "manual",
        "risk_level": "high",
        "effective_risk_level": "high",
        "rules_level": "high",
        "uncertain": False,
        "review_status": "pending_review",
        "flags": ["immediate_outreach"],
        "missing": ["last_appointment"],
        "assessor": "rules",
        "ai_failure": None,
        "version": 1,
    }
    assert expected.items() <= shown.items()
    assert 70 <= shown["risk_score"] <= 100
    assert "crisis_calls_3_and_adherence_below_50" in {rule["id"] for rule in shown["fired_rules"]}
    assert {"action", "urgency", "assigned_to"} == shown["recommended_actions"][0].keys()
    assert admin.send("GET", f"/patients/{made['id']}").get_json()["current_risk_level"] == "high"
    assert admin.send("GET", f"/screenings/{shown['id']}").get_json() == shown
    history = admin.send("GET", f"/patients/{made['id']}/history").get_json()
    assert ({"next_cursor": None, "has_more": False}, shown) == (history["pagination"], history["data"][0])
    (first,) = history["data"][1:]
    assert ("record", None) == (first["screening_type"], first["performed_by"])


def test_the_same_key_screens_once(admin: Staff) -> None:
    made = admin.admit(**WELL)
    first = screen(admin, made["id"], **{"Idempotency-Key": "once"})
    assert first == screen(admin, made["id"], **{"Idempotency-Key": "once"})
    assert 1 == len(admin.send("GET", f"/patients/{made['id']}/history").get_json()["data"])


def test_a_history_goes_on_page_by_page(admin: Staff) -> None:
    made = admin.admit(**WELL)
    ids = [screen(admin, made["id"])["id"] for _ in range(3)]
    path = f"/patients/{made['id']}/history?limit=2"
    first = admin.send("GET", path).get_json()
    rest = admin.send("GET", f"{path}&cursor={first['pagination']['next_cursor']}").get_json()
    assert ids[::-1] == [one["id"] for one in first["data"] + rest["data"]]


def test_two_clinicians_lower_a_high(world: World, admin: Staff) -> None:
    maria = world.session(Role.CASE_MANAGER)
    made = maria.admit(**AT_RISK)
    path = f"/screenings/{screen(maria, made['id'])['id']}/review"
    body = {"decision": "override", "risk_level": "medium", "reason": "Seen today, safe at home"}
    proposed = maria.send("POST", path, json=body).get_json()
    assert ("pending_review", "high") == (proposed["review_status"], proposed["effective_risk_level"])
    assert {"by": str(maria.user.id), "risk_level": "medium"}.items() <= proposed["lowering_proposed"].items()
    assert refused(maria.send("POST", path, json=body)) == (409, "second_clinician_required")
    agreed = admin.send("POST", path, json=body).get_json()
    assert ("overridden", "medium", "high") == (
        agreed["review_status"],
        agreed["effective_risk_level"],
        agreed["risk_level"],
    )
    assert body["reason"] == agreed["review_note"]
    assert "medium" == maria.send("GET", f"/patients/{made['id']}").get_json()["current_risk_level"]
    assert refused(maria.send("POST", path, json={"decision": "confirm"})) == (409, "already_reviewed")


def test_a_confirmed_screening_leaves_the_queue(world: World) -> None:
    maria, reader = world.session(Role.CASE_MANAGER), world.session(Role.READONLY)
    shown = screen(maria, maria.admit(**WELL)["id"])
    path = "/screenings?review_status=pending_review"
    assert [shown["id"]] == [one["id"] for one in reader.send("GET", path).get_json()["data"]]
    assert [] == world.session(Role.CASE_MANAGER).send("GET", path).get_json()["data"]
    assert [] == reader.send("GET", f"{path}&overdue=true").get_json()["data"]
    confirmed = maria.send("POST", f"/screenings/{shown['id']}/review", json={"decision": "confirm"}).get_json()
    assert ("confirmed", str(maria.user.id), None) == (
        confirmed["review_status"],
        confirmed["reviewed_by"],
        confirmed["review_note"],
    )
    assert [] == reader.send("GET", path).get_json()["data"]
    assert refused(reader.send("POST", f"/screenings/{shown['id']}/review", json={"decision": "confirm"})) == (
        403,
        "forbidden",
    )


def test_a_review_needs_what_it_needs(admin: Staff) -> None:
    path = f"/screenings/{screen(admin, admin.admit(**AT_RISK)['id'])['id']}/review"
    assert findings(admin.send("POST", path, json={"decision": "override"})) == {
        ("/risk_level", "required"),
        ("/reason", "required"),
    }
    assert findings(admin.send("POST", path, json={"decision": "approve"})) == {("/decision", "invalid_choice")}


def test_a_replay_and_a_what_if(world: World, admin: Staff) -> None:
    shown = screen(admin, admin.admit(medication_adherence=55)["id"])
    path = f"/screenings/{shown['id']}"
    replay = world.session(Role.COMPLIANCE_OFFICER).send("POST", f"{path}/replay").get_json()
    assert {"same": True, "risk_level": "low", "stored_risk_level": "low"}.items() <= replay.items()
    imagined = admin.send("POST", f"{path}/what-if", json={"rule": "adherence_below_50", "bound": 60}).get_json()
    assert {"same": False, "risk_level": "medium", "stored_risk_level": "low"}.items() <= imagined.items()
    assert findings(admin.send("POST", f"{path}/what-if", json={"rule": "none", "bound": 60})) == {
        ("/rule", "unknown_rule")
    }


def test_a_screening_of_another_clinic_or_caseload_is_as_if_not_there(world: World, admin: Staff) -> None:
    made = admin.admit(**WELL)
    shown = screen(admin, made["id"])
    other_clinic = world.core.open_clinic(ClinicDraft(organization="Oak", name="South"))
    foreigner = world.log_in(world.staff(Role.ADMIN, other_clinic))
    for staff in (foreigner, world.session(Role.CASE_MANAGER)):
        assert refused(staff.send("GET", f"/screenings/{shown['id']}")) == (404, "not_found")
        assert refused(staff.send("GET", f"/patients/{made['id']}/history")) == (404, "not_found")
        assert refused(staff.send("POST", "/screenings", json={"patient_id": made["id"]})) == (404, "not_found")
    assert [] == foreigner.send("GET", "/screenings").get_json()["data"]


@pytest.mark.parametrize("said", ["low", "nonsense"])
def test_a_model_changes_no_level_below_the_rules_and_its_failure_is_no_error(said: str) -> None:
    assessor = ScriptedAssessor(lambda _: scripted_answer("low", 1) if said == "low" else said)
    world = new_world(change_ports=lambda ports: attrs.evolve(ports, risk_assessor=assessor))
    admin = world.session()
    made = admin.admit(**AT_RISK)
    consent = {"consent_type": "ai_analysis", "consent_form_version": "1"}
    assert admin.send("POST", f"/patients/{made['id']}/consents", json=consent).status_code == 201
    shown = screen(admin, made["id"])
    assert ("high", "scripted") == (shown["risk_level"], shown["assessor"])
    assert (None if said == "low" else "malformed") == shown["ai_failure"]
    assert 1 == len(assessor.asked)


def test_the_dashboard_shows_a_clinic_or_a_caseload_at_a_glance(world: World, admin: Staff) -> None:
    maria = world.session(Role.CASE_MANAGER)
    made = maria.admit(**AT_RISK)  # is screened as they come
    admin.admit(**WELL)
    shown = admin.send("GET", "/screenings/dashboard").get_json()
    assert {"high": 1, "medium": 0, "low": 0, "unscreened": 1} == shown["levels"]
    assert {"active": 2, "screened": 1} == shown["coverage"]
    assert {"pending": 1, "overdue": 0} == shown["unreviewed"]
    assert {"late": False, "due_at": None, "last_ended_at": None, "missed": 1} == shown["daily"]
    (urgent,) = shown["urgent"]
    assert (made["id"], "Alex Example", "pending_review") == (
        urgent["patient_id"],
        urgent["name"],
        urgent["review_status"],
    )
    assert [{"high": 1, "medium": 0, "low": 0}] == [
        {name: day[name] for name in ("high", "medium", "low")} for day in shown["trend"]
    ]
    own = maria.send("GET", "/screenings/dashboard").get_json()
    assert [{"case_manager_id": str(maria.user.id), "patients": 1, "high": 1}] == own["caseloads"]
    stranger = world.session(Role.CASE_MANAGER).send("GET", "/screenings/dashboard").get_json()
    assert ({"active": 0, "screened": 0}, []) == (stranger["coverage"], stranger["urgent"])
    assert refused(world.session(Role.COMPLIANCE_OFFICER).send("GET", "/screenings/dashboard")) == (403, "forbidden")


def test_drift_is_told_to_admins_and_officers_in_counts_alone(world: World, admin: Staff) -> None:
    maria = world.session(Role.CASE_MANAGER)
    made = maria.admit(**AT_RISK)
    screen(maria, made["id"])
    for caller in (admin, world.session(Role.COMPLIANCE_OFFICER)):
        answer = caller.send("GET", "/screenings/drift?recent_days=7&reference_days=7")
        assert 200 == answer.status_code
        shown = answer.get_json()
        assert (False, 0) == (shown["found"], shown["reference"]["screenings"])
        assert {"too_few"} == {figure["standing"] for figure in shown["figures"]}
        (rules,) = (one for one in shown["sources"] if one["measure"] == "rules_version")
        assert not rules["changed"]
        assert made["id"] not in answer.text
    assert refused(maria.send("GET", "/screenings/drift")) == (403, "forbidden")
    assert 422 == admin.send("GET", "/screenings/drift?recent_days=0").status_code
