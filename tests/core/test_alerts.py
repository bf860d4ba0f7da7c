"""Alerts: raised with their cause, once; told without a name; seen and acknowledged by whom they are for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import attrs
import pytest

from mindbridge_core import Action, MindBridge, Operator, Role
from mindbridge_core.actor import Actor
from mindbridge_core.errors import AuditUnavailable, NotFound
from mindbridge_core.idempotency import IdempotencyKey
from mindbridge_core.identity import User
from mindbridge_core.patients import (
    Alert,
    AlertFilter,
    AlertKind,
    AlertSeverity,
    BreakGlassRequest,
    PatientChanges,
    PatientStatus,
    RiskLevel,
)
from mindbridge_core.patients.importing import ImportMode, ImportPlan
from mindbridge_core.screening import Decision, ReviewRequest, ScreeningRequest
from tests.core.house import House, actor

CRISIS: dict[str, Any] = {"crisis_calls_30days": 6}
WHY = BreakGlassRequest(access_reason="On the crisis line, nobody else is there")


@attrs.frozen
class Ward:
    """A clinic with one of each role, and another case manager."""

    house: House
    clinic: UUID
    staff: dict[Role, User]
    colleague: User

    @property
    def core(self) -> MindBridge:
        return self.house.core

    def by(self, role: Role) -> Actor:
        return actor(self.staff[role])

    def patient(self, manager: User | None = None, **fields: Any) -> UUID:
        return self.house.patient(self.clinic, manager or self.staff[Role.CASE_MANAGER], **fields)

    def screen(self, patient_id: UUID, **more: Any) -> UUID:
        return self.core.screen_patient(self.by(Role.ADMIN), ScreeningRequest(patient_id=patient_id), **more).id

    def seen(self, caller: Actor | None = None, **only: Any) -> list[Alert]:
        return list(self.core.list_alerts(caller or self.by(Role.ADMIN), AlertFilter(**only)).items)

    def told(self) -> list[str]:
        return [message.to for message in self.house.messages.sent]


@pytest.fixture
def ward() -> Ward:
    house = House()
    house.core.prepare_platform()
    clinic = house.clinic("North")
    staff = {role: house.staff(clinic, role) for role in Role}
    return Ward(house, clinic, staff, house.staff(clinic, Role.CASE_MANAGER))


def test_a_new_high_raises_one_alert_and_tells_its_manager_and_the_admins(ward: Ward) -> None:
    patient_id = ward.patient(**CRISIS)
    screening_id = ward.screen(patient_id)
    (alert,) = ward.seen()
    assert (alert.kind, alert.severity) == (AlertKind.HIGH_RISK, AlertSeverity.CRITICAL)
    assert (alert.patient_id, alert.cause_id, alert.created_at) == (patient_id, screening_id, ward.house.clock())
    assert sorted([ward.staff[Role.ADMIN].email, ward.staff[Role.CASE_MANAGER].email]) == sorted(ward.told())
    ward.screen(patient_id)
    assert [alert] == ward.seen()
    assert len(ward.told()) == 2


def test_what_is_not_high_raises_nothing(ward: Ward) -> None:
    ward.screen(ward.patient(crisis_calls_30days=0))
    ward.core.screen_caseload(Operator(clinic_id=ward.clinic))
    assert ward.seen() == []
    assert ward.told() == []


def concerned(ward: Ward) -> list[UUID]:
    return [alert.patient_id for alert in ward.seen()]


def lower(ward: Ward, screening_id: UUID) -> None:
    """Have two clinicians lower what was found."""
    override = ReviewRequest(decision=Decision.OVERRIDE, risk_level=RiskLevel.LOW, reason="Settled")
    for reviewer in (Role.ADMIN, Role.CASE_MANAGER):
        ward.core.review_screening(ward.by(reviewer), screening_id, override)


@pytest.mark.parametrize("fields", [{"manually_escalated": True}, {"medication_adherence": Decimal(90)}])
def test_a_high_that_is_given_with_a_new_patient_raises_an_alert_whatever_is_found(
    ward: Ward, fields: dict[str, Any]
) -> None:
    patient_id = ward.patient(current_risk_level=RiskLevel.HIGH, **fields)
    (alert,) = ward.seen()
    assert (AlertKind.HIGH_RISK, patient_id, alert.id) == (alert.kind, alert.patient_id, alert.cause_id)
    ward.screen(patient_id)
    assert [alert] == ward.seen()


def test_a_high_that_is_given_by_a_change_raises_an_alert_each_time_that_it_is_new(ward: Ward) -> None:
    patient_id = ward.patient(**CRISIS)
    lower(ward, ward.screen(patient_id))
    assert [patient_id] == concerned(ward)
    for changes in ({"current_risk_level": RiskLevel.HIGH}, {"manually_escalated": True}, {"admitted_at": None}):
        ward.core.change_patient(ward.by(Role.CASE_MANAGER), patient_id, PatientChanges(**changes))
        assert [patient_id] * 2 == concerned(ward)
    ward.screen(patient_id)
    assert [patient_id] * 2 == concerned(ward)


def test_of_patients_who_are_not_in_care_a_given_high_is_told_of_when_they_come(ward: Ward) -> None:
    patient_id = ward.patient(current_risk_level=RiskLevel.HIGH, status=PatientStatus.DISCHARGED)
    assert [] == concerned(ward)
    ward.core.change_patient(ward.by(Role.ADMIN), patient_id, PatientChanges(status=PatientStatus.ACTIVE))
    assert [patient_id] == concerned(ward)


def test_a_high_that_no_alert_was_ever_raised_of_is_told_of_by_any_screening(ward: Ward) -> None:
    patient_id = ward.patient(medication_adherence=Decimal(90))
    with ward.house.store.open_unit(ward.clinic) as unit:  # as a version did that raised none for what was given
        patient = unit.patients.get(patient_id)
        assert patient is not None
        unit.patients.save(attrs.evolve(patient, current_risk_level=RiskLevel.HIGH))
    assert [] == concerned(ward)
    ward.screen(patient_id)
    ward.screen(patient_id)
    assert [patient_id] == concerned(ward)


def test_a_file_with_highs_raises_an_alert_for_each_that_is_stored(ward: Ward) -> None:
    rows = b"name,mrn,current_risk_level\nAnn,1,high\nBen,2,low\nCem,3,high\nDee,3,high\n"
    for plan in (ImportPlan(dry_run=True), ImportPlan(), ImportPlan(mode=ImportMode.PARTIAL)):
        ward.core.import_patients(ward.by(Role.ADMIN), lambda: [rows], plan)
    assert 2 == len(ward.seen())


def test_a_review_that_raises_to_high_raises_an_alert_and_tells_of_it(ward: Ward) -> None:
    patient_id = ward.patient(crisis_calls_30days=3, medication_adherence=Decimal(90))
    screening_id = ward.screen(patient_id)
    assert [] == concerned(ward)
    override = ReviewRequest(decision=Decision.OVERRIDE, risk_level=RiskLevel.HIGH, reason="Seen today")
    ward.core.review_screening(ward.by(Role.CASE_MANAGER), screening_id, override)
    (alert,) = ward.seen()
    assert (patient_id, alert.id) == (alert.patient_id, alert.cause_id)
    assert sorted([ward.staff[Role.ADMIN].email, ward.staff[Role.CASE_MANAGER].email]) == sorted(ward.told())
    ward.screen(patient_id)
    assert [alert] == ward.seen()


def test_a_high_after_one_that_was_lowered_is_new(ward: Ward) -> None:
    patient_id = ward.patient(**CRISIS)
    lower(ward, ward.screen(patient_id))
    ward.screen(patient_id)
    assert [patient_id] * 2 == [alert.patient_id for alert in ward.seen()]


def test_a_caseload_raises_an_alert_for_each_new_high_and_sends_one_message_to_each(ward: Ward) -> None:
    known, calm = ward.patient(**CRISIS), ward.patient(crisis_calls_30days=0)
    ward.screen(known)
    new = {ward.patient(**CRISIS), ward.patient(ward.colleague, **CRISIS)}
    ward.house.messages.sent.clear()
    ward.core.screen_caseload(Operator(clinic_id=ward.clinic))
    assert new | {known} == {alert.patient_id for alert in ward.seen()}
    assert calm not in {alert.patient_id for alert in ward.seen()}
    told = [ward.staff[Role.ADMIN], ward.staff[Role.CASE_MANAGER], ward.colleague]
    assert sorted(user.email for user in told) == sorted(ward.told())
    assert {"2 patients" in message.text for message in ward.house.messages.sent} == {True}


def test_messages_name_nobody(ward: Ward) -> None:
    patient_id = ward.patient(**CRISIS)
    ward.screen(patient_id)
    for message in ward.house.messages.sent:
        for secret in ("Jane", "Roe", str(patient_id), str(ward.clinic), "crisis"):
            assert secret not in message.subject + message.text


def test_without_its_entry_a_screening_raises_no_alert(ward: Ward) -> None:
    patient_id = ward.patient(**CRISIS)
    ward.house.trail_broken = True
    for screen in (
        lambda: ward.screen(patient_id),
        lambda: ward.core.screen_caseload(Operator(clinic_id=ward.clinic)),
    ):
        with pytest.raises(AuditUnavailable):
            screen()
    assert [] == ward.house.store.tables.alerts.rows()
    assert ward.told() == []


def test_a_repeated_request_raises_no_second_alert(ward: Ward) -> None:
    patient_id = ward.patient(**CRISIS)
    once = IdempotencyKey(key="key-1", fingerprint=b"f" * 32)
    assert ward.screen(patient_id, once=once) == ward.screen(patient_id, once=once)
    assert len(ward.seen()) == 1
    assert len(ward.told()) == 2


def test_breaking_the_glass_raises_an_alert_for_officers_and_admins(ward: Ward) -> None:
    patient_id = ward.patient(ward.colleague)
    access = ward.core.break_the_glass(ward.by(Role.CASE_MANAGER), patient_id, WHY)
    assert access == ward.core.break_the_glass(ward.by(Role.CASE_MANAGER), patient_id, WHY)
    for role in (Role.ADMIN, Role.COMPLIANCE_OFFICER):
        (alert,) = ward.seen(ward.by(role))
        assert (alert.kind, alert.severity) == (AlertKind.BREAK_GLASS, AlertSeverity.WARNING)
        assert (alert.patient_id, alert.cause_id) == (patient_id, access.id)
    assert ward.seen(ward.by(Role.CASE_MANAGER)) == []
    assert ward.seen(actor(ward.colleague)) == []


def test_a_case_manager_sees_the_alerts_of_todays_caseload(ward: Ward) -> None:
    own, other = ward.patient(**CRISIS), ward.patient(ward.colleague, **CRISIS)
    ward.core.screen_caseload(Operator(clinic_id=ward.clinic))
    assert [own] == [alert.patient_id for alert in ward.seen(ward.by(Role.CASE_MANAGER))]
    ward.core.change_patient(ward.by(Role.ADMIN), own, PatientChanges(case_manager_id=ward.colleague.id))
    assert ward.seen(ward.by(Role.CASE_MANAGER)) == []
    assert ward.seen(ward.by(Role.CASE_MANAGER), case_manager_id=ward.colleague.id) == []
    assert {own, other} == {alert.patient_id for alert in ward.seen(actor(ward.colleague))}
    assert {own, other} == {alert.patient_id for alert in ward.seen(case_manager_id=ward.colleague.id)}
    assert {own, other} == set(ward.house.entries()[-1].resource_ids)


def test_the_first_to_acknowledge_is_remembered_and_the_trail_names_the_patient(ward: Ward) -> None:
    patient_id = ward.patient(**CRISIS)
    ward.screen(patient_id)
    (alert,) = ward.seen(acknowledged=False)
    done = ward.core.acknowledge_alert(ward.by(Role.CASE_MANAGER), alert.id)
    assert (ward.staff[Role.CASE_MANAGER].id, ward.house.clock()) == (done.acknowledged_by, done.acknowledged_at)
    ward.house.clock.forward(minutes=1)
    assert done == ward.core.acknowledge_alert(ward.by(Role.ADMIN), alert.id)
    entry = ward.house.entries()[-1]
    assert (Action.ALERT_ACKNOWLEDGE, patient_id) == (entry.action, entry.resource_id)
    assert str(alert.id) == entry.changed_values["alert_id"]
    assert ward.seen(acknowledged=False) == []
    assert [done] == ward.seen(acknowledged=True)


def test_an_alert_that_is_for_others_is_acknowledged_like_one_that_is_not_there(ward: Ward) -> None:
    ward.screen(ward.patient(ward.colleague, **CRISIS))
    (high,) = ward.seen()
    ward.core.break_the_glass(ward.by(Role.CASE_MANAGER), ward.patient(ward.colleague), WHY)
    (opened,) = ward.seen(kinds=frozenset({AlertKind.BREAK_GLASS}))
    for role, alert_id in (
        (Role.CASE_MANAGER, high.id),
        (Role.CASE_MANAGER, opened.id),
        (Role.COMPLIANCE_OFFICER, high.id),
        (Role.ADMIN, uuid4()),
    ):
        with pytest.raises(NotFound):
            ward.core.acknowledge_alert(ward.by(role), alert_id)
    assert ward.core.acknowledge_alert(ward.by(Role.COMPLIANCE_OFFICER), opened.id).acknowledged_at


def test_an_overdue_review_raises_one_alert_and_a_reviewed_one_none(ward: Ward) -> None:
    operator = Operator(clinic_id=ward.clinic)
    patients = [ward.patient(**CRISIS), ward.patient(ward.colleague, **CRISIS)]
    screenings = [ward.screen(patient_id) for patient_id in patients]
    ward.core.review_screening(ward.by(Role.ADMIN), screenings[0], ReviewRequest(decision=Decision.CONFIRM))
    ward.house.clock.forward(hours=24)
    assert 0 == ward.core.escalate_reviews(operator).raised
    ward.house.clock.forward(minutes=1)
    ward.house.messages.sent.clear()
    assert 1 == ward.core.escalate_reviews(operator).raised
    assert [patients[1]] == list(ward.house.entries()[-1].resource_ids)
    (alert,) = ward.seen(kinds=frozenset({AlertKind.REVIEW_OVERDUE}))
    assert (alert.patient_id, alert.cause_id) == (patients[1], screenings[1])
    assert sorted([ward.staff[Role.ADMIN].email, ward.colleague.email]) == sorted(ward.told())
    assert 0 == ward.core.escalate_reviews(operator).raised
    assert len(ward.told()) == 2


def test_who_looks_quietly_leaves_an_entry_only_of_what_was_raised(ward: Ward) -> None:
    operator = Operator(clinic_id=ward.clinic)
    patient_id = ward.patient(**CRISIS)
    ward.screen(patient_id)
    ward.house.clock.forward(hours=25)
    assert 1 == ward.core.escalate_reviews(operator, quiet=True).raised
    entries = ward.house.entries()
    assert (Action.SCREENING_ESCALATE, (patient_id,)) == (entries[-1].action, entries[-1].resource_ids)
    assert 0 == ward.core.escalate_reviews(operator, quiet=True).raised
    assert entries == ward.house.entries()
    assert 0 == ward.core.escalate_reviews(operator).raised
    assert len(entries) + 1 == len(ward.house.entries())


def test_overdue_reviews_are_gone_through_in_pages(ward: Ward) -> None:
    operator = Operator(clinic_id=ward.clinic)
    for _ in range(3):
        ward.screen(ward.patient(**CRISIS))
    ward.house.clock.forward(hours=25)
    first = ward.core.escalate_reviews(operator, limit=2)
    rest = ward.core.escalate_reviews(operator, after=first.after, limit=2)
    assert (2, 1, None) == (first.raised, rest.raised, rest.after)
