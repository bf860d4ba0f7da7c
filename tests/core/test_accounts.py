"""Accounts in an admin's hands, and one's own sessions."""

from __future__ import annotations

from uuid import uuid4

import pytest

from mindbridge_core import Role
from mindbridge_core.errors import LastAdmin, NotFound, PreconditionFailed, SessionEnded
from mindbridge_core.identity import StaffChanges
from tests.core.house import Town


def test_a_new_name_keeps_sessions_and_a_new_role_ends_them(town: Town) -> None:
    core, admin, reader = town.house.core, town.caller(Role.ADMIN), town.caller(Role.READONLY)
    user = town.staff[Role.READONLY]

    renamed = core.change_staff(admin, user.id, StaffChanges(full_name="New Name", license_number="7"))
    assert ("New Name", "7", user.role) == (renamed.full_name, renamed.license_number, renamed.role)
    assert "New Name" == core.view_self(reader).full_name

    assert Role.CASE_MANAGER is core.change_staff(admin, user.id, StaffChanges(role=Role.CASE_MANAGER)).role
    with pytest.raises(SessionEnded):
        core.view_self(reader)
    again = town.house.claim(town.house.log_in(user))
    assert Role.CASE_MANAGER is core.view_self(again).role


def test_a_change_of_nothing_changes_nothing(town: Town) -> None:
    user = town.staff[Role.READONLY]
    found = town.house.core.change_staff(town.caller(Role.ADMIN), user.id, StaffChanges())
    assert user.version == found.version


def test_a_deactivated_account_is_out_at_once_and_stays_on_the_list(town: Town) -> None:
    core, admin, reader = town.house.core, town.caller(Role.ADMIN), town.caller(Role.READONLY)
    user = town.staff[Role.READONLY]

    core.deactivate_staff(admin, user.id)

    with pytest.raises(SessionEnded):
        core.view_self(reader)
    assert [False] == [one.active for one in core.list_staff(admin).items if one.id == user.id]
    assert town.house.clock() == core.view_staff(admin, user.id).deleted_at
    with pytest.raises(NotFound):
        core.deactivate_staff(admin, user.id)


def test_the_last_active_admin_stays(town: Town) -> None:
    core, admin, user = town.house.core, town.caller(Role.ADMIN), town.staff[Role.ADMIN]
    with pytest.raises(LastAdmin):
        core.deactivate_staff(admin, user.id)
    with pytest.raises(LastAdmin):
        core.change_staff(admin, user.id, StaffChanges(role=Role.READONLY))
    assert Role.ADMIN is core.change_staff(admin, user.id, StaffChanges(role=Role.ADMIN)).role

    core.change_staff(admin, town.staff[Role.READONLY].id, StaffChanges(role=Role.ADMIN))
    core.deactivate_staff(admin, user.id)
    with pytest.raises(SessionEnded):
        core.view_self(admin)


def test_a_version_that_is_not_current_is_refused(town: Town) -> None:
    core, admin, user = town.house.core, town.caller(Role.ADMIN), town.staff[Role.READONLY]
    with pytest.raises(PreconditionFailed):
        core.change_staff(admin, user.id, StaffChanges(full_name="X"), version=user.version + 1)
    assert "X" == core.change_staff(admin, user.id, StaffChanges(full_name="X"), version=user.version).full_name


def test_an_account_of_another_clinic_is_as_if_missing(town: Town) -> None:
    stranger = town.house.staff(town.house.clinic("West"), Role.READONLY)
    for user_id in (stranger.id, uuid4()):
        with pytest.raises(NotFound):
            town.house.core.change_staff(town.caller(Role.ADMIN), user_id, StaffChanges(full_name="X"))
        with pytest.raises(NotFound):
            town.house.core.view_staff(town.caller(Role.ADMIN), user_id)
    assert stranger.id not in {one.id for one in town.house.core.list_staff(town.caller(Role.ADMIN)).items}


def test_ones_own_sessions_are_seen_and_ended_and_nobody_elses(town: Town) -> None:
    core, user = town.house.core, town.staff[Role.READONLY]
    first, second = town.caller(Role.READONLY), town.house.claim(town.house.log_in(user))
    others = town.caller(Role.ADMIN)

    assert [second.session_id, first.session_id] == [one.id for one in core.list_sessions(first)]
    for unreachable in (others.session_id, uuid4()):
        with pytest.raises(NotFound):
            core.end_session(first, unreachable)
    core.end_session(first, second.session_id)

    with pytest.raises(SessionEnded):
        core.view_self(second)
    assert [first.session_id] == [one.id for one in core.list_sessions(first)]
    assert others.user_id == core.view_self(others).id


def test_a_session_that_has_run_out_is_not_shown(town: Town) -> None:
    town.house.clock.forward(minutes=20)
    again = town.house.claim(town.house.log_in(town.staff[Role.READONLY]))
    assert [again.session_id] == [one.id for one in town.house.core.list_sessions(again)]
