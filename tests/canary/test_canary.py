"""Unique strings in every PHI field, every route and error path driven: none may turn up where PHI has no business."""

from __future__ import annotations

import base64
import logging
import os
import secrets
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import attrs
import psycopg
import pytest
from flask.testing import FlaskClient

from mindbridge_core import MindBridge, Operator, Role
from mindbridge_core.identity import ClinicDraft, StaffDraft
from mindbridge_embedded.programs import find_programs
from mindbridge_flask import create_app
from mindbridge_memory import KeptMessages, ScriptedAssessor, scripted_answer
from tests.support.postgres import TestDatabase, TestServer
from tests.support.product import PASSWORD, Product

MANAGER = "maria@example.org"
BORN = date(1901, 2, 3)


class Canaries:
    """One string per PHI field, and every spelling in which it could leak."""

    def __init__(self) -> None:
        self.planted: dict[str, str] = {}

    def plant(self, field: str) -> str:
        """Return the field's canary."""
        return self.planted.setdefault(field, f"CANARY{secrets.token_hex(5).upper()}")

    def found_in(self, haystack: bytes) -> set[str]:
        """Return the fields whose canary is there in some spelling, whatever its case."""
        low = haystack.lower()
        return {field for field, word in self.planted.items() if any(one in low for one in _spellings(word))}


def _spellings(word: str) -> Iterator[bytes]:
    raw = word.encode()
    yield raw.lower()
    yield raw.hex().encode()
    for shift in range(3):  # base64 depends on where in a group of three the word begins
        yield base64.b64encode(b"\0" * shift + raw)[4:-4].lower()


class KeptLogs(logging.Handler):
    """Keeps every record with its arguments and traceback, as a careless formatter would print them."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.text: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        shown = logging.Formatter("%(message)s").format(record)
        self.text.append(f"{shown} {record.args!r} {sorted(map(str, record.__dict__.items()))}")


@pytest.fixture
def logs() -> Iterator[KeptLogs]:
    """All logging of the process at DEBUG."""
    kept, root = KeptLogs(), logging.getLogger()
    level = root.level
    root.addHandler(kept)
    root.setLevel(logging.DEBUG)
    yield kept
    root.removeHandler(kept)
    root.setLevel(level)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for every temporary file of the process."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def patient_with(canaries: Canaries, **more: object) -> dict[str, Any]:
    """Return a body with a canary in each field that takes one."""
    return {
        "name": f"Ada {canaries.plant('name')}",
        "mrn": canaries.plant("mrn"),
        "date_of_birth": BORN.isoformat(),
        "diagnosis": canaries.plant("diagnosis"),
        "diagnosis_code": "F10.20",
        **more,
    }


def drive(client: FlaskClient, canaries: Canaries, email: str, answers: list[bytes]) -> None:
    """Use every route as it should be and as it should not; keep all answers that are not 2xx."""

    def call(method: str, path: str, **options: Any) -> Any:
        answer = client.open(f"/api/v1{path}", method=method, **options)
        if not 200 <= answer.status_code < 300:
            answers.append(answer.data + str(answer.headers).encode())
        return answer

    tokens = call("POST", "/auth/login", json={"email": email, "password": PASSWORD}).json
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    created = call("POST", "/patients", json=patient_with(canaries), headers=bearer | {"Idempotency-Key": "once"})
    assert 201 == created.status_code
    record = f"/patients/{created.json['id']}"
    assert canaries.planted["name"] in call("GET", record, headers=bearer).json["name"]
    assert 1 == len(call("GET", "/patients", headers=bearer).json["data"])
    drive_privacy(call, canaries, record, bearer)
    drive_import(call, canaries, bearer)
    drive_emergency(call, canaries, record, bearer)
    drive_care(call, canaries, record, bearer)
    drive_screening(call, canaries, record, bearer)
    again = patient_with(canaries, name=f"Eve {canaries.plant('new name')}")
    for status, method, path, options in (
        (201, "POST", "/patients", {"json": patient_with(canaries), "headers": bearer | {"Idempotency-Key": "once"}}),
        (422, "POST", "/patients", {"json": again, "headers": bearer | {"Idempotency-Key": "once"}}),
        (409, "POST", "/patients", {"json": again, "headers": bearer}),
        (200, "PATCH", record, {"json": {"name": canaries.plant("changed name")}, "headers": bearer}),
        (412, "PUT", record, {"json": again, "headers": bearer | {"If-Match": '"1"'}}),
        (422, "PATCH", record, {"json": {"nickname": canaries.plant("unknown field")}, "headers": bearer}),
        (422, "PATCH", record, {"json": {"status": canaries.plant("bad status")}, "headers": bearer}),
        (422, "POST", "/patients", {"json": patient_with(canaries, date_of_birth="3000-01-01"), "headers": bearer}),
        (422, "GET", f"/patients?cursor={canaries.plant('cursor')}", {"headers": bearer}),
        (400, "POST", "/patients", {"data": f'{{"name": "{canaries.plant("broken body")}',
                                    "content_type": "application/json", "headers": bearer}),
        (415, "POST", "/patients", {"data": canaries.plant("plain text"), "headers": bearer}),
        (404, "GET", f"/patients/{canaries.plant('bad id')}", {"headers": bearer}),
        (404, "GET", f"/{canaries.plant('unknown path')}", {"headers": bearer}),
        (401, "GET", record, {"headers": {"Authorization": f"Bearer {canaries.plant('bad token')}"}}),
        (401, "POST", "/auth/login", {"json": {"email": f"{canaries.plant('bad e-mail')}@example.org",
                                               "password": canaries.plant("bad password")}}),
        (401, "POST", "/auth/login", {"json": {"email": email, "password": canaries.plant("wrong password")}}),
        (401, "POST", "/auth/refresh", {"json": {"refresh_token": canaries.plant("bad refresh token")}}),
        (405, "DELETE", "/patients", {"headers": bearer}),
        (200, "POST", "/auth/refresh", {"json": {"refresh_token": tokens["refresh_token"]}}),
        (200, "GET", "/auth/me", {"headers": bearer}),
        (204, "DELETE", record, {"headers": bearer}),
        (404, "GET", record, {"headers": bearer}),
        (204, "POST", "/auth/logout", {"headers": bearer}),
        (401, "GET", record, {"headers": bearer}),
    ):  # fmt: skip
        answer = call(method, path, **options)
        assert status == answer.status_code, (method, path, answer.data)


def drive_import(call: Callable[..., Any], canaries: Canaries, bearer: dict[str, str]) -> None:
    """Import rows with a canary in every cell; the good one is taken off again. Only the rejected ones are shown."""
    row = f"{canaries.plant('imported name')},{canaries.plant('imported mrn')},{canaries.plant('imported diagnosis')},"
    bad = ",".join(canaries.plant(f"imported {field}") for field in ("date", "code", "number", "e-mail"))
    header = "name,mrn,diagnosis,date_of_birth,diagnosis_code,crisis_calls_30days,case_manager\n"
    options = {"headers": bearer, "content_type": "text/csv"}
    padding = f"{canaries.plant('padding')}\n" * 40_000
    form = f'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n{header}{padding}\r\n--b--\r\n'
    assert 422 == call("POST", "/patients/import", data=f"{canaries.plant('no header')},{row}", **options).status_code
    assert 422 == call("POST", "/patients/import", data=f'{header}"{row}', **options).status_code
    options["query_string"] = {"mode": "partial"}
    shown = call("POST", "/patients/import", data=f"{header}{row},,,\n{row}{bad}\n", **options).json
    assert (1, 1) == (shown["stored"], shown["rejected"])
    assert canaries.planted["imported date"] in shown.pop("rejected_csv")
    assert set() == canaries.found_in(str(shown).encode())
    options["content_type"] = "multipart/form-data; boundary=b"
    assert 40_000 == call("POST", "/patients/import", data=form, **options).json["rejected"]
    query = {"q": canaries.planted["imported mrn"]}
    (found,) = call("GET", "/patients", query_string=query, headers=bearer).json["data"]
    assert 204 == call("DELETE", f"/patients/{found['id']}", headers=bearer).status_code


def drive_screening(call: Callable[..., Any], canaries: Canaries, record: str, bearer: dict[str, str]) -> None:
    """Screen with a model that writes a canary wherever it may, and review with another."""
    consent = {"consent_type": "ai_analysis", "consent_form_version": "1"}
    assert 201 == call("POST", f"{record}/consents", json=consent, headers=bearer).status_code
    body = {"patient_id": record.rpartition("/")[2]}
    made = call("POST", "/screenings", json=body, headers=bearer)
    assert 201 == made.status_code
    assert canaries.planted["model notes"] == made.json["clinical_notes"]
    odd = body | {"screening_type": canaries.plant("screening type")}
    assert 422 == call("POST", "/screenings", json=odd, headers=bearer).status_code
    path = f"/screenings/{made.json['id']}"
    review = {"decision": "override", "risk_level": "low", "reason": canaries.plant("review reason")}
    for status in (200, 409):
        assert status == call("POST", f"{path}/review", json=review, headers=bearer).status_code
    assert canaries.planted["review reason"] in call("GET", path, headers=bearer).text
    assert 200 == call("POST", f"{path}/replay", headers=bearer).status_code
    assert 1 == len(call("GET", f"{record}/history", headers=bearer).json["data"])
    assert 1 == len(call("GET", "/screenings", headers=bearer).json["data"])


def model(canaries: Canaries) -> ScriptedAssessor:
    """Return a model that answers well, with a canary in each text."""
    action = {"action": canaries.plant("model action"), "urgency": "immediate", "assigned_to": "crisis_team"}
    answer = scripted_answer(
        "high",
        90,
        primary_risk_factor=canaries.plant("model factor"),
        contributing_factors=[canaries.plant("model second factor")],
        recommended_actions=[action],
        clinical_notes=canaries.plant("model notes"),
    )
    return ScriptedAssessor(lambda _: answer)


def drive_privacy(call: Callable[..., Any], canaries: Canaries, record: str, bearer: dict[str, str]) -> None:
    """Disclose a Part 2 record as it should be and as it should not, with a canary in each element of the consent."""
    parties = {"recipients": canaries.plant("recipient"), "purpose": canaries.plant("purpose")}
    consent = {
        "consent_type": "sud_disclosure",
        "consent_form_version": "1",
        **{name: canaries.plant(name) for name in ("discloser", "information", "expiry_event", "signed_name")},
        "right_to_revoke_stated": True,
        "signed_on": "2026-01-12",
        **parties,
    }
    request = {
        "recipient": parties["recipients"],
        "recipient_address": canaries.plant("recipient address"),
        "purpose": parties["purpose"],
        "description": canaries.plant("disclosed"),
    }
    assert 403 == call("POST", f"{record}/disclosures", json=request, headers=bearer).status_code
    assert 422 == call("POST", f"{record}/consents", json=consent | {"purpose": None}, headers=bearer).status_code
    made = call("POST", f"{record}/consents", json=consent, headers=bearer)
    assert 201 == made.status_code
    assert 201 == call("POST", f"{record}/disclosures", json=request, headers=bearer).status_code
    (line,) = call("GET", f"{record}/disclosures", headers=bearer).json["data"]
    assert canaries.planted["recipient"] == line["recipient"]
    assert 200 == call("GET", f"{record}/access-report", headers=bearer).status_code
    for status in (200, 409):
        assert status == call("POST", f"/consents/{made.json['id']}/revoke", headers=bearer).status_code


def drive_emergency(call: Callable[..., Any], canaries: Canaries, record: str, bearer: dict[str, str]) -> None:
    """Break the glass and review it, with a canary in each free text, as it should be and as it should not."""
    tokens = call("POST", "/auth/login", json={"email": MANAGER, "password": PASSWORD}).json
    manager = {"Authorization": f"Bearer {tokens['access_token']}"}
    reason = {"access_reason": f"Ada called, {canaries.plant('access reason')}"}
    bad = {"access_reason": canaries.plant("long reason") * 80}
    assert 422 == call("POST", f"{record}/break-glass", json=bad, headers=manager).status_code
    assert 404 == call("GET", record, headers=manager).status_code
    assert 403 == call("POST", f"{record}/break-glass", json=reason, headers=bearer).status_code
    access = call("POST", f"{record}/break-glass", json=reason, headers=manager)
    assert 200 == access.status_code
    assert 200 == call("GET", record, headers=manager).status_code
    assert 403 == call("PATCH", record, json={"status": "inactive"}, headers=manager).status_code
    (waiting,) = call("GET", "/break-glass?status=unreviewed", headers=bearer).json["data"]
    assert canaries.planted["access reason"] in waiting["access_reason"]
    review = {"outcome": "unjustified", "note": canaries.plant("review note")}
    for status in (200, 409):
        path = f"/break-glass/{access.json['id']}/review"
        assert status == call("POST", path, json=review, headers=bearer).status_code
    (entry,) = call("GET", "/audit-logs?action=break_glass.open&outcome=success", headers=bearer).json["data"]
    assert canaries.planted["access reason"] in entry["access_reason"]


def drive_care(call: Callable[..., Any], canaries: Canaries, record: str, bearer: dict[str, str]) -> None:
    """Keep a record of care as it should be and as it should not, with a canary in each free text."""
    visit = {"scheduled_at": "2026-01-12T10:00:00Z", "notes": canaries.plant("notes")}
    event = {
        "severity": "high",
        "event_type": "crisis_call",
        "occurred_at": "2026-01-12T10:00:00Z",
        "description": canaries.plant("description"),
    }
    once = bearer | {"Idempotency-Key": "care"}
    visits = [call("POST", f"{record}/appointments", json=visit, headers=once) for _ in range(2)]
    assert [201, 201] == [answer.status_code for answer in visits]
    made = call("POST", f"{record}/crisis-events", json=event, headers=bearer)
    assert 201 == made.status_code
    metric = {"metric_type": "phq_9", "metric_value": 19}
    assert 201 == call("POST", f"{record}/metrics", json=metric, headers=bearer).status_code
    for word, path in (("type", "crisis-events"), ("appointment_type", "appointments")):
        bad = {**(event if word == "type" else visit), "event_type": "x", "appointment_type": canaries.plant(word)}
        assert 422 == call("POST", f"{record}/{path}", json=bad, headers=bearer).status_code
    resolution = {"resolution": canaries.plant("resolution")}
    for status in (200, 409):
        path = f"/crisis-events/{made.json['id']}"
        assert status == call("PATCH", path, json=resolution, headers=bearer).status_code
    closing = {"status": "missed", "notes": canaries.plant("changed notes")}
    for status in (200, 409):
        path = f"/appointments/{visits[0].json['id']}"
        assert status == call("PATCH", path, json=closing, headers=bearer).status_code
    shown = call("GET", f"{record}/timeline", headers=bearer)
    assert all(canaries.planted[name].encode() in shown.data for name in ("description", "resolution", "changed notes"))


def dump(database: TestDatabase) -> bytes:
    """Return a pg_dump of the whole database as its superuser."""
    program = find_programs().postgres.with_name("pg_dump")
    done = subprocess.run(
        [program, "--dbname", database.superuser_url], capture_output=True, check=True, env={"PATH": os.environ["PATH"]}
    )
    return done.stdout


def test_no_canary_outside_the_answers_that_may_show_it(
    product: Product, database: TestDatabase, postgres_server: TestServer, logs: KeptLogs, temporary: Path
) -> None:
    canaries, answers = Canaries(), list[bytes]()
    clinic_id = product.core.open_clinic(
        ClinicDraft(organization="Oak", name="North", address=canaries.plant("clinic address"))
    )
    draft = StaffDraft(email="ada@example.org", full_name="Ada Admin", role=Role.ADMIN)
    product.core.register_staff(Operator(clinic_id=clinic_id), draft, password=PASSWORD)
    manager = StaffDraft(email=MANAGER, full_name="Maria Manager", role=Role.CASE_MANAGER)
    product.core.register_staff(Operator(clinic_id=clinic_id), manager, password=PASSWORD)
    assessor = model(canaries)
    core = MindBridge.build(attrs.evolve(product.core.ports, risk_assessor=assessor))
    client = create_app(core).test_client()

    drive(client, canaries, "ada@example.org", answers)
    fail_inside(client, canaries, database, answers)

    stored = dump(database)
    assert b"COPY public.disclosures" in stored
    assert b"COPY public.crisis_events" in stored
    assert b"COPY public.screenings" in stored
    assert 1 == len(assessor.asked)
    assert set() == canaries.found_in(repr(assessor.asked).encode())
    assert b"COPY public.emergency_accesses" in stored
    notices = product.core.ports.notifier
    assert isinstance(notices, KeptMessages)
    assert notices.sent
    sent = "".join(f"{message.to} {message.subject} {message.text}" for message in notices.sent)
    assert set() == canaries.found_in(sent.encode())
    assert b"COPY public.patients" in stored  # the dump has rows to search
    assert 20 <= len(canaries.planted)
    assert 15 <= len(answers)
    assert set() == canaries.found_in(stored)
    assert BORN.isoformat().encode() not in stored
    assert set() == canaries.found_in(b"\n".join(answers))
    assert set() == canaries.found_in("\n".join(logs.text).encode("utf-8", "surrogatepass"))
    assert set() == canaries.found_in(b"".join(p.read_bytes() for p in temporary.rglob("*") if p.is_file()))
    server_logs = [path for path in postgres_server.server.data_dir.glob("*log*") if path.is_file()]
    assert server_logs
    assert set() == canaries.found_in(b"".join(path.read_bytes() for path in server_logs))


def fail_inside(client: FlaskClient, canaries: Canaries, database: TestDatabase, answers: list[bytes]) -> None:
    """Make the database refuse rows, so that the driver's error has a row to quote."""
    tokens = client.post("/api/v1/auth/login", json={"email": "ada@example.org", "password": PASSWORD}).json
    assert tokens is not None
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    with psycopg.connect(database.superuser_url) as superuser:
        superuser.execute("ALTER TABLE patients ADD CONSTRAINT never CHECK (false) NOT VALID")
    body = patient_with(canaries, name=canaries.plant("refused name"), mrn=canaries.plant("refused mrn"))
    refused = client.post("/api/v1/patients", json=body, headers=bearer)
    assert 500 == refused.status_code
    with psycopg.connect(database.superuser_url) as superuser:
        superuser.execute("ALTER TABLE patients DROP CONSTRAINT never")
        superuser.execute("ALTER TABLE audit_logs ADD CONSTRAINT never CHECK (false) NOT VALID")
    unaudited = client.post("/api/v1/patients", json=body, headers=bearer)
    assert 503 == unaudited.status_code
    answers += [refused.data, unaudited.data]
    with psycopg.connect(database.superuser_url) as superuser:
        superuser.execute("ALTER TABLE audit_logs DROP CONSTRAINT never")
        assert (0,) == superuser.execute("SELECT count(*) FROM patients WHERE deleted_at IS NULL").fetchone()


def test_the_search_finds_each_spelling_of_a_canary() -> None:
    canaries = Canaries()
    word = canaries.plant("field")
    for hidden in (word, word.lower(), word.encode().hex(), base64.b64encode(f"x{word}y".encode()).decode()):
        assert {"field"} == canaries.found_in(f"before {hidden} after".encode())
    assert set() == canaries.found_in(b"CANARY")
