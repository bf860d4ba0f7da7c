"""What one record that fails its integrity check does not keep from being told."""

from __future__ import annotations

from datetime import time, timedelta
from decimal import Decimal

import psycopg

from mindbridge_core import Operator, Role
from mindbridge_core.care import CrisisEventDraft, CrisisEventType, Severity
from mindbridge_core.identity import ClinicDraft
from mindbridge_core.patients import AlertFilter, AlertKind, PatientDraft, RiskLevel
from tests.support.postgres import TestDatabase
from tests.support.product import Product

DAMAGE = (
    "UPDATE screenings SET provenance = set_byte(provenance, 30, get_byte(provenance, 30) # 1) WHERE patient_id = %s",
    "UPDATE patients SET name = set_byte(name, 30, get_byte(name, 30) # 1) WHERE id = %s",
)


def test_a_damaged_screening_keeps_no_overdue_review_from_being_told_and_a_damaged_name_no_dashboard(
    product: Product, database: TestDatabase
) -> None:
    clinic_id = product.clinic()
    operator, core = Operator(clinic_id=clinic_id), product.core
    ids = [core.admit_patient(operator, PatientDraft(name="Jane Roe", crisis_calls_30days=6)).id for _ in range(3)]
    admin = product.session(product.staff(clinic_id, Role.ADMIN))
    with psycopg.connect(database.superuser_url) as superuser:
        superuser.execute("UPDATE screenings SET screened_at = screened_at - %s", (timedelta(hours=25),))
        for statement, patient_id in zip(DAMAGE, ids[1:], strict=True):
            assert 1 == superuser.execute(statement.encode(), (patient_id,)).rowcount
    core.escalate_reviews(operator)
    told = core.list_alerts(admin, AlertFilter(kinds=frozenset({AlertKind.REVIEW_OVERDUE}))).items
    assert set(ids) == {alert.patient_id for alert in told}
    shown = {one.patient_id: one.name for one in core.show_dashboard(admin).urgent}
    assert {ids[0]: "Jane Roe", ids[1]: "Jane Roe", ids[2]: None} == shown


def test_a_damaged_screening_keeps_no_crisis_from_being_reported_and_none_from_being_seen(
    product: Product, database: TestDatabase
) -> None:
    clinic_id = product.clinic()
    operator, core = Operator(clinic_id=clinic_id), product.core
    admin = product.session(product.staff(clinic_id, Role.ADMIN))
    draft = PatientDraft(name="Jane Roe", medication_adherence=Decimal(90), crisis_calls_30days=4)
    patient_id = core.admit_patient(operator, draft).id
    core.screen_caseload(operator)
    with psycopg.connect(database.superuser_url) as superuser:
        assert 1 == superuser.execute(DAMAGE[0].encode(), (patient_id,)).rowcount
    call = CrisisEventDraft(
        severity=Severity.LOW, event_type=CrisisEventType.CRISIS_CALL, occurred_at=core.ports.clock()
    )
    core.report_crisis_event(admin, patient_id, call)
    assert RiskLevel.HIGH is core.view_patient(admin, patient_id).current_risk_level
    assert [patient_id] == [one.patient_id for one in core.list_alerts(admin, AlertFilter()).items]


def test_a_damaged_address_of_the_clinic_keeps_nobody_from_being_screened(
    product: Product, database: TestDatabase
) -> None:
    core = product.core
    clinic_id = core.open_clinic(ClinicDraft(organization="Oak", name="North", address="1 Main Street"))
    operator = Operator(clinic_id=clinic_id)
    patient_id = core.admit_patient(operator, PatientDraft(name="Jane Roe", crisis_calls_30days=6)).id
    with psycopg.connect(database.superuser_url) as superuser:
        damage = "UPDATE clinics SET address = set_byte(address, 30, get_byte(address, 30) # 1) WHERE id = %s"
        assert 1 == superuser.execute(damage, (clinic_id,)).rowcount
    (screening,) = core.screen_caseload(operator).screenings
    assert (patient_id, RiskLevel.HIGH) == (screening.patient_id, screening.risk_level)
    assert core.order_batch.daily(operator, time(0, 0)) is not None
    assert not core.watch_daily(operator).late
