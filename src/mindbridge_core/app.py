"""The product, wired: every use case once, from ports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import attrs

from mindbridge_core.care import CareUnit
from mindbridge_core.care.use_cases.appointments import ChangeAppointment, ListAppointments, ScheduleAppointment
from mindbridge_core.care.use_cases.crisis_events import ChangeCrisisEvent, ListCrisisEvents, ReportCrisisEvent
from mindbridge_core.care.use_cases.metrics import ListMetrics, RecordMetric, ShowTimeline
from mindbridge_core.clock import Clock
from mindbridge_core.custody import CustodyUnit, KeyMaking
from mindbridge_core.custody.use_cases import RetireDataKey, RetireMasterKey, RewrapKeys, RotateDataKey
from mindbridge_core.identity import (
    AccessTokens,
    AccountLinks,
    CommonPasswords,
    IdentityUnit,
    Lockout,
    OneTimeCodes,
    Overseers,
    PasswordHasher,
    SessionLimits,
)
from mindbridge_core.identity.use_cases.accounts import (
    ChangeStaff,
    DeactivateStaff,
    EndSession,
    ListSessions,
    ListStaff,
    UnlockStaff,
    ViewStaff,
)
from mindbridge_core.identity.use_cases.clinics import ChangeClinic, ViewClinic
from mindbridge_core.identity.use_cases.invitations import (
    AcceptInvitation,
    HandOver,
    InviteStaff,
    RenewInvitation,
)
from mindbridge_core.identity.use_cases.mfa import (
    ChangeMfaPolicy,
    ConfirmMfa,
    DisableMfa,
    EnrollMfa,
    MakeCodes,
    RenewRecoveryCodes,
    ResetMfa,
    Tell,
    ViewMfaPolicy,
)
from mindbridge_core.identity.use_cases.passwords import (
    ChangePassword,
    RequestPasswordReset,
    ResetPassword,
    TellOfChange,
)
from mindbridge_core.identity.use_cases.proof import CheckCode, CountTry, ProvePassword
from mindbridge_core.identity.use_cases.redemption import IssueToken, RedeemToken
from mindbridge_core.identity.use_cases.sessions import Identify, IssueTokens, LogIn, LogOut, RefreshSession, ViewSelf
from mindbridge_core.identity.use_cases.staffing import OpenClinic, PreparePlatform, RegisterStaff
from mindbridge_core.identity.use_cases.sweeping import SweepClinic
from mindbridge_core.ids import NewId
from mindbridge_core.notices import Later, Notifier
from mindbridge_core.oversight import DetectionUnit, Detector, OversightUnit, SinkBook, Trails
from mindbridge_core.oversight.detecting import DetectUnusualAccess, ListFindings
from mindbridge_core.oversight.retention import RetainTrail
from mindbridge_core.oversight.shipping import ShipTrail
from mindbridge_core.oversight.use_cases import CheckpointTrail, ExportTrail, ReadTrail, VerifyTrail
from mindbridge_core.patients import AlertFeed, EmergencyLimits, PatientUnit
from mindbridge_core.patients.alerting import AcknowledgeAlert, ListAlerts
from mindbridge_core.patients.break_glass import BreakTheGlass, ListEmergencyAccesses, ReviewEmergencyAccess
from mindbridge_core.patients.following import FollowAlerts
from mindbridge_core.patients.importing import ImportPatients
from mindbridge_core.patients.use_cases import AdmitPatient, ChangePatient, ListPatients, RemovePatient, ViewPatient
from mindbridge_core.phi import ClinicKeys, WrappedKeys
from mindbridge_core.privacy import PrivacyUnit
from mindbridge_core.privacy.use_cases.consents import ListConsents, RecordConsent, RevokeConsent
from mindbridge_core.privacy.use_cases.disclosures import AccountDisclosures, DiscloseRecord, ReportAccess
from mindbridge_core.screening import (
    CURRENT_RULES,
    RULE_SETS,
    BatchAssessor,
    DailyWatch,
    ReviewLimits,
    RiskAssessor,
    ScreeningUnit,
)
from mindbridge_core.screening.at_once import ScreenArrivals, ScreenAtOnce
from mindbridge_core.screening.raising import Alarm, RaiseHighs, RaiseOverdue
from mindbridge_core.screening.setting_aside import RaiseNotScreened
from mindbridge_core.screening.use_cases.batches import CancelTask, ListSetAside, OrderBatch, ViewTask
from mindbridge_core.screening.use_cases.caseloads import ScreenCaseload
from mindbridge_core.screening.use_cases.drifting import WatchDrift
from mindbridge_core.screening.use_cases.enquiring import RunEnquiry
from mindbridge_core.screening.use_cases.escalations import EscalateReviews
from mindbridge_core.screening.use_cases.overviews import ShowDashboard
from mindbridge_core.screening.use_cases.preparing import PrepareEnquiry
from mindbridge_core.screening.use_cases.replays import ImagineRules, ReplayScreening
from mindbridge_core.screening.use_cases.reviews import ListReviews, ReviewScreening
from mindbridge_core.screening.use_cases.running import RunBatch
from mindbridge_core.screening.use_cases.screenings import ListScreenings, ScreenPatient, ViewScreening
from mindbridge_core.screening.use_cases.using import CountUsage
from mindbridge_core.screening.use_cases.watching import WatchDaily
from mindbridge_core.throttle import HoldBack, Throttle, ThrottleLimits
from mindbridge_core.work import OpenUnit, TurnAway, Work

__all__ = ["AnyUnit", "MindBridge", "Ports"]


class AnyUnit(
    CustodyUnit, DetectionUnit, IdentityUnit, OversightUnit, ScreeningUnit, PrivacyUnit, CareUnit, PatientUnit, Protocol
):
    """A transaction with every context's repositories."""


@attrs.frozen(kw_only=True)
class Ports:
    """All that the core needs from the outside; nothing has a default."""

    open_unit: OpenUnit[AnyUnit]
    trails: Trails
    sink_book: SinkBook
    clinic_keys: ClinicKeys
    key_making: KeyMaking
    wrapped_keys: WrappedKeys
    password_hasher: PasswordHasher
    common_passwords: CommonPasswords
    access_tokens: AccessTokens
    one_time_codes: OneTimeCodes
    clock: Clock
    new_id: NewId
    new_secret: Callable[[], str]
    """Returns 256 random bits as 43 characters of base64url (RFC 4648, 5)."""
    session_limits: SessionLimits
    lockout: Lockout
    account_links: AccountLinks
    notifier: Notifier
    later: Later
    throttle: Throttle
    throttle_limits: ThrottleLimits
    emergency_limits: EmergencyLimits
    detectors: Sequence[Detector]
    risk_assessor: RiskAssessor
    batch_assessor: BatchAssessor
    review_limits: ReviewLimits
    daily_watch: DailyWatch
    alert_feed: AlertFeed


@attrs.frozen(kw_only=True)
class MindBridge:
    """Every operation of the product, as an attribute to call."""

    ports: Ports
    prepare_platform: PreparePlatform
    open_clinic: OpenClinic
    sweep_clinic: SweepClinic
    register_staff: RegisterStaff
    invite_staff: InviteStaff
    renew_invitation: RenewInvitation
    accept_invitation: AcceptInvitation
    change_password: ChangePassword
    request_password_reset: RequestPasswordReset
    reset_password: ResetPassword
    unlock_staff: UnlockStaff
    list_staff: ListStaff
    view_staff: ViewStaff
    change_staff: ChangeStaff
    deactivate_staff: DeactivateStaff
    list_sessions: ListSessions
    end_session: EndSession
    log_in: LogIn
    refresh_session: RefreshSession
    log_out: LogOut
    view_self: ViewSelf
    enroll_mfa: EnrollMfa
    confirm_mfa: ConfirmMfa
    disable_mfa: DisableMfa
    renew_recovery_codes: RenewRecoveryCodes
    reset_mfa: ResetMfa
    view_clinic: ViewClinic
    change_clinic: ChangeClinic
    view_mfa_policy: ViewMfaPolicy
    change_mfa_policy: ChangeMfaPolicy
    admit_patient: AdmitPatient
    view_patient: ViewPatient
    list_patients: ListPatients
    change_patient: ChangePatient
    remove_patient: RemovePatient
    break_the_glass: BreakTheGlass
    list_emergency_accesses: ListEmergencyAccesses
    review_emergency_access: ReviewEmergencyAccess
    list_alerts: ListAlerts
    acknowledge_alert: AcknowledgeAlert
    follow_alerts: FollowAlerts
    import_patients: ImportPatients
    schedule_appointment: ScheduleAppointment
    list_appointments: ListAppointments
    change_appointment: ChangeAppointment
    report_crisis_event: ReportCrisisEvent
    list_crisis_events: ListCrisisEvents
    change_crisis_event: ChangeCrisisEvent
    record_metric: RecordMetric
    list_metrics: ListMetrics
    show_timeline: ShowTimeline
    read_trail: ReadTrail
    export_trail: ExportTrail
    verify_trail: VerifyTrail
    checkpoint_trail: CheckpointTrail
    ship_trail: ShipTrail
    retain_trail: RetainTrail
    detect_unusual_access: DetectUnusualAccess
    list_findings: ListFindings
    record_consent: RecordConsent
    list_consents: ListConsents
    revoke_consent: RevokeConsent
    disclose_record: DiscloseRecord
    account_disclosures: AccountDisclosures
    report_access: ReportAccess
    rewrap_keys: RewrapKeys
    rotate_data_key: RotateDataKey
    retire_data_key: RetireDataKey
    retire_master_key: RetireMasterKey
    show_dashboard: ShowDashboard
    watch_daily: WatchDaily
    watch_drift: WatchDrift
    count_usage: CountUsage
    order_batch: OrderBatch
    run_batch: RunBatch
    view_task: ViewTask
    cancel_task: CancelTask
    list_set_aside: ListSetAside
    screen_caseload: ScreenCaseload
    escalate_reviews: EscalateReviews
    screen_patient: ScreenPatient
    view_screening: ViewScreening
    list_screenings: ListScreenings
    list_reviews: ListReviews
    review_screening: ReviewScreening
    replay_screening: ReplayScreening
    imagine_rules: ImagineRules
    hold_back: HoldBack
    turn_away: TurnAway

    @classmethod
    def build(cls, ports: Ports) -> MindBridge:
        """Wire the use cases to `ports`."""
        clock, new_id, limits = ports.clock, ports.new_id, ports.session_limits
        open_unit = ports.open_unit
        identify = Identify(clock=clock, limits=limits)
        work = Work(open_unit=open_unit, identify=identify, clock=clock, new_id=new_id)
        issue = IssueTokens(
            tokens=ports.access_tokens, clock=clock, new_id=new_id, new_secret=ports.new_secret, limits=limits
        )
        count = CountTry(open_unit=open_unit, work=work, clock=clock, lockout=ports.lockout)
        prove = ProvePassword(count=count, hasher=ports.password_hasher)
        check = CheckCode(codes=ports.one_time_codes, clock=clock)
        make = MakeCodes(new_id=new_id, new_secret=ports.new_secret, clock=clock)
        tell = Tell(notifier=ports.notifier)
        redeem = RedeemToken(
            open_unit=open_unit, work=work, hasher=ports.password_hasher, common=ports.common_passwords, clock=clock
        )
        token = IssueToken(clock=clock, new_secret=ports.new_secret, links=ports.account_links)
        hand_over = HandOver(links=ports.account_links, notifier=ports.notifier)
        tell_of_change = TellOfChange(clock=clock, notifier=ports.notifier, later=ports.later)
        bell = Alarm(notifier=Overseers(notifier=ports.notifier), later=ports.later)
        alarm = RaiseHighs(new_id=new_id, alarm=bell)
        aside = RaiseNotScreened(clock=clock, new_id=new_id, alarm=bell)
        at_once = ScreenAtOnce(rules=CURRENT_RULES, clock=clock, new_id=new_id, alarm=alarm)
        arrivals = ScreenArrivals(rules=CURRENT_RULES, clock=clock, new_id=new_id, alarm=alarm)
        caseloads = ScreenCaseload(work=work, rules=CURRENT_RULES, clock=clock, new_id=new_id, alarm=alarm, aside=aside)
        screen = ScreenPatient(
            work=work,
            assessor=ports.risk_assessor,
            rules=CURRENT_RULES,
            clock=clock,
            new_id=new_id,
            alarm=alarm,
        )
        prepare = PrepareEnquiry(
            assessor=ports.batch_assessor, screen=screen, clock=clock, new_id=new_id, new_secret=ports.new_secret
        )
        enquiry = RunEnquiry(work=work, screen=screen, assessor=ports.batch_assessor, clock=clock)
        daily = WatchDaily(work=work, clock=clock, watch=ports.daily_watch)
        return cls(
            ports=ports,
            prepare_platform=PreparePlatform(open_unit=open_unit, work=work, keys=ports.clinic_keys, clock=clock),
            open_clinic=OpenClinic(open_unit=open_unit, work=work, keys=ports.clinic_keys, clock=clock, new_id=new_id),
            sweep_clinic=SweepClinic(work=work, clock=clock),
            invite_staff=InviteStaff(work=work, issue=token, hand_over=hand_over, clock=clock, new_id=new_id),
            renew_invitation=RenewInvitation(work=work, issue=token, hand_over=hand_over),
            accept_invitation=AcceptInvitation(redeem=redeem),
            change_password=ChangePassword(
                work=work, prove=prove, common=ports.common_passwords, clock=clock, tell=tell_of_change
            ),
            request_password_reset=RequestPasswordReset(
                open_unit=open_unit,
                work=work,
                issue=token,
                links=ports.account_links,
                new_id=new_id,
                notifier=ports.notifier,
                later=ports.later,
            ),
            reset_password=ResetPassword(redeem=redeem, tell=tell_of_change),
            unlock_staff=UnlockStaff(work=work),
            list_staff=ListStaff(work=work),
            view_staff=ViewStaff(work=work),
            change_staff=ChangeStaff(work=work, clock=clock),
            deactivate_staff=DeactivateStaff(work=work, clock=clock),
            list_sessions=ListSessions(work=work, clock=clock, limits=limits),
            end_session=EndSession(work=work, clock=clock),
            register_staff=RegisterStaff(
                open_unit=open_unit,
                work=work,
                hasher=ports.password_hasher,
                common=ports.common_passwords,
                clock=clock,
                new_id=new_id,
            ),
            log_in=LogIn(
                open_unit=open_unit,
                work=work,
                hasher=ports.password_hasher,
                check=check,
                issue=issue,
                clock=clock,
                new_id=new_id,
                lockout=ports.lockout,
                limits=limits,
            ),
            refresh_session=RefreshSession(work=work, issue=issue, clock=clock, limits=limits),
            log_out=LogOut(work=work, clock=clock),
            view_self=ViewSelf(work=work),
            enroll_mfa=EnrollMfa(work=work, prove=prove, codes=ports.one_time_codes),
            confirm_mfa=ConfirmMfa(
                work=work, count=count, codes=ports.one_time_codes, make=make, tell=tell, clock=clock
            ),
            disable_mfa=DisableMfa(work=work, prove=prove, check=check, tell=tell, clock=clock),
            renew_recovery_codes=RenewRecoveryCodes(work=work, prove=prove, make=make, tell=tell),
            reset_mfa=ResetMfa(work=work, tell=tell, clock=clock),
            view_clinic=ViewClinic(work=work),
            change_clinic=ChangeClinic(work=work, clock=clock),
            view_mfa_policy=ViewMfaPolicy(work=work),
            change_mfa_policy=ChangeMfaPolicy(work=work, clock=clock),
            admit_patient=AdmitPatient(work=work, clock=clock, new_id=new_id, at_once=at_once),
            view_patient=ViewPatient(work=work),
            list_patients=ListPatients(work=work),
            change_patient=ChangePatient(work=work, clock=clock, new_id=new_id, at_once=at_once),
            remove_patient=RemovePatient(work=work, clock=clock),
            break_the_glass=BreakTheGlass(
                work=work,
                clock=clock,
                new_id=new_id,
                limits=ports.emergency_limits,
                tell=Overseers(notifier=ports.notifier),
            ),
            list_emergency_accesses=ListEmergencyAccesses(work=work),
            review_emergency_access=ReviewEmergencyAccess(work=work, clock=clock),
            list_alerts=ListAlerts(work=work),
            acknowledge_alert=AcknowledgeAlert(work=work, clock=clock),
            follow_alerts=FollowAlerts(work=work, clock=clock),
            import_patients=ImportPatients(work=work, clock=clock, new_id=new_id, arrivals=arrivals),
            schedule_appointment=ScheduleAppointment(work=work, clock=clock, new_id=new_id),
            list_appointments=ListAppointments(work=work),
            change_appointment=ChangeAppointment(work=work, clock=clock, at_once=at_once),
            report_crisis_event=ReportCrisisEvent(work=work, clock=clock, new_id=new_id, at_once=at_once),
            list_crisis_events=ListCrisisEvents(work=work),
            change_crisis_event=ChangeCrisisEvent(work=work, clock=clock),
            record_metric=RecordMetric(work=work, clock=clock, new_id=new_id, at_once=at_once),
            list_metrics=ListMetrics(work=work),
            show_timeline=ShowTimeline(work=work),
            read_trail=ReadTrail(work=work),
            export_trail=ExportTrail(work=work, trails=ports.trails),
            verify_trail=VerifyTrail(work=work, trails=ports.trails, keys=ports.clinic_keys),
            checkpoint_trail=CheckpointTrail(work=work, trails=ports.trails, keys=ports.clinic_keys, clock=clock),
            ship_trail=ShipTrail(work=work, trails=ports.trails),
            retain_trail=RetainTrail(work=work, trails=ports.trails, keys=ports.clinic_keys, clock=clock),
            detect_unusual_access=DetectUnusualAccess(
                work=work,
                trails=ports.trails,
                clock=clock,
                new_id=new_id,
                detectors=ports.detectors,
                tell=Overseers(notifier=ports.notifier),
            ),
            list_findings=ListFindings(work=work),
            record_consent=RecordConsent(work=work, clock=clock, new_id=new_id),
            list_consents=ListConsents(work=work),
            revoke_consent=RevokeConsent(work=work, clock=clock),
            disclose_record=DiscloseRecord(work=work, clock=clock, new_id=new_id),
            account_disclosures=AccountDisclosures(work=work, clock=clock),
            report_access=ReportAccess(work=work, clock=clock),
            rewrap_keys=RewrapKeys(work=work, making=ports.key_making),
            rotate_data_key=RotateDataKey(work=work, making=ports.key_making, keys=ports.clinic_keys),
            retire_data_key=RetireDataKey(work=work, clock=clock),
            retire_master_key=RetireMasterKey(
                work=work, making=ports.key_making, trails=ports.trails, wrapped_keys=ports.wrapped_keys
            ),
            show_dashboard=ShowDashboard(work=work, clock=clock, limits=ports.review_limits, daily=daily),
            watch_daily=daily,
            watch_drift=WatchDrift(work=work, clock=clock),
            count_usage=CountUsage(work=work),
            order_batch=OrderBatch(work=work, clock=clock, new_id=new_id),
            run_batch=RunBatch(
                work=work,
                screen=screen,
                caseloads=caseloads,
                prepare=prepare,
                enquiry=enquiry,
                aside=aside,
                clock=clock,
            ),
            view_task=ViewTask(work=work),
            cancel_task=CancelTask(work=work, clock=clock),
            list_set_aside=ListSetAside(work=work),
            screen_caseload=caseloads,
            screen_patient=screen,
            escalate_reviews=EscalateReviews(
                work=work,
                clock=clock,
                limits=ports.review_limits,
                alarm=RaiseOverdue(new_id=new_id, alarm=bell),
            ),
            view_screening=ViewScreening(work=work),
            list_screenings=ListScreenings(work=work),
            list_reviews=ListReviews(work=work, clock=clock, limits=ports.review_limits),
            review_screening=ReviewScreening(work=work, rules=CURRENT_RULES, clock=clock, alarm=alarm),
            replay_screening=ReplayScreening(work=work, rule_sets=RULE_SETS),
            imagine_rules=ImagineRules(work=work, rules=CURRENT_RULES),
            hold_back=HoldBack(
                throttle=ports.throttle, limits=ports.throttle_limits, keys=ports.clinic_keys, work=work
            ),
            turn_away=TurnAway(work=work),
        )
