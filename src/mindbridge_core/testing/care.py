"""The contracts of the record of care: appointments, crisis events, metrics, and the numbers that follow from them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import attrs

from mindbridge_core.care import (
    Appointment,
    AppointmentStatus,
    AppointmentType,
    CareUnit,
    CrisisEvent,
    CrisisEventType,
    Event,
    History,
    MetricType,
    PatientMetric,
    Severity,
    Span,
    evidence,
)
from mindbridge_core.errors import LostUpdate
from mindbridge_core.pagination import Place
from mindbridge_core.patients import Patient, PatientFilter
from mindbridge_core.testing.records import LATER, NOW, SCRIPTS, a_patient, a_user
from mindbridge_core.testing.store import ContractStore, StoreContract, raises, together

__all__ = [
    "AppointmentsContract",
    "CareHistoryContract",
    "CrisisEventsContract",
    "MetricsContract",
    "NumbersContract",
]

DAY = timedelta(days=1)


@attrs.frozen
class Care:
    """A store with a member of staff and a patient."""

    store: ContractStore
    user_id: UUID
    patient_id: UUID

    @classmethod
    def of(cls, store: ContractStore, **given: Any) -> Care:  # noqa: ANN401 - any field of the patient
        """Add both to the first clinic."""
        user, patient = a_user(store.clinic_a), a_patient(store.clinic_a, **given)
        with store.open_unit(store.clinic_a) as unit:
            unit.users.add(user)
            unit.patients.add(patient)
        return cls(store, user.id, patient.id)

    def appointment(self, **fields: Any) -> Appointment:  # noqa: ANN401 - any field of the record
        """Return a new appointment, not yet stored."""
        plain = {"scheduled_at": NOW, "created_at": NOW}
        return Appointment(**self._common | plain | fields)

    def crisis_event(self, **fields: Any) -> CrisisEvent:  # noqa: ANN401 - any field of the record
        """Return a new crisis call, not yet stored."""
        plain = {"severity": Severity.HIGH, "event_type": CrisisEventType.CRISIS_CALL, "occurred_at": NOW}
        return CrisisEvent(**self._common | plain | {"created_at": NOW} | fields)

    def metric(self, **fields: Any) -> PatientMetric:  # noqa: ANN401 - any field of the record
        """Return a new measurement of adherence, not yet stored."""
        plain = {"metric_type": MetricType.MEDICATION_ADHERENCE, "metric_value": Decimal(50), "recorded_at": NOW}
        return PatientMetric(**self._common | plain | fields)

    @property
    def _common(self) -> dict[str, Any]:
        return {"id": uuid4(), "clinic_id": self.store.clinic_a, "patient_id": self.patient_id}

    def add(self, *events: Event) -> None:
        """Store the records, each in a unit of its own."""
        for event in events:
            with self.store.open_unit(self.store.clinic_a) as unit:
                if isinstance(event, Appointment):
                    unit.appointments.add(event)
                elif isinstance(event, CrisisEvent):
                    unit.crisis_events.add(event)
                else:
                    unit.metrics.add(event)

    def close(self, appointment: Appointment, status: AppointmentStatus, at: datetime) -> Appointment:
        """Store the appointment as closed."""
        with self.store.open_unit(self.store.clinic_a) as unit:
            return unit.appointments.save(appointment.closed(status, self.user_id, at))

    def patient(self) -> Patient:
        """Return the patient as the store shows them today; the list shows the same."""
        with self.store.open_unit(self.store.clinic_a) as unit:
            found = unit.patients.get(self.patient_id)
            (listed,) = unit.patients.list(PatientFilter()).items
        assert found is not None
        assert found == listed
        assert found.basis == listed.basis
        return found


class AppointmentsContract(StoreContract):
    """Appointments come back as they were added; no change of one is lost."""

    def test_an_appointment_comes_back_as_it_was_added(self) -> None:
        """Every field, with nothing but the needed and with everything, in any script."""
        care = Care.of(self.store())
        full = care.appointment(
            scheduled_by=care.user_id,
            status=AppointmentStatus.COMPLETED,
            appointment_type=AppointmentType.MEDICATION_REVIEW,
            notes="\n".join(SCRIPTS),
            closed_at=LATER,
            closed_by=care.user_id,
            version=7,
        )
        for appointment in (full, care.appointment()):
            care.add(appointment)
            with care.store.open_unit(care.store.clinic_a) as unit:
                assert appointment == unit.appointments.get(appointment.id)

    def test_an_appointment_of_another_clinic_is_not_there(self) -> None:
        """Nor one that nobody has."""
        care = Care.of(self.store())
        appointment = care.appointment()
        care.add(appointment)
        with care.store.open_unit(care.store.clinic_b) as unit:
            assert unit.appointments.get(appointment.id) is None
        with care.store.open_unit(care.store.clinic_a) as unit:
            assert unit.appointments.get(uuid4()) is None

    def test_a_change_makes_the_next_version(self) -> None:
        """What is returned is what is stored; each field that may change does."""
        care = Care.of(self.store())
        appointment = care.appointment(notes="before")
        care.add(appointment)
        changed = attrs.evolve(
            appointment.moved(LATER).closed(AppointmentStatus.MISSED, care.user_id, LATER),
            appointment_type=AppointmentType.GROUP,
            notes=None,
        )
        with care.store.open_unit(care.store.clinic_a) as unit:
            saved = unit.appointments.save(changed)
        assert saved == attrs.evolve(changed, version=2)
        with care.store.open_unit(care.store.clinic_a) as unit:
            assert saved == unit.appointments.get(appointment.id)

    def test_of_two_that_close_an_appointment_at_once_one_loses_and_knows_it(self) -> None:
        """One end is stored, the other raises LostUpdate; so does a stale version later on."""
        care = Care.of(self.store())
        appointment = care.appointment()
        care.add(appointment)
        results = together(
            lambda: care.close(appointment, AppointmentStatus.COMPLETED, LATER),
            lambda: care.close(appointment, AppointmentStatus.MISSED, LATER),
        )
        assert sorted(type(result).__name__ for result in results) == ["Appointment", "LostUpdate"]
        with care.store.open_unit(care.store.clinic_a) as unit:
            assert unit.appointments.get(appointment.id) in results
        with raises(LostUpdate):
            care.close(appointment, AppointmentStatus.MISSED, LATER)
        with raises(LostUpdate):
            care.close(care.appointment(), AppointmentStatus.MISSED, LATER)


class CrisisEventsContract(StoreContract):
    """Crisis events come back as they were added; no change of one is lost."""

    def test_an_event_comes_back_as_it_was_added(self) -> None:
        """Every field, with nothing but the needed and with everything, in any script."""
        care = Care.of(self.store())
        full = care.crisis_event(
            reported_by=care.user_id,
            severity=Severity.CRITICAL,
            event_type=CrisisEventType.SELF_HARM,
            description="\n".join(SCRIPTS),
            resolution=SCRIPTS[-1],
            follow_up_required=True,
            resolved_at=LATER,
            resolved_by=care.user_id,
            version=7,
        )
        for event in (full, care.crisis_event()):
            care.add(event)
            with care.store.open_unit(care.store.clinic_a) as unit:
                assert event == unit.crisis_events.get(event.id)

    def test_an_event_of_another_clinic_is_not_there(self) -> None:
        """Nor one that nobody has."""
        care = Care.of(self.store())
        event = care.crisis_event()
        care.add(event)
        with care.store.open_unit(care.store.clinic_b) as unit:
            assert unit.crisis_events.get(event.id) is None
        with care.store.open_unit(care.store.clinic_a) as unit:
            assert unit.crisis_events.get(uuid4()) is None

    def test_a_change_makes_the_next_version(self) -> None:
        """What is returned is what is stored; of two from one version the second raises LostUpdate."""
        care = Care.of(self.store())
        event = care.crisis_event(description="before")
        care.add(event)
        changed = attrs.evolve(
            event.resolved("Seen at home", care.user_id, LATER),
            severity=Severity.LOW,
            description=None,
            follow_up_required=True,
        )
        with care.store.open_unit(care.store.clinic_a) as unit:
            saved = unit.crisis_events.save(changed)
        assert saved == attrs.evolve(changed, version=2)
        with care.store.open_unit(care.store.clinic_a) as unit:
            assert saved == unit.crisis_events.get(event.id)
        with raises(LostUpdate), care.store.open_unit(care.store.clinic_a) as unit:
            unit.crisis_events.save(changed)


class MetricsContract(StoreContract):
    """Measurements come back as they were added."""

    def test_a_measurement_comes_back_as_it_was_added(self) -> None:
        """Every field of every type, at both ends of its range."""
        care = Care.of(self.store())
        metrics = [
            care.metric(metric_type=kind, metric_value=Decimal(value), recorded_by=by, recorded_at=at)
            for kind in MetricType
            for value, by, at in ((0, None, NOW), (kind.most, care.user_id, LATER))
        ]
        care.add(*metrics, care.metric(metric_value=Decimal("33.33"), recorded_at=NOW - DAY))
        with care.store.open_unit(care.store.clinic_a) as unit:
            kept = unit.metrics.of_patient(care.patient_id, Span()).items
        assert sorted(kept[:-1], key=lambda one: one.id) == sorted(metrics, key=lambda one: one.id)
        assert kept[-1].metric_value == Decimal("33.33")


def _walk(care: Care, page: Callable[[CareUnit, Span], History[Any]]) -> list[Event]:
    """Return all that the pages of two show, and check where each says that it goes on."""
    seen: list[Event] = []
    before: Place | None = None
    while True:
        with care.store.open_unit(care.store.clinic_a) as unit:
            history = page(unit, Span(before=before, limit=2))
        seen += history.items
        assert len(history.items) <= 2
        if history.before is None:
            return seen
        assert history.before == seen[-1].place
        before = history.before


def _of_kind(name: str, patient_id: UUID, unit: CareUnit, span: Span) -> History[Any]:
    history: History[Any] = getattr(unit, name).of_patient(patient_id, span)
    return history


class CareHistoryContract(StoreContract):
    """A history is in order of time, the latest first, page by page, and one patient's alone."""

    def test_the_pages_of_each_history_follow_one_another(self) -> None:
        """Records of one moment are told apart by their ids; the timeline holds all kinds."""
        care = Care.of(self.store())
        moments = [NOW, NOW, NOW + DAY, NOW - DAY, NOW]
        made: dict[str, list[Event]] = {
            "appointments": [care.appointment(scheduled_at=at, notes="n") for at in moments],
            "crisis_events": [care.crisis_event(occurred_at=at, description="d") for at in moments],
            "metrics": [care.metric(recorded_at=at) for at in moments],
        }
        for events in made.values():
            care.add(*events)
        for name, events in made.items():
            seen = _walk(care, partial(_of_kind, name, care.patient_id))
            assert seen == sorted(events, key=lambda one: one.place, reverse=True)
        everything = [event for events in made.values() for event in events]
        timeline = _walk(care, lambda unit, span: unit.timeline.of_patient(care.patient_id, span))
        assert timeline == sorted(everything, key=lambda one: one.place, reverse=True)

    def test_a_page_that_holds_exactly_the_rest_is_the_last(self) -> None:
        """No empty page follows it; without records the first is the last."""
        care = Care.of(self.store())
        with care.store.open_unit(care.store.clinic_a) as unit:
            assert unit.timeline.of_patient(care.patient_id, Span()) == History(items=(), before=None)
        events: list[Event] = [care.crisis_event(), care.appointment(scheduled_at=LATER)]
        care.add(*events)
        with care.store.open_unit(care.store.clinic_a) as unit:
            page = unit.timeline.of_patient(care.patient_id, Span(limit=2))
        assert page == History(items=tuple(reversed(events)), before=None)

    def test_another_patients_and_another_clinics_records_are_in_no_history(self) -> None:
        """Only those of the patient who is asked for."""
        care = Care.of(self.store())
        care.add(care.appointment(), care.crisis_event(), care.metric())
        empty = History[Any](items=(), before=None)
        for clinic_id, patient_id in ((care.store.clinic_a, uuid4()), (care.store.clinic_b, care.patient_id)):
            with care.store.open_unit(clinic_id) as unit:
                for history in (unit.appointments, unit.crisis_events, unit.metrics, unit.timeline):
                    assert history.of_patient(patient_id, Span()) == empty


class NumbersContract(StoreContract):
    """The patient's numbers follow from what was given and from all records, in every unit from then on."""

    def test_the_numbers_follow_from_the_records(self) -> None:
        """Each by its own kind of record and within its own window; what was given is kept beside them."""
        today = datetime.now(UTC)
        care = Care.of(self.store(), created_at=today - 400 * DAY, updated_at=today - 400 * DAY)
        for ago in (2, 80, 92):
            appointment = care.appointment(scheduled_at=today - ago * DAY, created_at=today)
            care.add(appointment)
            care.close(appointment, AppointmentStatus.MISSED, today)
        visit = care.appointment(scheduled_at=today - 40 * DAY, created_at=today)
        care.add(visit)
        care.close(visit, AppointmentStatus.COMPLETED, today)
        calls = [care.crisis_event(occurred_at=today - ago * DAY, created_at=today) for ago in (1, 28, 33)]
        other = care.crisis_event(event_type=CrisisEventType.ER_VISIT, occurred_at=today - DAY, created_at=today)
        older = care.metric(metric_value=Decimal(20), recorded_at=today - 9 * DAY)
        care.add(*calls, other, care.metric(metric_value=Decimal("61.5"), recorded_at=today - 3 * DAY), older)

        shown = care.patient()
        assert (shown.appointments_missed, shown.crisis_calls_30days) == (2, 2)
        assert shown.medication_adherence == Decimal("61.5")
        assert shown.last_appointment is not None
        assert abs(shown.last_appointment - visit.scheduled_at.date()) <= DAY

    def test_a_patient_without_records_shows_what_was_given(self) -> None:
        """However long ago it was given; so does one with records that say nothing of the numbers."""
        long_ago = NOW - 4000 * DAY
        given = {"appointments_missed": 3, "crisis_calls_30days": 4, "medication_adherence": Decimal(12)}
        care = Care.of(self.store(), created_at=long_ago, updated_at=long_ago, **given)
        cancelled = care.appointment()
        care.add(cancelled, care.crisis_event(event_type=CrisisEventType.OTHER), care.appointment())
        care.add(care.metric(metric_type=MetricType.PHQ_9))
        care.close(cancelled, AppointmentStatus.CANCELLED, LATER)
        shown = care.patient()
        assert given.items() <= attrs.asdict(shown, recurse=False).items()
        assert shown.basis is not None
        assert shown.basis.recorded is None

    def test_a_change_of_the_patient_keeps_what_was_given_and_what_is_recorded(self) -> None:
        """A number that is set becomes what is given, as of the change; the others stay as they were given."""
        today = datetime.now(UTC)
        care = Care.of(self.store(), crisis_calls_30days=2, created_at=today - DAY, updated_at=today - DAY)
        care.add(care.crisis_event(occurred_at=today, created_at=today))
        before = care.patient()
        assert before.crisis_calls_30days == 3
        with care.store.open_unit(care.store.clinic_a) as unit:
            renamed = unit.patients.save(attrs.evolve(before, name="Another", updated_at=today))
        assert renamed == care.patient()
        assert care.patient().given == before.given
        with care.store.open_unit(care.store.clinic_a) as unit:
            later = today + timedelta(seconds=1)
            set_by_hand = attrs.evolve(renamed, appointments_missed=5, updated_at=later)
            saved = unit.patients.save(set_by_hand)
        assert saved == care.patient()
        assert care.patient().given == before.given.replaced({"appointments_missed": 5}, later)
        assert care.patient().crisis_calls_30days == 3

    def test_what_a_store_says_of_the_records_is_what_the_rule_says(self) -> None:
        """The newest and the lowest of a tie, the first and the last, corrections included."""
        today = datetime.now(UTC).replace(microsecond=0)
        care = Care.of(self.store())
        appointments = []
        for place, status in enumerate([*AppointmentStatus] * 2):
            at = today - (30 * place + 1) * DAY
            appointment = care.appointment(scheduled_at=at)
            care.add(appointment)
            if status is not AppointmentStatus.SCHEDULED:
                appointment = care.close(appointment, status, at + DAY)
            appointments.append(appointment)
        appointments[1] = care.close(appointments[1], AppointmentStatus.MISSED, today)
        events = [
            care.crisis_event(event_type=kind, occurred_at=today - 11 * place * DAY, created_at=today - place * DAY)
            for place, kind in enumerate([*CrisisEventType, *[CrisisEventType.CRISIS_CALL] * 6])
        ]
        metrics = [
            care.metric(metric_type=kind, metric_value=Decimal(value), recorded_at=today)
            for kind in MetricType
            for value in (9, 7, 8)
        ]
        care.add(*events, *metrics, care.metric(metric_value=Decimal(1), recorded_at=today - DAY))
        basis = care.patient().basis
        assert basis is not None
        assert basis.recorded is not None
        said = evidence(appointments, events, metrics, datetime.now(UTC))
        assert said == basis.recorded

    def test_records_added_at_once_all_count(self) -> None:
        """Whoever writes second sees what the first wrote."""
        today = datetime.now(UTC)
        care = Care.of(self.store())
        calls = [care.crisis_event(occurred_at=today, created_at=today) for _ in range(6)]
        together(*[lambda call=call: care.add(call) for call in calls])
        assert care.patient().crisis_calls_30days == 6

    def test_a_dropped_unit_leaves_the_numbers_as_they_were(self) -> None:
        """And inside a unit they follow at once."""
        today = datetime.now(UTC)
        care = Care.of(self.store())
        with raises(ZeroDivisionError), care.store.open_unit(care.store.clinic_a) as unit:
            unit.crisis_events.add(care.crisis_event(occurred_at=today, created_at=today))
            within = unit.patients.get(care.patient_id)
            assert within is not None
            assert within.crisis_calls_30days == 1
            raise ZeroDivisionError
        assert care.patient().crisis_calls_30days == 0
