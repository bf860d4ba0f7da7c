"""Unusual access: what the rules find, what they leave alone, and what becomes of a finding."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mindbridge_core import Action, MindBridge, Operator, Role
from mindbridge_core.actor import Caller
from mindbridge_core.audit import AuditEntry
from mindbridge_core.errors import DependencyUnavailable, Forbidden, InvalidInput
from mindbridge_core.identity import Overseers
from mindbridge_core.notices import Message
from mindbridge_core.oversight import (
    ChainPlace,
    Detection,
    DetectionLimits,
    Detector,
    OffHours,
    PatientVolume,
    Period,
    RepeatedRefusals,
    Suspicion,
    TrailRecord,
    Watch,
    detectors_of,
    window_of,
)
from mindbridge_core.testing.records import an_entry
from mindbridge_memory import KeptMessages
from tests.core.house import START, House, Town, actor, settled

HOUR = timedelta(hours=1)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")
ADA, BEN = UUID(int=1), UUID(int=2)
FEW = DetectionLimits(volume_most=5, volume_factor=2, off_hours_most=3, refusals_most=4)

TOLERANT = attrs.evolve(FEW, history=6 * HOUR, off_hours_most=50)


def record(user_id: UUID | None, at: datetime = NOON, patients: Sequence[int] = (), **fields: Any) -> TrailRecord:
    plain: dict[str, Any] = {
        "lane": 0,
        "seq": 1,
        "id": uuid4(),
        "clinic_id": UUID(int=9),
        "created_at": at,
        "action": "patient.list",
        "outcome": "success",
        "resource_type": "patient",
        "resource_ids": tuple(UUID(int=number) for number in patients),
        "phi_accessed": True,
        "user_id": user_id,
        "prev_mac": b"",
        "mac": b"",
    }
    return TrailRecord(**plain | fields)


def refusal(user_id: UUID | None, reason: str = "not_found", **fields: Any) -> TrailRecord:
    denied: dict[str, Any] = {"outcome": "denied", "phi_accessed": False, "changed_values": {"reason": reason}}
    return record(user_id, **denied | fields)


def judged(detector: Detector, records: Sequence[TrailRecord], zone: tzinfo = UTC) -> list[Suspicion]:
    """Show the rule all the records of one window."""
    watch = detector.watch(zone)
    for one in records:
        watch.see(one)
    return list(watch.close(NOON))


def week(watch: Watch, counts: Sequence[int], user_id: UUID = ADA) -> list[Sequence[Suspicion]]:
    """Show the watch an hour after the other, in each of which the user saw that many patients."""
    found = []
    for number, count in enumerate(counts):
        start = NOON + number * HOUR
        watch.see(record(user_id, start, range(count)))
        found.append(watch.close(start))
    return found


# --- more patients than is usual -----------------------------------------------------------------------------------


@given(past=st.lists(st.integers(0, 30), max_size=12), now=st.integers(0, 60))
def test_a_volume_is_unusual_beyond_what_anybody_and_this_user_does(past: list[int], now: int) -> None:
    busy = [count for count in past if count]
    mean = sum(busy) / len(busy) if busy else 0.0
    usual = max(FEW.volume_most, int(FEW.volume_factor * mean))
    last = week(PatientVolume(FEW).watch(UTC), [*past, now])[-1]
    assert ([Suspicion(user_id=ADA, observed=now, threshold=usual)] if now > usual else []) == list(last)


def test_a_volume_is_held_against_the_users_own_history_alone() -> None:
    watch = PatientVolume(FEW).watch(UTC)
    assert week(watch, [5] * 5) == [[]] * 5
    week(watch, [1] * 5, BEN)
    watch.see(record(ADA, NOON, range(10)))
    watch.see(record(BEN, NOON, range(10)))
    assert [BEN] == [found.user_id for found in watch.close(NOON + 6 * HOUR)]


def test_what_lies_further_back_than_the_history_counts_no_more() -> None:
    short = attrs.evolve(FEW, history=3 * HOUR)
    counts = [5, 5, 5, 0, 0, 0, 8]
    assert week(PatientVolume(attrs.evolve(FEW, history=6 * HOUR)).watch(UTC), counts)[-1] == []
    assert 1 == len(week(PatientVolume(short).watch(UTC), counts)[-1])


@given(st.permutations([0, 0, 1, 2, 3, 4, 5]), st.integers(1, 7))
def test_each_patient_counts_once_in_whatever_order_and_entries(patients: list[int], cut: int) -> None:
    records = [record(ADA, patients=patients[:cut]), record(ADA, patients=patients[cut:])]
    single = [record(ADA, action="patient.view", resource_id=UUID(int=number), resource_ids=()) for number in patients]
    for shown in (records, records[::-1], single):
        assert [6] == [found.observed for found in judged(PatientVolume(FEW), shown)]


@pytest.mark.parametrize(
    "fields",
    [
        {"outcome": "denied"},
        {"outcome": "failure"},
        {"phi_accessed": False},
        {"resource_type": "audit_log"},
        {"action": "patient.create"},
        {"action": "patient.import"},
        {"user_id": None},
    ],
)
def test_what_shows_no_patient_counts_for_nothing(fields: dict[str, Any]) -> None:
    assert 1 == len(judged(PatientVolume(FEW), [record(ADA, patients=range(9))]))
    assert [] == judged(PatientVolume(FEW), [attrs.evolve(record(ADA, patients=range(9)), **fields)])


# --- at night ------------------------------------------------------------------------------------------------------


@given(
    at=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - the zone is given beside
    zone=st.sampled_from(["UTC", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]).map(ZoneInfo),
    patients=st.integers(0, 8),
)
def test_many_patients_are_unusual_while_the_clinic_is_closed_by_its_own_clocks(
    at: datetime, zone: ZoneInfo, patients: int
) -> None:
    closed = not FEW.day_begins <= at.astimezone(zone).hour < FEW.day_ends
    found = judged(OffHours(FEW), [record(ADA, at, range(patients))], zone)
    assert (closed and patients > FEW.off_hours_most) is bool(found)


def test_the_day_begins_and_ends_on_the_hour_summer_and_winter() -> None:
    def found(text: str) -> bool:
        at = datetime.fromisoformat(text).astimezone(UTC)
        return bool(judged(OffHours(FEW), [record(ADA, at, range(4))], NEW_YORK))

    for offset, date in (("-05:00", "2026-01-15"), ("-04:00", "2026-07-15")):
        assert [True, False, False, True] == [
            found(f"{date}T{time}{offset}") for time in ("06:59:59", "07:00:00", "19:59:59", "20:00:00")
        ]


def test_patients_of_the_day_do_not_count_at_night() -> None:
    evening = datetime(2026, 3, 2, 19, 45, tzinfo=ZoneInfo("Asia/Kathmandu")).astimezone(UTC)
    shown = [record(ADA, evening, range(3)), record(ADA, evening + timedelta(minutes=20), range(3, 6))]
    assert [] == judged(OffHours(FEW), shown, ZoneInfo("Asia/Kathmandu"))
    assert [6] == [found.observed for found in judged(OffHours(FEW), shown, ZoneInfo("Asia/Tokyo"))]


# --- refusals ------------------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from(["not_found", "forbidden", "invalid_token"]), max_size=12))
def test_refusals_are_unusual_when_there_are_many(reasons: list[str]) -> None:
    doors = len([reason for reason in reasons if reason != "invalid_token"])
    found = judged(RepeatedRefusals(FEW), [refusal(ADA, reason) for reason in reasons])
    assert ([(ADA, doors, 4)] if doors > 4 else []) == [(one.user_id, one.observed, one.threshold) for one in found]


def test_refusals_count_for_whoever_was_refused_and_for_one_window() -> None:
    watch = RepeatedRefusals(FEW).watch(UTC)
    for _ in range(4):
        for one in (refusal(ADA), refusal(BEN), refusal(None), refusal(ADA, outcome="failure"), record(ADA)):
            watch.see(one)
    assert [] == list(watch.close(NOON))
    watch.see(refusal(ADA))
    assert [] == list(watch.close(NOON + HOUR))


# --- all of them ---------------------------------------------------------------------------------------------------

ENTRIES = st.lists(
    st.builds(
        record,
        st.sampled_from([ADA, BEN]),
        st.integers(0, 59).map(lambda minutes: NOON + timedelta(minutes=minutes)),
        st.lists(st.integers(0, 99), max_size=100),
        outcome=st.sampled_from(["success", "failure"]),
    )
    | st.builds(refusal, st.sampled_from([ADA, BEN]), st.just("invalid_token")),
    max_size=20,
)


@given(ENTRIES)
def test_a_quiet_trail_raises_no_alarm(records: list[TrailRecord]) -> None:
    """A hundred patients by day, and tokens of sessions that have ended, are nothing unusual."""
    for detector in detectors_of(DetectionLimits()):
        assert [] == judged(detector, records, UTC)


@given(ENTRIES, st.randoms(use_true_random=False))
def test_the_order_within_a_window_means_nothing(records: list[TrailRecord], random: Any) -> None:
    shuffled = list(records)
    random.shuffle(shuffled)
    for detector in detectors_of(attrs.evolve(FEW, day_begins=23, day_ends=24)):
        assert judged(detector, records) == judged(detector, shuffled)


@pytest.mark.parametrize(
    "limits",
    [
        {"day_begins": 20, "day_ends": 7},
        {"day_begins": -1},
        {"day_ends": 25},
        {"volume_most": 0},
        {"off_hours_most": 0},
        {"refusals_most": 0},
        {"volume_factor": 0.9},
        {"history": timedelta(days=-1)},
    ],
)
def test_limits_that_are_none_are_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"a day|rules|history"):
        DetectionLimits(**limits)
    assert 3 == len(detectors_of(DetectionLimits(day_begins=0, day_ends=24, history=timedelta(0))))


# --- the use case --------------------------------------------------------------------------------------------------


@attrs.frozen
class Watched:
    """A town, a core with few tolerated, and a trail that is written by hand."""

    town: Town
    core: MindBridge

    @property
    def house(self) -> House:
        return self.town.house

    @property
    def operator(self) -> Caller:
        return Operator(clinic_id=self.town.clinic)

    def append(self, *entries: AuditEntry) -> None:
        with self.house.store.open_unit(self.town.clinic) as unit:
            for entry in entries:
                unit.audit.append(entry)

    def saw(self, hours_ago: float, patients: int, role: Role = Role.READONLY) -> None:
        """Have somebody have seen some patients."""
        entry = an_entry(
            self.town.clinic,
            created_at=window_of(START) - hours_ago * HOUR,
            action=Action.PATIENT_LIST,
            phi_accessed=True,
            user_id=self.town.staff[role].id,
            resource_ids=tuple(UUID(int=number) for number in range(patients)),
        )
        self.append(entry)

    def detect(self, since: datetime | None = None) -> Detection:
        return self.core.detect_unusual_access(self.operator, since=since)

    def entered(self) -> list[dict[str, object]]:
        """What the entries of detecting say, oldest first."""
        return [dict(one.changed_values) for one in self.house.entries() if one.action is Action.AUDIT_DETECT]

    def messages(self) -> list[Message]:
        notifier = self.core.ports.notifier
        assert isinstance(notifier, KeptMessages)
        return notifier.sent


@pytest.fixture
def watched() -> Watched:
    town = settled()
    return Watched(town, over(town, detectors=detectors_of(TOLERANT)))


def over(town: Town, **ports: Any) -> MindBridge:
    return MindBridge.build(attrs.evolve(town.house.core.ports, **ports))


def test_what_is_found_is_stored_and_told_once(watched: Watched) -> None:
    watched.saw(1, 6)
    first = watched.detect()
    (finding,) = first.findings
    assert (watched.town.staff[Role.READONLY].id, "patient_volume", 6, 5) == (
        finding.user_id,
        finding.rule,
        finding.observed,
        finding.threshold,
    )
    assert (window_of(START) - HOUR, window_of(START)) == (finding.window_start, finding.window_end)
    assert {finding.id} == first.new
    staff = watched.town.staff
    assert {staff[Role.ADMIN].email, staff[Role.COMPLIANCE_OFFICER].email} == {one.to for one in watched.messages()}
    for message in watched.messages():
        assert "New findings: 1" in message.text
        assert staff[Role.READONLY].full_name not in message.text + message.subject
    watched.house.clock.forward(hours=1)
    again = watched.detect()
    assert ((finding,), frozenset()) == (again.findings, again.new)
    assert 2 == len(watched.messages())
    listed = watched.core.list_findings(actor(staff[Role.COMPLIANCE_OFFICER])).items
    assert finding in listed
    assert [{"found": 1, "new": 1}, {"found": 1, "new": 0}] == watched.entered()[1::2]


def test_nothing_unusual_is_nothing_stored_and_nobody_told(watched: Watched) -> None:
    watched.saw(1, 5)
    before = watched.house.store.tables.audit_findings.rows()
    found = watched.detect()
    assert ((), frozenset()) == (found.findings, found.new)
    assert [] == watched.messages()
    assert before == watched.house.store.tables.audit_findings.rows()
    (asked,) = watched.entered()
    assert {"since", "until"} == asked.keys()


def test_a_history_before_the_windows_is_read_and_raises_nothing_itself(watched: Watched) -> None:
    for hours in (5, 4):
        watched.saw(hours, 9)
    watched.saw(1, 18)
    watched.saw(1, 6, Role.ADMIN)
    found = watched.detect(window_of(START) - 2 * HOUR).findings
    assert [watched.town.staff[Role.ADMIN].id] == [one.user_id for one in found]


def test_an_hour_that_may_still_get_entries_is_not_examined(watched: Watched) -> None:
    watched.saw(-0.25, 9)
    assert () == watched.detect().findings
    watched.house.clock.forward(minutes=34)
    assert () == watched.detect().findings
    watched.house.clock.forward(minutes=1)
    assert 1 == len(watched.detect().findings)


def test_two_days_are_examined_unless_more_is_asked_for(watched: Watched) -> None:
    watched.saw(49, 9)
    assert () == watched.detect().findings
    assert 1 == len(watched.detect(START - timedelta(days=3)).findings)
    with pytest.raises(InvalidInput):
        watched.detect(START - timedelta(days=367))
    assert () == watched.detect(START + timedelta(days=1)).findings


def test_the_clinics_own_clocks_say_when_it_is_closed(watched: Watched) -> None:
    # The trail's last full hour ends at 9:00 UTC, which is 4 in the morning for a clinic in New York.
    watched.saw(1, 4)
    core = over(watched.town, detectors=(OffHours(FEW),))
    assert ["off_hours"] == [one.rule for one in core.detect_unusual_access(watched.operator).findings]
    assert () == watched.detect().findings


def test_a_record_that_is_not_intact_accuses_nobody(watched: Watched) -> None:
    watched.saw(1, 9)
    table = watched.house.store.tables.entries
    ((key, sealed),) = [item for item in table.items() if len(item[1].entry.resource_ids) == 9]
    table.put(key, attrs.evolve(sealed, entry=attrs.evolve(sealed.entry, user_id=watched.town.staff[Role.ADMIN].id)))
    table.keep()
    assert () == watched.detect().findings


class Everybody:
    """A rule of somebody's own: to be there is unusual."""

    rule = "being_there"
    history = timedelta(0)

    def __init__(self) -> None:
        self.seen: set[UUID] = set()

    def watch(self, _: tzinfo) -> Everybody:
        return self

    def see(self, shown: TrailRecord) -> None:
        assert shown.user_id is not None
        self.seen.add(shown.user_id)

    def close(self, _: datetime) -> list[Suspicion]:
        found = [Suspicion(user_id=one, observed=1, threshold=0) for one in sorted(self.seen)]
        self.seen.clear()
        return found


def test_a_rule_of_ones_own_is_plugged_in(watched: Watched) -> None:
    watched.saw(1, 0)
    core = over(watched.town, detectors=(Everybody(),))
    assert ["being_there"] == [one.rule for one in core.detect_unusual_access(watched.operator).findings]
    none = over(watched.town, detectors=())
    assert () == none.detect_unusual_access(watched.operator).findings


class Deaf:
    """A notifier that reaches nobody."""

    def send(self, _: Message) -> None:
        raise DependencyUnavailable


def test_that_nobody_could_be_told_is_entered_and_the_finding_stays(watched: Watched) -> None:
    watched.saw(1, 9)
    detect = attrs.evolve(watched.core.detect_unusual_access, tell=Overseers(notifier=Deaf()))
    assert 1 == len(detect(watched.operator).new)
    assert {"notices_unsent": 2} == watched.entered()[-1]


def test_findings_are_for_admins_and_officers_page_by_page(watched: Watched) -> None:
    watched.saw(1, 9)
    watched.detect()
    officer = actor(watched.town.staff[Role.COMPLIANCE_OFFICER])
    page = watched.core.list_findings(officer, limit=1)
    assert (1, page.items[-1].id) == (len(page.items), page.after)
    assert page.items[0] not in watched.core.list_findings(officer, after=page.after).items
    with pytest.raises(Forbidden):
        watched.core.list_findings(actor(watched.town.staff[Role.CASE_MANAGER]))


class EndlessHour:
    """Trails with one busy hour, made as they are read."""

    def __init__(self, batches: int) -> None:
        self.batches = batches

    def batch(self, _: UUID, period: Period, after: ChainPlace | None, limit: int) -> Sequence[TrailRecord]:
        done = 0 if after is None else after.seq // limit
        if period.since != window_of(START) - HOUR or done == self.batches:
            return ()
        first = done * limit + 1
        return [
            record(ADA if seq % 2 else BEN, START - HOUR, range(seq % 8), seq=seq)
            for seq in range(first, first + limit)
        ]

    def clinics(self) -> Sequence[UUID]:
        raise NotImplementedError

    def length(self, _: UUID) -> int:
        raise NotImplementedError

    def unknown_lanes(self, _: UUID) -> Sequence[int]:
        raise NotImplementedError

    def following(self, *_: object) -> Sequence[TrailRecord]:
        raise NotImplementedError

    def cuts(self, *_: object) -> Any:
        raise NotImplementedError

    @contextmanager
    def lane(self, *_: object) -> Iterator[Any]:
        raise NotImplementedError
        yield


def peak(watched: Watched, batches: int) -> int:
    detect = attrs.evolve(watched.core.detect_unusual_access, trails=EndlessHour(batches))
    tracemalloc.start()
    try:
        assert detect(watched.operator).findings
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_a_trail_of_any_length_is_read_in_the_same_memory(watched: Watched) -> None:
    peak(watched, 2)  # what is made once and kept is no part of the comparison
    few, many = peak(watched, 5), peak(watched, 20)
    assert many < 2 * few  # and not four times as much
