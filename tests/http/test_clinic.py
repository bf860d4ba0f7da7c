"""The caller's own clinic, as the API shows it."""

from __future__ import annotations

import pytest

from mindbridge_core import Role
from mindbridge_core.identity import ClinicDraft
from tests.http.world import Staff, World, findings, refused


def test_a_clinic_is_shown_to_its_staff_and_says_nothing_of_its_address(world: World, admin: Staff) -> None:
    shown = admin.send("GET", "/clinic")
    assert (200, '"1"') == (shown.status_code, shown.headers["ETag"])
    content = shown.get_json()
    assert {"id": str(world.clinic_id), "screening_time": None, "version": 1}.items() <= content.items()
    assert {"id", "name", "timezone", "screening_time", "version"} == content.keys()
    assert content == world.session(Role.READONLY).send("GET", "/clinic").get_json()
    assert 304 == admin.send("GET", "/clinic", {"If-None-Match": '"1"'}).status_code
    assert (401, "unauthenticated") == refused(world.client.get("/api/v1/clinic"))


def test_an_admin_changes_zone_and_time_and_nothing_else(world: World, admin: Staff) -> None:
    changed = admin.send(
        "PATCH", "/clinic", {"If-Match": '"1"'}, json={"timezone": "Asia/Tokyo", "screening_time": "05:30"}
    )
    assert (200, '"2"') == (changed.status_code, changed.headers["ETag"])
    assert ("Asia/Tokyo", "05:30") == (changed.get_json()["timezone"], changed.get_json()["screening_time"])
    stale = admin.send("PATCH", "/clinic", {"If-Match": '"1"'}, json={"screening_time": None})
    assert (412, "stale_version") == refused(stale)
    back = admin.send("PATCH", "/clinic", json={"screening_time": None}).get_json()
    assert ("Asia/Tokyo", None, 3) == (back["timezone"], back["screening_time"], back["version"])
    manager = world.session(Role.CASE_MANAGER).send("PATCH", "/clinic", json={"timezone": "UTC"})
    assert 403 == manager.status_code
    other = world.core.open_clinic(ClinicDraft(organization="Elm", name="South"))
    elsewhere = world.log_in(world.staff(Role.ADMIN, other))
    assert ("America/New_York", 1) == tuple(
        elsewhere.send("GET", "/clinic").get_json()[it] for it in ("timezone", "version")
    )


@pytest.mark.parametrize(
    ("sent", "pointer", "code"),
    [
        ({"timezone": "Mars/Olympus"}, "/timezone", "unknown_timezone"),
        ({"timezone": None}, "/timezone", "invalid_type"),
        ({"screening_time": "25:00"}, "/screening_time", "invalid_format"),
        ({"name": "South"}, "/name", "unknown_field"),
        ({"address": "1 Elm Street"}, "/address", "unknown_field"),
    ],
)
def test_what_cannot_be_is_refused_by_field(admin: Staff, sent: dict[str, object], pointer: str, code: str) -> None:
    assert {(pointer, code)} == findings(admin.send("PATCH", "/clinic", json=sent))
