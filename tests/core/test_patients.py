"""Rules of patients: caseloads, dates, risk, versions, repeated requests."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import attrs
import pytest

from mindbridge_core import Actor, Operator, Role
from mindbridge_core.errors import (
    DuplicateMrn,
    Forbidden,
    IdempotencyKeyReused,
    InvalidInput,
    LostUpdate,
    NotFound,
    PreconditionFailed,
)
from mindbridge_core.idempotency import IdempotencyKey
from mindbridge_core.pagination import Page
from mindbridge_core.patients import PatientChanges, PatientDraft, PatientFilter, PatientStatus, RiskLevel
from mindbridge_core.testing.store import together
from tests.core.house import START, Town, actor

KEY = IdempotencyKey("the caller's own name", bytes(32))


@pytest.fixture
def admin(town: Town) -> Actor:
    return actor(town.staff[Role.ADMIN])


@pytest.fixture
def manager(town: Town) -> Actor:
    return actor(town.staff[Role.CASE_MANAGER])


def colleague_id(town: Town) -> UUID:
    found = town.house.core.view_patient(actor(town.staff[Role.ADMIN]), town.records["outside"]).case_manager_id
    assert found is not None
    return found


def codes(refused: pytest.ExceptionInfo[InvalidInput]) -> list[tuple[str, str]]:
    return [(found.pointer, found.code) for found in refused.value.findings]


def test_a_case_managers_new_patient_joins_their_caseload(town: Town, manager: Actor) -> None:
    for named in (None, manager.user_id):
        made = town.house.core.admit_patient(manager, PatientDraft(name="New", case_manager_id=named))
        assert made.case_manager_id == manager.user_id
        assert made == town.house.core.view_patient(manager, made.id)


def test_a_case_manager_gives_nobody_a_patient(town: Town, manager: Actor) -> None:
    with pytest.raises(Forbidden):
        town.house.core.admit_patient(manager, PatientDraft(name="New", case_manager_id=colleague_id(town)))
    changes = PatientChanges(case_manager_id=colleague_id(town))
    with pytest.raises(Forbidden):
        town.house.core.change_patient(manager, town.records["caseload"], changes)
    with pytest.raises(Forbidden):
        town.house.core.change_patient(manager, town.records["caseload"], PatientChanges(case_manager_id=None))


def test_naming_the_case_manager_that_a_patient_has_changes_nothing(town: Town, manager: Actor) -> None:
    changes = PatientChanges(case_manager_id=manager.user_id)
    changed = town.house.core.change_patient(manager, town.records["caseload"], changes)
    assert changed.case_manager_id == manager.user_id


def test_an_admin_moves_a_patient_and_the_caseloads_follow(town: Town, admin: Actor, manager: Actor) -> None:
    core = town.house.core
    core.change_patient(admin, town.records["caseload"], PatientChanges(case_manager_id=colleague_id(town)))
    with pytest.raises(NotFound):
        core.view_patient(manager, town.records["caseload"])
    core.change_patient(admin, town.records["outside"], PatientChanges(case_manager_id=manager.user_id))
    assert [one.id for one in core.list_patients(manager, PatientFilter()).items] == [town.records["outside"]]
    core.change_patient(admin, town.records["outside"], PatientChanges(case_manager_id=None))
    assert core.list_patients(manager, PatientFilter()).items == ()


@pytest.mark.parametrize("who", ["missing", "another role", "another clinic", "retired"])
def test_a_patient_is_given_to_an_active_case_manager_of_the_clinic_only(town: Town, admin: Actor, who: str) -> None:
    house = town.house
    retired = house.staff(town.clinic, Role.CASE_MANAGER)
    with house.store.open_unit(town.clinic) as unit:
        unit.users.save(attrs.evolve(retired, deleted_at=START))
    named = {
        "missing": uuid4(),
        "another role": admin.user_id,
        "another clinic": house.staff(house.clinic("East"), Role.CASE_MANAGER).id,
        "retired": retired.id,
    }[who]
    with pytest.raises(InvalidInput) as refused:
        house.core.admit_patient(admin, PatientDraft(name="New", case_manager_id=named))
    assert codes(refused) == [("/case_manager_id", "unknown_case_manager")]
    with pytest.raises(InvalidInput) as refused:
        house.core.change_patient(admin, town.records["caseload"], PatientChanges(case_manager_id=named))
    assert codes(refused) == [("/case_manager_id", "unknown_case_manager")]


def test_a_case_manager_lists_their_caseload_only(town: Town, admin: Actor, manager: Actor) -> None:
    core, mine = town.house.core, town.records["caseload"]
    for only in (PatientFilter(total=True), PatientFilter(total=True, case_manager_id=manager.user_id)):
        page = core.list_patients(manager, only)
        assert ([one.id for one in page.items], page.total) == ([mine], 1)
    asked = PatientFilter(case_manager_id=colleague_id(town))
    assert core.list_patients(manager, asked) == Page(items=(), after=None)
    assert core.list_patients(manager, attrs.evolve(asked, total=True)) == Page(items=(), after=None, total=0)
    assert town.house.entries()[-1].resource_ids == ()
    assert [one.id for one in core.list_patients(admin, asked).items] == [town.records["outside"]]


TOMORROW = START.date() + timedelta(days=1)
DATES = [
    ("date_of_birth", START.date(), None),
    ("date_of_birth", TOMORROW, None),
    ("date_of_birth", TOMORROW + timedelta(days=1), "out_of_range"),
    ("date_of_birth", date(1900, 1, 1), None),
    ("date_of_birth", date(1895, 1, 1), "out_of_range"),
    ("last_appointment", TOMORROW, None),
    ("last_appointment", TOMORROW + timedelta(days=1), "out_of_range"),
    ("admitted_at", START + timedelta(days=1), None),
    ("admitted_at", START + timedelta(days=2), "out_of_range"),
]


@pytest.mark.parametrize(("name", "value", "code"), DATES)
def test_a_date_that_cannot_be_true_is_refused(
    town: Town, admin: Actor, name: str, value: date | datetime, code: str | None
) -> None:
    sent: dict[str, Any] = {name: value}
    changes, draft, patient_id = PatientChanges(**sent), PatientDraft(name="New", **sent), town.records["caseload"]
    if code is None:
        assert value == getattr(town.house.core.admit_patient(admin, draft), name)
        assert value == getattr(town.house.core.change_patient(admin, patient_id, changes), name)
        return
    with pytest.raises(InvalidInput) as refused:
        town.house.core.admit_patient(admin, draft)
    assert codes(refused) == [(f"/{name}", code)]
    with pytest.raises(InvalidInput) as refused:
        town.house.core.change_patient(admin, patient_id, changes)
    assert codes(refused) == [(f"/{name}", code)]


LEVELS = [None, *RiskLevel]


@pytest.mark.parametrize("before", LEVELS)
@pytest.mark.parametrize("after", list(RiskLevel))
def test_risk_may_be_raised_by_hand_and_not_lowered(
    town: Town, manager: Actor, before: RiskLevel | None, after: RiskLevel
) -> None:
    draft = PatientDraft(name="New", medication_adherence=Decimal(90), current_risk_level=before)
    made = town.house.core.admit_patient(manager, draft)
    changes = PatientChanges(current_risk_level=after)
    if LEVELS.index(after) >= LEVELS.index(before):
        changed = town.house.core.change_patient(manager, made.id, changes)
        assert (changed.current_risk_level, changed.version) == (after, 2)
        return
    with pytest.raises(InvalidInput) as refused:
        town.house.core.change_patient(manager, made.id, changes)
    assert codes(refused) == [("/current_risk_level", "risk_lowered")]


def test_a_change_sets_what_was_sent_and_leaves_the_rest(town: Town, admin: Actor) -> None:
    draft = PatientDraft(name="Jane", mrn="M-1", diagnosis="d", appointments_missed=2)
    made = town.house.core.admit_patient(admin, draft)
    town.house.clock.forward(minutes=1)
    changed = town.house.core.change_patient(
        admin, made.id, PatientChanges(mrn=None, status=PatientStatus.INACTIVE, manually_escalated=True)
    )
    assert changed == attrs.evolve(
        made,
        mrn=None,
        status=PatientStatus.INACTIVE,
        manually_escalated=True,
        version=2,
        updated_at=START + timedelta(minutes=1),
    )
    entry = town.house.entries()[-1]
    assert entry.changed_fields == ("manually_escalated", "mrn", "status")
    assert entry.changed_values == {"manually_escalated": True, "status": "inactive"}


def test_the_trail_names_every_field_and_shows_no_phi(town: Town, manager: Actor) -> None:
    draft = PatientDraft(name="Canary", mrn="CANARY", diagnosis="canary", date_of_birth=date(1990, 1, 1))
    made = town.house.core.admit_patient(manager, draft)
    entry = town.house.entries()[-1]
    assert {"name", "mrn", "diagnosis", "date_of_birth", "case_manager_id"} <= set(entry.changed_fields)
    assert {"case_manager_id": str(manager.user_id)} == entry.changed_values
    assert "canary" not in repr(entry).lower()
    assert "canary" not in repr(made).lower()
    assert "date(1990" not in repr(made)  # an id may well hold four digits


def test_a_version_that_is_not_current_is_refused(town: Town, admin: Actor) -> None:
    core, patient_id = town.house.core, town.records["caseload"]
    assert core.change_patient(admin, patient_id, PatientChanges(name="New"), version=1).version == 2
    with pytest.raises(PreconditionFailed):
        core.change_patient(admin, patient_id, PatientChanges(name="Newer"), version=1)
    with pytest.raises(PreconditionFailed):
        core.remove_patient(admin, patient_id, version=1)
    core.remove_patient(admin, patient_id, version=2)
    with pytest.raises(NotFound):
        core.view_patient(admin, patient_id)


def test_a_removed_patient_is_kept_and_says_by_whom_and_when(town: Town, admin: Actor) -> None:
    patient_id = town.records["caseload"]
    town.house.core.remove_patient(admin, patient_id)
    kept = town.house.store.tables.patients.get((town.clinic, patient_id))
    assert kept is not None
    assert (kept.deleted_by, kept.deleted_at, kept.version) == (admin.user_id, START, 2)


def test_two_patients_do_not_share_an_mrn(town: Town, admin: Actor) -> None:
    town.house.core.admit_patient(admin, PatientDraft(name="One", mrn="M-1"))
    with pytest.raises(DuplicateMrn):
        town.house.core.admit_patient(admin, PatientDraft(name="Two", mrn="M-1"))
    assert town.house.core.admit_patient(admin, PatientDraft(name="Two", mrn="M-2")).mrn == "M-2"


def test_of_two_changes_at_once_none_is_lost_unseen(town: Town, admin: Actor) -> None:
    def rename(name: str) -> int:
        changes = PatientChanges(name=name)
        return town.house.core.change_patient(admin, town.records["caseload"], changes, version=1).version

    results = together(lambda: rename("One"), lambda: rename("Two"))
    (winner,) = [result for result in results if isinstance(result, int)]
    (loser,) = [result for result in results if isinstance(result, Exception)]
    assert winner == 2
    assert isinstance(loser, PreconditionFailed | LostUpdate)


def test_a_repeated_request_gets_the_first_answer(town: Town, manager: Actor) -> None:
    draft = PatientDraft(
        name="Zoë \u202e", date_of_birth=date(1990, 2, 28), medication_adherence=None, admitted_at=START, mrn="M-1"
    )
    first = town.house.core.admit_patient(manager, draft, once=KEY)
    town.house.clock.forward(minutes=5)
    assert first == town.house.core.admit_patient(manager, draft, once=KEY)
    entry = town.house.entries()[-1]
    assert (entry.resource_id, entry.changed_values) == (first.id, {"repeated": True})
    assert len(town.house.core.list_patients(manager, PatientFilter()).items) == 2


def test_a_key_with_another_body_is_refused(town: Town, manager: Actor) -> None:
    town.house.core.admit_patient(manager, PatientDraft(name="One"), once=KEY)
    with pytest.raises(IdempotencyKeyReused):
        town.house.core.admit_patient(manager, PatientDraft(name="Two"), once=IdempotencyKey(KEY.key, b"x" * 32))
    town.house.core.admit_patient(actor(town.staff[Role.ADMIN]), PatientDraft(name="Two"), once=KEY)


def test_a_refused_request_leaves_its_key_free(town: Town, manager: Actor) -> None:
    with pytest.raises(InvalidInput):
        town.house.core.admit_patient(manager, PatientDraft(name="New", last_appointment=date(2999, 1, 1)), once=KEY)
    assert town.house.core.admit_patient(manager, PatientDraft(name="New"), once=KEY).name == "New"


def test_ten_requests_at_once_with_one_key_admit_one_patient(town: Town, manager: Actor) -> None:
    results = together(*[lambda: town.house.core.admit_patient(manager, PatientDraft(name="New"), once=KEY)] * 10)
    assert len({getattr(result, "id", None) for result in results}) == 1
    assert len(town.house.core.list_patients(manager, PatientFilter()).items) == 2


def test_an_answer_keeps_every_field(town: Town, admin: Actor, manager: Actor) -> None:
    draft = PatientDraft(
        name="Jane",
        medication_adherence=Decimal("99.99"),
        current_risk_level=RiskLevel.HIGH,
        case_manager_id=manager.user_id,
    )
    assert town.house.core.admit_patient(admin, draft, once=KEY) == town.house.core.admit_patient(
        admin, draft, once=KEY
    )


def test_the_operator_admits_to_any_caseload(town: Town, manager: Actor) -> None:
    draft = PatientDraft(name="New", case_manager_id=manager.user_id)
    made = town.house.core.admit_patient(Operator(clinic_id=town.clinic), draft)
    assert made == town.house.core.view_patient(manager, made.id)


def test_a_key_is_for_staff_whose_answers_are_kept(town: Town, manager: Actor) -> None:
    operator = Operator(clinic_id=manager.clinic_id)
    with pytest.raises(Forbidden):
        town.house.core.admit_patient(operator, PatientDraft(name="New"), once=KEY)
    assert town.house.core.admit_patient(operator, PatientDraft(name="New")).name == "New"


def test_a_repeated_request_shows_nobody_who_is_out_of_reach(town: Town, manager: Actor, admin: Actor) -> None:
    made = town.house.core.admit_patient(manager, PatientDraft(name="New"), once=KEY)
    town.house.core.remove_patient(admin, made.id)
    with pytest.raises(NotFound):
        town.house.core.admit_patient(manager, PatientDraft(name="New"), once=KEY)


def test_a_change_of_nothing_makes_no_version(town: Town, admin: Actor) -> None:
    assert 1 == town.house.core.change_patient(admin, town.records["caseload"], PatientChanges()).version
    assert () == town.house.entries()[-1].changed_fields
