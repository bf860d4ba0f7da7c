"""Who could not be screened is told of: to whom it concerns, once, and whatever the record is like."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from mindbridge_core import Action, Operator, Role
from mindbridge_core.actor import Actor
from mindbridge_core.errors import DamagedRecord, DependencyUnavailable, Forbidden, LostUpdate, NotFound
from mindbridge_core.patients import Alert, AlertFilter, AlertKind, AlertSeverity, PatientChanges, PatientFilter
from mindbridge_core.screening import AsideFilter, Batch, BatchRequest, CaseloadScope, JobLimits
from mindbridge_memory import KeptMessages, ScriptedAssessor
from mindbridge_memory.batches import MemoryBatches
from mindbridge_memory.patients import MemoryPatients
from tests.core.house import actor
from tests.core.test_batches import SMALL, filled, run
from tests.core.test_screenings import Ward

NOT_SCREENED = frozenset({AlertKind.NOT_SCREENED})
ONE = JobLimits(at_once=1)


def damage(monkeypatch: pytest.MonkeyPatch, *ids: UUID, error: Callable[[], Exception] = DamagedRecord) -> None:
    """Let the records of these patients be such that they cannot be opened."""
    get, page_of = MemoryPatients.get, MemoryPatients.list

    def damaged(patients: MemoryPatients, patient_id: UUID) -> Any:
        if patient_id in ids:
            raise error()
        return get(patients, patient_id)

    def listed(patients: MemoryPatients, only: PatientFilter) -> Any:
        page = page_of(patients, only)
        if any(one.id in ids for one in page.items):
            raise error()
        return page

    monkeypatch.setattr(MemoryPatients, "get", damaged)
    monkeypatch.setattr(MemoryPatients, "list", listed)


def people(here: Ward) -> list[UUID]:
    return sorted(one.id for one in here.house.store.tables.patients.rows())


def daily(here: Ward) -> Batch:
    """Run a batch of the clinic's own."""
    batch = here.house.core.order_batch(Operator(clinic_id=here.clinic), BatchRequest())
    run(here)
    return here.house.core.view_task(here.admin, batch.id)


def alerts(here: Ward, caller: Actor | None = None, **only: Any) -> list[Alert]:
    page = here.house.core.list_alerts(caller or here.admin, AlertFilter(kinds=NOT_SCREENED, **only))
    return list(page.items)


def aside(here: Ward, caller: Any, batch: Batch) -> dict[UUID, str | None]:
    page = here.house.core.list_set_aside(caller, AsideFilter(batch_id=batch.id))
    return {one.patient_id: one.reason for one in page.items}


@pytest.mark.parametrize("assessor", [None, ScriptedAssessor()])
@pytest.mark.parametrize(("error", "reason"), [(DamagedRecord, "damaged_record"), (ValueError, "unexpected_error")])
def test_a_record_that_cannot_be_opened_raises_an_alert_and_the_others_are_screened(
    assessor: Any, error: Callable[[], Exception], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = filled(assessor)
    ids = people(here)
    damage(monkeypatch, ids[1], ids[3], error=error)
    batch = daily(here)
    assert (3, 2) == (batch.screened, batch.failed)
    assert {ids[1]: reason, ids[3]: reason} == aside(here, here.admin, batch)
    found = alerts(here)
    assert {(one.patient_id, one.batch_id) for one in found} == {(ids[1], batch.id), (ids[3], batch.id)}
    assert {AlertSeverity.CRITICAL} == {one.severity for one in found}
    entries = [one for one in here.entries(Action.TASK_RUN) if "set_aside" in one.changed_values]
    assert [{"set_aside": 1, "reason": reason, "alerts": 1}] * 2 == [one.changed_values for one in entries]
    assert {batch.id} == {one.resource_id for one in entries}


def test_admins_and_the_case_manager_are_told_once_for_a_piece_and_learn_no_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = filled()
    damage(monkeypatch, *people(here)[:2])
    daily(here)
    notifier = here.house.core.ports.notifier
    assert isinstance(notifier, KeptMessages)
    sent = [one for one in notifier.sent if one.subject == "Not screened"]
    staff = here.house.store.tables.users
    rows = [staff.get((here.clinic, one.user_id)) for one in (here.admin, here.manager)]
    assert sorted(one.email for one in rows if one is not None) == sorted(one.to for one in sent)
    assert all("2 patients in your clinic" in one.text and "Roe" not in one.text for one in sent)


@pytest.mark.parametrize("by_command", [True, False])
def test_what_was_set_aside_is_told_of_though_the_store_goes_away_after_it(
    by_command: bool,  # noqa: FBT001 - a case
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = filled()
    ids = people(here)
    damage(monkeypatch, ids[0])
    damage(monkeypatch, ids[2], error=DependencyUnavailable)
    operator = Operator(clinic_id=here.clinic)
    here.house.core.order_batch(operator, BatchRequest())
    core = here.house.core
    screen: Callable[[], object] = partial(core.run_batch, operator, uuid4(), ONE)
    if by_command:
        screen = partial(core.screen_caseload, operator)
    with pytest.raises(DependencyUnavailable):
        screen()
    notifier = here.house.core.ports.notifier
    assert isinstance(notifier, KeptMessages)
    assert [ids[0]] == [one.patient_id for one in alerts(here)]
    assert 2 == sum(one.subject == "Not screened" for one in notifier.sent)


def test_the_alert_is_for_admins_and_the_case_manager_of_today(monkeypatch: pytest.MonkeyPatch) -> None:
    here = filled(calls=(0,))
    (patient_id,) = people(here)
    colleague = here.house.staff(here.clinic, Role.CASE_MANAGER)
    elsewhere = actor(here.house.staff(here.house.clinic("South"), Role.ADMIN))
    damage(monkeypatch, patient_id)
    daily(here)
    (alert,) = alerts(here)
    assert [alert] == alerts(here, here.manager)
    officer, reader = (actor(here.house.staff(here.clinic, one)) for one in (Role.COMPLIANCE_OFFICER, Role.READONLY))
    for caller in (actor(colleague), elsewhere, officer):
        assert [] == alerts(here, caller)
        with pytest.raises(NotFound):
            here.house.core.acknowledge_alert(caller, alert.id)
    with pytest.raises(Forbidden):
        alerts(here, reader)
    assert here.house.core.acknowledge_alert(here.manager, alert.id).acknowledged_by == here.manager.user_id
    monkeypatch.undo()
    here.house.core.change_patient(here.admin, patient_id, PatientChanges(case_manager_id=colleague.id))
    assert (1, 0) == (len(alerts(here, actor(colleague))), len(alerts(here, here.manager)))


def test_a_week_of_failures_is_one_alert_until_somebody_has_seen_it(monkeypatch: pytest.MonkeyPatch) -> None:
    here = filled(calls=(0, 3))
    broken, _ = people(here)
    damage(monkeypatch, broken)
    for _ in range(7):
        assert (1, 1) == ((batch := daily(here)).screened, batch.failed)
        here.house.clock.forward(days=1)
    (first,) = alerts(here)
    here.house.core.acknowledge_alert(here.admin, first.id)
    batch = daily(here)
    (second,) = alerts(here, acknowledged=False)
    assert (broken, batch.id) == (second.patient_id, second.batch_id)


def test_the_next_batch_tries_again_and_a_mended_record_is_screened(monkeypatch: pytest.MonkeyPatch) -> None:
    here = filled(calls=(6,))
    damage(monkeypatch, *people(here))
    assert (0, 1) == ((batch := daily(here)).screened, batch.failed)
    monkeypatch.undo()
    assert (1, 0) == ((batch := daily(here)).screened, batch.failed)
    assert 1 == len(alerts(here))


def test_alert_and_setting_aside_are_kept_together(monkeypatch: pytest.MonkeyPatch) -> None:
    here = filled(calls=(0,))
    damage(monkeypatch, *people(here))

    def down(*_: object) -> None:
        raise DependencyUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(MemoryBatches, "settle", down)
        with pytest.raises(DependencyUnavailable):
            daily(here)
        assert [] == alerts(here)
    here.house.clock.forward(minutes=3)
    run(here)
    assert 1 == len(alerts(here))


def test_who_was_the_end_of_several_workers_is_alerted_of(monkeypatch: pytest.MonkeyPatch) -> None:
    here = filled(calls=(0,))
    batch = here.house.core.order_batch(here.manager, BatchRequest())
    operator, limits = Operator(clinic_id=here.clinic), JobLimits(deaths=1)
    with monkeypatch.context() as patch:
        patch.setattr(MemoryPatients, "get_many", lambda *_: (_ for _ in ()).throw(DependencyUnavailable()))
        with pytest.raises(DependencyUnavailable):
            here.house.core.run_batch(operator, uuid4(), limits)
    here.house.clock.forward(minutes=3)
    run(here, limits=limits)
    (alert,) = alerts(here)
    assert (alert.batch_id, {alert.patient_id: "worker_died"}) == (batch.id, aside(here, here.manager, batch))


def test_who_was_removed_is_set_aside_without_an_alert() -> None:
    here = filled(calls=(0, 0))
    batch = here.house.core.order_batch(here.manager, BatchRequest())
    gone, moved = people(here)
    here.house.core.remove_patient(here.admin, gone)
    here.house.core.change_patient(here.admin, moved, PatientChanges(case_manager_id=None))
    run(here)
    assert [] == alerts(here)
    assert {moved: "not_found"} == aside(here, here.admin, batch)
    assert {} == aside(here, here.manager, batch)


def test_whom_a_task_set_aside_is_for_its_owner_and_the_admins(monkeypatch: pytest.MonkeyPatch) -> None:
    here = filled()
    ids = people(here)
    batch = here.house.core.order_batch(here.manager, BatchRequest())
    damage(monkeypatch, *ids[1:])
    run(here)
    colleague = actor(here.house.staff(here.clinic, Role.CASE_MANAGER))
    elsewhere = actor(here.house.staff(here.house.clinic("South"), Role.ADMIN))
    for caller in (colleague, elsewhere):
        with pytest.raises(NotFound):
            aside(here, caller, batch)
    for role in (Role.READONLY, Role.COMPLIANCE_OFFICER):
        with pytest.raises(Forbidden):
            aside(here, actor(here.house.staff(here.clinic, role)), batch)
    assert set(ids[1:]) == set(aside(here, here.manager, batch)) == set(aside(here, here.admin, batch))
    entry = here.entries(Action.TASK_SET_ASIDE)[-1]
    assert (batch.id, tuple(ids[1:]), True) == (entry.resource_id, entry.resource_ids, entry.phi_accessed)
    page = here.house.core.list_set_aside(here.manager, AsideFilter(batch_id=batch.id, limit=3))
    assert ([*ids[1:4]], ids[3]) == ([one.patient_id for one in page.items], page.after)


def test_one_who_is_settled_meanwhile_is_set_aside_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    here = filled(calls=(0, 0))
    batch = here.house.core.order_batch(here.manager, BatchRequest())
    damage(monkeypatch, people(here)[0])
    whole, late = MemoryBatches.settle, [True]

    def settle(batches: MemoryBatches, batch_id: UUID, settled: Any) -> None:
        if settled[0].reason and late.pop():
            late.append(False)
            raise LostUpdate
        whole(batches, batch_id, settled)

    monkeypatch.setattr(MemoryBatches, "settle", settle)
    run(here, limits=SMALL)
    assert (1, 1) == ((done := here.house.core.view_task(here.admin, batch.id)).screened, done.failed)
    assert 1 == len(alerts(here))


@pytest.mark.parametrize("error", [DamagedRecord, ValueError])
def test_the_command_line_screens_all_but_those_who_cannot_be(
    error: Callable[[], Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = filled()
    ids, operator, core = people(here), Operator(clinic_id=here.clinic), here.house.core
    damage(monkeypatch, ids[1], error=error)
    first = core.screen_caseload(operator, limit=3)
    rest = core.screen_caseload(operator, after=first.after, limit=3)
    assert (2, (ids[1],), 5, ids[2]) == (len(first.screenings), first.set_aside, first.total, first.after)
    assert (2, (), None) == (len(rest.screenings), rest.set_aside, rest.after)
    (alert,) = alerts(here)
    assert (ids[1], alert.id) == (alert.patient_id, alert.cause_id)
    assert ids[1] in {entry.resource_id for entry in here.entries(Action.SCREENING_CASELOAD)}
    alone = core.screen_caseload(operator, only=CaseloadScope(patient_id=ids[1]))
    assert ((), (ids[1],)) == (alone.screenings, alone.set_aside)
    assert [alert] == alerts(here)


@pytest.mark.parametrize("error", [DependencyUnavailable, LostUpdate])
def test_a_page_that_is_to_be_tried_again_sets_nobody_aside(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = filled()
    damage(monkeypatch, people(here)[0])

    def get_many(*_: object) -> Any:
        raise error

    monkeypatch.setattr(MemoryPatients, "get_many", get_many)
    with pytest.raises(error):
        here.house.core.screen_caseload(Operator(clinic_id=here.clinic))
    assert [] == alerts(here)


def test_a_damaged_record_keeps_no_overdue_review_from_being_told(monkeypatch: pytest.MonkeyPatch) -> None:
    here = filled(calls=(6, 6))
    daily(here)
    here.house.clock.forward(hours=25)
    damage(monkeypatch, people(here)[0])
    assert 2 == here.house.core.escalate_reviews(Operator(clinic_id=here.clinic)).raised
