"""Break-glass on the real database: two at once, and what the rows show."""

from __future__ import annotations

from uuid import UUID

import attrs
import psycopg
import pytest

from mindbridge_core import Actor, Role
from mindbridge_core.errors import AlreadyReviewed, LostUpdate
from mindbridge_core.patients import (
    BreakGlass,
    BreakGlassFilter,
    BreakGlassRequest,
    BreakGlassReview,
    PatientDraft,
    ReviewOutcome,
)
from mindbridge_core.testing.store import together
from mindbridge_memory import KeptMessages
from tests.support.postgres import TestDatabase
from tests.support.product import Product

WHY = BreakGlassRequest(access_reason="On the crisis line, nobody else is there")


@attrs.frozen
class Duty:
    """An admin, an officer, a case manager, and a patient who is not theirs."""

    admin: Actor
    officer: Actor
    manager: Actor
    patient_id: UUID


@pytest.fixture
def duty(product: Product) -> Duty:
    clinic_id = product.clinic()

    def actor(role: Role) -> Actor:
        return Actor(clinic_id=clinic_id, user_id=product.staff(clinic_id, role).id, role=role)

    admin = actor(Role.ADMIN)
    patient = product.core.admit_patient(admin, PatientDraft(name="Ada"))
    return Duty(admin, actor(Role.COMPLIANCE_OFFICER), actor(Role.CASE_MANAGER), patient.id)


def test_of_many_requests_at_once_one_access_comes_and_everybody_is_told_once(product: Product, duty: Duty) -> None:
    def ask() -> BreakGlass:
        return product.core.break_the_glass(duty.manager, duty.patient_id, WHY)

    accesses = together(*[ask] * 6)
    (listed,) = product.core.list_emergency_accesses(duty.admin, BreakGlassFilter()).items
    assert [listed] * 6 == accesses
    notifier = product.core.ports.notifier
    assert isinstance(notifier, KeptMessages)
    assert 2 == len(notifier.sent) == len({message.to for message in notifier.sent})


def test_of_two_reviews_at_once_one_is_kept(product: Product, duty: Duty) -> None:
    access = product.core.break_the_glass(duty.manager, duty.patient_id, WHY)

    def review(by: Actor, outcome: ReviewOutcome) -> BreakGlass:
        return product.core.review_emergency_access(by, access.id, BreakGlassReview(outcome=outcome, note="Looked at"))

    results = together(
        lambda: review(duty.admin, ReviewOutcome.JUSTIFIED), lambda: review(duty.officer, ReviewOutcome.UNJUSTIFIED)
    )
    (kept,) = [result for result in results if isinstance(result, BreakGlass)]
    assert 1 == sum(isinstance(result, LostUpdate | AlreadyReviewed) for result in results)
    assert (kept,) == product.core.list_emergency_accesses(duty.admin, BreakGlassFilter()).items


def test_reason_and_note_lie_sealed_and_another_rows_cell_does_not_open(
    product: Product, duty: Duty, database: TestDatabase
) -> None:
    access = product.core.break_the_glass(duty.manager, duty.patient_id, WHY)
    product.core.review_emergency_access(
        duty.admin, access.id, BreakGlassReview(outcome=ReviewOutcome.JUSTIFIED, note=WHY.access_reason)
    )
    with psycopg.connect(database.superuser_url) as superuser:
        row = superuser.execute("SELECT access_reason, note FROM emergency_accesses").fetchone()
        entries = superuser.execute("SELECT access_reason FROM audit_logs WHERE access_reason IS NOT NULL").fetchall()
    assert row is not None
    cells = [bytes(cell) for cell in (*row, *(entry[0] for entry in entries))]
    assert 3 == len(cells) == len(set(cells))
    assert not any(WHY.access_reason.encode() in cell for cell in cells)
    cipher = product.keys.cipher(access.clinic_id)
    assert WHY.access_reason == cipher.decrypt("emergency_accesses.access_reason", access.id, cells[0])
    assert WHY.access_reason == cipher.decrypt("emergency_accesses.note", access.id, cells[1])
