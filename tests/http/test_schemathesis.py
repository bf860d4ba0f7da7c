"""What is served is what is described: schemathesis drives every operation with all its checks on."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.http.world import Staff, new_world

CONFIG: dict[str, Any] = {
    "generation": {"max-examples": 25, "deterministic": True},
    "checks": {
        # Some rules no JSON Schema can say: a birth date in this century or the last, no risk lowered by hand.
        "positive_data_acceptance": {
            "expected-statuses": ["2xx", "304", "401", "404", "409", "412", "422", "423", "428"]
        },
    },
}

WORLD = new_world()
schema = schemathesis.openapi.from_wsgi(
    "/api/openapi.json", WORLD.client.application, config=SchemathesisConfig.from_dict(CONFIG)
)


@pytest.fixture(scope="module")
def somebody() -> Staff:
    return WORLD.session()


@pytest.mark.slow
@schema.parametrize()
def test_every_operation_conforms(case: schemathesis.Case[Any], somebody: Staff) -> None:
    parameters = case.path_parameters or {}
    if _is_record_id(parameters.get("patient_id")):
        parameters["patient_id"] = somebody.admit()["id"]
    # Somebody of their own for each log-out: the operation may end all of their sessions.
    staff = WORLD.session() if case.operation.path.endswith("logout") else somebody
    headers = {} if case.operation.path.endswith(("login", "refresh")) else _credentials(staff)
    case.call_and_validate(headers=headers, excluded_checks=_mislabelled(case))


def _mislabelled(case: schemathesis.Case[Any]) -> list[Any]:
    """Return the check to leave out: schemathesis takes the number 0 for a good text where a pattern demands quotes."""
    return [positive_data_acceptance] if case.headers and case.headers.get("If-Match") == "0" else []


def _credentials(staff: Staff) -> dict[str, str]:
    return {"Authorization": f"Bearer {staff.tokens['access_token']}"}


def _is_record_id(text: object) -> bool:
    try:
        return isinstance(text, str) and str(UUID(text)) == text
    except ValueError:
        return False
