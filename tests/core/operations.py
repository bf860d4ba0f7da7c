"""Every operation of the product as something to drive: one call per catalogue row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Final
from uuid import UUID, uuid4

import attrs

from mindbridge_core import Action, Role
from mindbridge_core.care import (
    AppointmentChanges,
    AppointmentDraft,
    AppointmentStatus,
    CrisisEventChanges,
    CrisisEventDraft,
    CrisisEventType,
    MetricDraft,
    MetricType,
    Severity,
    Span,
)
from mindbridge_core.identity import (
    ClinicChanges,
    ClinicDraft,
    CodeAgain,
    Credentials,
    MfaPolicyDraft,
    PasswordAgain,
    PasswordAndCode,
    PasswordChange,
    Redemption,
    RefreshRequest,
    ResetRequest,
    StaffChanges,
    StaffDraft,
)
from mindbridge_core.oversight import ExportFormat, Period, TrailFilter
from mindbridge_core.patients import (
    AlertFilter,
    AlertKind,
    BreakGlassFilter,
    BreakGlassRequest,
    BreakGlassReview,
    PatientChanges,
    PatientDraft,
    PatientFilter,
    ReviewOutcome,
)
from mindbridge_core.privacy import AccessQuery, ConsentDraft, ConsentType, DisclosureRequest
from mindbridge_core.screening import (
    AsideFilter,
    BatchRequest,
    Decision,
    DriftRequest,
    ReviewRequest,
    ScreeningFilter,
    ScreeningRequest,
    UsageRequest,
)
from mindbridge_memory import KeptEntries
from tests.core.house import ORIGIN, PASSWORD, START, AnyCaller, House, Town, raise_alert

USE_CASES: Final = {
    "escalate_reviews": Action.SCREENING_ESCALATE,
    "acknowledge_alert": Action.ALERT_ACKNOWLEDGE,
    "follow_alerts": Action.ALERT_FOLLOW,
    "list_alerts": Action.ALERT_LIST,
    "accept_invitation": Action.INVITATION_ACCEPT,
    "account_disclosures": Action.DISCLOSURE_LIST,
    "admit_patient": Action.PATIENT_CREATE,
    "break_the_glass": Action.BREAK_GLASS_OPEN,
    "list_emergency_accesses": Action.BREAK_GLASS_LIST,
    "review_emergency_access": Action.BREAK_GLASS_REVIEW,
    "change_clinic": Action.CLINIC_CHANGE,
    "change_mfa_policy": Action.MFA_POLICY_CHANGE,
    "change_password": Action.PASSWORD_CHANGE,
    "change_patient": Action.PATIENT_CHANGE,
    "change_staff": Action.USER_CHANGE,
    "confirm_mfa": Action.MFA_CONFIRM,
    "disable_mfa": Action.MFA_DISABLE,
    "enroll_mfa": Action.MFA_ENROLL,
    "renew_recovery_codes": Action.MFA_RENEW_CODES,
    "reset_mfa": Action.MFA_RESET,
    "view_clinic": Action.CLINIC_VIEW,
    "view_mfa_policy": Action.MFA_POLICY_VIEW,
    "deactivate_staff": Action.USER_DEACTIVATE,
    "end_session": Action.SESSION_END,
    "invite_staff": Action.USER_INVITE,
    "list_sessions": Action.SESSION_LIST,
    "list_staff": Action.USER_LIST,
    "detect_unusual_access": Action.AUDIT_DETECT,
    "list_findings": Action.AUDIT_FINDINGS,
    "change_appointment": Action.APPOINTMENT_CHANGE,
    "change_crisis_event": Action.CRISIS_EVENT_CHANGE,
    "list_appointments": Action.APPOINTMENT_LIST,
    "list_crisis_events": Action.CRISIS_EVENT_LIST,
    "list_metrics": Action.METRIC_LIST,
    "record_metric": Action.METRIC_RECORD,
    "report_crisis_event": Action.CRISIS_EVENT_REPORT,
    "schedule_appointment": Action.APPOINTMENT_SCHEDULE,
    "show_timeline": Action.PATIENT_TIMELINE,
    "checkpoint_trail": Action.AUDIT_CHECKPOINT,
    "export_trail": Action.AUDIT_EXPORT,
    "disclose_record": Action.DISCLOSURE_MAKE,
    "import_patients": Action.PATIENT_IMPORT,
    "list_consents": Action.CONSENT_LIST,
    "list_patients": Action.PATIENT_LIST,
    "retire_data_key": Action.KEY_RETIRE,
    "retire_master_key": Action.KEY_RETIRE_MASTER,
    "rewrap_keys": Action.KEY_REWRAP,
    "rotate_data_key": Action.KEY_ROTATE,
    "imagine_rules": Action.SCREENING_WHAT_IF,
    "list_reviews": Action.SCREENING_QUEUE,
    "list_screenings": Action.SCREENING_HISTORY,
    "replay_screening": Action.SCREENING_REPLAY,
    "review_screening": Action.SCREENING_REVIEW,
    "show_dashboard": Action.SCREENING_DASHBOARD,
    "watch_daily": Action.SCREENING_WATCH,
    "watch_drift": Action.SCREENING_DRIFT,
    "count_usage": Action.SCREENING_USAGE,
    "cancel_task": Action.TASK_CANCEL,
    "order_batch": Action.SCREENING_BATCH,
    "run_batch": Action.TASK_RUN,
    "list_set_aside": Action.TASK_SET_ASIDE,
    "view_task": Action.TASK_VIEW,
    "screen_caseload": Action.SCREENING_CASELOAD,
    "screen_patient": Action.SCREENING_CREATE,
    "view_screening": Action.SCREENING_VIEW,
    "log_in": Action.AUTH_LOGIN,
    "log_out": Action.AUTH_LOGOUT,
    "open_clinic": Action.CLINIC_OPEN,
    "sweep_clinic": Action.CLINIC_SWEEP,
    "prepare_platform": Action.PLATFORM_PREPARE,
    "read_trail": Action.AUDIT_READ,
    "refresh_session": Action.AUTH_REFRESH,
    "register_staff": Action.USER_REGISTER,
    "request_password_reset": Action.PASSWORD_RESET_REQUEST,
    "reset_password": Action.PASSWORD_RESET,
    "renew_invitation": Action.INVITATION_RENEW,
    "remove_patient": Action.PATIENT_DELETE,
    "retain_trail": Action.AUDIT_RETAIN,
    "ship_trail": Action.AUDIT_SHIP,
    "unlock_staff": Action.USER_UNLOCK,
    "verify_trail": Action.AUDIT_VERIFY,
    "record_consent": Action.CONSENT_RECORD,
    "report_access": Action.PATIENT_ACCESS_REPORT,
    "revoke_consent": Action.CONSENT_REVOKE,
    "view_patient": Action.PATIENT_VIEW,
    "view_self": Action.AUTH_ME,
    "view_staff": Action.USER_VIEW,
}
"""The attribute of `MindBridge` that does each action."""

Drive = Callable[[Town, AnyCaller, UUID | None], object]


def _list(town: Town, caller: AnyCaller, _: UUID | None) -> object:
    return {patient.id for patient in town.house.core.list_patients(caller, PatientFilter()).items}


def _register(town: Town, caller: AnyCaller, _: UUID | None) -> object:
    draft = StaffDraft(email="new@example.org", full_name="New Body", role=Role.READONLY)
    return town.house.core.register_staff(caller, draft)


def _invite(town: Town, caller: AnyCaller, _: UUID | None) -> object:
    draft = StaffDraft(email="new@example.org", full_name="New Body", role=Role.READONLY)
    return town.house.core.invite_staff(caller, draft).user


def _change_password(town: Town, caller: AnyCaller, _: UUID | None) -> object:
    change = PasswordChange(current_password=PASSWORD, password="another lantern over other rivers")
    town.house.core.change_password(caller, change)
    return None


def _reinvite(town: Town, caller: AnyCaller, _: UUID | None) -> object:
    return town.house.core.renew_invitation(caller, town.guest.id).user


def _change(town: Town, caller: AnyCaller, patient_id: UUID | None) -> object:
    assert patient_id is not None
    return town.house.core.change_patient(caller, patient_id, PatientChanges(appointments_missed=3))


def _view(town: Town, caller: AnyCaller, patient_id: UUID | None) -> object:
    assert patient_id is not None
    return town.house.core.view_patient(caller, patient_id)


def _remove(town: Town, caller: AnyCaller, patient_id: UUID | None) -> object:
    assert patient_id is not None
    town.house.core.remove_patient(caller, patient_id)
    return None


def _consents(town: Town, caller: AnyCaller, patient_id: UUID | None) -> object:
    assert patient_id is not None
    (consent,) = town.house.core.list_consents(caller, patient_id)
    return consent


def _record_consent(town: Town, caller: AnyCaller, patient_id: UUID | None) -> object:
    assert patient_id is not None
    draft = ConsentDraft(consent_type=ConsentType.AI_ANALYSIS, consent_form_version="1")
    return town.house.core.record_consent(caller, patient_id, draft)


def _revoke_consent(town: Town, caller: AnyCaller, patient_id: UUID | None) -> object:
    found = [one.id for one in town.house.store.tables.consents.rows() if one.patient_id == patient_id]
    return town.house.core.revoke_consent(caller, found[0] if found else uuid4())


def _disclose(town: Town, caller: AnyCaller, patient_id: UUID | None) -> object:
    assert patient_id is not None
    request = DisclosureRequest(recipient="Elm Clinic", purpose="Care", description="The record")
    return town.house.core.disclose_record(caller, patient_id, request)


def _break_the_glass(town: Town, caller: AnyCaller, patient_id: UUID | None) -> object:
    assert patient_id is not None
    request = BreakGlassRequest(access_reason="On the crisis line, nobody else is there")
    return town.house.core.break_the_glass(caller, patient_id, request)


def _emergencies(town: Town, caller: AnyCaller, _: UUID | None) -> object:
    (access,) = town.house.core.list_emergency_accesses(caller, BreakGlassFilter()).items
    return access


def _acknowledge(town: Town, caller: AnyCaller, patient_id: UUID | None) -> object:
    found = [one.id for one in town.house.store.tables.alerts.rows() if one.patient_id == patient_id]
    return town.house.core.acknowledge_alert(caller, found[0] if found else uuid4())


def _review(town: Town, caller: AnyCaller, _: UUID | None) -> object:
    (access,) = town.house.store.tables.emergency_accesses.rows()
    review = BreakGlassReview(outcome=ReviewOutcome.JUSTIFIED, note="The crisis line confirms it")
    return town.house.core.review_emergency_access(caller, access.id, review)


def _change_appointment(town: Town, caller: AnyCaller, patient_id: UUID | None) -> object:
    found = [one.id for one in town.house.store.tables.appointments.rows() if one.patient_id == patient_id]
    changes = AppointmentChanges(status=AppointmentStatus.MISSED)
    return town.house.core.change_appointment(caller, found[0] if found else uuid4(), changes)


def _schedule_appointment(town: Town, caller: AnyCaller, patient_id: UUID | None) -> object:
    assert patient_id is not None
    return town.house.core.schedule_appointment(caller, patient_id, AppointmentDraft(scheduled_at=START))


def _change_crisis_event(town: Town, caller: AnyCaller, patient_id: UUID | None) -> object:
    found = [one.id for one in town.house.store.tables.crisis_events.rows() if one.patient_id == patient_id]
    changes = CrisisEventChanges(resolution="Seen by the crisis team")
    return town.house.core.change_crisis_event(caller, found[0] if found else uuid4(), changes)


def _report_crisis_event(town: Town, caller: AnyCaller, patient_id: UUID | None) -> object:
    assert patient_id is not None
    draft = CrisisEventDraft(severity=Severity.LOW, event_type=CrisisEventType.CRISIS_CALL, occurred_at=START)
    return town.house.core.report_crisis_event(caller, patient_id, draft)


def _record_metric(town: Town, caller: AnyCaller, patient_id: UUID | None) -> object:
    assert patient_id is not None
    draft = MetricDraft(metric_type=MetricType.PHQ_9, metric_value=Decimal(9))
    return town.house.core.record_metric(caller, patient_id, draft)


def _list_metrics(town: Town, caller: AnyCaller, patient_id: UUID | None) -> object:
    """The list is empty: what is asked is whether it is shown at all, so the patient stands for the answer."""
    assert patient_id is not None
    assert () == town.house.core.list_metrics(caller, patient_id, Span()).items
    return town.house.store.tables.patients.get((town.clinic, patient_id))


def _list_appointments(town: Town, caller: AnyCaller, patient_id: UUID | None) -> object:
    assert patient_id is not None
    return town.house.core.list_appointments(caller, patient_id, Span()).items[0]


def _list_crisis_events(town: Town, caller: AnyCaller, patient_id: UUID | None) -> object:
    assert patient_id is not None
    return town.house.core.list_crisis_events(caller, patient_id, Span()).items[0]


def _timeline(town: Town, caller: AnyCaller, patient_id: UUID | None) -> object:
    assert patient_id is not None
    return town.house.core.show_timeline(caller, patient_id, Span()).items[0]


def screening_of(town: Town, patient_id: UUID | None) -> UUID:
    """Return a screening of the patient; for those who have none, one that there is not."""
    rows = town.house.store.tables.screenings.rows()
    return next((one.id for one in rows if one.patient_id == patient_id), uuid4())


def _screen(town: Town, caller: AnyCaller, patient_id: UUID | None) -> object:
    assert patient_id is not None
    return town.house.core.screen_patient(caller, ScreeningRequest(patient_id=patient_id))


def _history(town: Town, caller: AnyCaller, patient_id: UUID | None) -> object:
    assert patient_id is not None
    return town.house.core.list_screenings(caller, patient_id).items[0]


def _review_screening(town: Town, caller: AnyCaller, patient_id: UUID | None) -> object:
    request = ReviewRequest(decision=Decision.CONFIRM)
    return town.house.core.review_screening(caller, screening_of(town, patient_id), request)


def _imagine(town: Town, caller: AnyCaller, patient_id: UUID | None) -> object:
    screening_id = screening_of(town, patient_id)
    return town.house.core.imagine_rules(caller, screening_id, rule="adherence_below_50", bound=60)


def task_of(town: Town) -> UUID:
    """Return the one batch; where none was ordered, one that there is not."""
    return next((batch.id for batch in town.house.store.tables.batches.rows()), uuid4())


def own_session(town: Town, caller: AnyCaller) -> UUID:
    """Return the caller's session; for those who can have none, one that there is not."""
    rows = town.house.store.tables.sessions.rows()
    return next((one.id for one in rows if one.user_id == caller.user_id), uuid4())


def _account(town: Town, caller: AnyCaller, patient_id: UUID | None) -> object:
    assert patient_id is not None
    return town.house.core.account_disclosures(caller, patient_id)


def _report_access(town: Town, caller: AnyCaller, patient_id: UUID | None) -> object:
    assert patient_id is not None
    return town.house.core.report_access(caller, patient_id, AccessQuery())


def _retire_key(town: Town, caller: AnyCaller, _: UUID | None) -> object:
    town.house.core.retire_data_key(caller, 1, offline=True)
    return None


def _enroll(town: Town, caller: AnyCaller, _: UUID | None) -> object:
    return town.house.core.enroll_mfa(caller, PasswordAgain(password=PASSWORD))


def _confirm(town: Town, caller: AnyCaller, _: UUID | None) -> object:
    return town.house.core.confirm_mfa(caller, CodeAgain(otp=town.house.code()))


def _disable(town: Town, caller: AnyCaller, _: UUID | None) -> object:
    town.house.core.disable_mfa(caller, PasswordAndCode(password=PASSWORD, otp=town.house.code()))
    return None


def _renew(town: Town, caller: AnyCaller, _: UUID | None) -> object:
    return town.house.core.renew_recovery_codes(caller, PasswordAgain(password=PASSWORD))


def _reset(town: Town, caller: AnyCaller, _: UUID | None) -> object:
    town.house.core.reset_mfa(caller, town.colleague.id)
    return None


def _demand(town: Town, caller: AnyCaller, _: UUID | None) -> object:
    return town.house.core.change_mfa_policy(caller, MfaPolicyDraft(required=True))


def _move(town: Town, caller: AnyCaller, _: UUID | None) -> object:
    changed = town.house.core.change_clinic(caller, ClinicChanges(timezone="Asia/Tokyo", screening_time="05:30"))
    return SimpleNamespace(clinic_id=changed.id)


def _show_clinic(town: Town, caller: AnyCaller, _: UUID | None) -> object:
    return SimpleNamespace(clinic_id=town.house.core.view_clinic(caller).id)


CALLED: Final[dict[Action, Drive]] = {
    Action.ALERT_ACKNOWLEDGE: _acknowledge,
    Action.CLINIC_CHANGE: _move,
    Action.CLINIC_VIEW: _show_clinic,
    Action.CLINIC_SWEEP: lambda town, caller, _: town.house.core.sweep_clinic(caller),
    Action.ALERT_FOLLOW: lambda town, caller, _: town.house.core.follow_alerts(caller),
    Action.ALERT_LIST: lambda town, caller, _: town.house.core.list_alerts(caller, AlertFilter()).items[0],
    Action.APPOINTMENT_CHANGE: _change_appointment,
    Action.APPOINTMENT_LIST: _list_appointments,
    Action.APPOINTMENT_SCHEDULE: _schedule_appointment,
    Action.CRISIS_EVENT_CHANGE: _change_crisis_event,
    Action.CRISIS_EVENT_LIST: _list_crisis_events,
    Action.CRISIS_EVENT_REPORT: _report_crisis_event,
    Action.METRIC_LIST: _list_metrics,
    Action.METRIC_RECORD: _record_metric,
    Action.PATIENT_TIMELINE: _timeline,
    Action.AUDIT_CHECKPOINT: lambda town, caller, _: town.house.core.checkpoint_trail(caller),
    Action.AUDIT_DETECT: lambda town, caller, _: town.house.core.detect_unusual_access(caller),
    Action.AUDIT_FINDINGS: lambda town, caller, _: town.house.core.list_findings(caller).items[0],
    Action.AUDIT_EXPORT: lambda town, caller, _: next(
        town.house.core.export_trail(caller, Period(), ExportFormat.NDJSON)
    ),
    Action.AUDIT_READ: lambda town, caller, _: town.house.core.read_trail(caller, TrailFilter()).items[0],
    Action.AUDIT_RETAIN: lambda town, caller, _: (
        town.house.core.retain_trail(caller, datetime(2020, 1, 1, tzinfo=UTC), checkpoints=[], dry_run=False).anchors
    ),
    Action.AUDIT_SHIP: lambda town, caller, _: town.house.core.ship_trail(caller, KeptEntries()),
    Action.AUDIT_VERIFY: lambda town, caller, _: town.house.core.verify_trail(caller),
    Action.INVITATION_RENEW: _reinvite,
    Action.PASSWORD_CHANGE: _change_password,
    Action.AUTH_LOGOUT: lambda town, caller, _: town.house.core.log_out(caller),
    Action.AUTH_ME: lambda town, caller, _: town.house.core.view_self(caller),
    Action.BREAK_GLASS_LIST: _emergencies,
    Action.BREAK_GLASS_OPEN: _break_the_glass,
    Action.BREAK_GLASS_REVIEW: _review,
    Action.CONSENT_LIST: _consents,
    Action.CONSENT_RECORD: _record_consent,
    Action.CONSENT_REVOKE: _revoke_consent,
    Action.DISCLOSURE_LIST: _account,
    Action.DISCLOSURE_MAKE: _disclose,
    Action.KEY_RETIRE: _retire_key,
    Action.KEY_RETIRE_MASTER: lambda town, caller, _: town.house.core.retire_master_key(caller, "long gone"),
    Action.KEY_REWRAP: lambda town, caller, _: town.house.core.rewrap_keys(caller),
    Action.KEY_ROTATE: lambda town, caller, _: town.house.core.rotate_data_key(caller),
    Action.MFA_CONFIRM: _confirm,
    Action.MFA_DISABLE: _disable,
    Action.MFA_ENROLL: _enroll,
    Action.MFA_POLICY_CHANGE: _demand,
    Action.MFA_POLICY_VIEW: lambda town, caller, _: town.house.core.view_mfa_policy(caller),
    Action.MFA_RENEW_CODES: _renew,
    Action.MFA_RESET: _reset,
    Action.PATIENT_ACCESS_REPORT: _report_access,
    Action.PATIENT_CHANGE: _change,
    Action.PATIENT_CREATE: lambda town, caller, _: town.house.core.admit_patient(caller, PatientDraft(name="New Body")),
    Action.PATIENT_DELETE: _remove,
    Action.PATIENT_IMPORT: lambda town, caller, _: town.house.core.import_patients(caller, lambda: [b"name\nNew Body"]),
    Action.PATIENT_LIST: _list,
    Action.PATIENT_VIEW: _view,
    Action.SCREENING_BATCH: lambda town, caller, _: town.house.core.order_batch(caller, BatchRequest()),
    Action.SCREENING_CASELOAD: lambda town, caller, _: town.house.core.screen_caseload(caller),
    Action.SCREENING_CREATE: _screen,
    Action.SCREENING_DASHBOARD: lambda town, caller, _: town.house.core.show_dashboard(caller),
    Action.SCREENING_DRIFT: lambda town, caller, _: town.house.core.watch_drift(caller, DriftRequest()),
    Action.SCREENING_ESCALATE: lambda town, caller, _: town.house.core.escalate_reviews(caller),
    Action.SCREENING_HISTORY: _history,
    Action.SCREENING_QUEUE: lambda town, caller, _: town.house.core.list_reviews(caller, ScreeningFilter()).items[0],
    Action.SCREENING_REPLAY: lambda town, caller, patient_id: town.house.core.replay_screening(
        caller, screening_of(town, patient_id)
    ),
    Action.SCREENING_REVIEW: _review_screening,
    Action.SCREENING_USAGE: lambda town, caller, _: town.house.core.count_usage(
        caller, UsageRequest(since=START.date(), until=START.date())
    ),
    Action.SCREENING_VIEW: lambda town, caller, patient_id: town.house.core.view_screening(
        caller, screening_of(town, patient_id)
    ),
    Action.SCREENING_WHAT_IF: _imagine,
    Action.SESSION_END: lambda town, caller, _: town.house.core.end_session(caller, own_session(town, caller)),
    Action.SESSION_LIST: lambda town, caller, _: town.house.core.list_sessions(caller)[0],
    Action.TASK_CANCEL: lambda town, caller, _: town.house.core.cancel_task(caller, task_of(town)),
    Action.TASK_RUN: lambda town, caller, _: town.house.core.run_batch(caller, uuid4()),
    Action.SCREENING_WATCH: lambda town, caller, _: town.house.core.watch_daily(caller),
    Action.TASK_SET_ASIDE: lambda town, caller, _: town.house.core.list_set_aside(
        caller, AsideFilter(batch_id=task_of(town))
    ),
    Action.TASK_VIEW: lambda town, caller, _: town.house.core.view_task(caller, task_of(town)),
    Action.USER_CHANGE: lambda town, caller, _: town.house.core.change_staff(
        caller, town.staff[Role.READONLY].id, StaffChanges(role=Role.COMPLIANCE_OFFICER)
    ),
    Action.USER_DEACTIVATE: lambda town, caller, _: town.house.core.deactivate_staff(
        caller, town.staff[Role.READONLY].id
    ),
    Action.USER_LIST: lambda town, caller, _: town.house.core.list_staff(caller).items[0],
    Action.USER_INVITE: _invite,
    Action.USER_REGISTER: _register,
    Action.USER_UNLOCK: lambda town, caller, _: town.house.core.unlock_staff(caller, town.staff[Role.READONLY].id),
    Action.USER_VIEW: lambda town, caller, _: town.house.core.view_staff(caller, town.staff[Role.READONLY].id),
}
"""Operations that are told who calls; the last argument is the record, for those that have one."""


def _log_in(town: Town) -> object:
    return town.house.core.log_in(Credentials(email=town.staff[Role.ADMIN].email, password=PASSWORD), ORIGIN)


def _refresh(town: Town) -> object:
    request = RefreshRequest(refresh_token=town.sessions[Role.ADMIN].refresh_token)
    return town.house.core.refresh_session(request, ORIGIN)


def _accept(town: Town) -> object:
    town.house.core.accept_invitation(Redemption(token=town.invitation, password=PASSWORD), ORIGIN)
    return None


def _request_reset(town: Town) -> object:
    town.house.core.request_password_reset(ResetRequest(email=town.staff[Role.ADMIN].email), ORIGIN)
    return None


def _reset_password(town: Town) -> object:
    town.house.core.reset_password(Redemption(token=town.reset, password=PASSWORD), ORIGIN)
    return None


OPEN: Final[dict[Action, Callable[[Town], object]]] = {
    Action.AUTH_LOGIN: _log_in,
    Action.AUTH_REFRESH: _refresh,
    Action.INVITATION_ACCEPT: _accept,
    Action.PASSWORD_RESET: _reset_password,
    Action.PASSWORD_RESET_REQUEST: _request_reset,
    Action.CLINIC_OPEN: lambda town: town.house.core.open_clinic(ClinicDraft(organization="Elm", name="West")),
    Action.PLATFORM_PREPARE: lambda town: town.house.core.prepare_platform(),
}
"""Operations that have one kind of caller only, and so are not told who."""


def town_before(action: Action, town: Town) -> Town:
    """The town as `action` needs it: never prepared where that is asked for, with second factors where codes are."""
    if action in {Action.MFA_CONFIRM, Action.MFA_DISABLE, Action.MFA_RENEW_CODES, Action.MFA_RESET}:
        for user in (*town.staff.values(), town.colleague):
            town.house.give_factor(user, confirmed=action is not Action.MFA_CONFIRM)
    if action is Action.ALERT_LIST:
        raise_alert(town.house, town.clinic, town.records["unassigned"], AlertKind.BREAK_GLASS)
    if action in {Action.TASK_CANCEL, Action.TASK_SET_ASIDE, Action.TASK_VIEW}:
        town.house.core.order_batch(town.caller(Role.CASE_MANAGER), BatchRequest())
    if action is not Action.PLATFORM_PREPARE:
        return town
    return attrs.evolve(town, house=House(), staff={}, sessions={}, records={})
