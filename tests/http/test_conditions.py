"""Preconditions, idempotency and request ids."""

from __future__ import annotations

import pytest

from mindbridge_core.audit import AuditEntry
from tests.http.world import Staff, World, refused


@pytest.mark.parametrize("sent", ['"1"', "*", " * ", 'W/"1", "1"', ', "1" ,'])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_change_from_the_current_version_is_made(admin: Staff, method: str, sent: str) -> None:
    made = admin.admit()
    answer = admin.send(method, f"/patients/{made['id']}", {"If-Match": sent}, json={"name": "B"})
    assert answer.status_code == (204 if method == "DELETE" else 200)


@pytest.mark.parametrize("sent", ['"1"', 'W/"2"', '"abc"', '"02"', '""', '"99999999999999999999"'])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_change_from_any_other_version_is_refused_and_not_made(admin: Staff, method: str, sent: str) -> None:
    path = f"/patients/{admin.admit()['id']}"
    current = admin.send("PATCH", path, json={"name": "B"}).get_json()
    assert refused(admin.send(method, path, {"If-Match": sent}, json={"name": "C"})) == (412, "stale_version")
    assert admin.send("GET", path).get_json() == current


@pytest.mark.parametrize("sent", ["1", "", '"1', "W/1", '"1""2"', '"1" "2"', '"1", x', '"a b"', '"1", "2"', ","])
def test_a_malformed_precondition_is_refused(admin: Staff, sent: str) -> None:
    path = f"/patients/{admin.admit()['id']}"
    assert refused(admin.send("PATCH", path, {"If-Match": sent}, json={"name": "B"})) == (400, "invalid_header")


def test_a_precondition_says_nothing_of_a_record_out_of_reach(admin: Staff) -> None:
    path = "/patients/019a3f5c-7a10-7c3e-8f21-5d0c6b9e4a77"
    assert refused(admin.send("DELETE", path, {"If-Match": 'W/"1"'})) == (404, "not_found")


@pytest.mark.parametrize("prefer", ["handling=strict", "return=minimal, Handling=strict", 'handling="strict"; x=1'])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_strict_handling_asks_for_the_precondition(admin: Staff, method: str, prefer: str) -> None:
    path = f"/patients/{admin.admit()['id']}"
    answer = admin.send(method, path, {"Prefer": prefer}, json={"name": "B"})
    assert refused(answer) == (428, "precondition_required")
    allowed = admin.send(method, path, {"Prefer": prefer, "If-Match": '"1"'}, json={"name": "B"})
    assert allowed.status_code in {200, 204}


@pytest.mark.parametrize("prefer", ["handling=lenient", "respond-async", ""])
def test_lenient_handling_does_not(admin: Staff, prefer: str) -> None:
    path = f"/patients/{admin.admit()['id']}"
    assert admin.send("PATCH", path, {"Prefer": prefer}, json={"name": "B"}).status_code == 200


@pytest.mark.parametrize("sent", ['"1"', 'W/"1"', '"7", "1"', "*"])
def test_a_version_that_the_client_has_is_not_sent_again_but_audited(world: World, admin: Staff, sent: str) -> None:
    path = f"/patients/{admin.admit()['id']}"
    before = len(_entries(world))
    answer = admin.send("GET", path, {"If-None-Match": sent})
    assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", '"1"')
    assert len(_entries(world)) == before + 1


@pytest.mark.parametrize("sent", ['"2"', "nonsense", ""])
def test_another_version_is_sent(admin: Staff, sent: str) -> None:
    answer = admin.send("GET", f"/patients/{admin.admit()['id']}", {"If-None-Match": sent})
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"1"')


def test_the_same_key_and_body_give_the_first_answer_once(admin: Staff) -> None:
    key = {"Idempotency-Key": "a key of my own"}
    first = admin.send("POST", "/patients", key, data=b'{"name": "A", "mrn": "1"}', content_type="application/json")
    path = first.headers["Location"].removeprefix("/api/v1")
    admin.send("PATCH", path, json={"name": "B"})
    again = admin.send("POST", "/patients", key, data=b'{"mrn":"1","name":"A"}', content_type="application/json")
    assert (again.status_code, again.get_json()) == (201, first.get_json())
    assert [again.headers[name] for name in ("Location", "ETag")] == [first.headers[n] for n in ("Location", "ETag")]
    assert len(admin.send("GET", "/patients").get_json()["data"]) == 1


def test_the_same_key_with_another_body_is_refused(admin: Staff) -> None:
    key = {"Idempotency-Key": "k"}
    assert admin.send("POST", "/patients", key, json={"name": "A"}).status_code == 201
    assert refused(admin.send("POST", "/patients", key, json={"name": "B"})) == (422, "idempotency_key_reused")
    assert len(admin.send("GET", "/patients").get_json()["data"]) == 1


@pytest.mark.parametrize("again", ["50.0", "5e1", "5E+1", "50.00000000000000000000000000000000"])
def test_equal_numbers_are_one_body_however_written(admin: Staff, again: str) -> None:
    made = {_answer_to_adherence(admin, written)["id"] for written in ("50", again)}
    assert len(made) == 1


@pytest.mark.parametrize("other", ['"50"', "50.01", "5", "500", "-50", "50.00000000000000000000000000000001"])
def test_other_numbers_and_texts_are_another_body(admin: Staff, other: str) -> None:
    _answer_to_adherence(admin, "50")
    assert _answer_to_adherence(admin, other)["status"] == 422


def _answer_to_adherence(admin: Staff, written: str) -> dict[str, object]:
    body = f'{{"name": "A", "medication_adherence": {written}}}'
    answer = admin.send("POST", "/patients", {"Idempotency-Key": "k"}, data=body, content_type="application/json")
    told: dict[str, object] = answer.get_json()
    return told


def test_another_key_makes_another_patient(admin: Staff) -> None:
    made = {
        admin.send("POST", "/patients", {"Idempotency-Key": key}, json={"name": "A"}).get_json()["id"]
        for key in ("a", "~" * 255)
    }
    assert len(made) == 2


@pytest.mark.parametrize("key", ["", "k" * 256, "caf\xe9", "a\tb"])
def test_a_malformed_key_is_refused(admin: Staff, key: str) -> None:
    answer = admin.send("POST", "/patients", {"Idempotency-Key": key}, json={"name": "A"})
    assert refused(answer) == (400, "invalid_header")
    assert admin.send("GET", "/patients").get_json()["data"] == []


@pytest.mark.parametrize("sent", ["a", "A-z_0.9", "x" * 64])
def test_a_harmless_request_id_is_kept_in_the_answer_the_problem_and_the_trail(
    world: World, admin: Staff, sent: str
) -> None:
    answer = admin.send("GET", "/patients", {"X-Request-ID": sent})
    assert answer.headers["X-Request-ID"] == sent
    assert _entries(world)[-1].request_id == sent
    problem = world.client.get("/api/nothing", headers={"X-Request-ID": sent})
    assert refused(problem) == (404, "unknown_path")
    assert problem.get_json()["correlation_id"] == sent


@pytest.mark.parametrize("sent", [None, "", "x" * 65, "a b", "a;b", "\xe9", "<script>"])
def test_any_other_request_id_is_replaced_by_a_new_one(world: World, admin: Staff, sent: str | None) -> None:
    headers = {} if sent is None else {"X-Request-ID": sent}
    given = [admin.send("GET", "/patients", headers).headers["X-Request-ID"] for _ in range(2)]
    assert all(len(one) == 36 and one != sent for one in given)
    assert given[0] != given[1]
    assert _entries(world)[-1].request_id == given[1]


def test_the_trail_knows_the_address_of_the_connection_and_no_header_s(world: World, admin: Staff) -> None:
    admin.send("GET", "/patients", {"X-Forwarded-For": "203.0.113.9", "User-Agent": "probe/1"})
    entry = _entries(world)[-1]
    assert (entry.ip_address, entry.user_agent) == ("127.0.0.1", "probe/1")


def _entries(world: World) -> list[AuditEntry]:
    with world.store.open_unit(world.clinic_id) as unit:
        _, lanes = unit.audit.read()
    return [sealed.entry for lane in lanes.values() for sealed in lane]
