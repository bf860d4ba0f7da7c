"""Who may do what: the operation catalogue. Whatever is not in `GRANTS` is refused to everyone."""

from __future__ import annotations

from enum import StrEnum, unique
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import attrs

from mindbridge_core.errors import Forbidden

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mindbridge_core.actor import Principal

__all__ = ["GRANTS", "UNATTENDED", "WITHOUT_SECOND_FACTOR", "Action", "Audited", "Grant", "Holder", "Role", "permit"]


@unique
class Role(StrEnum):
    """The roles of a clinic's staff."""

    ADMIN = "admin"
    CASE_MANAGER = "case_manager"
    COMPLIANCE_OFFICER = "compliance_officer"
    READONLY = "readonly"


@unique
class Holder(StrEnum):
    """Who may hold an operation without being staff."""

    ANYONE = "anyone"
    OPERATOR = "operator"


@unique
class Audited(StrEnum):
    """Which outcomes of an operation leave an entry."""

    ALWAYS = "always"
    REFUSALS = "refusals"


@unique
class Action(StrEnum):
    """Every operation, by its name in the audit trail."""

    ALERT_ACKNOWLEDGE = "alert.acknowledge"
    ALERT_FOLLOW = "alert.follow"
    ALERT_LIST = "alert.list"
    APPOINTMENT_CHANGE = "appointment.change"
    APPOINTMENT_LIST = "appointment.list"
    APPOINTMENT_SCHEDULE = "appointment.schedule"
    AUDIT_CHECKPOINT = "audit.checkpoint"
    AUDIT_DETECT = "audit.detect"
    AUDIT_EXPORT = "audit.export"
    AUDIT_FINDINGS = "audit.findings"
    AUDIT_READ = "audit.read"
    AUDIT_RETAIN = "audit.retain"
    AUDIT_SHIP = "audit.ship"
    AUDIT_VERIFY = "audit.verify"
    AUTH_LOGIN = "auth.login"
    AUTH_LOGOUT = "auth.logout"
    AUTH_ME = "auth.me"
    AUTH_REFRESH = "auth.refresh"
    BREAK_GLASS_LIST = "break_glass.list"
    BREAK_GLASS_OPEN = "break_glass.open"
    BREAK_GLASS_REVIEW = "break_glass.review"
    CLINIC_CHANGE = "clinic.change"
    CLINIC_OPEN = "clinic.open"
    CLINIC_SWEEP = "clinic.sweep"
    CLINIC_VIEW = "clinic.view"
    CONSENT_LIST = "consent.list"
    CONSENT_RECORD = "consent.record"
    CONSENT_REVOKE = "consent.revoke"
    CRISIS_EVENT_CHANGE = "crisis_event.change"
    CRISIS_EVENT_LIST = "crisis_event.list"
    CRISIS_EVENT_REPORT = "crisis_event.report"
    DISCLOSURE_LIST = "disclosure.list"
    DISCLOSURE_MAKE = "disclosure.make"
    KEY_RETIRE = "key.retire"
    KEY_RETIRE_MASTER = "key.retire_master"
    KEY_REWRAP = "key.rewrap"
    KEY_ROTATE = "key.rotate"
    MFA_CONFIRM = "mfa.confirm"
    MFA_DISABLE = "mfa.disable"
    MFA_ENROLL = "mfa.enroll"
    MFA_POLICY_CHANGE = "mfa.policy_change"
    MFA_POLICY_VIEW = "mfa.policy_view"
    MFA_RENEW_CODES = "mfa.renew_codes"
    MFA_RESET = "mfa.reset"
    PASSWORD_CHANGE = "password.change"  # noqa: S105 - an operation's name
    PASSWORD_RESET = "password.reset"  # noqa: S105 - likewise
    PASSWORD_RESET_REQUEST = "password.reset_request"  # noqa: S105 - likewise
    METRIC_LIST = "metric.list"
    METRIC_RECORD = "metric.record"
    PATIENT_ACCESS_REPORT = "patient.access_report"
    PATIENT_CHANGE = "patient.change"
    PATIENT_CREATE = "patient.create"
    PATIENT_DELETE = "patient.delete"
    PATIENT_IMPORT = "patient.import"
    PATIENT_LIST = "patient.list"
    PATIENT_TIMELINE = "patient.timeline"
    PATIENT_VIEW = "patient.view"
    PLATFORM_PREPARE = "platform.prepare"
    INVITATION_ACCEPT = "invitation.accept"
    INVITATION_RENEW = "invitation.renew"
    SCREENING_BATCH = "screening.batch"
    SCREENING_CASELOAD = "screening.caseload"
    SCREENING_CREATE = "screening.create"
    SCREENING_DASHBOARD = "screening.dashboard"
    SCREENING_DRIFT = "screening.drift"
    SCREENING_ESCALATE = "screening.escalate"
    SCREENING_HISTORY = "screening.history"
    SCREENING_QUEUE = "screening.queue"
    SCREENING_REPLAY = "screening.replay"
    SCREENING_REVIEW = "screening.review"
    SCREENING_USAGE = "screening.usage"
    SCREENING_VIEW = "screening.view"
    SCREENING_WATCH = "screening.watch"
    SCREENING_WHAT_IF = "screening.what_if"
    SESSION_END = "session.end"
    SESSION_LIST = "session.list"
    TASK_CANCEL = "task.cancel"
    TASK_RUN = "task.run"
    TASK_SET_ASIDE = "task.set_aside"
    TASK_VIEW = "task.view"
    USER_CHANGE = "user.change"
    USER_DEACTIVATE = "user.deactivate"
    USER_INVITE = "user.invite"
    USER_LIST = "user.list"
    USER_REGISTER = "user.register"
    USER_UNLOCK = "user.unlock"
    USER_VIEW = "user.view"


@attrs.frozen(kw_only=True)
class Grant:
    """One row of the catalogue: the record's type, who holds the operation, PHI or not, and its audit.

    `emergency` says whether break-glass opens it to a case manager, for a patient outside their caseload.
    """

    resource: str
    holders: frozenset[Role | Holder]
    phi: bool
    audited: Audited = Audited.ALWAYS
    emergency: bool = False


ADMIN, CASE_MANAGER, OFFICER, READONLY = Role.ADMIN, Role.CASE_MANAGER, Role.COMPLIANCE_OFFICER, Role.READONLY
ANYONE, OPERATOR = Holder.ANYONE, Holder.OPERATOR


def _grant(
    resource: str, *holders: Role | Holder, phi: bool, audited: Audited = Audited.ALWAYS, emergency: bool = False
) -> Grant:
    return Grant(resource=resource, holders=frozenset(holders), phi=phi, audited=audited, emergency=emergency)


# To read the trail is to access PHI: its entries say who was cared for, and why their records were opened.
# A case manager's hold on patients ends at their caseload: see patients.rules. Break-glass opens what is marked
# `emergency` beyond it: reading one record, never a list and never a change.
# fmt: off
GRANTS: Final[Mapping[Action, Grant]] = MappingProxyType({
    Action.AUDIT_CHECKPOINT: _grant("audit_log", OPERATOR, phi=False),
    Action.AUDIT_DETECT:     _grant("audit_log", OPERATOR, phi=False),
    Action.AUDIT_FINDINGS:   _grant("audit_log", ADMIN, OFFICER, phi=False),
    Action.AUDIT_EXPORT:     _grant("audit_log", ADMIN, OFFICER, OPERATOR, phi=True),
    Action.AUDIT_READ:       _grant("audit_log", ADMIN, OFFICER, phi=True),
    Action.AUDIT_RETAIN:     _grant("audit_log", OPERATOR, phi=False),
    Action.AUDIT_SHIP:       _grant("audit_log", OPERATOR, phi=True),
    Action.AUDIT_VERIFY:     _grant("audit_log", ADMIN, OFFICER, OPERATOR, phi=False),
    Action.AUTH_LOGIN:       _grant("user",    ANYONE, phi=False),
    Action.AUTH_REFRESH:     _grant("session", ANYONE, phi=False),
    Action.AUTH_LOGOUT:      _grant("session", ADMIN, CASE_MANAGER, OFFICER, READONLY, phi=False),
    Action.AUTH_ME:          _grant("user",    ADMIN, CASE_MANAGER, OFFICER, READONLY, phi=False,
                                    audited=Audited.REFUSALS),
    Action.CLINIC_CHANGE:    _grant("clinic",  ADMIN, OPERATOR, phi=False),
    Action.CLINIC_OPEN:      _grant("clinic",  OPERATOR, phi=False),
    Action.CLINIC_SWEEP:     _grant("clinic",  OPERATOR, phi=False),
    Action.CLINIC_VIEW:      _grant("clinic",  ADMIN, CASE_MANAGER, OFFICER, READONLY, OPERATOR, phi=False),
    Action.KEY_RETIRE:       _grant("clinic_key", OPERATOR, phi=False),
    Action.KEY_RETIRE_MASTER: _grant("clinic_key", OPERATOR, phi=False),
    Action.KEY_REWRAP:       _grant("clinic_key", OPERATOR, phi=False),
    Action.KEY_ROTATE:       _grant("clinic_key", OPERATOR, phi=False),
    Action.MFA_CONFIRM:      _grant("user",    ADMIN, CASE_MANAGER, OFFICER, READONLY, phi=False),
    Action.MFA_DISABLE:      _grant("user",    ADMIN, CASE_MANAGER, OFFICER, READONLY, phi=False),
    Action.MFA_ENROLL:       _grant("user",    ADMIN, CASE_MANAGER, OFFICER, READONLY, phi=False),
    Action.MFA_POLICY_CHANGE: _grant("clinic", ADMIN, phi=False),
    Action.MFA_POLICY_VIEW:  _grant("clinic",  ADMIN, OFFICER, phi=False),
    Action.MFA_RENEW_CODES:  _grant("user",    ADMIN, CASE_MANAGER, OFFICER, READONLY, phi=False),
    Action.MFA_RESET:        _grant("user",    ADMIN, OPERATOR, phi=False),
    Action.PLATFORM_PREPARE: _grant("clinic",  OPERATOR, phi=False),
    Action.SESSION_END:      _grant("session", ADMIN, CASE_MANAGER, OFFICER, READONLY, phi=False),
    Action.SESSION_LIST:     _grant("session", ADMIN, CASE_MANAGER, OFFICER, READONLY, phi=False),
    Action.USER_CHANGE:      _grant("user",    ADMIN, phi=False),
    Action.USER_DEACTIVATE:  _grant("user",    ADMIN, phi=False),
    Action.USER_INVITE:      _grant("user",    ADMIN, OPERATOR, phi=False),
    Action.USER_LIST:        _grant("user",    ADMIN, phi=False),
    Action.USER_REGISTER:    _grant("user",    OPERATOR, phi=False),
    Action.USER_UNLOCK:      _grant("user",    ADMIN, phi=False),
    Action.USER_VIEW:        _grant("user",    ADMIN, phi=False),
    Action.INVITATION_ACCEPT: _grant("user",   ANYONE, phi=False),
    Action.INVITATION_RENEW: _grant("user",    ADMIN, OPERATOR, phi=False),
    Action.PASSWORD_CHANGE:  _grant("user",    ADMIN, CASE_MANAGER, OFFICER, READONLY, phi=False),
    Action.PASSWORD_RESET:   _grant("user",    ANYONE, phi=False),
    Action.PASSWORD_RESET_REQUEST: _grant("user", ANYONE, phi=False),
    Action.PATIENT_LIST:     _grant("patient", ADMIN, CASE_MANAGER, OFFICER, READONLY, OPERATOR, phi=True),
    Action.PATIENT_VIEW:     _grant("patient", ADMIN, CASE_MANAGER, OFFICER, READONLY, phi=True, emergency=True),
    Action.PATIENT_CREATE:   _grant("patient", ADMIN, CASE_MANAGER, OPERATOR, phi=True),
    Action.PATIENT_CHANGE:   _grant("patient", ADMIN, CASE_MANAGER, phi=True),
    Action.PATIENT_DELETE:   _grant("patient", ADMIN, phi=True),
    Action.BREAK_GLASS_OPEN:   _grant("patient", CASE_MANAGER, phi=False),
    Action.BREAK_GLASS_LIST:   _grant("patient", ADMIN, OFFICER, phi=True),
    Action.BREAK_GLASS_REVIEW: _grant("patient", ADMIN, OFFICER, phi=True),
    Action.ALERT_ACKNOWLEDGE:  _grant("patient", ADMIN, CASE_MANAGER, OFFICER, phi=True),
    Action.ALERT_FOLLOW:       _grant("patient", ADMIN, CASE_MANAGER, OFFICER, phi=True),
    Action.ALERT_LIST:         _grant("patient", ADMIN, CASE_MANAGER, OFFICER, phi=True),
    Action.PATIENT_TIMELINE:     _grant("patient", ADMIN, CASE_MANAGER, OFFICER, READONLY, phi=True, emergency=True),
    Action.APPOINTMENT_LIST:     _grant("patient", ADMIN, CASE_MANAGER, OFFICER, READONLY, phi=True, emergency=True),
    Action.APPOINTMENT_SCHEDULE: _grant("patient", ADMIN, CASE_MANAGER, phi=True),
    Action.APPOINTMENT_CHANGE:   _grant("patient", ADMIN, CASE_MANAGER, phi=True),
    Action.CRISIS_EVENT_LIST:    _grant("patient", ADMIN, CASE_MANAGER, OFFICER, READONLY, phi=True, emergency=True),
    Action.CRISIS_EVENT_REPORT:  _grant("patient", ADMIN, CASE_MANAGER, phi=True),
    Action.CRISIS_EVENT_CHANGE:  _grant("patient", ADMIN, CASE_MANAGER, phi=True),
    Action.METRIC_LIST:          _grant("patient", ADMIN, CASE_MANAGER, OFFICER, READONLY, phi=True, emergency=True),
    Action.METRIC_RECORD:        _grant("patient", ADMIN, CASE_MANAGER, phi=True),
    Action.CONSENT_LIST:     _grant("patient", ADMIN, CASE_MANAGER, OFFICER, phi=True, emergency=True),
    Action.PATIENT_IMPORT:   _grant("patient", ADMIN, OPERATOR, phi=True),
    Action.CONSENT_RECORD:   _grant("patient", ADMIN, CASE_MANAGER, phi=True),
    Action.CONSENT_REVOKE:   _grant("patient", ADMIN, CASE_MANAGER, phi=True),
    Action.DISCLOSURE_MAKE:  _grant("patient", ADMIN, phi=True),
    Action.DISCLOSURE_LIST:  _grant("patient", ADMIN, OFFICER, phi=True),
    Action.SCREENING_BATCH:  _grant("batch",   ADMIN, CASE_MANAGER, OPERATOR, phi=False),
    Action.SCREENING_CASELOAD: _grant("patient", OPERATOR, phi=True),
    Action.SCREENING_CREATE: _grant("patient", ADMIN, CASE_MANAGER, OPERATOR, phi=True),
    Action.SCREENING_DASHBOARD: _grant("patient", ADMIN, CASE_MANAGER, READONLY, phi=True),
    Action.SCREENING_DRIFT:  _grant("clinic",  ADMIN, OFFICER, OPERATOR, phi=False),
    Action.SCREENING_ESCALATE: _grant("patient", OPERATOR, phi=True),
    Action.SCREENING_HISTORY: _grant("patient", ADMIN, CASE_MANAGER, READONLY, phi=True, emergency=True),
    Action.SCREENING_QUEUE:  _grant("patient", ADMIN, CASE_MANAGER, READONLY, phi=True),
    Action.SCREENING_REPLAY: _grant("patient", ADMIN, OFFICER, phi=True),
    Action.SCREENING_REVIEW: _grant("patient", ADMIN, CASE_MANAGER, phi=True),
    Action.SCREENING_USAGE:  _grant("clinic",  OPERATOR, phi=False),
    Action.SCREENING_VIEW:   _grant("patient", ADMIN, CASE_MANAGER, READONLY, phi=True, emergency=True),
    Action.SCREENING_WATCH:  _grant("clinic",  OPERATOR, phi=False, audited=Audited.REFUSALS),
    Action.SCREENING_WHAT_IF: _grant("patient", ADMIN, CASE_MANAGER, phi=True),
    Action.PATIENT_ACCESS_REPORT: _grant("patient", ADMIN, OFFICER, phi=True),
    Action.TASK_CANCEL:      _grant("batch",   ADMIN, CASE_MANAGER, OPERATOR, phi=False),
    Action.TASK_RUN:         _grant("batch",   OPERATOR, phi=False, audited=Audited.REFUSALS),
    Action.TASK_SET_ASIDE:   _grant("batch",   ADMIN, CASE_MANAGER, OPERATOR, phi=True),
    Action.TASK_VIEW:        _grant("batch",   ADMIN, CASE_MANAGER, OPERATOR, phi=False, audited=Audited.REFUSALS),
})
# fmt: on

UNATTENDED: Final = frozenset({Action.ALERT_FOLLOW, Action.TASK_VIEW})
"""What a program goes on with when nobody sits there: it does not count as a use of the session."""

WITHOUT_SECOND_FACTOR: Final = frozenset({Action.AUTH_LOGOUT, Action.MFA_CONFIRM, Action.MFA_ENROLL})
"""All that a session may do whose user still owes the second factor that their clinic demands."""


def permit(principal: Principal, action: Action) -> Grant:
    """Return the row that lets `principal` do `action`; raise Forbidden when there is none."""
    grant = GRANTS.get(action)
    if grant is None or principal.holder not in grant.holders:
        raise Forbidden
    return grant
