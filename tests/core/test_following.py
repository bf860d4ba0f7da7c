"""Following alerts: each once, none left out, and to whom the list would show it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import attrs
import pytest

from mindbridge_core import Action, Operator, Role
from mindbridge_core.actor import Actor
from mindbridge_core.errors import Forbidden, InvalidInput, SessionEnded
from mindbridge_core.identity import SessionLimits, User
from mindbridge_core.ids import first_id
from mindbridge_core.patients import Alert, AlertFilter, AlertKind, AlertWatchers
from mindbridge_core.patients.following import SETTLES, AlertNews, Bookmark
from mindbridge_memory.alerts import MemoryAlerts
from tests.core.house import House, actor


@attrs.frozen
class Ward:
    """A clinic with an admin, a case manager with a patient, and a patient of nobody."""

    house: House
    clinic: UUID
    admin: User
    manager: User
    own: UUID
    other: UUID

    def alert(self, patient_id: UUID | None = None, kind: AlertKind = AlertKind.HIGH_RISK) -> Alert:
        """Return an alert whose id is made now, and which is not stored yet."""
        return Alert(
            id=self.house.core.ports.new_id(),
            clinic_id=self.clinic,
            kind=kind,
            patient_id=patient_id or self.own,
            cause_id=uuid4(),
            created_at=self.house.clock(),
        )

    def store(self, *alerts: Alert) -> list[UUID]:
        with self.house.store.open_unit(self.clinic) as unit:
            unit.alerts.raise_all(alerts)
        return [one.id for one in alerts]

    def raised(self, number: int = 1) -> list[UUID]:
        return self.store(*[self.alert() for _ in range(number)])

    def look(self, bookmark: Bookmark | None = None, caller: Actor | None = None, *, opens: bool = False) -> AlertNews:
        return self.house.core.follow_alerts(caller or actor(self.admin), bookmark, opens=opens)

    def follows(self) -> list[tuple[UUID, ...]]:
        return [entry.resource_ids for entry in self.house.entries() if entry.action is Action.ALERT_FOLLOW]


@pytest.fixture
def ward() -> Ward:
    house = House()
    house.core.prepare_platform()
    clinic = house.clinic("North")
    manager = house.staff(clinic, Role.CASE_MANAGER)
    admin = house.staff(clinic, Role.ADMIN)
    return Ward(house, clinic, admin, manager, house.patient(clinic, manager), house.patient(clinic))


def ids(news: AlertNews) -> list[UUID]:
    return [alert.id for alert in news.alerts]


def test_who_begins_now_is_told_of_what_comes_and_of_nothing_before(ward: Ward) -> None:
    ward.raised(3)
    news = ward.look()
    assert [] == ids(news)
    for number in (1, 2):
        new = ward.raised(number)
        news = ward.look(news.bookmark)
        assert (new, False) == (ids(news), news.more)
        assert [] == ids(ward.look(news.bookmark))


def test_beginning_leaves_an_entry_and_so_does_each_delivery_and_no_look_for_nothing(ward: Ward) -> None:
    news = ward.look()
    news = ward.look(news.bookmark)
    ward.store(ward.alert(), ward.alert(), ward.alert(ward.other))
    ward.house.clock.forward(minutes=6)
    news = ward.look(news.bookmark)
    news = ward.look(news.bookmark)
    ward.look(Bookmark.read(news.bookmark.text), opens=True)
    assert [(), (ward.own, ward.other), ()] == ward.follows()


def test_an_alert_that_is_stored_after_one_with_a_higher_id_is_told_all_the_same(ward: Ward) -> None:
    first, late = ward.look(), ward.alert()
    ward.house.clock.forward(seconds=200)
    new = ward.raised()
    news = ward.look(first.bookmark)
    assert new == ids(news)
    ward.house.clock.forward(seconds=90)
    assert ward.store(late) == ids(ward.look(news.bookmark))


def test_while_a_long_unit_is_open_all_since_it_began_is_read_again(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, late = ward.house.clock(), ward.alert()
    monkeypatch.setattr(MemoryAlerts, "open_since", lambda _: began)
    news, told = ward.look(), list[UUID]()
    for _ in range(2):
        ward.house.clock.forward(minutes=20)
        new = ward.raised()
        news = ward.look(news.bookmark)
        assert new == ids(news)
        told += new
    assert f"settled-{first_id(began - SETTLES)}" == news.bookmark.text
    ward.store(late)
    assert [late.id] == ids(ward.look(news.bookmark))
    assert [late.id, *told] == ids(ward.look(Bookmark.read(news.bookmark.text)))
    monkeypatch.undo()
    assert str(told[-1]) == ward.look(news.bookmark).bookmark.text


def test_one_that_was_being_stored_when_somebody_began_is_told(ward: Ward) -> None:
    late = ward.alert()
    ward.house.clock.forward(seconds=5)
    ward.raised(120)
    news = ward.look()
    ward.store(late)
    assert [late.id] == ids(ward.look(news.bookmark))


def test_who_comes_back_with_an_alerts_id_is_told_all_since_and_what_may_have_been_stored_late(ward: Ward) -> None:
    old = ward.raised()
    ward.house.clock.forward(minutes=6)
    before = ward.raised()
    ward.house.clock.forward(minutes=2)
    last = ward.raised()
    ward.house.clock.forward(hours=3)
    away = ward.raised(2)
    assert before + away == ids(ward.look(Bookmark.read(str(last[0]))))
    assert before + last + away == ids(ward.look(Bookmark.read(str(old[0]))))


def test_once_all_has_settled_who_comes_back_is_told_nothing_twice(ward: Ward) -> None:
    news = ward.look()
    assert news.bookmark.text == f"settled-{first_id(ward.house.clock() - SETTLES)}"
    (new,) = ward.raised()
    news = ward.look(news.bookmark)
    assert str(new) == news.bookmark.text == ward.look(news.bookmark).bookmark.text
    ward.house.clock.forward(seconds=SETTLES.total_seconds() + 1)
    news = ward.look(news.bookmark)
    assert news.bookmark.text == f"settled-{first_id(ward.house.clock() - SETTLES)}"
    assert frozenset() == news.bookmark.shown
    ward.house.clock.forward(hours=8)
    assert [] == ids(ward.look(Bookmark.read(news.bookmark.text)))
    assert ward.raised(2) == ids(ward.look(Bookmark.read(news.bookmark.text)))


def test_much_is_told_in_pages_each_alert_once(ward: Ward) -> None:
    bookmark = ward.look().bookmark
    ward.house.clock.forward(hours=1)
    all_of_it = ward.raised(150)
    ward.house.clock.forward(hours=1)
    all_of_it += ward.raised(100)
    found = []
    for more in (True, True, False):
        news = ward.look(bookmark)
        found += ids(news)
        bookmark = news.bookmark
        assert more is news.more
    assert all_of_it == found
    assert 100 >= len(bookmark.shown)


def test_a_bookmark_in_the_future_hides_nothing(ward: Ward) -> None:
    for text in ("settled-", ""):
        news = ward.look(Bookmark.read(f"{text}ffffffff-ffff-7fff-bfff-ffffffffffff"))
        assert ward.raised() == ids(ward.look(news.bookmark))


def test_a_bookmark_from_before_time_is_before_all(ward: Ward) -> None:
    new = ward.raised()
    assert new == ids(ward.look(Bookmark.read("00000000-0000-4000-8000-000000000000")))


@pytest.mark.parametrize("text", ["", "settled-", "x", "settled-x", "00000000-0000-4000-8000-00000000000A", "0" * 32])
def test_any_other_text_is_no_bookmark(text: str) -> None:
    with pytest.raises(InvalidInput):
        Bookmark.read(text)


def test_each_role_follows_what_its_list_shows(ward: Ward) -> None:
    callers = {role: actor(ward.house.staff(ward.clinic, role)) for role in (Role.ADMIN, Role.COMPLIANCE_OFFICER)}
    callers[Role.CASE_MANAGER] = actor(ward.manager)
    begun = {role: ward.look(caller=caller).bookmark for role, caller in callers.items()}
    ward.store(*[ward.alert(patient, kind) for patient in (ward.own, ward.other) for kind in AlertKind])
    removed = ward.house.patient(ward.clinic, ward.manager)
    ward.store(*[ward.alert(removed, kind) for kind in AlertKind])
    ward.house.core.remove_patient(callers[Role.ADMIN], removed)
    for role, number in ((Role.ADMIN, 9), (Role.COMPLIANCE_OFFICER, 3), (Role.CASE_MANAGER, 3)):
        news = ward.look(begun[role], callers[role])
        assert number == len(news.alerts)
        assert news.alerts == ward.house.core.list_alerts(callers[role], AlertFilter()).items
    with pytest.raises(Forbidden):
        ward.look(caller=actor(ward.house.staff(ward.clinic, Role.READONLY)))
    with pytest.raises(Forbidden):
        ward.house.core.follow_alerts(Operator(clinic_id=ward.clinic))


def test_another_clinics_alerts_are_never_told(ward: Ward) -> None:
    elsewhere = ward.house.clinic("South")
    foreigner = actor(ward.house.staff(elsewhere, Role.ADMIN))
    bookmark = ward.look(caller=foreigner).bookmark
    (new,) = ward.raised()
    assert [] == ids(ward.look(bookmark, foreigner))
    assert [] == ids(ward.look(Bookmark.read(str(new)), foreigner))


def test_following_keeps_no_session_from_ending_and_a_list_does(ward: Ward) -> None:
    claim = ward.house.claim(ward.house.log_in(ward.admin))
    core, idle = ward.house.core, SessionLimits().idle
    news = core.follow_alerts(claim)
    ward.house.clock.forward(seconds=(idle - timedelta(minutes=1)).total_seconds())
    core.list_alerts(claim, AlertFilter())
    for _ in range(2):
        ward.house.clock.forward(seconds=(idle / 2 - timedelta(seconds=1)).total_seconds())
        news = core.follow_alerts(claim, news.bookmark)
    ward.house.clock.forward(seconds=3)
    with pytest.raises(SessionEnded):
        core.follow_alerts(claim, news.bookmark)


def test_a_session_that_was_ended_follows_nothing_more(ward: Ward) -> None:
    claim = ward.house.claim(ward.house.log_in(ward.admin))
    news = ward.house.core.follow_alerts(claim)
    ward.house.core.log_out(claim)
    ward.raised()
    with pytest.raises(SessionEnded):
        ward.house.core.follow_alerts(claim, news.bookmark)


def test_after_a_time_of_silence_everybody_is_woken() -> None:
    watchers, woken = AlertWatchers(), list[int]()
    with watchers.watch(uuid4(), lambda: woken.append(1)), watchers.watch(uuid4(), lambda: woken.append(2)):
        watchers.tell_all()
    watchers.tell_all()
    assert [1, 2] == woken
