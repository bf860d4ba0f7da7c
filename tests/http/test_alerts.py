"""Alerts over HTTP."""

from __future__ import annotations

from uuid import uuid4

import pytest

from mindbridge_core import Role
from tests.http.world import Staff, World, refused


def test_a_new_high_is_listed_and_acknowledged(world: World, admin: Staff) -> None:
    patient = admin.admit(crisis_calls_30days=6)
    (screening,) = admin.send("GET", f"/patients/{patient['id']}/history").get_json()["data"]
    shown = admin.send("GET", "/alerts?unacknowledged=true&limit=1").get_json()
    (alert,) = shown["data"]
    assert shown["pagination"] == {"next_cursor": None, "has_more": False}
    assert {
        "kind": "high_risk",
        "severity": "critical",
        "patient_id": patient["id"],
        "cause_id": screening["id"],
        "acknowledged_at": None,
        "acknowledged_by": None,
    }.items() <= alert.items()
    officer = world.session(Role.COMPLIANCE_OFFICER)
    assert refused(officer.send("POST", f"/alerts/{alert['id']}/acknowledge")) == (404, "not_found")
    done = admin.send("POST", f"/alerts/{alert['id']}/acknowledge")
    assert (done.status_code, str(admin.user.id)) == (200, done.get_json()["acknowledged_by"])
    assert admin.send("GET", "/alerts?unacknowledged=true").get_json()["data"] == []
    assert [done.get_json()] == admin.send("GET", "/alerts").get_json()["data"]
    assert refused(admin.send("POST", f"/alerts/{uuid4()}/acknowledge")) == (404, "not_found")


def test_readers_see_no_alerts(world: World) -> None:
    assert refused(world.session(Role.READONLY).send("GET", "/alerts")) == (403, "forbidden")


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "cursor=x", "unacknowledged=maybe", "kind=x"])
def test_a_query_that_cannot_be_is_refused(world: World, query: str) -> None:
    answer = world.session().send("GET", f"/alerts?{query}")
    assert refused(answer) == (422, "invalid_input")
