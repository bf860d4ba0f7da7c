"""Patients from a file over HTTP: how it may be sent, what is answered, and where it does not lie."""

from __future__ import annotations

import csv
import json
import tempfile
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from mindbridge_core import Role
from mindbridge_flask import HttpSettings
from mindbridge_flask.importing import LONGEST_CSV, MOST_REMARKS
from tests.http.world import Staff, World, findings, new_world, refused

MIXED = "name,mrn\r\nAda,1\r\n,2\r\n-Eve,3\r\n"


def send(staff: Staff, text: str | bytes, query: str = "", **options: Any) -> Any:
    data = text.encode() if isinstance(text, str) else text
    return staff.send("POST", f"/patients/import{query}", **{"data": data, "content_type": "text/csv"} | options)


def names(staff: Staff) -> list[str]:
    return [one["name"] for one in staff.send("GET", "/patients?limit=100").get_json()["data"]]


def test_good_rows_are_stored_and_counted(admin: Staff) -> None:
    answer = send(admin, "name,mrn\nAda,1\nZoë 山田,2\n")
    assert 200 == answer.status_code
    assert answer.get_json() == {
        "mode": "all_or_nothing",
        "dry_run": False,
        "rows": 2,
        "accepted": 2,
        "rejected": 0,
        "warned": 0,
        "stored": 2,
        "screened": 0,
        "remarks": [],
        "rejected_csv": None,
        "rejected_csv_complete": True,
    }
    assert ["Ada", "Zoë 山田"] == names(admin)


@pytest.mark.parametrize(
    ("query", "stored"),
    [("", []), ("?mode=all_or_nothing", []), ("?mode=partial", ["Ada", "-Eve"]), ("?mode=partial&dry_run=true", [])],
)
def test_what_becomes_of_the_good_rows_is_the_modes(admin: Staff, query: str, stored: list[str]) -> None:
    shown = send(admin, MIXED, query).get_json()
    assert (3, 2, 1, len(stored)) == (shown["rows"], shown["accepted"], shown["rejected"], shown["stored"])
    assert [(3, False, "/name", "required")] == [
        (row["line"], row["accepted"], found["pointer"], found["code"])
        for row in shown["remarks"]
        for found in row["findings"]
    ]
    assert 'import_findings","name","mrn"\r\n"name: is required","","2"\r\n' in shown["rejected_csv"]
    assert stored == names(admin)


def test_rejected_rows_come_back_as_csv_and_are_taken_mended(admin: Staff) -> None:
    answer = send(admin, MIXED, "?mode=partial", headers={"Accept": "text/csv"})
    assert ("text/csv; charset=utf-8; header=present", 200) == (answer.content_type, answer.status_code)
    assert "attachment" in answer.headers["Content-Disposition"]
    assert "no-store" == answer.headers["Cache-Control"]
    mended = answer.text.replace('"","2"', '"Joe","2"')
    assert 1 == send(admin, mended).get_json()["stored"]
    assert ["Ada", "-Eve", "Joe"] == names(admin)


def test_a_warning_is_remarked_and_the_row_kept(admin: Staff) -> None:
    (row,) = send(admin, "name,date of birth\nAda,1980-02-29\nADA,1980-02-29").get_json()["remarks"]
    assert (3, True, [], "possible_duplicate") == (
        row["line"],
        row["accepted"],
        row["findings"],
        row["warnings"][0]["code"],
    )


def test_a_mapping_names_other_columns(admin: Staff) -> None:
    mapping = json.dumps({"Patient": "name", "Shoe": ""})
    assert 200 == send(admin, "Patient,Shoe\nAda,38", f"?mapping={mapping}").status_code
    assert ["Ada"] == names(admin)
    for bad in ("[]", "{", '{"a":1}', '{"a":"' + "x" * 5000 + '"}', "[" * 4000):
        assert {("/mapping", "invalid_format")} == findings(send(admin, "name\nEve", f"?mapping={bad}"))
    assert {("/mapping/nobody", "unknown_column")} == findings(send(admin, "name\nEve", '?mapping={"Nobody":"mrn"}'))
    assert ["Ada"] == names(admin)


def test_a_form_may_bring_the_file(admin: Staff) -> None:
    form = {"file": (BytesIO(MIXED.encode()), "patients.csv")}
    answer = send(admin, b"", "?mode=partial", data=form, content_type="multipart/form-data")
    assert 2 == answer.get_json()["stored"]
    for bad in (
        {"other": (BytesIO(b"name"), "patients.csv")},
        {"file": "name"},
        {"file": (BytesIO(b"name"), "a.csv"), "more": "1"},
        {"file": [(BytesIO(b"name"), "a.csv"), (BytesIO(b"name"), "b.csv")]},
        {},
    ):
        answer = send(admin, b"", data=bad, content_type="multipart/form-data")
        assert (400, "invalid_form") == refused(answer)


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("application/json", {}),
        ("text/plain", {}),
        ("text/csv; charset=latin-1", {}),
        ("text/csv", {"Content-Encoding": "gzip"}),
    ],
)
def test_another_kind_of_body_is_refused(admin: Staff, kind: str, more: dict[str, str]) -> None:
    answer = send(admin, MIXED, content_type=kind, headers=more)
    assert (415, "unsupported_media_type") == refused(answer)
    assert "text/csv, multipart/form-data" == answer.headers["Accept"]


def test_a_form_without_a_boundary_is_refused(admin: Staff) -> None:
    assert (400, "invalid_form") == refused(send(admin, MIXED, content_type="multipart/form-data"))


@pytest.mark.parametrize("form", [False, True])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_file_has_a_limit_of_its_own(*, form: bool, chunked: bool) -> None:
    admin = new_world(HttpSettings(body_limit=200, import_limit=2000)).session()
    for rows, status in ((400, 200), (1100, 413)):
        text = b"name\n" + b"A\n" * rows
        options: dict[str, Any] = {"data": {"file": (BytesIO(text), "a.csv")}, "content_type": "multipart/form-data"}
        if not form:
            options = {"data": text + b"\n" * 500, "content_type": "text/csv"}
        if chunked:
            options["environ_overrides"] = {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}
        answer = send(admin, b"", **options)
        assert status == answer.status_code, answer.text
    assert 413 == admin.send("POST", "/patients", json={"name": "A" * 300}).status_code


def test_a_file_that_cannot_be_read_is_refused_by_its_line(admin: Staff) -> None:
    assert {("/lines/2", "not_utf_8")} == findings(send(admin, b"name\n\xff"))
    assert {("/header/shoe", "unknown_column")} == findings(send(admin, b"name,shoe\nAda,38"))
    assert [] == names(admin)


def test_only_admins_import(world: World) -> None:
    for role in Role:
        staff = world.session(role)
        for text in (MIXED, "\0"):
            answer = send(staff, text, "?dry_run=true")
            assert (answer.status_code == 403) is (role is not Role.ADMIN)


def test_what_is_remarked_is_bounded_and_says_so(admin: Staff) -> None:
    rows = MOST_REMARKS + 1
    shown = send(admin, "name,mrn\n" + f",{'x' * 60}\n" * rows).get_json()
    assert (rows, MOST_REMARKS) == (shown["rejected"], len(shown["remarks"]))
    assert shown["rejected_csv_complete"] is True
    cell = "x" * 2000
    shown = send(admin, "name,mrn\n" + f",{cell}\n" * rows).get_json()
    assert shown["rejected_csv_complete"] is False
    given_back = list(csv.reader(shown["rejected_csv"].splitlines(), strict=True))
    assert {cell, "mrn"} == {row[2] for row in given_back}
    assert len(shown["rejected_csv"]) <= LONGEST_CSV + 100
    everything = send(admin, "name,mrn\n" + f",{cell}\n" * rows, headers={"Accept": "text/csv"}).text
    assert rows + 1 == len(everything.splitlines())


KINDS = some.sampled_from(
    ["text/csv", "multipart/form-data; boundary=b", "multipart/form-data", "text/csv; charset=\xff"]
)
PIECES = some.sampled_from(
    [
        b"name",
        b"mrn",
        b"\n",
        b"\r\n",
        b",",
        b'"',
        b"--b",
        b"--",
        b'Content-Disposition: form-data; name="file"',
        b"\0",
        b"A",
    ]
)
WORLD = new_world()


@pytest.fixture(scope="module")
def somebody() -> Staff:
    return WORLD.session()


@settings(max_examples=200)
@given(
    kind=KINDS,
    body=some.binary() | some.lists(PIECES | some.binary(max_size=3)).map(b"".join),
    query=some.sampled_from(["", "?dry_run=true", "?mode=partial", "?mapping={}", "?mapping=%00", "?mode=x&mode=y"]),
    accept=some.sampled_from(["*/*", "text/csv", "application/json", "image/png", "\xff"]),
)
def test_no_body_breaks_the_server(somebody: Staff, kind: str, body: bytes, query: str, accept: str) -> None:
    answer = send(somebody, body, query, content_type=kind, headers={"Accept": accept})
    assert answer.status_code in {200, 400, 415, 422}, answer.text
    assert answer.status_code == 200 or answer.content_type == "application/problem+json"


def test_no_file_is_written_to_a_disk(admin: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    for name in ("TemporaryFile", "SpooledTemporaryFile", "NamedTemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, refuse)
        monkeypatch.setattr(f"werkzeug.formparser.{name}", refuse, raising=False)
    large = b"name,mrn\n" + b"\n" * 700_000 + b"Ada,1\n"
    # Put together here: the test client would write one of its own.
    form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n' + large + b"\r\n--b--\r\n"
    for options in ({"data": large}, {"data": form, "content_type": "multipart/form-data; boundary=b"}):
        assert 1 == send(admin, b"", "?dry_run=true", **options).get_json()["rows"]
