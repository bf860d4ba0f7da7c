"""Appointments, crisis events and metrics of a patient, and all of it in order."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from uuid import UUID

from mindbridge_core import Action
from mindbridge_core.care import (
    AppointmentChanges,
    AppointmentDraft,
    CrisisEventChanges,
    CrisisEventDraft,
    MetricDraft,
    Span,
)
from mindbridge_core.idempotency import IdempotencyKey
from mindbridge_flask.calls import Answer, StaffCall
from mindbridge_flask.care import (
    AppointmentPage,
    AppointmentResource,
    CrisisEventPage,
    CrisisEventResource,
    MetricPage,
    MetricResource,
    TimelinePage,
)
from mindbridge_flask.paging import HistoryQuery
from mindbridge_flask.routing import RouteTable

__all__ = ["CARE"]

CARE: Final = RouteTable()


def _span(query: HistoryQuery) -> Span:
    return Span(before=query.before, limit=query.limit)


@CARE.route("GET", "/v1/patients/{patient_id}/appointments", Action.APPOINTMENT_LIST)
def list_appointments(call: StaffCall, patient_id: UUID, query: HistoryQuery) -> Answer[AppointmentPage]:
    """List a patient's appointments by the time they are scheduled at, the latest first."""
    return Answer(content=AppointmentPage.of(call.core.list_appointments(call.claim, patient_id, _span(query))))


@CARE.route(
    "POST",
    "/v1/patients/{patient_id}/appointments",
    Action.APPOINTMENT_SCHEDULE,
    status=HTTPStatus.CREATED,
    tagged=True,
)
def schedule_appointment(
    call: StaffCall, patient_id: UUID, body: AppointmentDraft, once: IdempotencyKey | None
) -> Answer[AppointmentResource]:
    """Schedule an appointment; one whose time has passed is entered so too, and closed by a change."""
    made = call.core.schedule_appointment(call.claim, patient_id, body, once=once)
    return Answer(content=AppointmentResource.of(made), version=made.version, made=made.id, among="/v1/appointments")


@CARE.route("PATCH", "/v1/appointments/{appointment_id}", Action.APPOINTMENT_CHANGE, tagged=True)
def change_appointment(
    call: StaffCall, appointment_id: UUID, body: AppointmentChanges, version: int | None
) -> Answer[AppointmentResource]:
    """Move an appointment, or close it with `status`: completed, missed or cancelled.

    Completed and missed can be put right into one another; any other step from a closed one is 409
    `illegal_transition`. A missed one counts on the patient for 90 days, a completed one is their last appointment.
    """
    changed = call.core.change_appointment(call.claim, appointment_id, body, version=version)
    return Answer(content=AppointmentResource.of(changed), version=changed.version)


@CARE.route("GET", "/v1/patients/{patient_id}/crisis-events", Action.CRISIS_EVENT_LIST)
def list_crisis_events(call: StaffCall, patient_id: UUID, query: HistoryQuery) -> Answer[CrisisEventPage]:
    """List a patient's crisis events by the time they occurred at, the latest first."""
    return Answer(content=CrisisEventPage.of(call.core.list_crisis_events(call.claim, patient_id, _span(query))))


@CARE.route(
    "POST",
    "/v1/patients/{patient_id}/crisis-events",
    Action.CRISIS_EVENT_REPORT,
    status=HTTPStatus.CREATED,
    tagged=True,
)
def report_crisis_event(
    call: StaffCall, patient_id: UUID, body: CrisisEventDraft, once: IdempotencyKey | None
) -> Answer[CrisisEventResource]:
    """Report a crisis event. A `crisis_call` counts on the patient for 30 days."""
    made = call.core.report_crisis_event(call.claim, patient_id, body, once=once)
    return Answer(content=CrisisEventResource.of(made), version=made.version, made=made.id, among="/v1/crisis-events")


@CARE.route("PATCH", "/v1/crisis-events/{event_id}", Action.CRISIS_EVENT_CHANGE, tagged=True)
def change_crisis_event(
    call: StaffCall, event_id: UUID, body: CrisisEventChanges, version: int | None
) -> Answer[CrisisEventResource]:
    """Resolve a crisis event with its `resolution`, or say more of it; what happened and when stays.

    A second resolution is 409 `illegal_transition`.
    """
    changed = call.core.change_crisis_event(call.claim, event_id, body, version=version)
    return Answer(content=CrisisEventResource.of(changed), version=changed.version)


@CARE.route("GET", "/v1/patients/{patient_id}/metrics", Action.METRIC_LIST)
def list_metrics(call: StaffCall, patient_id: UUID, query: HistoryQuery) -> Answer[MetricPage]:
    """List a patient's measurements by the time they were recorded at, the latest first."""
    return Answer(content=MetricPage.of(call.core.list_metrics(call.claim, patient_id, _span(query))))


@CARE.route("POST", "/v1/patients/{patient_id}/metrics", Action.METRIC_RECORD, status=HTTPStatus.CREATED)
def record_metric(
    call: StaffCall, patient_id: UUID, body: MetricDraft, once: IdempotencyKey | None
) -> Answer[MetricResource]:
    """Record a measurement: adherence in percent (0-100), PHQ-9 (0-27), GAD-7 (0-21).

    The newest `medication_adherence` is the patient's.
    """
    made = call.core.record_metric(call.claim, patient_id, body, once=once)
    return Answer(content=MetricResource.of(made), made=made.id)


@CARE.route("GET", "/v1/patients/{patient_id}/timeline", Action.PATIENT_TIMELINE)
def show_timeline(call: StaffCall, patient_id: UUID, query: HistoryQuery) -> Answer[TimelinePage]:
    """Show appointments, crisis events and measurements in one order, the latest first."""
    return Answer(content=TimelinePage.of(call.core.show_timeline(call.claim, patient_id, _span(query))))
