"""The audit trail over HTTP: pages, a streamed export, and verifying."""

from __future__ import annotations

import csv
import json
from typing import Any

import attrs
import pytest

from mindbridge_core import Action, Role
from tests.http.world import Staff, World, findings, refused


@pytest.fixture
def officer(world: World) -> Staff:
    return world.session(Role.COMPLIANCE_OFFICER)


def test_an_officer_reads_the_trail_newest_first_and_that_is_entered(world: World, officer: Staff) -> None:
    officer.send("GET", "/audit-logs")
    shown = officer.send("GET", "/audit-logs").get_json()["data"]
    assert [entry["created_at"] for entry in shown] == sorted((entry["created_at"] for entry in shown), reverse=True)
    assert (shown[0]["action"], shown[0]["user_id"]) == ("audit.read", str(officer.user.id))
    assert {entry["intact"] for entry in shown} == {True}
    assert shown[0]["phi_accessed"]
    assert world.clinic_id == officer.user.clinic_id


@pytest.mark.parametrize("role", [Role.CASE_MANAGER, Role.READONLY])
@pytest.mark.parametrize("path", ["/audit-logs", "/audit-logs/export", "/audit-logs/verify"])
def test_others_are_refused_and_that_is_entered(world: World, role: Role, path: str) -> None:
    somebody, officer = world.session(role), world.session(Role.COMPLIANCE_OFFICER)
    assert refused(somebody.send("GET", path)) == (403, "forbidden")
    denied = officer.send("GET", "/audit-logs", query_string={"outcome": "denied"}).get_json()["data"]
    assert [entry["user_id"] for entry in denied] == [str(somebody.user.id)]
    assert officer.send("GET", path).status_code == 200


def test_pages_follow_one_another_and_filters_hold(officer: Staff) -> None:
    for _ in range(5):
        officer.send("GET", "/patients")
    asked = {"action": "patient.list", "user_id": str(officer.user.id), "limit": "2"}
    seen: list[dict[str, Any]] = []
    page = officer.send("GET", "/audit-logs", query_string=asked).get_json()
    while True:
        seen += page["data"]
        cursor = page["pagination"]["next_cursor"]
        assert page["pagination"]["has_more"] is (cursor is not None)
        if cursor is None:
            break
        page = officer.send("GET", "/audit-logs", query_string={**asked, "cursor": cursor}).get_json()
    assert len({entry["id"] for entry in seen}) == len(seen) == 5
    assert {entry["action"] for entry in seen} == {"patient.list"}


def test_a_query_that_breaks_rules_is_refused_with_every_finding(officer: Staff) -> None:
    answer = officer.send(
        "GET", "/audit-logs", query_string={"action": "x", "cursor": "y", "limit": "0", "since": "z", "other": "1"}
    )
    assert {pointer for pointer, _ in findings(answer)} >= {"/action", "/since", "/other"}
    bad = officer.send("GET", "/audit-logs", query_string={"cursor": "y"})
    assert findings(bad) == {("/cursor", "invalid_cursor")}


def test_an_export_is_streamed_after_its_entry_is_kept(world: World, officer: Staff) -> None:
    answer = officer.send("GET", "/audit-logs/export", buffered=False)
    assert answer.is_streamed
    entered = [sealed.entry.action for sealed in world.store.tables.entries.rows()]
    assert entered[-1] is Action.AUDIT_EXPORT
    records = [json.loads(line) for line in answer.get_data(as_text=True).splitlines()]
    assert records[-1]["action"] == "audit.export"
    assert (answer.content_type, answer.headers["Cache-Control"]) == ("application/x-ndjson", "no-store")
    assert 'filename="audit-logs.ndjson"' in answer.headers["Content-Disposition"]


def test_an_export_in_csv_runs_nothing_in_a_spreadsheet(officer: Staff) -> None:
    officer.send("GET", "/patients", headers={"User-Agent": "=1+1"})
    answer = officer.send("GET", "/audit-logs/export", query_string={"format": "csv", "since": "2001-01-01T00:00:00Z"})
    rows = list(csv.DictReader(answer.get_data(as_text=True).splitlines()))
    assert "'=1+1" in {row["user_agent"] for row in rows}
    assert [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))] == []
    none = officer.send("GET", "/audit-logs/export", query_string={"until": "2001-01-01T00:00:00Z"})
    assert none.get_data() == b""


def test_an_export_sends_long_trails_in_pieces(officer: Staff) -> None:
    for _ in range(205):
        officer.send("GET", "/patients")
    pieces = list(officer.send("GET", "/audit-logs/export", buffered=False).response)
    assert len(pieces) == 2


def test_verifying_finds_and_locates_an_altered_entry(world: World, officer: Staff) -> None:
    whole = officer.send("GET", "/audit-logs/verify").get_json()
    assert (whole["verified"], whole["complete"], whole["found"], whole["breaks"]) == (True, True, 0, [])
    tables = world.store.tables
    key, sealed = [item for item in tables.entries.items() if item[0][0] == world.clinic_id][1]
    tables.entries.put(key, attrs.evolve(sealed, entry=attrs.evolve(sealed.entry, request_id="another")))
    tables.keep()
    broken = officer.send("GET", "/audit-logs/verify").get_json()
    assert not broken["verified"]
    assert broken["breaks"] == [
        {"lane": sealed.lane, "seq": sealed.seq, "entry_id": str(sealed.entry.id), "kind": "altered"}
    ]
    shown = officer.send("GET", "/audit-logs").get_json()["data"]
    assert [entry["id"] for entry in shown if not entry["intact"]] == [str(sealed.entry.id)]


def test_no_entry_no_export(world: World, officer: Staff) -> None:
    heads = world.store.tables.heads
    for key, head in heads.items():
        heads.put(key, attrs.evolve(head, mac=bytes(32)))
    heads.keep()
    assert refused(officer.send("GET", "/audit-logs/export")) == (503, "audit_unavailable")
