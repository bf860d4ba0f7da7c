"""Unusual access in a trail that lies in PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from mindbridge_core import Action, Operator, Role, SessionClaim
from mindbridge_core.audit import Outcome
from mindbridge_core.errors import NotFound
from mindbridge_core.identity import User
from mindbridge_core.oversight import window_of
from mindbridge_core.patients import PatientDraft, PatientFilter
from mindbridge_core.testing.records import an_entry
from mindbridge_memory import KeptMessages
from mindbridge_security import utc_now
from tests.support.postgres import TestDatabase
from tests.support.product import Product

HOUR = window_of(utc_now()) - timedelta(hours=3)


@pytest.fixture
def reader(product: Product) -> User:
    clinic_id = product.clinic()
    product.staff(clinic_id, Role.COMPLIANCE_OFFICER)
    return product.staff(clinic_id, Role.READONLY)


def plant(product: Product, reader: User) -> None:
    """Have the reader have seen 101 patients in one hour, and been refused 11 times in another."""
    with product.core.ports.open_unit(reader.clinic_id) as unit:
        for number in range(3):
            patients = tuple(UUID(int=patient) for patient in range(number * 40, min(number * 40 + 40, 101)))
            seen = an_entry(
                reader.clinic_id,
                created_at=HOUR,
                action=Action.PATIENT_LIST,
                phi_accessed=True,
                user_id=reader.id,
                resource_ids=patients,
            )
            unit.audit.append(seen)
        for minute in range(11):
            refused = an_entry(
                reader.clinic_id,
                created_at=HOUR + timedelta(hours=1, minutes=minute),
                outcome=Outcome.DENIED,
                changed_values={"reason": "not_found"},
                user_id=reader.id,
            )
            unit.audit.append(refused)


def test_what_is_planted_is_found_and_told_once(product: Product, reader: User) -> None:
    plant(product, reader)
    operator = Operator(clinic_id=reader.clinic_id)
    first = product.core.detect_unusual_access(operator)
    found = {one.rule: (one.user_id, one.observed, one.window_start) for one in first.findings}
    assert (reader.id, 101, HOUR) == found["patient_volume"]
    assert (reader.id, 11, HOUR + timedelta(hours=1)) == found["repeated_refusals"]
    assert {"patient_volume", "repeated_refusals"} <= found.keys() <= {*found, "off_hours"}
    assert {one.id for one in first.findings} == first.new
    again = product.core.detect_unusual_access(operator)
    assert (first.findings, frozenset()) == (again.findings, again.new)
    notifier = product.core.ports.notifier
    assert isinstance(notifier, KeptMessages)
    assert 1 == len(notifier.sent)


def test_work_as_usual_raises_no_alarm(product: Product, reader: User) -> None:
    manager: SessionClaim = product.session(product.staff(reader.clinic_id, Role.CASE_MANAGER))
    for number in range(3):
        product.core.admit_patient(manager, PatientDraft(name=f"Patient {number}"))
        product.core.list_patients(manager, PatientFilter())
    with pytest.raises(NotFound):
        product.core.view_patient(manager, uuid4())
    core = product.core
    detect = type(core.detect_unusual_access)
    later = detect(
        work=core.detect_unusual_access.work,
        trails=core.ports.trails,
        clock=lambda: utc_now() + timedelta(hours=2),
        new_id=core.ports.new_id,
        detectors=core.ports.detectors,
        tell=core.detect_unusual_access.tell,
    )
    assert () == later(Operator(clinic_id=reader.clinic_id)).findings


def test_an_entry_that_was_altered_accuses_nobody(product: Product, reader: User, database: TestDatabase) -> None:
    plant(product, reader)
    with psycopg.connect(database.superuser_url) as attacker:
        attacker.execute("ALTER TABLE audit_logs DISABLE TRIGGER USER")
        attacker.execute("UPDATE audit_logs SET user_id = %s WHERE outcome = 'denied'", (uuid4(),))
        attacker.execute("UPDATE audit_logs SET phi_accessed = false WHERE cardinality(resource_ids) > 0")
    assert () == product.core.detect_unusual_access(Operator(clinic_id=reader.clinic_id)).findings


def test_another_clinics_trail_is_not_looked_at(product: Product, reader: User) -> None:
    plant(product, reader)
    assert () == product.core.detect_unusual_access(Operator(clinic_id=product.clinic("South"))).findings
