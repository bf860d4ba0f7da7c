"""Screenings and reviews of one patient at the same moment, on the real database."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Unfinished
from datetime import datetime
from decimal import Decimal
from functools import partial
from uuid import UUID

import attrs
import pytest

from mindbridge_core import Actor, Operator, Role
from mindbridge_core.care import CrisisEventDraft, CrisisEventType, Severity
from mindbridge_core.errors import LostUpdate
from mindbridge_core.patients import AlertFilter, PatientChanges, PatientDraft, RiskLevel
from mindbridge_core.screening import CaseloadPage, Decision, ReviewRequest, Screening, ScreeningRequest
from mindbridge_core.testing.store import together
from mindbridge_postgres import PoolSettings
from mindbridge_security import KeyRing
from tests.support.postgres import TestDatabase
from tests.support.product import Product, compose

CONFIRM = ReviewRequest(decision=Decision.CONFIRM)


@attrs.frozen
class Ward:
    """Two clinicians and a patient who is at `high`, of whom a screening found less and waits for its review."""

    product: Product
    admin: Actor
    colleague: Actor
    patient_id: UUID
    lower: Screening

    def level(self) -> RiskLevel | None:
        return self.product.core.view_patient(self.admin, self.patient_id).current_risk_level


@pytest.fixture
def ward(database: TestDatabase) -> Iterator[Ward]:
    product = compose(database.application_url, KeyRing.generate(), PoolSettings(most=8))
    try:
        product.core.prepare_platform()
        clinic_id = product.clinic()
        admin, colleague = (
            Actor(clinic_id=clinic_id, user_id=user.id, role=user.role)
            for user in (product.staff(clinic_id, Role.ADMIN) for _ in range(2))
        )
        draft = PatientDraft(name="Ada", medication_adherence=Decimal(90), current_risk_level=RiskLevel.HIGH)
        patient_id = product.core.admit_patient(admin, draft).id
        lower = product.core.screen_patient(admin, ScreeningRequest(patient_id=patient_id))
        yield Ward(product, admin, colleague, patient_id, lower)
    finally:
        product.database.close()


def test_a_review_waits_for_a_caseload_that_is_being_screened_and_lowers_nobody_by_the_older_screening(
    ward: Ward,
) -> None:
    core, ids = ward.product.core, ward.product.core.ports.new_id
    core.change_patient(ward.admin, ward.patient_id, PatientChanges(crisis_calls_30days=2))
    reviews: list[Future[Screening]] = []

    with ThreadPoolExecutor(1) as threads:

        def while_it_is_screened() -> UUID:
            """Review the older screening before the newer one is stored; who has to wait is waited for a moment."""
            if not reviews:
                reviews.append(threads.submit(core.review_screening, ward.colleague, ward.lower.id, CONFIRM))
                with pytest.raises(Unfinished):
                    reviews[0].result(1)
            return ids()

        attrs.evolve(core.screen_caseload, new_id=while_it_is_screened)(Operator(clinic_id=ward.admin.clinic_id))
    assert ward.lower.risk_level is reviews[0].result().effective_level
    assert RiskLevel.HIGH is ward.level()


def test_of_calls_that_are_reported_at_once_one_makes_them_high(ward: Ward) -> None:
    core = ward.product.core
    patient_id = core.admit_patient(ward.admin, PatientDraft(name="Bea", medication_adherence=Decimal(90))).id
    call = CrisisEventDraft(
        severity=Severity.LOW, event_type=CrisisEventType.CRISIS_CALL, occurred_at=core.ports.clock()
    )
    together(*[partial(core.report_crisis_event, ward.admin, patient_id, call)] * 6)
    assert RiskLevel.HIGH is core.view_patient(ward.admin, patient_id).current_risk_level
    (screening,) = core.list_screenings(ward.admin, patient_id).items
    assert 5 == screening.record.crisis_calls_30days
    assert [patient_id] == [one.patient_id for one in core.list_alerts(ward.admin, AlertFilter()).items[1:]]


def test_its_twin_that_nobody_screens_beside_lowers_at_once(ward: Ward) -> None:
    ward.product.core.review_screening(ward.colleague, ward.lower.id, CONFIRM)
    assert RiskLevel.LOW is ward.level()


def test_a_caseload_waits_for_a_review_and_keeps_nothing_of_a_page_that_it_changed(ward: Ward) -> None:
    core, clock = ward.product.core, ward.product.core.ports.clock
    pages: list[Future[CaseloadPage]] = []

    with ThreadPoolExecutor(1) as threads:

        def while_it_is_reviewed() -> datetime:
            """Screen the caseload while the review holds the patient; who has to wait is waited for a moment."""
            if not pages:
                pages.append(threads.submit(core.screen_caseload, Operator(clinic_id=ward.admin.clinic_id)))
                with pytest.raises(Unfinished):
                    pages[0].result(1)
            return clock()

        reviewing = attrs.evolve(core.review_screening, clock=while_it_is_reviewed)
        reviewing(ward.colleague, ward.lower.id, CONFIRM)
        with pytest.raises(LostUpdate):
            pages[0].result()
    assert RiskLevel.LOW is ward.level()
    (again,) = core.screen_caseload(Operator(clinic_id=ward.admin.clinic_id)).screenings
    assert RiskLevel.LOW is again.record.current_risk_level


def test_a_change_that_meets_a_call_is_judged_with_it(ward: Ward) -> None:
    """Each alone leaves the patient at `medium`; the change began before the call was there, and ends after it."""
    core, clock = ward.product.core, ward.product.core.ports.clock
    draft = PatientDraft(name="Cy", medication_adherence=Decimal(90), current_risk_level=RiskLevel.MEDIUM)
    patient_id = core.admit_patient(ward.admin, attrs.evolve(draft, crisis_calls_30days=2)).id
    call = CrisisEventDraft(severity=Severity.LOW, event_type=CrisisEventType.CRISIS_CALL, occurred_at=clock())
    reported: list[object] = []

    def while_it_is_changed() -> datetime:
        if not reported:
            reported.append(core.report_crisis_event(ward.colleague, patient_id, call))
        return clock()

    changing = attrs.evolve(core.change_patient, clock=while_it_is_changed)
    changed = changing(ward.admin, patient_id, PatientChanges(medication_adherence=Decimal(40)))
    assert (3, RiskLevel.HIGH) == (changed.crisis_calls_30days, changed.current_risk_level)
    assert patient_id in {one.patient_id for one in core.list_alerts(ward.admin, AlertFilter()).items}
