"""Bodies and query strings: strict, and with every finding at once."""

from __future__ import annotations

import json

import pytest

from mindbridge_flask import HttpSettings
from tests.http.world import Staff, findings, new_world, refused

JSON = "application/json"


def test_all_findings_are_named_at_once(admin: Staff) -> None:
    body = {"naem": "A", "status": "bananas", "medication_adherence": 100.5, "appointments_missed": "3", "mrn": ""}
    assert findings(admin.send("POST", "/patients", json=body)) == {
        ("/name", "required"),
        ("/naem", "unknown_field"),
        ("/status", "invalid_choice"),
        ("/medication_adherence", "out_of_range"),
        ("/appointments_missed", "invalid_type"),
        ("/mrn", "invalid_length"),
    }


def test_no_finding_repeats_a_value(admin: Staff) -> None:
    body = {
        "name": "\x00CANARY",
        "mrn": "CANARY" * 50,
        "date_of_birth": "CANARY",
        "status": "CANARY",
        "case_manager_id": "CANARY",
    }
    answer = admin.send("POST", "/patients", json=body)
    assert len(findings(answer)) == 5
    assert "CANARY" not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nul",
        b"{'a': 1}",
        b'{"name": NaN}',
        b'\xef\xbb\xbf{"name": "A"}',
        b'{"name": "\xff"}',
        '{"name": "A"}'.encode("utf-16"),
    ],
)
def test_what_is_not_json_in_utf_8_is_refused(admin: Staff, body: bytes) -> None:
    assert refused(admin.send("POST", "/patients", data=body, content_type=JSON)) == (400, "invalid_json")


@pytest.mark.parametrize("body", [b"[]", b"null", b"3", b'"text"', b"1e400", b"1e999999999999999999999999"])
def test_json_that_is_no_object_is_refused(admin: Staff, body: bytes) -> None:
    answer = admin.send("POST", "/patients", data=body, content_type=JSON)
    assert refused(answer)[0] in {400, 422}


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "application/json; charset=latin-1",
    ],
)
def test_a_body_not_declared_as_json_is_refused(admin: Staff, content_type: str | None) -> None:
    answer = admin.send("POST", "/patients", data=b'{"name": "A"}', content_type=content_type)
    assert refused(answer) == (415, "unsupported_media_type")


@pytest.mark.parametrize("content_type", [JSON, "application/json; charset=utf-8", "APPLICATION/JSON;charset=UTF-8"])
def test_a_body_declared_as_json_is_taken(admin: Staff, content_type: str) -> None:
    answer = admin.send("POST", "/patients", data=b'{"name": "A"}', content_type=content_type)
    assert answer.status_code == 201


def test_a_compressed_body_is_refused(admin: Staff) -> None:
    answer = admin.send("POST", "/patients", {"Content-Encoding": "gzip"}, data=b"{}", content_type=JSON)
    assert refused(answer) == (415, "unsupported_media_type")


def test_a_body_up_to_the_limit_is_taken_and_one_byte_more_is_not() -> None:
    world = new_world(HttpSettings(body_limit=200))
    admin = world.session()
    fitting = b'{"name": "A"}'.ljust(200)
    assert admin.send("POST", "/patients", data=fitting, content_type=JSON).status_code == 201
    assert refused(admin.send("POST", "/patients", data=fitting + b" ", content_type=JSON)) == (413, "body_too_large")


def test_a_long_body_of_no_declared_length_is_refused_too() -> None:
    admin = new_world(HttpSettings(body_limit=200)).session()
    chunked = {"wsgi.input": _Endless(), "wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    answer = admin.send("POST", "/patients", content_type=JSON, environ_overrides=chunked)
    assert refused(answer) == (413, "body_too_large")


class _Endless:
    """A body that does not end."""

    def read(self, size: int = -1) -> bytes:
        return b" " * (size if size > 0 else 1 << 20)

    def readline(self, size: int = -1) -> bytes:
        return self.read(size)


def test_nesting_is_refused_beyond_the_limit_and_not_before(admin: Staff) -> None:
    def nested(depth: int) -> bytes:
        return b'{"x":' * depth + b"1" + b"}" * depth

    assert refused(admin.send("POST", "/patients", data=nested(17), content_type=JSON)) == (400, "invalid_json")
    assert refused(admin.send("POST", "/patients", data=b"[" * 60_000, content_type=JSON)) == (400, "invalid_json")
    allowed = admin.send("POST", "/patients", data=nested(16), content_type=JSON)
    assert findings(allowed) == {("/x", "unknown_field"), ("/name", "required")}


def test_a_member_named_twice_is_refused_where_it_stands(admin: Staff) -> None:
    body = b'{"name": "A", "name": "B", "x~/y": [{"b": 1, "b": 2}]}'
    answer = admin.send("POST", "/patients", data=body, content_type=JSON)
    assert findings(answer) == {("/name", "duplicate_field"), ("/x~0~1y/0/b", "duplicate_field")}


@pytest.mark.parametrize("number", ["1" * 5000, "-1", "1e400", "0.001", "1" + "0" * 40, "true", '"5"', "[5]"])
def test_an_impossible_number_is_refused(admin: Staff, number: str) -> None:
    body = f'{{"name": "A", "medication_adherence": {number}}}'.encode()
    assert refused(admin.send("POST", "/patients", data=body, content_type=JSON))[0] in {400, 422}


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-01T00:00:00"])
def test_an_impossible_time_is_refused(admin: Staff, moment: str) -> None:
    answer = admin.send("POST", "/patients", json={"name": "A", "admitted_at": moment})
    assert findings(answer) == {("/admitted_at", "invalid_type")}


@pytest.mark.parametrize("text", ["\\u0000", "\\ud800", "\\u0007"])
def test_text_that_no_database_takes_is_refused(admin: Staff, text: str) -> None:
    answer = admin.send("POST", "/patients", data=f'{{"name": "A{text}"}}'.encode(), content_type=JSON)
    assert findings(answer) == {("/name", "invalid_characters")}


def test_every_query_parameter_is_held_to_its_rule_at_once(admin: Staff) -> None:
    query = "limit=0&cursor=x&risk_level=huge&status=&case_manager_id=1&include=all&page=2&limit=7"
    assert findings(admin.send("GET", f"/patients?{query}")) == {
        ("/limit", "repeated"),
        ("/limit", "out_of_range"),
        ("/cursor", "invalid_cursor"),
        ("/risk_level", "invalid_choice"),
        ("/status", "invalid_choice"),
        ("/case_manager_id", "invalid_type"),
        ("/include", "invalid_choice"),
        ("/page", "unknown_field"),
    }


@pytest.mark.parametrize(
    ("limit", "status"),
    [
        ("1", 200),
        ("100", 200),
        ("101", 422),
        ("0", 422),
        ("-1", 422),
        ("1.0", 422),
        ("", 422),
        ("ten", 422),
        ("9" * 400, 422),
    ],
)
def test_a_page_has_from_1_to_100_entries(admin: Staff, limit: str, status: int) -> None:
    assert admin.send("GET", f"/patients?limit={limit}").status_code == status


def test_a_good_parameter_given_twice_is_refused(admin: Staff) -> None:
    assert findings(admin.send("GET", "/patients?limit=5&limit=5")) == {("/limit", "repeated")}


@pytest.mark.parametrize("path", ["/auth/me?x=1", "/patients/019a3f5c-7a10-7c3e-8f21-5d0c6b9e4a77?x=1"])
def test_a_route_without_parameters_refuses_all_of_them(admin: Staff, path: str) -> None:
    assert findings(admin.send("GET", path)) == {("/x", "unknown_field")}


@pytest.mark.parametrize("everywhere", ["1", "yes", "True", ""])
def test_a_truth_value_is_true_or_false(admin: Staff, everywhere: str) -> None:
    assert findings(admin.send("POST", f"/auth/logout?everywhere={everywhere}")) == {("/everywhere", "invalid_type")}
    assert admin.send("POST", "/auth/logout?everywhere=false").status_code == 204


def test_the_name_of_an_unknown_field_is_cut_and_made_printable(admin: Staff) -> None:
    answer = admin.send(
        "POST", "/patients", data=json.dumps({"name": "A", "\x1b[31m" + "x" * 500: 1}), content_type=JSON
    )
    ((pointer, code),) = findings(answer)
    assert (code, len(pointer), pointer[:6]) == ("unknown_field", 65, "/?[31m")
