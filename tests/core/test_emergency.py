"""Break-glass: one patient, for a while, for a stated reason, marked, told and reviewed."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import attrs
import pytest

from mindbridge_core import Action, MindBridge, Role
from mindbridge_core.actor import Actor
from mindbridge_core.audit import AuditEntry, Outcome
from mindbridge_core.errors import (
    AlreadyReviewed,
    DependencyUnavailable,
    Forbidden,
    InCaseload,
    InvalidInput,
    NotFound,
    ReviewOverdue,
)
from mindbridge_core.identity import StaffChanges, User
from mindbridge_core.notices import Message
from mindbridge_core.patients import (
    BreakGlass,
    BreakGlassFilter,
    BreakGlassRequest,
    BreakGlassReview,
    EmergencyLimits,
    PatientChanges,
    PatientFilter,
    ReviewOutcome,
    ReviewStatus,
)
from mindbridge_memory import KeptMessages
from tests.core.house import House, Town, actor, settled

WHY = "On the crisis line, nobody else is there"
REQUEST = BreakGlassRequest(access_reason=WHY)
JUSTIFIED = BreakGlassReview(outcome=ReviewOutcome.JUSTIFIED, note="The crisis line confirms it")
UNJUSTIFIED = BreakGlassReview(outcome=ReviewOutcome.UNJUSTIFIED, note="Curiosity")


@attrs.frozen
class Night:
    """A town, and the case manager on duty in it."""

    town: Town
    manager: Actor

    @property
    def house(self) -> House:
        return self.town.house

    @property
    def core(self) -> MindBridge:
        return self.town.house.core

    def admin(self) -> Actor:
        return actor(self.town.staff[Role.ADMIN])

    def open(self, record: str = "outside") -> BreakGlass:
        return self.core.break_the_glass(self.manager, self.town.records[record], REQUEST)

    def messages(self) -> list[Message]:
        notifier = self.core.ports.notifier
        assert isinstance(notifier, KeptMessages)
        return notifier.sent

    def last(self) -> AuditEntry:
        return self.house.entries()[-1]


@pytest.fixture
def night() -> Night:
    town = settled()
    return Night(town, actor(town.staff[Role.CASE_MANAGER]))


def own_emergency(night: Night) -> UUID:
    (access,) = night.core.list_emergency_accesses(night.admin(), BreakGlassFilter()).items
    return access.id


def test_an_emergency_access_opens_one_patient_for_an_hour_and_no_other(night: Night) -> None:
    patient_id, other_id = night.town.records["outside"], night.town.records["unassigned"]
    with pytest.raises(NotFound):
        night.core.view_patient(night.manager, patient_id)
    access = night.open()
    assert night.house.clock() + timedelta(hours=1) == access.expires_at
    assert patient_id == night.core.view_patient(night.manager, patient_id).id
    with pytest.raises(NotFound):
        night.core.view_patient(night.manager, other_id)
    night.house.clock.forward(minutes=59, seconds=59)
    assert patient_id == night.core.view_patient(night.manager, patient_id).id
    night.house.clock.forward(seconds=1)
    with pytest.raises(NotFound):
        night.core.view_patient(night.manager, patient_id)


def test_an_emergency_access_is_its_users_alone(night: Night) -> None:
    access = night.open()
    colleague = actor(night.house.staff(night.town.clinic, Role.CASE_MANAGER))
    with pytest.raises(NotFound):
        night.core.view_patient(colleague, access.patient_id)


def test_every_entry_made_under_it_is_marked_and_no_other(night: Night) -> None:
    access = night.open()
    opened = night.last()
    night.core.view_patient(night.manager, access.patient_id)
    viewed = night.last()
    with pytest.raises(Forbidden):
        night.core.change_patient(night.manager, access.patient_id, PatientChanges(appointments_missed=1))
    refused = night.last()
    for entry in (opened, viewed, refused):
        assert (WHY, str(access.id)) == (entry.access_reason, entry.changed_values["break_glass_id"])
        assert access.patient_id == entry.resource_id
    assert [Action.BREAK_GLASS_OPEN, Action.PATIENT_VIEW] == [opened.action, viewed.action]
    assert (Outcome.DENIED, "emergency_access_reads") == (refused.outcome, refused.changed_values["reason"])
    night.core.view_patient(night.manager, night.town.records["caseload"])
    assert night.last().access_reason is None
    night.core.view_patient(night.admin(), access.patient_id)
    assert night.last().access_reason is None


def test_it_reads_and_changes_nothing(night: Night) -> None:
    access = night.open()
    assert 1 == len(night.core.list_consents(night.manager, access.patient_id))
    with pytest.raises(Forbidden):
        night.core.change_patient(night.manager, access.patient_id, PatientChanges(appointments_missed=1))
    own = night.town.records["caseload"]
    assert 1 == night.core.change_patient(night.manager, own, PatientChanges(appointments_missed=1)).appointments_missed


def test_lists_stay_the_caseload(night: Night) -> None:
    night.open()
    listed = night.core.list_patients(night.manager, PatientFilter())
    assert [night.town.records["caseload"]] == [patient.id for patient in listed.items]


@pytest.mark.parametrize("record", ["other clinic", "deleted", "missing"])
def test_a_patient_whom_the_clinic_has_not_cannot_be_opened(night: Night, record: str) -> None:
    with pytest.raises(NotFound):
        night.open(record)
    assert (Outcome.DENIED, "not_found") == (night.last().outcome, night.last().changed_values["reason"])
    assert [] == night.messages()


def test_a_patient_removed_meanwhile_is_gone(night: Night) -> None:
    access = night.open()
    night.core.remove_patient(night.admin(), access.patient_id)
    with pytest.raises(NotFound):
        night.core.view_patient(night.manager, access.patient_id)


def test_there_is_nothing_to_break_for_a_patient_of_ones_own(night: Night) -> None:
    with pytest.raises(InCaseload):
        night.open("caseload")
    assert "outside" != night.open("outside").id


def test_asked_again_while_it_stands_it_is_the_same_access_and_nobody_is_told_twice(night: Night) -> None:
    first = night.open()
    told = len(night.messages())
    night.house.clock.forward(minutes=30)
    assert first == night.open()
    assert told == len(night.messages())
    assert {"repeated": True}.items() <= night.last().changed_values.items()
    night.house.clock.forward(minutes=30)
    second = night.open()
    assert (first.id, 2 * told) != (second.id, told)
    assert 2 * told == len(night.messages())


def test_admins_and_officers_are_told_and_of_nobody_by_name(night: Night) -> None:
    retired = night.house.staff(night.town.clinic, Role.ADMIN)
    night.core.deactivate_staff(night.admin(), retired.id)
    access = night.open()
    staff = night.town.staff
    to = {message.to for message in night.messages()}
    assert {staff[Role.ADMIN].email, staff[Role.COMPLIANCE_OFFICER].email} == to
    for message in night.messages():
        shown = message.subject + message.text
        assert str(access.id) in shown
        assert not any(
            secret in shown for secret in (WHY, "Jane", str(access.patient_id), staff[Role.CASE_MANAGER].full_name)
        )


def test_everybody_of_a_large_clinic_is_told(night: Night) -> None:
    officers = [night.house.staff(night.town.clinic, Role.COMPLIANCE_OFFICER, password=None) for _ in range(101)]
    night.open()
    assert {officer.email for officer in officers} <= {message.to for message in night.messages()}
    assert 103 == len(night.messages())


class OneDeafMailbox:
    """A notifier that fails for the first message."""

    def __init__(self) -> None:
        self.tried: list[Message] = []

    def send(self, message: Message) -> None:
        self.tried.append(message)
        if len(self.tried) == 1:
            raise DependencyUnavailable


def test_a_notice_that_cannot_be_sent_undoes_nothing_keeps_no_other_back_and_is_entered(night: Night) -> None:
    notifier = OneDeafMailbox()
    core = MindBridge.build(attrs.evolve(night.core.ports, notifier=notifier))
    access = core.break_the_glass(night.manager, night.town.records["outside"], REQUEST)
    assert 2 == len(notifier.tried)
    assert access.patient_id == core.view_patient(night.manager, access.patient_id).id
    told = night.house.entries()[-2]
    assert 1 == told.changed_values["notices_unsent"]
    assert WHY == told.access_reason


def test_a_review_waits_in_the_queue_until_it_is_given(night: Night) -> None:
    standing = own_emergency(night)
    access = night.open()
    waiting = BreakGlassFilter(status=ReviewStatus.UNREVIEWED)
    assert [standing, access.id] == [one.id for one in night.core.list_emergency_accesses(night.admin(), waiting).items]
    assert {night.town.records["emergency"], access.patient_id} == set(night.last().resource_ids)
    officer = actor(night.town.staff[Role.COMPLIANCE_OFFICER])
    reviewed = night.core.review_emergency_access(officer, access.id, JUSTIFIED)
    assert (officer.user_id, ReviewOutcome.JUSTIFIED, 2) == (reviewed.reviewed_by, reviewed.outcome, reviewed.version)
    assert (access.patient_id, str(access.id)) == (
        night.last().resource_id,
        night.last().changed_values["break_glass_id"],
    )
    assert "note" in night.last().changed_fields
    assert "note" not in night.last().changed_values
    assert [standing] == [one.id for one in night.core.list_emergency_accesses(officer, waiting).items]
    done = BreakGlassFilter(status=ReviewStatus.REVIEWED)
    assert [reviewed] == list(night.core.list_emergency_accesses(officer, done).items)
    assert access.patient_id == night.core.view_patient(night.manager, access.patient_id).id


def test_a_review_is_final_and_of_something(night: Night) -> None:
    access = night.open()
    night.core.review_emergency_access(night.admin(), access.id, JUSTIFIED)
    with pytest.raises(AlreadyReviewed):
        night.core.review_emergency_access(night.admin(), access.id, UNJUSTIFIED)
    with pytest.raises(NotFound):
        night.core.review_emergency_access(night.admin(), uuid4(), JUSTIFIED)


def test_what_was_not_justified_ends_at_once(night: Night) -> None:
    access = night.open()
    night.core.review_emergency_access(night.admin(), access.id, UNJUSTIFIED)
    with pytest.raises(NotFound):
        night.core.view_patient(night.manager, access.patient_id)


def test_a_late_review_does_not_move_the_end(night: Night) -> None:
    access = night.open()
    night.house.clock.forward(hours=5)
    reviewed = night.core.review_emergency_access(night.admin(), access.id, UNJUSTIFIED)
    assert access.expires_at == reviewed.expires_at


def promoted(night: Night) -> Actor:
    """The case manager, who has become an admin."""
    user = night.town.staff[Role.CASE_MANAGER]
    changed: User = night.core.change_staff(night.admin(), user.id, StaffChanges(role=Role.ADMIN))
    return actor(changed)


def test_nobody_reviews_their_own(night: Night) -> None:
    access = night.open()
    own = promoted(night)
    with pytest.raises(Forbidden, match="their own"):
        night.core.review_emergency_access(own, access.id, JUSTIFIED)
    assert (access.patient_id, "own_emergency_access") == (
        night.last().resource_id,
        night.last().changed_values["reason"],
    )
    assert JUSTIFIED.note == night.core.review_emergency_access(night.admin(), access.id, JUSTIFIED).note


def test_a_review_that_is_overdue_blocks_the_same_users_next_access(night: Night) -> None:
    night.core.review_emergency_access(night.admin(), own_emergency(night), JUSTIFIED)
    access = night.open()
    night.house.clock.forward(hours=71, minutes=59)
    later = night.open("unassigned")
    night.house.clock.forward(minutes=1)
    with pytest.raises(ReviewOverdue):
        night.open("outside")
    assert (Outcome.DENIED, "review_overdue") == (night.last().outcome, night.last().changed_values["reason"])
    assert later == night.open("unassigned")  # what stands is not taken away
    colleague = actor(night.house.staff(night.town.clinic, Role.CASE_MANAGER))
    assert night.core.break_the_glass(colleague, night.town.records["outside"], REQUEST).user_id == colleague.user_id
    night.core.review_emergency_access(night.admin(), access.id, JUSTIFIED)
    assert night.town.records["outside"] == night.open("outside").patient_id


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("too short", "invalid_length"),
        ("x" * 1001, "invalid_length"),
        (" " * 20, "invalid_length"),
        ("aaaaaaaaaaaa", "not_in_words"),
        ("............", "not_in_words"),
        ("0123456789.0", "not_in_words"),
        ("asdasd asdasd", "not_in_words"),
        ("crisis\x00 line now", "invalid_characters"),
    ],
)
def test_a_reason_is_some_words(reason: str, code: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        BreakGlassRequest(access_reason=reason)
    assert [code] == [found.code for found in raised.value.findings]
    assert reason.strip() == "" or reason not in str(raised.value)


@pytest.mark.parametrize(
    "reason", [WHY, "ab cd efgh", "患者様から自殺をほのめかす電話", "ผู้ป่วยโทรมาขอความช่วยเหลือ", "w" * 500 + " her" * 100]
)
def test_words_of_any_script_are_a_reason(reason: str) -> None:
    assert reason == BreakGlassRequest(access_reason=reason).access_reason


def test_a_reasons_schema_says_its_lengths() -> None:
    rule = attrs.fields_dict(BreakGlassRequest)["access_reason"].metadata["rule"]
    assert {"minLength": 10, "maxLength": 1000} == rule.schema()


@pytest.mark.parametrize(
    "limits", [{"lasts": 0}, {"lasts": -1}, {"lasts": 25 * 60, "review_within": 9_999}, {"review_within": 59}]
)
def test_limits_that_are_none_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="lasts"):
        EmergencyLimits(**{name: timedelta(minutes=minutes) for name, minutes in limits.items()})
    assert EmergencyLimits(lasts=timedelta(hours=24)).lasts == timedelta(hours=24)
