"""Operation x role x record, generated from the catalogue and held against a table of its own."""

from __future__ import annotations

from contextlib import suppress
from itertools import product
from typing import Final
from uuid import UUID, uuid4

import attrs
import pytest

from mindbridge_core import Action, Actor, MindBridge, Operator, Role
from mindbridge_core.access import GRANTS, Audited, Holder, permit
from mindbridge_core.actor import Anonymous, Principal
from mindbridge_core.audit import AuditEntry, Outcome
from mindbridge_core.errors import Forbidden, InCaseload, NotFound
from tests.core.house import ORIGIN, PLATFORM, Town, settled
from tests.core.operations import CALLED, OPEN, USE_CASES, town_before

HOLDERS: Final = (*Role, *Holder)
RECORDS: Final = ("caseload", "outside", "unassigned", "emergency", "other clinic", "deleted", "missing")
ALIVE: Final = frozenset(RECORDS[:4])

# What each holder reaches, in their own clinic: every living patient, those of the caseload, or nothing at all.
# "reading" is the caseload, and for reading what they hold an emergency access to; "others" is all but the caseload.
# "unseen" is nothing of what the matrix asks for: alerts of high risk are not for officers.
# Operations on no patient have one record, the clinic itself: "all" is yes.
# fmt: off
REACH: Final = {
    #                         admin    case manager  officer  readonly  anyone   operator
    Action.ALERT_ACKNOWLEDGE:    ("all", "caseload", "unseen", "none", "none", "none"),
    Action.ALERT_FOLLOW:         ("all", "caseload", "all", "none", "none", "none"),
    Action.ALERT_LIST:           ("all", "caseload", "all", "none", "none", "none"),
    Action.APPOINTMENT_CHANGE:   ("all", "caseload", "none", "none", "none", "none"),
    Action.APPOINTMENT_LIST:     ("all", "reading", "all",  "all",  "none", "none"),
    Action.APPOINTMENT_SCHEDULE: ("all", "caseload", "none", "none", "none", "none"),
    Action.CRISIS_EVENT_CHANGE:  ("all", "caseload", "none", "none", "none", "none"),
    Action.CRISIS_EVENT_LIST:    ("all", "reading", "all",  "all",  "none", "none"),
    Action.CRISIS_EVENT_REPORT:  ("all", "caseload", "none", "none", "none", "none"),
    Action.METRIC_LIST:          ("all", "reading", "all",  "all",  "none", "none"),
    Action.METRIC_RECORD:        ("all", "caseload", "none", "none", "none", "none"),
    Action.PATIENT_TIMELINE:     ("all", "reading", "all",  "all",  "none", "none"),
    Action.AUDIT_CHECKPOINT: ("none",  "none",       "none",  "none",   "none",  "all"),
    Action.AUDIT_DETECT:     ("none",  "none",       "none",  "none",   "none",  "all"),
    Action.AUDIT_FINDINGS:   ("all",   "none",       "all",   "none",   "none",  "none"),
    Action.AUDIT_EXPORT:     ("all",   "none",       "all",   "none",   "none",  "all"),
    Action.AUDIT_READ:       ("all",   "none",       "all",   "none",   "none",  "none"),
    Action.AUDIT_RETAIN:     ("none",  "none",       "none",  "none",   "none",  "all"),
    Action.AUDIT_SHIP:       ("none",  "none",       "none",  "none",   "none",  "all"),
    Action.AUDIT_VERIFY:     ("all",   "none",       "all",   "none",   "none",  "all"),
    Action.AUTH_LOGIN:       ("none",  "none",       "none",  "none",   "all",   "none"),
    Action.AUTH_LOGOUT:      ("all",   "all",        "all",   "all",    "none",  "none"),
    Action.AUTH_ME:          ("all",   "all",        "all",   "all",    "none",  "none"),
    Action.AUTH_REFRESH:     ("none",  "none",       "none",  "none",   "all",   "none"),
    Action.BREAK_GLASS_LIST: ("all",   "none",       "all",   "none",   "none",  "none"),
    Action.BREAK_GLASS_OPEN: ("none",  "others",     "none",  "none",   "none",  "none"),
    Action.BREAK_GLASS_REVIEW: ("all", "none",       "all",   "none",   "none",  "none"),
    Action.CLINIC_CHANGE:    ("all",   "none",       "none",  "none",   "none",  "all"),
    Action.CLINIC_OPEN:      ("none",  "none",       "none",  "none",   "none",  "all"),
    Action.CLINIC_SWEEP:     ("none",  "none",       "none",  "none",   "none",  "all"),
    Action.CLINIC_VIEW:      ("all",   "all",        "all",   "all",    "none",  "all"),
    Action.CONSENT_LIST:     ("all",   "reading",    "all",   "none",   "none",  "none"),
    Action.CONSENT_RECORD:   ("all",   "caseload",   "none",  "none",   "none",  "none"),
    Action.CONSENT_REVOKE:   ("all",   "caseload",   "none",  "none",   "none",  "none"),
    Action.DISCLOSURE_LIST:  ("all",   "none",       "all",   "none",   "none",  "none"),
    Action.DISCLOSURE_MAKE:  ("all",   "none",       "none",  "none",   "none",  "none"),
    Action.KEY_RETIRE:       ("none",  "none",       "none",  "none",   "none",  "all"),
    Action.KEY_RETIRE_MASTER: ("none", "none",       "none",  "none",   "none",  "all"),
    Action.KEY_REWRAP:       ("none",  "none",       "none",  "none",   "none",  "all"),
    Action.KEY_ROTATE:       ("none",  "none",       "none",  "none",   "none",  "all"),
    Action.MFA_CONFIRM:      ("all",   "all",        "all",   "all",    "none",  "none"),
    Action.MFA_DISABLE:      ("all",   "all",        "all",   "all",    "none",  "none"),
    Action.MFA_ENROLL:       ("all",   "all",        "all",   "all",    "none",  "none"),
    Action.MFA_POLICY_CHANGE: ("all",  "none",       "none",  "none",   "none",  "none"),
    Action.MFA_POLICY_VIEW:  ("all",   "none",       "all",   "none",   "none",  "none"),
    Action.MFA_RENEW_CODES:  ("all",   "all",        "all",   "all",    "none",  "none"),
    Action.MFA_RESET:        ("all",   "none",       "none",  "none",   "none",  "all"),
    Action.INVITATION_ACCEPT: ("none", "none",       "none",  "none",   "all",   "none"),
    Action.INVITATION_RENEW: ("all",   "none",       "none",  "none",   "none",  "all"),
    Action.PASSWORD_CHANGE:  ("all",   "all",        "all",   "all",    "none",  "none"),
    Action.PASSWORD_RESET:   ("none",  "none",       "none",  "none",   "all",   "none"),
    Action.PASSWORD_RESET_REQUEST: ("none", "none",  "none",  "none",   "all",   "none"),
    Action.PATIENT_ACCESS_REPORT: ("all", "none",    "all",   "none",   "none",  "none"),
    Action.PATIENT_CHANGE:   ("all",   "caseload",   "none",  "none",   "none",  "none"),
    Action.PATIENT_CREATE:   ("all",   "all",        "none",  "none",   "none",  "all"),
    Action.PATIENT_DELETE:   ("all",   "none",       "none",  "none",   "none",  "none"),
    Action.PATIENT_IMPORT:   ("all",   "none",       "none",  "none",   "none",  "all"),
    Action.PATIENT_LIST:     ("all",   "caseload",   "all",   "all",    "none",  "all"),
    Action.PATIENT_VIEW:     ("all",   "reading",    "all",   "all",    "none",  "none"),
    Action.PLATFORM_PREPARE: ("none",  "none",       "none",  "none",   "none",  "all"),
    Action.SCREENING_BATCH:  ("all",   "all",        "none",  "none",   "none",  "all"),
    Action.SCREENING_CASELOAD: ("none", "none",      "none",  "none",   "none",  "all"),
    Action.SCREENING_CREATE: ("all",   "caseload",   "none",  "none",   "none",  "all"),
    Action.SCREENING_DASHBOARD: ("all", "caseload",  "none",  "all",    "none",  "none"),
    Action.SCREENING_DRIFT:  ("all",   "none",       "all",   "none",   "none",  "all"),
    Action.SCREENING_ESCALATE: ("none", "none",      "none",  "none",   "none",  "all"),
    Action.SCREENING_HISTORY: ("all",  "reading",    "none",  "all",    "none",  "none"),
    Action.SCREENING_QUEUE:  ("all",   "caseload",   "none",  "all",    "none",  "none"),
    Action.SCREENING_REPLAY: ("all",   "none",       "all",   "none",   "none",  "none"),
    Action.SCREENING_REVIEW: ("all",   "caseload",   "none",  "none",   "none",  "none"),
    Action.SCREENING_USAGE:  ("none",  "none",       "none",  "none",   "none",  "all"),
    Action.SCREENING_VIEW:   ("all",   "reading",    "none",  "all",    "none",  "none"),
    Action.SCREENING_WATCH:  ("none",  "none",       "none",  "none",   "none",  "all"),
    Action.SCREENING_WHAT_IF: ("all",  "caseload",   "none",  "none",   "none",  "none"),
    Action.SESSION_END:      ("all",   "all",        "all",   "all",    "none",  "none"),
    Action.SESSION_LIST:     ("all",   "all",        "all",   "all",    "none",  "none"),
    Action.TASK_CANCEL:      ("all",   "all",        "none",  "none",   "none",  "all"),
    Action.TASK_RUN:         ("none",  "none",       "none",  "none",   "none",  "all"),
    Action.TASK_SET_ASIDE:   ("all",   "all",        "none",  "none",   "none",  "all"),
    Action.TASK_VIEW:        ("all",   "all",        "none",  "none",   "none",  "all"),
    Action.USER_CHANGE:      ("all",   "none",       "none",  "none",   "none",  "none"),
    Action.USER_DEACTIVATE:  ("all",   "none",       "none",  "none",   "none",  "none"),
    Action.USER_INVITE:      ("all",   "none",       "none",  "none",   "none",  "all"),
    Action.USER_LIST:        ("all",   "none",       "none",  "none",   "none",  "none"),
    Action.USER_REGISTER:    ("none",  "none",       "none",  "none",   "none",  "all"),
    Action.USER_UNLOCK:      ("all",   "none",       "none",  "none",   "none",  "none"),
    Action.USER_VIEW:        ("all",   "none",       "none",  "none",   "none",  "none"),
}
# fmt: on
ON_A_PATIENT: Final = {
    Action.ALERT_ACKNOWLEDGE,
    Action.BREAK_GLASS_OPEN,
    Action.APPOINTMENT_CHANGE,
    Action.APPOINTMENT_LIST,
    Action.APPOINTMENT_SCHEDULE,
    Action.CRISIS_EVENT_CHANGE,
    Action.CRISIS_EVENT_LIST,
    Action.CRISIS_EVENT_REPORT,
    Action.METRIC_LIST,
    Action.METRIC_RECORD,
    Action.PATIENT_TIMELINE,
    Action.CONSENT_LIST,
    Action.CONSENT_RECORD,
    Action.CONSENT_REVOKE,
    Action.DISCLOSURE_LIST,
    Action.DISCLOSURE_MAKE,
    Action.PATIENT_ACCESS_REPORT,
    Action.PATIENT_CHANGE,
    Action.PATIENT_DELETE,
    Action.PATIENT_VIEW,
    Action.SCREENING_CREATE,
    Action.SCREENING_HISTORY,
    Action.SCREENING_REPLAY,
    Action.SCREENING_REVIEW,
    Action.SCREENING_VIEW,
    Action.SCREENING_WHAT_IF,
}
REACHED: Final = {
    "all": ALIVE,
    "reading": frozenset({"caseload", "emergency"}),
    "caseload": frozenset({"caseload"}),
    "others": ALIVE - {"caseload"},
    "unseen": frozenset[str](),
    "none": frozenset[str](),
}
ANSWERS_NOTHING: Final = {
    Action.AUTH_LOGOUT,
    Action.KEY_RETIRE,
    Action.KEY_RETIRE_MASTER,
    Action.MFA_CONFIRM,
    Action.MFA_DISABLE,
    Action.MFA_ENROLL,
    Action.MFA_RENEW_CODES,
    Action.MFA_RESET,
    Action.PASSWORD_CHANGE,
    Action.PATIENT_DELETE,
    Action.SESSION_END,
    Action.TASK_RUN,
    Action.TASK_SET_ASIDE,
    Action.USER_DEACTIVATE,
    Action.USER_UNLOCK,
}
"""What answers with nothing, or with nothing that names a clinic."""

CASES: Final = [
    (action, holder, record)
    for action, holder in product(GRANTS, HOLDERS)
    if action in CALLED
    for record in (RECORDS if action in ON_A_PATIENT else ("clinic",))
]


def reach(action: Action, holder: Role | Holder) -> str:
    return REACH[action][HOLDERS.index(holder)]


def expected_refusal(action: Action, holder: Role | Holder, record: str) -> type[Exception] | None:
    reached = reach(action, holder)
    if reached == "none":
        return Forbidden
    if action not in ON_A_PATIENT or record in REACHED[reached]:
        return None
    if reached == "others" and record == "caseload":
        return InCaseload
    # Who holds an emergency access knows of the patient, and is told that it is for reading.
    return Forbidden if (holder, record) == (Role.CASE_MANAGER, "emergency") else NotFound


def expected_entries(action: Action, refusal: type[Exception] | None) -> list[Outcome]:
    if refusal is not None:
        return [Outcome(getattr(refusal, "outcome", ""))]
    return [] if GRANTS[action].audited is Audited.REFUSALS else [Outcome.SUCCESS]


def principal_of(holder: Role | Holder) -> Principal:
    if isinstance(holder, Role):
        return Actor(clinic_id=uuid4(), user_id=uuid4(), role=holder)
    return Operator() if holder is Holder.OPERATOR else Anonymous()


def test_every_use_case_and_every_action_is_in_the_matrix() -> None:
    assert set(attrs.fields_dict(MindBridge)) - {"hold_back", "ports", "turn_away"} == set(USE_CASES)
    assert set(Action) == set(USE_CASES.values()) == set(GRANTS) == set(REACH) == set(CALLED) | set(OPEN)
    assert len(USE_CASES) == len(Action)
    assert {action for action, _, _ in CASES} == set(CALLED)
    assert len(CASES) == len(HOLDERS) * (len(ON_A_PATIENT) * len(RECORDS) + len(CALLED) - len(ON_A_PATIENT))


@pytest.mark.parametrize(("action", "holder"), list(product(GRANTS, HOLDERS)))
def test_the_catalogue_grants_what_the_table_says(action: Action, holder: Role | Holder) -> None:
    if reach(action, holder) == "none":
        with pytest.raises(Forbidden):
            permit(principal_of(holder), action)
    else:
        assert GRANTS[action] is permit(principal_of(holder), action)


@pytest.mark.parametrize("holder", HOLDERS)
def test_what_the_catalogue_does_not_name_is_refused(holder: Role | Holder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mindbridge_core.access.GRANTS", {})
    for action in Action:
        with pytest.raises(Forbidden):
            permit(principal_of(holder), action)


@pytest.mark.parametrize(("action", "holder", "record"), CASES)
def test_a_call_is_answered_as_the_table_says(action: Action, holder: Role | Holder, record: str) -> None:
    town = town_before(action, settled())
    caller, patient_id = town.caller(holder), town.records.get(record)
    before, refusal = town.house.entries(), expected_refusal(action, holder, record)
    if refusal is None:
        result = CALLED[action](town, caller, patient_id)
        check_answer(town, action, holder, result)
    else:
        stored = town.house.snapshot(but=[town.house.store.tables.entries, town.house.store.tables.heads])
        with pytest.raises(refusal) as raised:
            CALLED[action](town, caller, patient_id)
        assert refusal is raised.type
        assert stored == town.house.snapshot(but=[town.house.store.tables.entries, town.house.store.tables.heads])
    written = town.house.entries()[len(before) :]
    assert [entry.outcome for entry in written] == expected_entries(action, refusal)
    for entry in written:
        check_entry(town, entry, action, holder)
        check_mark(entry, action, holder, record)


def check_answer(town: Town, action: Action, holder: Role | Holder, result: object) -> None:
    if action is Action.PATIENT_LIST:
        assert result == {town.records[record] for record in REACHED[reach(action, holder)]}
        assert set(town.house.entries()[-1].resource_ids) == result
    elif action not in ANSWERS_NOTHING:
        assert town.clinic == getattr(result, "clinic_id", None)


def check_entry(town: Town, entry: AuditEntry, action: Action, holder: Role | Holder) -> None:
    user_id = town.staff[Role(holder)].id if isinstance(holder, Role) else None
    assert (entry.action, entry.clinic_id, entry.user_id) == (action, town.clinic, user_id)
    assert entry.resource_type == GRANTS[action].resource
    assert entry.phi_accessed is (GRANTS[action].phi and entry.outcome is Outcome.SUCCESS)
    assert (entry.request_id, entry.ip_address) == (ORIGIN.request_id, ORIGIN.ip_address)


def check_mark(entry: AuditEntry, action: Action, holder: Role | Holder, record: str) -> None:
    """What is tried or done under an emergency access says so; nothing else does."""
    opened = action is Action.BREAK_GLASS_OPEN and entry.outcome is Outcome.SUCCESS
    under = holder is Role.CASE_MANAGER and record == "emergency" and reach(action, holder) != "none"
    if opened or under:
        assert entry.access_reason is not None
        assert "break_glass_id" in entry.changed_values
    else:
        assert entry.access_reason is None


@pytest.mark.parametrize("action", list(OPEN))
def test_an_operation_without_a_caller_leaves_one_entry(action: Action) -> None:
    town = town_before(action, settled())
    before = town.house.entries()
    OPEN[action](town)
    (entry,) = town.house.entries()[len(before) :]
    assert (entry.action, entry.outcome) == (action, Outcome.SUCCESS)
    assert entry.resource_type == GRANTS[action].resource
    assert (entry.clinic_id == PLATFORM) is (action is Action.PLATFORM_PREPARE)


@pytest.mark.parametrize("record", RECORDS)
def test_an_entry_names_the_record_that_was_asked_for(record: str) -> None:
    town = settled()
    asked: UUID = town.records[record]
    for holder in HOLDERS:
        with suppress(NotFound, Forbidden):
            CALLED[Action.PATIENT_VIEW](town, town.caller(holder), asked)
        assert town.house.entries()[-1].resource_id == asked
