"""No JSON value of any field, however extreme, makes the API over PostgreSQL fail or show what it did not keep."""

from __future__ import annotations

from http import HTTPStatus

import attrs
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from mindbridge_core import Role
from mindbridge_core.patients import PatientDraft
from mindbridge_flask import create_app
from tests.support.product import PASSWORD, Product

NUMBERS = [
    *("0", "-0", "-0.0", "5.0", "5e0", "0.005", "99.99", "100.00", "100.004", "100.005", "99.999", "2147483647"),
    *("0E-999999", "0E+999999", "0e-99999999999999999999", "5000E-2", "0.5E+2", "1E-999", "-1E-999", "1E-999999999"),
    *("1e400", "-1e400", "1e999999999999999999", "1E+2147483648", "2147483648", "-1", "9223372036854775808"),
    *("NaN", "Infinity", "-Infinity", "01", ".5", "1."),
    "50." + "0" * 20_000,
    "50." + "0" * 20_000 + "1",
    "0." + "0" * 20_000,
    "1" + "0" * 4_000,
    "-1" + "0" * 4_000,
    "1" + "0" * 20_000,
]
DATES = [
    *("0001-01-01", "0000-01-01", "9999-12-31", "10000-01-01", "-0044-03-15", "2024-02-29", "2023-02-29", "1582-10-10"),
    *("2026-W01-1", "2026-001", "20260131", "infinity", "-infinity", "now", "epoch", "\\u0662026-01-31"),
    *("2026-01-31T08:30:00Z", "2026-01-31T24:00:00Z", "2026-01-31T08:30:60Z", "2026-01-31T08:30:00", "2026-01-31Z"),
    *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-14:00"),
    *("2026-01-31T08:30:00.1234567890123Z", "2026-01-31T08:30:00+23:59:59.999999", "2026-01-31T08:30:00+24:00"),
]
TEXTS = [
    *("", " ", "\\u00a0", "\\u200b", "\\u200b\\u200d\\ufeff\\u2060", "\\u202e", "\\u0301", "\\uffff", "\\u0085"),
    *("\\u0000", "a\\u0000b", "\\ud800", "\\udc00\\ud800", "\\u001b[2J", "\\ud83d\\ude00" * 255, "\\u0344" * 255),
    *("e\\u0301" * 255, "\\ufdfa" * 50, "\u00df" * 255, "x" * 256, "x" * 20_000, "'; --", "%s %(a)s", "{}", "\\\\x00"),
    *("F31.9", "f31.9", "F31.9\\n", "F\\u06633.9", "low", "high", "LOW", "discharged", "removed"),
    *("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "{0}", "\\u12", "\\x"),
]
OTHERS = ["null", "true", "false", "[]", "{}", "[" * 5_000 + "]" * 5_000, '{"a": {"$ne": 1}}', ""]
LITERALS = [*NUMBERS, *(f'"{text}"' for text in (*DATES, *TEXTS)), *OTHERS]
REFUSALS = {HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}


@attrs.frozen(kw_only=True)
class Admin:
    """Somebody who may do anything, with a session at the API."""

    client: FlaskClient
    token: str

    def send(self, method: str, path: str, body: str | None = None) -> TestResponse:
        """Send a request with a body as it is."""
        return self.client.open(
            f"/api/v1{path}",
            method=method,
            data=None if body is None else body.encode(),
            content_type=None if body is None else "application/json",
            headers={"Authorization": f"Bearer {self.token}"},
        )

    def shows(self, patient_id: str) -> object:
        """Return a patient as read again."""
        answer = self.send("GET", f"/patients/{patient_id}")
        assert answer.status_code == HTTPStatus.OK, answer.text
        return answer.get_json()


@pytest.fixture
def admin(product: Product) -> Admin:
    user = product.staff(product.clinic(), Role.ADMIN)
    client = create_app(product.core).test_client()
    answer = client.post("/api/v1/auth/login", json={"email": user.email, "password": PASSWORD})
    assert answer.status_code == HTTPStatus.OK
    return Admin(client=client, token=answer.get_json()["access_token"])


def body(field: str, literal: str) -> str:
    """Return a patient with one field as it is spelled."""
    name = "" if field == "name" else '"name": "Alex Example", '
    return f'{{{name}"{field}": {literal}}}'


def was_accepted(answer: TestResponse, sent: str) -> bool:
    """Whether the request was accepted; any refusal must be the client's fault, and a problem document."""
    if answer.status_code in {HTTPStatus.OK, HTTPStatus.CREATED}:
        return True
    assert answer.status_code in REFUSALS, (sent[:120], answer.status_code, answer.text)
    assert answer.content_type == "application/problem+json"
    assert answer.get_json()["status"] == answer.status_code
    return False


@pytest.mark.slow
@pytest.mark.parametrize("field", sorted(attrs.fields_dict(PatientDraft)))
def test_any_value_is_kept_as_answered_or_refused(admin: Admin, field: str) -> None:
    kept = admin.send("POST", "/patients", '{"name": "Alex Example"}').get_json()
    accepted = 0
    for literal in LITERALS:
        sent = body(field, literal)
        made = admin.send("POST", "/patients", sent)
        if was_accepted(made, sent):
            accepted += 1
            assert made.get_json() == admin.shows(made.get_json()["id"]), sent[:120]
        for method in ("PATCH", "PUT"):
            changed = admin.send(method, f"/patients/{kept['id']}", sent)
            kept = changed.get_json() if was_accepted(changed, sent) else kept
            assert kept == admin.shows(kept["id"]), (method, sent[:120])
    assert 0 < accepted < len(LITERALS)
