"""A clinic's staff in front of the API, over the store in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

import attrs
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from mindbridge_core import MindBridge, Operator, Ports, Role
from mindbridge_core.identity import ClinicDraft, StaffDraft, User
from mindbridge_core.throttle import ThrottleLimits
from mindbridge_flask import HttpSettings, create_app
from mindbridge_memory import MemoryStore, memory_ports

WIDE = ThrottleLimits(per_address=1_000_000, per_email=1_000_000)
PASSWORD = "nine quiet rivers and a lantern"


@attrs.frozen(kw_only=True)
class World:
    """One core, one clinic with an admin, and a client that talks to it."""

    core: MindBridge
    store: MemoryStore
    clinic_id: UUID
    client: FlaskClient

    def staff(self, role: Role, clinic_id: UUID | None = None) -> User:
        """Register a member of staff with `PASSWORD`."""
        clinic_id = clinic_id or self.clinic_id
        email = f"{role}-{self.core.ports.new_id().hex}@clinic.example"
        draft = StaffDraft(email=email, full_name=f"Some {role}", role=role)
        return self.core.register_staff(Operator(clinic_id=clinic_id), draft, password=PASSWORD)

    def log_in(self, user: User) -> Staff:
        """Begin a session of `user`."""
        answer = self.client.post("/api/v1/auth/login", json={"email": user.email, "password": PASSWORD})
        assert answer.status_code == HTTPStatus.OK
        return Staff(client=self.client, user=user, tokens=answer.json or {})

    def session(self, role: Role = Role.ADMIN) -> Staff:
        """Begin a session of a new member of staff."""
        return self.log_in(self.staff(role))


@attrs.frozen(kw_only=True)
class Staff:
    """Somebody with a session."""

    client: FlaskClient
    user: User
    tokens: Mapping[str, Any]

    def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        **sent: Any,
    ) -> TestResponse:
        """Send a request below `/api/v1` with the access token."""
        credentials = {"Authorization": f"Bearer {self.tokens['access_token']}"}
        return self.client.open(f"/api/v1{path}", method=method, headers={**credentials, **(headers or {})}, **sent)

    def admit(self, **fields: Any) -> dict[str, Any]:
        """Admit a patient and return them as answered."""
        answer = self.send("POST", "/patients", json={"name": "Alex Example", **fields})
        assert answer.status_code == HTTPStatus.CREATED, answer.text
        shown: dict[str, Any] = answer.get_json()
        return shown


def new_world(
    settings: HttpSettings | None = None,
    *,
    checks: Mapping[str, Callable[[], str | None]] | None = None,
    watches: Mapping[str, Callable[[], str | None]] | None = None,
    metrics: Callable[[], tuple[bytes, str]] | None = None,
    change_ports: Callable[[Ports], Ports] = lambda ports: ports,
) -> World:
    """Compose a core in memory with one clinic, and serve it."""
    store = MemoryStore()
    core = MindBridge.build(change_ports(memory_ports(store=store, throttle_limits=WIDE)))
    core.prepare_platform()
    clinic_id = core.open_clinic(ClinicDraft(organization="Oak", name="North"))
    app = create_app(
        core, settings=settings or HttpSettings(), checks=checks or {}, watches=watches or {}, metrics=metrics
    )
    return World(core=core, store=store, clinic_id=clinic_id, client=app.test_client())


def findings(answer: TestResponse) -> set[tuple[str, str]]:
    """Return pointer and code of each finding of a 422."""
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY, answer.text
    assert answer.content_type == "application/problem+json"
    return {(found["pointer"], found["code"]) for found in answer.get_json()["errors"]}


def refused(answer: TestResponse) -> tuple[int, str]:
    """Return status and code of a refusal, which must be a problem document."""
    assert answer.content_type == "application/problem+json", answer.text
    problem = answer.get_json()
    assert problem["status"] == answer.status_code
    assert problem["correlation_id"] == answer.headers["X-Request-ID"]
    assert {"type", "title", "detail", "instance"} <= problem.keys()
    return answer.status_code, problem["code"]
