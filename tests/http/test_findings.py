"""Findings of unusual access over HTTP."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mindbridge_core import Operator, Role
from mindbridge_core.audit import Outcome
from mindbridge_core.oversight import window_of
from mindbridge_core.testing.records import an_entry
from tests.http.world import World, refused


def test_officers_and_admins_see_what_was_found_and_nobody_else(world: World) -> None:
    maria = world.session(Role.CASE_MANAGER)
    hour = window_of(world.core.ports.clock()) - timedelta(hours=3)
    with world.store.open_unit(world.clinic_id) as unit:
        for _ in range(11):
            unit.audit.append(an_entry(world.clinic_id, created_at=hour, user_id=maria.user.id, outcome=Outcome.DENIED))
    world.core.detect_unusual_access(Operator(clinic_id=world.clinic_id))
    for role in (Role.ADMIN, Role.COMPLIANCE_OFFICER):
        shown = world.session(role).send("GET", "/audit-findings?limit=1").get_json()
        (finding,) = shown["data"]
        assert {
            "user_id": str(maria.user.id),
            "rule": "repeated_refusals",
            "observed": 11,
            "threshold": 10,
        }.items() <= finding.items()
        assert shown["pagination"] == {"next_cursor": None, "has_more": False}
    for role in (Role.CASE_MANAGER, Role.READONLY):
        assert refused(world.session(role).send("GET", "/audit-findings")) == (403, "forbidden")


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "cursor=x", "rule=x"])
def test_a_query_that_cannot_be_is_refused(world: World, query: str) -> None:
    answer = world.session().send("GET", f"/audit-findings?{query}")
    assert refused(answer) == (422, "invalid_input")
