"""Consents, disclosures and access reports, as the API shows them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from mindbridge_core import Role
from mindbridge_core.identity import ClinicDraft
from tests.http.world import Staff, World, findings, refused

SUD = {
    "consent_type": "sud_disclosure",
    "consent_form_version": "2026-01",
    "discloser": "Oakwood",
    "information": "Diagnosis and medication",
    "recipients": "Elm Clinic",
    "purpose": "Continued care",
    "expiry_event": "The end of treatment",
    "right_to_revoke_stated": True,
    "signed_name": "Alex Example",
    "signed_on": "2026-01-12",
}
TO_ELM = {"recipient": "Elm Clinic", "purpose": "Continued care", "description": "The record"}


def record(staff: Staff, patient_id: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = staff.send("POST", f"/patients/{patient_id}/consents", json=body)
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.get_json()
    return shown


def test_a_part2_record_goes_out_with_notice_and_consent_and_not_without(admin: Staff) -> None:
    made = admin.admit(diagnosis_code="F10.20")
    path = f"/patients/{made['id']}/disclosures"
    assert made["part2"] is True
    assert refused(admin.send("POST", path, json=TO_ELM)) == (403, "consent_required")
    consent = record(admin, made["id"], SUD)
    answer = admin.send("POST", path, json=TO_ELM)
    shown = answer.get_json()
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    assert "42 CFR part 2" in shown["notice"]
    assert (shown["consent"], shown["patient"]) == (consent, made)
    assert {name: shown["disclosure"][name] for name in TO_ELM} == TO_ELM
    assert refused(admin.send("POST", path, json=TO_ELM | {"recipient": "Oak"})) == (403, "consent_required")
    assert admin.send("POST", f"/consents/{consent['id']}/revoke").get_json()["revoked_at"] is not None
    assert refused(admin.send("POST", path, json=TO_ELM)) == (403, "consent_required")
    assert refused(admin.send("POST", f"/consents/{consent['id']}/revoke")) == (409, "consent_revoked")


def test_an_ordinary_record_goes_out_without_notice(admin: Staff) -> None:
    made = admin.admit(diagnosis_code="F31.9")
    assert made["part2"] is False
    record(admin, made["id"], {"consent_type": "data_sharing", "consent_form_version": "1"})
    answer = admin.send("POST", f"/patients/{made['id']}/disclosures", json=TO_ELM)
    assert (answer.status_code, answer.get_json()["notice"]) == (201, None)


def test_the_mark_follows_the_diagnosis_and_hides_nobody_inside_the_clinic(world: World, admin: Staff) -> None:
    made = admin.admit(diagnosis_code="F31.9")
    changed = admin.send("PATCH", f"/patients/{made['id']}", json={"diagnosis_code": "F19.10"}).get_json()
    assert changed["part2"] is True
    reader = world.session(Role.READONLY)
    assert [one["part2"] for one in reader.send("GET", "/patients").get_json()["data"]] == [True]
    assert reader.send("GET", f"/patients/{made['id']}").status_code == 200


def test_all_that_a_consent_lacks_is_found_at_once(admin: Staff) -> None:
    made = admin.admit()
    body = {"consent_type": "sud_disclosure", "witness_user_id": str(admin.user.id), "signed_on": "2999-01-01"}
    assert findings(admin.send("POST", f"/patients/{made['id']}/consents", json=body)) == {
        ("/consent_form_version", "required"),
        ("/discloser", "required"),
        ("/information", "required"),
        ("/recipients", "required"),
        ("/purpose", "required"),
        ("/expires_at", "required"),
        ("/right_to_revoke_stated", "required"),
        ("/signed_name", "required"),
        ("/signed_on", "out_of_range"),
        ("/witness_user_id", "unknown_witness"),
    }
    assert admin.send("GET", f"/patients/{made['id']}/consents").get_json()["data"] == []


def test_the_history_of_consents_is_shown_whole(world: World) -> None:
    maria, officer = world.session(Role.CASE_MANAGER), world.session(Role.COMPLIANCE_OFFICER)
    made = maria.admit()
    plain = {"consent_type": "treatment", "consent_form_version": "1", "witness_user_id": str(officer.user.id)}
    first = record(maria, made["id"], plain)
    second = record(maria, made["id"], {"consent_type": "treatment", "granted": False})
    path = f"/patients/{made['id']}/consents"
    assert officer.send("GET", path).get_json() == {
        "data": [first, second],
        "pagination": {"next_cursor": None, "has_more": False},
    }
    assert refused(officer.send("POST", path, json=plain)) == (403, "forbidden")
    assert refused(world.session(Role.READONLY).send("GET", path)) == (403, "forbidden")
    assert refused(world.session(Role.CASE_MANAGER).send("GET", path)) == (404, "not_found")


def test_a_consent_of_another_clinic_or_caseload_is_as_if_not_there(world: World, admin: Staff) -> None:
    consent = record(admin, admin.admit()["id"], {"consent_type": "treatment", "consent_form_version": "1"})
    other_clinic = world.core.open_clinic(ClinicDraft(organization="Oak", name="South"))
    foreigner = world.log_in(world.staff(Role.ADMIN, other_clinic))
    for staff in (foreigner, world.session(Role.CASE_MANAGER)):
        assert refused(staff.send("POST", f"/consents/{consent['id']}/revoke")) == (404, "not_found")
    assert refused(admin.send("POST", f"/consents/{uuid4()}/revoke")) == (404, "not_found")
    assert admin.send("POST", f"/consents/{consent['id']}/revoke").status_code == 200


def test_the_accounting_groups_repeats_and_is_for_officers_and_admins(world: World, admin: Staff) -> None:
    made = admin.admit()
    path = f"/patients/{made['id']}/disclosures"
    record(admin, made["id"], {"consent_type": "data_sharing", "consent_form_version": "1"})
    for ground in ("other", "other", "treatment"):
        body = TO_ELM | {"recipient_address": "1 Elm Street", "ground": ground}
        assert admin.send("POST", path, json=body).status_code == 201
    officer = world.session(Role.COMPLIANCE_OFFICER)
    shown = officer.send("GET", path).get_json()
    (line,) = shown["data"]
    assert {**TO_ELM, "recipient_address": "1 Elm Street", "times": 2}.items() <= line.items()
    assert line["first"] < line["last"]
    assert refused(officer.send("POST", path, json=TO_ELM)) == (403, "forbidden")
    for role in (Role.CASE_MANAGER, Role.READONLY):
        assert refused(world.session(role).send("GET", path)) == (403, "forbidden")


def test_the_access_report_names_who_looked_page_by_page(world: World, admin: Staff) -> None:
    made = admin.admit()
    reader = world.session(Role.READONLY)
    reader.send("GET", f"/patients/{made['id']}")
    reader.send("GET", "/patients")
    officer = world.session(Role.COMPLIANCE_OFFICER)
    path = f"/patients/{made['id']}/access-report"
    seen: list[tuple[str, str]] = []
    cursor: str | None = ""
    while cursor is not None:
        shown = officer.send("GET", f"{path}?limit=1{cursor and '&cursor=' + cursor}").get_json()
        seen += [(line["action"], line["user_role"]) for line in shown["data"]]
        cursor = shown["pagination"]["next_cursor"] if len(seen) < 3 else None
    assert seen == [("patient.create", "admin"), ("patient.view", "readonly"), ("patient.list", "readonly")]
    named = officer.send("GET", path).get_json()["data"]
    assert named[1]["user_name"] == reader.user.full_name
    assert "patient.access_report" in {line["action"] for line in named}
    assert refused(reader.send("GET", path)) == (403, "forbidden")


@pytest.mark.parametrize(
    "query", ["since=2026-01-01T00:00:00Z&until=2025-01-01T00:00:00Z", "since=2001-01-01T00:00:00Z"]
)
def test_a_period_that_cannot_be_is_refused(admin: Staff, query: str) -> None:
    made = admin.admit()
    answer = admin.send("GET", f"/patients/{made['id']}/access-report?{query}")
    assert findings(answer) == {("/since", "out_of_range")}
