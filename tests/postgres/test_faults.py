"""No entry, no answer, on the real database: a trail that cannot be written leaves nothing read and nothing kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

import attrs
import psycopg
import pyotp
import pytest

from mindbridge_core import Action, Operator, Origin, Role, SessionClaim
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
from mindbridge_core.errors import AuditUnavailable
from mindbridge_core.identity import (
    ClinicChanges,
    ClinicDraft,
    CodeAgain,
    Credentials,
    MfaPolicyDraft,
    PasswordAgain,
    PasswordAndCode,
    PasswordChange,
    Purpose,
    Redemption,
    RefreshRequest,
    ResetRequest,
    StaffChanges,
    StaffDraft,
    TokenPair,
    User,
)
from mindbridge_core.identity.use_cases.invitations import Invitation
from mindbridge_core.oversight import ExportFormat, Period, TrailFilter
from mindbridge_core.patients import (
    AlertFilter,
    BreakGlassFilter,
    BreakGlassRequest,
    BreakGlassReview,
    PatientChanges,
    PatientDraft,
    PatientFilter,
    PatientStatus,
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
from mindbridge_postgres.schema import metadata
from mindbridge_security import utc_now
from tests.support.postgres import TestDatabase
from tests.support.product import PASSWORD, Product

GUEST = StaffDraft(email="guest@example.org", full_name="Gus Guest", role=Role.READONLY)
OTHER_PASSWORD = "another lantern over other rivers"
NEW = StaffDraft(email="new@example.org", full_name="New", role=Role.READONLY)
SHARING = ConsentDraft(consent_type=ConsentType.DATA_SHARING, consent_form_version="1")
TO_ELM = DisclosureRequest(recipient="Elm", purpose="Care", description="The record")
REASON = BreakGlassRequest(access_reason="On the crisis line, nobody else is there")
REVIEW = BreakGlassReview(outcome=ReviewOutcome.JUSTIFIED, note="Confirmed")
AGAIN = PasswordAgain(password=PASSWORD)
PAST = utc_now() - timedelta(days=2)
VISIT = AppointmentDraft(scheduled_at=PAST, notes="To be told")
CALL = CrisisEventDraft(severity=Severity.HIGH, event_type=CrisisEventType.CRISIS_CALL, occurred_at=PAST)
ADHERENCE = MetricDraft(metric_type=MetricType.MEDICATION_ADHERENCE, metric_value=Decimal("41.5"))
ELSEWHERE = ClinicDraft(organization="Elm", name="Elsewhere")


@attrs.frozen
class Factor:
    """Somebody in a session, with a secret that waits for its first code, or that has had it."""

    claim: SessionClaim
    secret: str

    @property
    def code(self) -> str:
        """A code that is good and was not used: that of the next step."""
        return pyotp.TOTP(self.secret).at(utc_now(), counter_offset=1)


@attrs.frozen
class Ground:
    """A clinic with an admin in a session and one patient."""

    product: Product
    clinic_id: UUID
    admin: User
    colleague: User
    pair: TokenPair
    claim: SessionClaim
    patient_id: UUID
    consent_id: UUID
    manager: SessionClaim
    access_id: UUID
    pending: Factor
    protected: Factor
    guest: Invitation
    reset: str
    appointment_id: UUID
    crisis_event_id: UUID
    screening_id: UUID
    task_id: UUID


def secret_of(invitation: Invitation) -> str:
    assert invitation.secret is not None
    return invitation.secret.text


OPERATIONS: Final[dict[Action, Callable[[Ground], object]]] = {
    Action.ALERT_ACKNOWLEDGE: lambda on: on.product.core.acknowledge_alert(
        on.claim, on.product.core.list_alerts(on.claim, AlertFilter()).items[0].id
    ),
    Action.CLINIC_CHANGE: lambda on: on.product.core.change_clinic(on.claim, ClinicChanges(timezone="Asia/Tokyo")),
    Action.CLINIC_VIEW: lambda on: on.product.core.view_clinic(on.claim),
    Action.CLINIC_SWEEP: lambda on: on.product.core.sweep_clinic(Operator(clinic_id=on.clinic_id)),
    Action.ALERT_FOLLOW: lambda on: on.product.core.follow_alerts(on.claim),
    Action.ALERT_LIST: lambda on: on.product.core.list_alerts(on.claim, AlertFilter()),
    Action.AUDIT_CHECKPOINT: lambda on: on.product.core.checkpoint_trail(Operator(clinic_id=on.clinic_id)),
    Action.AUDIT_DETECT: lambda on: on.product.core.detect_unusual_access(Operator(clinic_id=on.clinic_id)),
    Action.AUDIT_FINDINGS: lambda on: on.product.core.list_findings(on.claim),
    Action.AUDIT_EXPORT: lambda on: on.product.core.export_trail(on.claim, Period(), ExportFormat.CSV),
    Action.AUDIT_READ: lambda on: on.product.core.read_trail(on.claim, TrailFilter()),
    Action.AUDIT_RETAIN: lambda on: on.product.core.retain_trail(
        Operator(clinic_id=on.clinic_id), datetime(2020, 1, 1, tzinfo=UTC), checkpoints=[], dry_run=True
    ),
    Action.AUDIT_SHIP: lambda on: on.product.core.ship_trail(Operator(clinic_id=on.clinic_id), KeptEntries()),
    Action.AUDIT_VERIFY: lambda on: on.product.core.verify_trail(on.claim),
    Action.INVITATION_ACCEPT: lambda on: on.product.core.accept_invitation(
        Redemption(token=secret_of(on.guest), password=PASSWORD), Origin()
    ),
    Action.INVITATION_RENEW: lambda on: on.product.core.renew_invitation(on.claim, on.guest.user.id),
    Action.AUTH_LOGIN: lambda on: on.product.core.log_in(
        Credentials(email=on.admin.email, password=PASSWORD), Origin()
    ),
    Action.AUTH_REFRESH: lambda on: on.product.core.refresh_session(
        RefreshRequest(refresh_token=on.pair.refresh_token), Origin()
    ),
    Action.AUTH_LOGOUT: lambda on: on.product.core.log_out(on.claim),
    Action.CLINIC_OPEN: lambda on: on.product.core.open_clinic(ELSEWHERE),
    Action.USER_REGISTER: lambda on: on.product.core.register_staff(Operator(clinic_id=on.clinic_id), NEW),
    Action.USER_INVITE: lambda on: on.product.core.invite_staff(on.claim, NEW),
    Action.PASSWORD_CHANGE: lambda on: on.product.core.change_password(
        on.claim, PasswordChange(current_password=PASSWORD, password=OTHER_PASSWORD)
    ),
    Action.PASSWORD_RESET: lambda on: on.product.core.reset_password(
        Redemption(token=on.reset, password=OTHER_PASSWORD), Origin()
    ),
    Action.PASSWORD_RESET_REQUEST: lambda on: on.product.core.request_password_reset(
        ResetRequest(email=on.admin.email), Origin()
    ),
    Action.USER_UNLOCK: lambda on: on.product.core.unlock_staff(on.claim, on.colleague.id),
    Action.USER_VIEW: lambda on: on.product.core.view_staff(on.claim, on.colleague.id),
    Action.SESSION_END: lambda on: on.product.core.end_session(on.claim, on.claim.session_id),
    Action.SESSION_LIST: lambda on: on.product.core.list_sessions(on.claim),
    Action.USER_CHANGE: lambda on: on.product.core.change_staff(
        on.claim, on.admin.id, StaffChanges(full_name="Another Name")
    ),
    Action.USER_DEACTIVATE: lambda on: on.product.core.deactivate_staff(on.claim, on.colleague.id),
    Action.USER_LIST: lambda on: on.product.core.list_staff(on.claim),
    Action.BREAK_GLASS_LIST: lambda on: on.product.core.list_emergency_accesses(on.claim, BreakGlassFilter()),
    Action.BREAK_GLASS_OPEN: lambda on: on.product.core.break_the_glass(on.manager, on.patient_id, REASON),
    Action.BREAK_GLASS_REVIEW: lambda on: on.product.core.review_emergency_access(on.claim, on.access_id, REVIEW),
    Action.APPOINTMENT_CHANGE: lambda on: on.product.core.change_appointment(
        on.claim, on.appointment_id, AppointmentChanges(status=AppointmentStatus.MISSED)
    ),
    Action.APPOINTMENT_LIST: lambda on: on.product.core.list_appointments(on.claim, on.patient_id, Span()),
    Action.APPOINTMENT_SCHEDULE: lambda on: on.product.core.schedule_appointment(on.claim, on.patient_id, VISIT),
    Action.CRISIS_EVENT_CHANGE: lambda on: on.product.core.change_crisis_event(
        on.claim, on.crisis_event_id, CrisisEventChanges(resolution="Over")
    ),
    Action.CRISIS_EVENT_LIST: lambda on: on.product.core.list_crisis_events(on.claim, on.patient_id, Span()),
    Action.CRISIS_EVENT_REPORT: lambda on: on.product.core.report_crisis_event(on.claim, on.patient_id, CALL),
    Action.METRIC_LIST: lambda on: on.product.core.list_metrics(on.claim, on.patient_id, Span()),
    Action.METRIC_RECORD: lambda on: on.product.core.record_metric(on.claim, on.patient_id, ADHERENCE),
    Action.PATIENT_TIMELINE: lambda on: on.product.core.show_timeline(on.claim, on.patient_id, Span()),
    Action.CONSENT_LIST: lambda on: on.product.core.list_consents(on.claim, on.patient_id),
    Action.CONSENT_RECORD: lambda on: on.product.core.record_consent(on.claim, on.patient_id, SHARING),
    Action.CONSENT_REVOKE: lambda on: on.product.core.revoke_consent(on.claim, on.consent_id),
    Action.DISCLOSURE_LIST: lambda on: on.product.core.account_disclosures(on.claim, on.patient_id),
    Action.DISCLOSURE_MAKE: lambda on: on.product.core.disclose_record(on.claim, on.patient_id, TO_ELM),
    Action.PATIENT_ACCESS_REPORT: lambda on: on.product.core.report_access(on.claim, on.patient_id, AccessQuery()),
    Action.KEY_RETIRE_MASTER: lambda on: on.product.core.retire_master_key(Operator(), "long gone"),
    Action.KEY_REWRAP: lambda on: on.product.core.rewrap_keys(Operator(clinic_id=on.clinic_id)),
    Action.KEY_ROTATE: lambda on: on.product.core.rotate_data_key(Operator(clinic_id=on.clinic_id)),
    Action.MFA_ENROLL: lambda on: on.product.core.enroll_mfa(on.claim, AGAIN),
    Action.MFA_CONFIRM: lambda on: on.product.core.confirm_mfa(on.pending.claim, CodeAgain(otp=on.pending.code)),
    Action.MFA_DISABLE: lambda on: on.product.core.disable_mfa(
        on.protected.claim, PasswordAndCode(password=PASSWORD, otp=on.protected.code)
    ),
    Action.MFA_RENEW_CODES: lambda on: on.product.core.renew_recovery_codes(on.protected.claim, AGAIN),
    Action.MFA_RESET: lambda on: on.product.core.reset_mfa(on.claim, on.protected.claim.user_id),
    Action.MFA_POLICY_VIEW: lambda on: on.product.core.view_mfa_policy(on.claim),
    Action.MFA_POLICY_CHANGE: lambda on: on.product.core.change_mfa_policy(on.claim, MfaPolicyDraft(required=True)),
    Action.PATIENT_LIST: lambda on: on.product.core.list_patients(on.claim, PatientFilter()),
    Action.PATIENT_VIEW: lambda on: on.product.core.view_patient(on.claim, on.patient_id),
    Action.PATIENT_CREATE: lambda on: on.product.core.admit_patient(on.claim, PatientDraft(name="Eve")),
    Action.PATIENT_CHANGE: lambda on: on.product.core.change_patient(
        on.claim, on.patient_id, PatientChanges(status=PatientStatus.INACTIVE)
    ),
    Action.PATIENT_IMPORT: lambda on: on.product.core.import_patients(on.claim, lambda: [b"name\nEve"]),
    Action.PATIENT_DELETE: lambda on: on.product.core.remove_patient(on.claim, on.patient_id),
    Action.SCREENING_BATCH: lambda on: on.product.core.order_batch(on.claim, BatchRequest()),
    Action.TASK_SET_ASIDE: lambda on: on.product.core.list_set_aside(on.claim, AsideFilter(batch_id=on.task_id)),
    Action.TASK_CANCEL: lambda on: on.product.core.cancel_task(on.claim, on.task_id),
    Action.SCREENING_CASELOAD: lambda on: on.product.core.screen_caseload(Operator(clinic_id=on.clinic_id)),
    Action.SCREENING_CREATE: lambda on: on.product.core.screen_patient(
        on.claim, ScreeningRequest(patient_id=on.patient_id)
    ),
    Action.SCREENING_DASHBOARD: lambda on: on.product.core.show_dashboard(on.claim),
    Action.SCREENING_DRIFT: lambda on: on.product.core.watch_drift(on.claim, DriftRequest()),
    Action.SCREENING_ESCALATE: lambda on: on.product.core.escalate_reviews(Operator(clinic_id=on.clinic_id)),
    Action.SCREENING_HISTORY: lambda on: on.product.core.list_screenings(on.claim, on.patient_id),
    Action.SCREENING_QUEUE: lambda on: on.product.core.list_reviews(on.claim, ScreeningFilter()),
    Action.SCREENING_REPLAY: lambda on: on.product.core.replay_screening(on.claim, on.screening_id),
    Action.SCREENING_REVIEW: lambda on: on.product.core.review_screening(
        on.claim, on.screening_id, ReviewRequest(decision=Decision.CONFIRM)
    ),
    Action.SCREENING_USAGE: lambda on: on.product.core.count_usage(
        Operator(clinic_id=on.clinic_id), UsageRequest(since=utc_now().date(), until=utc_now().date())
    ),
    Action.SCREENING_VIEW: lambda on: on.product.core.view_screening(on.claim, on.screening_id),
    Action.SCREENING_WHAT_IF: lambda on: on.product.core.imagine_rules(
        on.claim, on.screening_id, rule="adherence_below_50", bound=60
    ),
}
SILENT: Final = {
    Action.AUTH_ME,
    Action.SCREENING_WATCH,
    Action.TASK_RUN,
    Action.TASK_VIEW,
}  # leave no entry when they succeed
AT_START: Final = {Action.PLATFORM_PREPARE}  # its fault is in the contracts: keys that were not stored are forgotten
AS_OWNER: Final = {Action.KEY_RETIRE}  # which the application's role cannot do: see test_rotation
COUNTED_BEFORE: Final = {"login_attempts"}  # a try counts before anything else is known of it


@pytest.fixture
def ground(product: Product) -> Ground:
    clinic_id = product.clinic()
    admin = product.staff(clinic_id, Role.ADMIN)
    pair = product.core.log_in(Credentials(email=admin.email, password=PASSWORD), Origin())
    claim = product.core.ports.access_tokens.read(pair.access_token, utc_now(), Origin())
    patient = product.core.admit_patient(claim, PatientDraft(name="Ada"))
    consent = product.core.record_consent(claim, patient.id, SHARING)
    manager = product.session(product.staff(clinic_id, Role.CASE_MANAGER))
    other = product.core.admit_patient(claim, PatientDraft(name="Bea"))
    access = product.core.break_the_glass(manager, other.id, REASON)
    colleague = product.staff(clinic_id, Role.READONLY)
    pending, protected = enrolling(product, clinic_id), enrolling(product, clinic_id)
    product.core.confirm_mfa(protected.claim, CodeAgain(otp=pyotp.TOTP(protected.secret).now()))
    guest = product.core.invite_staff(Operator(clinic_id=clinic_id), GUEST)
    with product.core.ports.open_unit(clinic_id) as unit:
        reset, _ = product.core.request_password_reset.issue(unit, colleague, Purpose.RESET)
    screening = product.core.screen_patient(claim, ScreeningRequest(patient_id=patient.id))
    return Ground(
        product,
        clinic_id,
        admin,
        colleague,
        pair,
        claim,
        patient.id,
        consent.id,
        manager,
        access.id,
        pending,
        protected,
        guest,
        reset.text,
        product.core.schedule_appointment(claim, patient.id, VISIT).id,
        product.core.report_crisis_event(claim, patient.id, CALL).id,
        screening.id,
        product.core.order_batch(claim, BatchRequest()).id,
    )


def enrolling(product: Product, clinic_id: UUID) -> Factor:
    claim = product.session(product.staff(clinic_id, Role.READONLY))
    return Factor(claim, product.core.enroll_mfa(claim, AGAIN).secret)


def snapshot(database: TestDatabase) -> dict[str, object]:
    """Return the content of every table, as a digest."""
    found: dict[str, object] = {}
    with psycopg.connect(database.superuser_url) as superuser:
        for table in sorted(set(metadata.tables) - COUNTED_BEFORE):
            query = f"SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t"  # noqa: S608 - names from our own schema
            found[table] = superuser.execute(query.encode()).fetchone()
    return found


def test_every_operation_is_here() -> None:
    assert set(Action) == set(OPERATIONS) | SILENT | AT_START | AS_OWNER


@pytest.mark.parametrize("action", OPERATIONS)
def test_an_operation_without_its_entry_is_not_done(action: Action, ground: Ground, database: TestDatabase) -> None:
    with psycopg.connect(database.superuser_url) as superuser:
        superuser.execute("REVOKE INSERT ON audit_logs FROM mindbridge_app")
    before = snapshot(database)

    with pytest.raises(AuditUnavailable):
        OPERATIONS[action](ground)

    assert before == snapshot(database)


@pytest.mark.parametrize("action", OPERATIONS)
def test_the_same_operation_is_done_with_its_entry(action: Action, ground: Ground, database: TestDatabase) -> None:
    before = snapshot(database)

    OPERATIONS[action](ground)

    after = snapshot(database)
    assert before["audit_logs"] != after["audit_logs"]
