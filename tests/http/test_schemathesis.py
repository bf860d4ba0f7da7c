"""What is served is what is described: schemathesis drives every operation with all its checks on."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from mindbridge_core import Role
from mindbridge_core.identity import ClinicDraft
from mindbridge_flask import HttpSettings
from tests.http.wire import Wire
from tests.http.world import Staff, new_world

CONFIG: dict[str, Any] = {
    "generation": {"max-examples": 25, "deterministic": True},
    "checks": {
        # Some rules no JSON Schema can say: a birth date in this century or the last, no risk lowered by hand.
        "positive_data_acceptance": {
            "expected-statuses": ["2xx", "304", "401", "403", "404", "409", "412", "422", "423", "428"]
        },
    },
}

WORLD = new_world(HttpSettings(stream_seconds=0))
ELSEWHERE = WORLD.core.open_clinic(ClinicDraft(organization="Oak", name="Elsewhere"))
WIRE = Wire(WORLD.client.application)
schema = schemathesis.openapi.from_wsgi("/api/openapi.json", WIRE, config=SchemathesisConfig.from_dict(CONFIG))


@pytest.fixture(scope="module")
def somebody() -> Staff:
    return WORLD.session()


@pytest.mark.slow
@schema.parametrize()
def test_every_operation_conforms(case: schemathesis.Case[Any], somebody: Staff) -> None:
    parameters = case.path_parameters or {}
    if _is_record_id(parameters.get("patient_id")):
        parameters["patient_id"] = somebody.admit()["id"]
    # Somebody of their own for each operation that may end sessions, lock an e-mail or bind a whole clinic.
    path = case.operation.path
    staff = somebody
    if path.endswith("logout") or "/mfa/" in path:
        staff = WORLD.session()
    elif path.endswith("clinic/mfa"):
        staff = WORLD.log_in(WORLD.staff(Role.ADMIN, ELSEWHERE))
    headers = {} if case.operation.path.endswith(("login", "refresh")) else _credentials(staff)
    response = case.call(headers=headers)
    excluded = _mislabelled(case)
    case.validate_response(
        response, headers=headers, excluded_checks=excluded, transport_kwargs={"headers": dict(headers)}
    )


def _mislabelled(case: schemathesis.Case[Any]) -> list[Any]:
    """Return the checks to leave out: those for which the request just sent is not what schemathesis takes it for."""
    excluded: list[Any] = []
    if case.headers and case.headers.get("If-Match") == "0":
        # It takes the number 0 for a good text where a pattern demands quotes.
        excluded.append(positive_data_acceptance)
    if _sent_as_described(case):
        # It drew something bad that never left: a list without members in the query, or no token, which is added here.
        excluded.append(negative_data_rejection)
    return excluded


def _sent_as_described(case: schemathesis.Case[Any]) -> bool:
    """Whether the request just sent keeps to the description, whatever was drawn for it."""
    operation = case.operation
    return (
        case.method.upper() == operation.method.upper()
        and all(_is_record_id(value) for value in (case.path_parameters or {}).values())
        and WIRE.sent_good_query({parameter.name: parameter.definition for parameter in operation.query})
        and WIRE.sent_good_headers({parameter.name: parameter.definition for parameter in operation.headers})
        and (not list(operation.body) or _good_body(case))
    )


def _good_body(case: schemathesis.Case[Any]) -> bool:
    """Whether the body was drawn as a good one, and sent as JSON."""
    meta = case.meta
    return meta is not None and not meta.is_negative_at(ParameterLocation.BODY) and WIRE.sent_json


def _credentials(staff: Staff) -> dict[str, str]:
    return {"Authorization": f"Bearer {staff.tokens['access_token']}"}


def _is_record_id(text: object) -> bool:
    try:
        return isinstance(text, str) and str(UUID(text)) == text
    except ValueError:
        return False
