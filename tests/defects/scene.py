"""A clinic in front of the API over a real PostgreSQL, as the first plan's attackers would find it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import attrs
import psycopg
from flask import Flask
from flask.testing import FlaskClient
from psycopg.rows import dict_row
from werkzeug.test import TestResponse

from mindbridge_core import MindBridge, Operator, Ports, Role
from mindbridge_core.audit import AuditEntry
from mindbridge_core.identity import ClinicDraft, StaffDraft, User
from mindbridge_flask import create_app
from mindbridge_security import utc_now
from tests.support.postgres import TestDatabase
from tests.support.product import PASSWORD, Product
from tests.support.trail import entries

LOGIN = "/api/v1/auth/login"
WRONG = "not the password of anybody"


@attrs.define
class LaterClock:
    """The time, and as much later as it is told."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.ahead

    def forward(self, **by: float) -> None:
        self.ahead += timedelta(**by)


@attrs.frozen(kw_only=True)
class Scene:
    """The product served, one clinic in it, and a look behind the scenes."""

    product: Product
    database: TestDatabase
    clock: LaterClock
    core: MindBridge
    app: Flask
    clinic_id: UUID

    def clinic(self) -> UUID:
        """Open another clinic."""
        return self.core.open_clinic(ClinicDraft(organization="Oak", name=secrets.token_hex(4)))

    def staff(self, role: Role, clinic_id: UUID | None = None, *, email: str = "", password: str = PASSWORD) -> User:
        """Register a member of staff."""
        draft = StaffDraft(email=email or nobody(), full_name="Some Body", role=role)
        return self.core.register_staff(Operator(clinic_id=clinic_id or self.clinic_id), draft, password=password)

    def log_in(self, email: str, password: str = PASSWORD) -> TestResponse:
        """Try to log in, with a client of its own, as threads need it."""
        return self.app.test_client().post(LOGIN, json={"email": email, "password": password})

    def caller(self, user: User, password: str = PASSWORD) -> Caller:
        """Begin a session of `user`."""
        answer = self.log_in(user.email, password)
        assert 200 == answer.status_code, answer.text
        return Caller(client=self.app.test_client(), user=user, tokens=answer.get_json())

    def signed_in(self, role: Role, clinic_id: UUID | None = None) -> Caller:
        """Begin a session of a new member of staff."""
        return self.caller(self.staff(role, clinic_id))

    def change_user(self, user: User, **fields: Any) -> None:
        """Store `user` changed, as an administrator's tool would."""
        with self.core.ports.open_unit(user.clinic_id) as unit:
            stored = unit.users.get(user.id)
            assert stored is not None
            unit.users.save(attrs.evolve(stored, **fields))

    def trail(self, clinic_id: UUID | None = None) -> list[AuditEntry]:
        """Return a clinic's entries, oldest first."""
        clinic_id = clinic_id or self.clinic_id
        return entries(self.database.application_url, clinic_id, self.product.keys.cipher(clinic_id))

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return the clinic's rows of a table, oldest first, as the superuser sees them."""
        with psycopg.connect(self.database.superuser_url, row_factory=dict_row) as superuser:
            statement = f"SELECT * FROM {table} WHERE clinic_id = %s ORDER BY id"  # noqa: S608 - names from our own tests
            return superuser.execute(statement.encode(), (self.clinic_id,)).fetchall()


@attrs.frozen(kw_only=True)
class Caller:
    """Somebody with a session."""

    client: FlaskClient
    user: User
    tokens: dict[str, Any]

    def send(self, method: str, path: str, **options: Any) -> TestResponse:
        """Send a request below `/api/v1` with the access token."""
        headers = {"Authorization": f"Bearer {self.tokens['access_token']}"} | options.pop("headers", {})
        return self.client.open(f"/api/v1{path}", method=method, headers=headers, **options)

    def admit(self, **fields: Any) -> dict[str, Any]:
        """Admit a patient; return them as answered."""
        answer = self.send("POST", "/patients", json={"name": "Ada Example", **fields})
        assert 201 == answer.status_code, answer.text
        shown: dict[str, Any] = answer.get_json()
        return shown

    def listed(self, query: str = "") -> list[str]:
        """Return the ids on the first page."""
        answer = self.send("GET", f"/patients{query}")
        assert 200 == answer.status_code, answer.text
        return [patient["id"] for patient in answer.get_json()["data"]]


def scene_of(
    product: Product, database: TestDatabase, change_ports: Callable[[Ports], Ports] = lambda ports: ports
) -> Scene:
    """Serve the product with a clock that can be put forward."""
    clock = LaterClock()
    core = MindBridge.build(change_ports(attrs.evolve(product.core.ports, clock=clock)))
    clinic_id = core.open_clinic(ClinicDraft(organization="Oak", name=secrets.token_hex(4)))
    return Scene(product=product, database=database, clock=clock, core=core, app=create_app(core), clinic_id=clinic_id)


def nobody() -> str:
    """Return an e-mail that no account has."""
    return f"{secrets.token_hex(6)}@example.org"


def refused(answer: TestResponse) -> tuple[int, str]:
    """Return status and code of a refusal, which must be a problem document."""
    assert "application/problem+json" == answer.content_type, answer.text
    problem = answer.get_json()
    assert answer.status_code == problem["status"]
    return answer.status_code, problem["code"]


def said(answer: TestResponse) -> dict[str, Any]:
    """Return what an answer says, without what names the one request: two refusals alike say the same."""
    shown = {**answer.get_json(), "status": answer.status_code, "challenge": answer.headers.get("WWW-Authenticate")}
    return {name: value for name, value in shown.items() if name not in {"correlation_id", "instance"}}
