"""What may be sent, and what comes back: defects 45 to 48, 50 to 54, 61."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from werkzeug.test import TestResponse

from mindbridge_core import Role
from mindbridge_core.testing.store import together
from tests.defects.scene import LOGIN, Caller, Scene, refused

JSON = "application/json"


@pytest.fixture
def admin(scene: Scene) -> Caller:
    """An admin with a session."""
    return scene.signed_in(Role.ADMIN)


def test_an_adherence_of_zero_stays_zero_in_answers_and_in_the_database(scene: Scene, admin: Caller) -> None:
    never, unknown = admin.admit(medication_adherence=0), admin.admit()
    page = admin.send("GET", "/patients").get_json()["data"]
    shown = [admin.send("GET", f"/patients/{one['id']}").get_json() for one in (never, unknown)]
    for answers in ([never, unknown], page, shown):
        assert [0, None] == [one["medication_adherence"] for one in answers]
    assert [Decimal(0), None] == [row["medication_adherence"] for row in scene.rows("patients")]
    assert (
        0
        == admin.send("PATCH", f"/patients/{unknown['id']}", json={"medication_adherence": 0}).get_json()[
            "medication_adherence"
        ]
    )


BAD_FIELDS = [
    '"case_manager_id": "not an id"',
    '"clinic_id": "not an id"',
    '"clinic_id": "019a3f5c-7a10-7c3e-8f21-5d0c6b9e4a77"',
    '"diagnosis_code": "F31.9999999"',
    f'"diagnosis": "{"x" * 256}"',
    '"status": null',
    '"status": "bananas"',
    '"medication_adherence": 1000000',
    '"medication_adherence": -1',
    '"medication_adherence": 1e999',
    '"appointments_missed": 2147483648',
    '"appointments_missed": -1',
    '"crisis_calls_30days": 99999999999999999999',
    '"crisis_calls_30days": 1.5',
    '"current_risk_level": "extreme"',
    '"name": "NUL \\u0000"',
    '"name": "half a pair \\ud800"',
    f'"name": "{"x" * 256}"',
    '"name": ""',
    '"mrn": "\\udfff"',
    '"last_appointment": "2026-02-30"',
    '"admitted_at": "2026-01-01T00:00:00"',
    '"nickname": "a typo"',
]


@pytest.mark.parametrize("field", BAD_FIELDS, ids=lambda field: field[:40].encode("ascii", "replace").decode())
def test_a_bad_field_is_a_finding_and_changes_nothing(scene: Scene, admin: Caller, field: str) -> None:
    made = admin.admit()
    name, path = field.split('"')[1], f"/patients/{made['id']}"
    whole = field if name == "name" else f'"name": "Ada", {field}'
    for method, address, sent in (("POST", "/patients", whole), ("PUT", path, field), ("PATCH", path, field)):
        answer = admin.send(method, address, data=f"{{{sent}}}".encode(), content_type=JSON)
        assert refused(answer) in {(422, "invalid_input"), (400, "invalid_json")}
        if answer.status_code == 422:
            assert [f"/{name}"] == [found["pointer"] for found in answer.get_json()["errors"]]
    assert made == admin.send("GET", path).get_json()
    assert 1 == len(scene.rows("patients"))


@pytest.mark.parametrize(
    "query",
    ["cursor=x", "cursor=%00", "cursor=%FF", "case_manager_id=x", "clinic_id=x", "limit=99999999999", "risk_level=x"],
)
def test_a_bad_query_is_a_finding(admin: Caller, query: str) -> None:
    assert (422, "invalid_input") == refused(admin.send("GET", f"/patients?{query}"))


@pytest.mark.parametrize("text", ["\\u0000", "\\ud800", "\\uffff", "x" * 300])
@pytest.mark.parametrize("field", ["email", "password"])
def test_odd_characters_in_credentials_are_refused_like_any_others(scene: Scene, field: str, text: str) -> None:
    sent = {"email": "ada@example.org", "password": "a lantern"} | {field: f"a{text}"}
    body = ", ".join(f'"{name}": "{value}"' for name, value in sent.items())
    answer = scene.app.test_client().post(LOGIN, data=f"{{{body}}}".encode(), content_type=JSON)
    assert refused(answer) in {(401, "invalid_credentials"), (422, "invalid_input")}


def test_every_field_can_be_corrected(admin: Caller) -> None:
    path = f"/patients/{admin.admit(name='Aad')['id']}"
    sent = {
        "name": "Ada",
        "date_of_birth": "1987-04-23",
        "mrn": "MRN-1",
        "admitted_at": "2026-01-02T03:04:05Z",
        "current_risk_level": "high",
    }
    changed = admin.send("PUT", path, json=sent).get_json()
    assert sent == {name: changed[name] for name in sent}
    assert changed == admin.send("GET", path).get_json()
    assert [changed["id"]] == admin.listed("?risk_level=high")
    assert [] == admin.listed("?risk_level=low")


@pytest.mark.parametrize("size", [70_000, 20_000_000])
def test_a_huge_body_is_refused_unread(scene: Scene, admin: Caller, size: int) -> None:
    data = b'{"name": "' + b"x" * size + b'"}'
    assert (413, "body_too_large") == refused(admin.send("POST", "/patients", data=data, content_type=JSON))
    assert (413, "body_too_large") == refused(scene.app.test_client().post(LOGIN, data=data, content_type=JSON))
    assert [] == admin.listed()


def test_times_say_their_zone(admin: Caller) -> None:
    made = admin.admit(admitted_at="2026-01-02T05:04:05+02:00")
    for name in ("created_at", "updated_at", "admitted_at"):
        assert timedelta(0) == datetime.fromisoformat(made[name]).utcoffset()
    assert "2026-01-02T03:04:05Z" == made["admitted_at"]


def test_of_two_writers_from_one_version_the_later_is_told(admin: Caller) -> None:
    made = admin.admit()

    def write(name: str) -> TestResponse:
        headers = {"If-Match": '"1"'}
        return admin.send("PATCH", f"/patients/{made['id']}", json={"name": name}, headers=headers)

    first = write("First")
    assert 200 == first.status_code
    assert (412, "stale_version") == refused(write("Second"))
    assert first.get_json() == admin.send("GET", f"/patients/{made['id']}").get_json()


def test_of_two_writers_at_once_one_is_told(scene: Scene, admin: Caller) -> None:
    path = f"/api/v1/patients/{admin.admit()['id']}"
    headers = {"Authorization": f"Bearer {admin.tokens['access_token']}", "If-Match": '"1"'}
    clients = [scene.app.test_client() for _ in range(2)]
    tasks = [lambda client=client: client.patch(path, json={"name": "New"}, headers=headers) for client in clients]
    statuses = sorted(answer.status_code for answer in together(*tasks) if not isinstance(answer, Exception))
    assert statuses in ([200, 409], [200, 412])


def test_a_duplicate_is_a_conflict(admin: Caller) -> None:
    admin.admit(mrn="MRN-1")
    assert (409, "duplicate_mrn") == refused(admin.send("POST", "/patients", json={"name": "B", "mrn": "MRN-1"}))
    admin.admit(mrn="MRN-2")


def test_pages_follow_the_order_of_admission_and_the_total_is_to_be_had(admin: Caller) -> None:
    made = [admin.admit()["id"] for _ in range(5)]
    seen: list[str] = []
    page: dict[str, Any] = {"next_cursor": None, "has_more": True}
    while page["has_more"]:
        cursor = f"&cursor={page['next_cursor']}" if page["next_cursor"] else ""
        answer = admin.send("GET", f"/patients?limit=2&include=total{cursor}").get_json()
        page = answer["pagination"]
        assert 5 == page["total_count"]
        seen += [patient["id"] for patient in answer["data"]]
    assert made == seen


def test_what_was_promised_to_clients_is_there(admin: Caller) -> None:
    assert admin.send("GET", "/auth/me").get_json() == admin.send("GET", "/users/me").get_json()
    refreshed = admin.send("POST", "/auth/refresh", json={"refresh_token": admin.tokens["refresh_token"]})
    assert 200 == refreshed.status_code
    assert {"access_token", "refresh_token", "token_type", "expires_in"} == refreshed.get_json().keys()
    assert 204 == admin.send("POST", "/auth/logout").status_code
    assert (401, "invalid_token") == refused(admin.send("GET", "/auth/me"))
