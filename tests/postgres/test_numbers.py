"""The patient's numbers on the real database: right on every day without a write, whoever writes beside."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from uuid import UUID

import attrs
import psycopg
import pytest

from mindbridge_core import Actor, Role
from mindbridge_core.care import (
    Appointment,
    AppointmentChanges,
    AppointmentDraft,
    AppointmentStatus,
    CrisisEventDraft,
    CrisisEventType,
    MetricDraft,
    MetricType,
    Severity,
    Span,
)
from mindbridge_core.errors import IllegalTransition, LostUpdate
from mindbridge_core.identity import ClinicChanges
from mindbridge_core.patients import PatientChanges, PatientDraft, PatientFilter
from mindbridge_core.testing.store import together
from mindbridge_postgres import PoolSettings
from mindbridge_security import KeyRing, utc_now
from tests.support.postgres import TestDatabase
from tests.support.product import Product, compose

DAY = timedelta(days=1)


@attrs.define
class Days:
    """A clock that is set forward by hand."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


@attrs.frozen
class Ward:
    """An admin and a patient of whom something was given, in a clinic whose days pass when they are told to."""

    product: Product
    days: Days
    admin: Actor
    patient_id: UUID

    def report(self, occurred: datetime) -> None:
        draft = CrisisEventDraft(severity=Severity.HIGH, event_type=CrisisEventType.CRISIS_CALL, occurred_at=occurred)
        self.product.core.report_crisis_event(self.admin, self.patient_id, draft)

    def visit(self) -> Appointment:
        draft = AppointmentDraft(scheduled_at=self.days() - DAY)
        return self.product.core.schedule_appointment(self.admin, self.patient_id, draft)

    def close(self, visit: Appointment, status: AppointmentStatus) -> Appointment:
        return self.product.core.change_appointment(self.admin, visit.id, AppointmentChanges(status=status))

    def counts(self) -> tuple[int, int]:
        shown = self.product.core.view_patient(self.admin, self.patient_id)
        (listed,) = self.product.core.list_patients(self.admin, PatientFilter()).items
        assert shown == listed
        return shown.appointments_missed, shown.crisis_calls_30days


@pytest.fixture
def ward(database: TestDatabase) -> Iterator[Ward]:
    days = Days()
    product = compose(database.application_url, KeyRing.generate(), PoolSettings(most=8), days)
    try:
        product.core.prepare_platform()
        clinic_id = product.clinic()
        user = product.staff(clinic_id, Role.ADMIN)
        admin = Actor(clinic_id=clinic_id, user_id=user.id, role=user.role)
        draft = PatientDraft(name="Ada", crisis_calls_30days=2, medication_adherence=Decimal(70))
        yield Ward(product, days, admin, product.core.admit_patient(admin, draft).id)
    finally:
        product.database.close()


def stored(database: TestDatabase, patient_id: UUID) -> object:
    with psycopg.connect(database.superuser_url) as superuser:
        return superuser.execute("SELECT p::text FROM patients p WHERE id = %s", (patient_id,)).fetchone()


def test_numbers_are_right_as_days_pass_and_nothing_is_written(ward: Ward, database: TestDatabase) -> None:
    ward.close(ward.visit(), AppointmentStatus.MISSED)
    ward.report(ward.days())
    assert (1, 3) == ward.counts()
    before = stored(database, ward.patient_id)
    seen = []
    for ahead in (0, 29, 32, 88, 92):
        ward.days.ahead = ahead * DAY
        seen.append(ward.counts())
    assert [(1, 3), (1, 3), (1, 0), (1, 0), (0, 0)] == seen
    assert before == stored(database, ward.patient_id)


def test_what_was_given_outlives_every_change_and_a_number_that_is_sent_is_a_new_start(ward: Ward) -> None:
    core = ward.product.core
    ward.days.ahead = 40 * DAY
    core.change_patient(ward.admin, ward.patient_id, PatientChanges(name="Bea"))
    ward.days.ahead = 80 * DAY
    ward.report(ward.days())
    assert (0, 3) == ward.counts()  # the records began today: they cannot know the last thirty days
    metric = MetricDraft(metric_type=MetricType.MEDICATION_ADHERENCE, metric_value=Decimal(30))
    core.record_metric(ward.admin, ward.patient_id, attrs.evolve(metric, recorded_at=ward.days() - 70 * DAY))
    assert Decimal(30) == core.view_patient(ward.admin, ward.patient_id).medication_adherence
    ward.days.ahead = 111 * DAY
    assert (0, 0) == ward.counts()
    shown = core.change_patient(ward.admin, ward.patient_id, PatientChanges(crisis_calls_30days=4))
    assert (4, 4) == (shown.crisis_calls_30days, ward.counts()[1])
    ward.days.ahead = 150 * DAY
    assert (0, 0) == ward.counts()


def test_a_visits_day_is_that_of_the_zone_that_the_clinic_has_now(ward: Ward) -> None:
    core, evening = ward.product.core, datetime(2026, 1, 5, 20, 0, tzinfo=UTC)
    visit = core.schedule_appointment(ward.admin, ward.patient_id, AppointmentDraft(scheduled_at=evening))
    ward.close(visit, AppointmentStatus.COMPLETED)
    seen = []
    for zone in ("America/New_York", "Asia/Tokyo", "America/New_York"):
        core.change_clinic(ward.admin, ClinicChanges(timezone=zone))
        seen.append(core.view_patient(ward.admin, ward.patient_id).last_appointment)
    assert [date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 5)] == seen


def test_of_two_that_close_an_appointment_at_once_one_wins_and_counts(ward: Ward) -> None:
    for _ in range(3):
        visit = ward.visit()
        results = together(
            partial(ward.close, visit, AppointmentStatus.COMPLETED),
            partial(ward.close, visit, AppointmentStatus.COMPLETED),
        )
        lost = [one for one in results if isinstance(one, LostUpdate | IllegalTransition)]
        assert 1 == len(lost)
    items = ward.product.core.list_appointments(ward.admin, ward.patient_id, Span()).items
    assert [(AppointmentStatus.COMPLETED, 2)] * 3 == [(one.status, one.version) for one in items]


def test_a_change_of_the_patient_and_records_beside_it_lose_nothing(ward: Ward) -> None:
    now = datetime.now(UTC)
    core = ward.product.core

    def rename(number: int) -> object:
        return core.change_patient(ward.admin, ward.patient_id, PatientChanges(name=f"Name {number}"))

    results = together(*[lambda: ward.report(now) for _ in range(4)], *[lambda: rename(1), lambda: rename(2)])
    refused = [one for one in results if isinstance(one, Exception)]
    assert all(isinstance(one, LostUpdate) for one in refused)
    # What was given holds until its window is over; the four calls came after it.
    assert (0, 6) == ward.counts()
