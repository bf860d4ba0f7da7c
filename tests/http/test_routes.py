"""The declared table is what is served, what is documented, and what the catalogue grants."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from openapi_spec_validator import validate

from mindbridge_core import Action, Role
from mindbridge_core.access import GRANTS, Holder
from mindbridge_flask import create_blueprint
from mindbridge_flask.calls import Answer, Call
from mindbridge_flask.resources import Health
from mindbridge_flask.routes import ROUTES
from mindbridge_flask.routing import RouteTable
from tests.http.world import World, new_world

PUBLIC = {"/health", "/ready", "/metrics", "/openapi.json", "/docs", "/redoc"}
PROMISED = {
    ("POST", "/v1/auth/login"), ("POST", "/v1/auth/refresh"), ("POST", "/v1/auth/logout"), ("GET", "/v1/auth/me"),
    ("GET", "/v1/users/me"), ("GET", "/v1/patients"), ("POST", "/v1/patients"), ("GET", "/v1/patients/{patient_id}"),
    ("PUT", "/v1/patients/{patient_id}"), ("PATCH", "/v1/patients/{patient_id}"),
    ("DELETE", "/v1/patients/{patient_id}"), ("GET", "/v1/audit-logs"), ("GET", "/v1/audit-logs/export"),
    ("GET", "/v1/audit-logs/verify"),
}  # fmt: skip


def test_every_promised_route_is_declared() -> None:
    declared = {(route.method, route.path) for route in ROUTES}
    assert (PROMISED | {("GET", path) for path in PUBLIC}) - declared == set()


def test_every_route_names_a_granted_operation_or_is_public_by_name() -> None:
    operations = [route for route in ROUTES if route.action is not None]
    public = {route.path for route in ROUTES if route.action is None and not route.path.startswith("/assets/")}
    assert len(operations) >= len(PROMISED)
    assert public == PUBLIC
    assert [route.path for route in operations if route.action not in GRANTS] == []


def test_a_route_asks_for_a_session_exactly_when_its_operation_is_not_for_anyone() -> None:
    for route in ROUTES:
        anyone = route.action is None or Holder.ANYONE in GRANTS[route.action].holders
        assert route.staff is not anyone, route.path


def test_every_operation_that_staff_hold_has_a_route() -> None:
    held = {action for action, grant in GRANTS.items() if grant.holders & set(Role)}
    assert held - {route.action for route in ROUTES} == set()


def test_a_handler_that_does_not_fit_its_path_is_found_when_it_is_declared() -> None:
    def handler(call: Call, patient_id: UUID) -> Answer[Health]:
        raise NotImplementedError

    with pytest.raises(TypeError):
        RouteTable().route("GET", "/v1/patients", Action.PATIENT_VIEW)(handler)
    assert RouteTable().route("GET", "/v1/patients/{patient_id}", Action.PATIENT_VIEW)(handler) is handler


@pytest.fixture
def document(world: World) -> dict[str, Any]:
    answer = world.client.get("/api/openapi.json")
    assert answer.content_type == "application/json"
    served: dict[str, Any] = answer.get_json()
    return served


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    validate(document)


def test_the_document_describes_exactly_what_is_served(document: dict[str, Any]) -> None:
    described = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert described == {(route.method, route.path) for route in ROUTES if route.documented}
    assert len({item["operationId"] for methods in document["paths"].values() for item in methods.values()}) == len(
        described
    )


def test_every_input_schema_is_closed_and_knows_its_limits(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    draft = schemas["PatientDraft"]
    assert (draft["additionalProperties"], draft["required"]) == (False, ["name"])
    assert draft["properties"]["name"] | {"pattern": ""} == {
        "type": "string", "minLength": 1, "maxLength": 255, "pattern": "",
    }  # fmt: skip
    assert draft["properties"]["medication_adherence"]["maximum"] == 100
    assert draft["properties"]["medication_adherence"]["type"] == ["number", "null"]
    assert "required" not in schemas["PatientChanges"]
    assert schemas["PatientResource"]["properties"]["medication_adherence"]["anyOf"][0] == {"type": "number"}


def test_every_refusal_is_described_as_a_problem(document: dict[str, Any]) -> None:
    examined = 0
    for item in document["paths"].values():
        for operation in item.values():
            for status, response in operation["responses"].items():
                if status >= "400":
                    examined += 1
                    assert set(response["content"]) == {"application/problem+json"}
                if status == "401":
                    assert "WWW-Authenticate" in response["headers"]
    assert examined > 50


def test_the_document_names_the_address_it_was_asked_at(world: World) -> None:
    app = Flask("host")
    app.register_blueprint(create_blueprint(world.core), url_prefix="/deep/er")
    answer = app.test_client().get("/deep/er/openapi.json", environ_overrides={"SCRIPT_NAME": "/mount"})
    assert answer.get_json()["servers"] == [{"url": "/mount/deep/er"}]


def test_examples_of_bodies_are_accepted_as_they_stand(document: dict[str, Any]) -> None:
    admin = new_world().session()
    schemas = document["components"]["schemas"]
    made = admin.send("POST", "/patients", json=schemas["PatientDraft"]["examples"][0])
    assert made.status_code == 201
    changed = admin.send("PATCH", f"/patients/{made.get_json()['id']}", json=schemas["PatientChanges"]["examples"][0])
    assert changed.status_code == 200
    assert schemas["PatientResource"]["examples"][0].keys() == made.get_json().keys()
    assert "CANARY" not in json.dumps(document)
