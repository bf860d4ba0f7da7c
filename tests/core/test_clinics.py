"""A clinic's own clock: who sees it, who changes it, and what follows from a change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

import pytest

from mindbridge_core import Action, Actor, Operator, Role
from mindbridge_core.errors import Forbidden, InvalidInput, NotFound, PreconditionFailed
from mindbridge_core.identity import ClinicChanges
from mindbridge_core.ids import PLATFORM_CLINIC_ID
from mindbridge_core.screening import Batch
from tests.core.house import House, actor

SIX = time(6, 0)
NEW_YORK, CHICAGO, TOKYO = "America/New_York", "America/Chicago", "Asia/Tokyo"


@pytest.fixture
def house() -> House:
    house = House()
    house.core.prepare_platform()
    return house


@pytest.fixture
def clinic(house: House) -> UUID:
    return house.clinic("North")


@pytest.fixture
def admin(house: House, clinic: UUID) -> Actor:
    return actor(house.staff(clinic, Role.ADMIN))


def changes(**sent: Any) -> ClinicChanges:
    return ClinicChanges(**sent)


def look(house: House, clinic: UUID, moment: str, at: time | None = SIX) -> date | None:
    """Look whether the day's batch is due at a moment of UTC; return its day if that ordered it."""
    house.clock.now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    batch: Batch | None = house.core.order_batch.daily(Operator(clinic_id=clinic), at)
    return None if batch is None else batch.day


def test_a_clinic_is_shown_to_all_its_staff_and_changed_by_its_admins(house: House, clinic: UUID, admin: Actor) -> None:
    for role in Role:
        shown = house.core.view_clinic(actor(house.staff(clinic, role)))
        assert (clinic, "North", NEW_YORK, None, 1) == (
            shown.id,
            shown.name,
            shown.timezone,
            shown.screening_time,
            shown.version,
        )
    changed = house.core.change_clinic(admin, changes(timezone=CHICAGO, screening_time="05:30"))
    assert (CHICAGO, time(5, 30), 2, house.clock()) == (
        changed.timezone,
        changed.screening_time,
        changed.version,
        changed.updated_at,
    )
    assert changed == house.core.view_clinic(admin)
    entry = next(one for one in house.entries() if one.action is Action.CLINIC_CHANGE)
    assert (clinic, {"timezone": CHICAGO, "screening_time": "05:30"}) == (entry.resource_id, entry.changed_values)
    for role in (Role.CASE_MANAGER, Role.COMPLIANCE_OFFICER, Role.READONLY):
        with pytest.raises(Forbidden):
            house.core.change_clinic(actor(house.staff(clinic, role)), changes(timezone=TOKYO))
    assert changed == house.core.view_clinic(Operator(clinic_id=clinic))


def test_a_change_leaves_the_rest_and_the_other_clinics_as_they_are(house: House, clinic: UUID, admin: Actor) -> None:
    elsewhere = actor(house.staff(house.clinic("South"), Role.ADMIN))
    before = house.core.view_clinic(elsewhere)
    house.core.change_clinic(admin, changes(screening_time="05:30"))
    house.core.change_clinic(admin, changes(timezone=TOKYO))
    changed = house.core.change_clinic(admin, changes())
    assert (TOKYO, time(5, 30), 3) == (changed.timezone, changed.screening_time, changed.version)
    back = house.core.change_clinic(admin, changes(screening_time=None))
    assert (TOKYO, None, 4, clinic) == (back.timezone, back.screening_time, back.version, back.id)
    assert before == house.core.view_clinic(elsewhere)


def test_a_change_of_what_was_changed_meanwhile_is_refused(house: House, admin: Actor) -> None:
    house.core.change_clinic(admin, changes(screening_time="05:30"), version=1)
    with pytest.raises(PreconditionFailed):
        house.core.change_clinic(admin, changes(screening_time="07:00"), version=1)
    assert 3 == house.core.change_clinic(admin, changes(screening_time="07:00"), version=2).version


@pytest.mark.parametrize(
    ("sent", "pointers"),
    [
        ({"timezone": "Mars/Olympus"}, ["/timezone"]),
        ({"timezone": ""}, ["/timezone"]),
        ({"screening_time": "24:00"}, ["/screening_time"]),
        ({"screening_time": "6:00"}, ["/screening_time"]),
        ({"screening_time": "never"}, ["/screening_time"]),
        ({"timezone": "localtime", "screening_time": "never"}, ["/timezone", "/screening_time"]),
    ],
)
def test_a_zone_that_there_is_not_and_an_hour_that_is_none_are_refused(
    sent: dict[str, str], pointers: list[str]
) -> None:
    with pytest.raises(InvalidInput) as refused:
        changes(**sent)
    assert pointers == [one.pointer for one in refused.value.findings]


def test_the_reserved_clinic_is_nobodys_to_see_or_change(house: House) -> None:
    with pytest.raises(NotFound):
        house.core.view_clinic(Operator(clinic_id=PLATFORM_CLINIC_ID))
    with pytest.raises(NotFound):
        house.core.change_clinic(Operator(), changes(timezone=TOKYO))


def test_each_clinic_is_screened_at_its_own_time_or_else_at_that_of_all(
    house: House, clinic: UUID, admin: Actor
) -> None:
    other = house.clinic("South")
    house.core.change_clinic(admin, changes(screening_time="04:30"))
    seen = [(look(house, clinic, at), look(house, other, at)) for at in ("2026-03-02T09:29", "2026-03-02T09:30")]
    assert [(None, None), (date(2026, 3, 2), None)] == seen
    seen = [(look(house, clinic, at), look(house, other, at)) for at in ("2026-03-02T10:59", "2026-03-02T11:00")]
    assert [(None, None), (None, date(2026, 3, 2))] == seen
    house.core.change_clinic(admin, changes(screening_time=None))
    assert [None, date(2026, 3, 3)] == [look(house, clinic, at) for at in ("2026-03-03T09:30", "2026-03-03T11:00")]


def test_a_clinic_with_a_time_of_its_own_is_screened_where_all_others_never_are(
    house: House, clinic: UUID, admin: Actor
) -> None:
    assert look(house, clinic, "2026-03-02T15:00", at=None) is None
    house.core.change_clinic(admin, changes(screening_time="04:30"))
    assert date(2026, 3, 2) == look(house, clinic, "2026-03-02T15:00", at=None)


def test_a_day_has_one_batch_whatever_is_changed_after_it(house: House, clinic: UUID, admin: Actor) -> None:
    assert date(2026, 3, 2) == look(house, clinic, "2026-03-02T11:00")
    for sent in ({"screening_time": "08:00"}, {"screening_time": "00:00"}, {"timezone": CHICAGO}, {"timezone": "UTC"}):
        house.core.change_clinic(admin, changes(**sent))
        assert look(house, clinic, "2026-03-02T15:00") is None
    house.core.change_clinic(admin, changes(timezone=TOKYO, screening_time="06:00"))
    # There the third has begun, in the evening of the second by UTC.
    assert [None, date(2026, 3, 3), None] == [
        look(house, clinic, at) for at in ("2026-03-02T20:59", "2026-03-02T21:00", "2026-03-03T14:59")
    ]


def test_days_are_counted_by_the_new_zone_from_now_on(house: House, clinic: UUID, admin: Actor) -> None:
    house.patient(clinic)
    house.clock.now = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)
    operator, core = Operator(clinic_id=clinic), house.core
    days = []
    for zone in (NEW_YORK, TOKYO):
        core.change_clinic(admin, changes(timezone=zone))
        (screening,) = core.screen_caseload(operator).screenings
        days.append(screening.record.as_of)
    assert [date(2026, 3, 2), date(2026, 3, 3)] == days
