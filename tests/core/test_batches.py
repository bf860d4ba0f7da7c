"""Batches: who may order which, what a worker makes of them, whatever fails."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID, uuid4

import attrs
import pytest

from mindbridge_core import Action, Operator, Role
from mindbridge_core.errors import (
    DamagedRecord,
    DependencyUnavailable,
    IdempotencyKeyReused,
    LostUpdate,
    NotFound,
    SessionEnded,
)
from mindbridge_core.idempotency import IdempotencyKey
from mindbridge_core.identity import SessionLimits
from mindbridge_core.patients import PatientChanges, PatientStatus, RiskLevel
from mindbridge_core.screening import (
    AssessorFailure,
    Batch,
    BatchRequest,
    BatchState,
    FailureReason,
    JobLimits,
    Screening,
)
from mindbridge_core.screening.use_cases.batches import OrderBatch
from mindbridge_memory import ScriptedAssessor
from mindbridge_memory.batches import MemoryBatches, MemoryJobQueue
from mindbridge_memory.patients import MemoryPatients
from tests.core.house import actor
from tests.core.test_screenings import CONSENT, Ward, answering, ward

LOW, MEDIUM, HIGH = RiskLevel
CALLS = (0, 3, 6, 0, 1)
SMALL = JobLimits(by_rules=2, at_once=2)


def filled(assessor: Any = None, calls: tuple[int, ...] = CALLS) -> Ward:
    """A ward with more patients of its case manager, all of whom consent."""
    here = ward(assessor, crisis_calls_30days=calls[0])
    manager = here.house.store.tables.users.get((here.clinic, here.manager.user_id))
    for number in calls[1:]:
        one = here.house.patient(here.clinic, manager, crisis_calls_30days=number)
        here.house.core.record_consent(here.admin, one, CONSENT)
    return here


def order(here: Ward, **fields: Any) -> Batch:
    return here.house.core.order_batch(here.manager, BatchRequest(**fields))


def run(here: Ward, worker: UUID | None = None, limits: JobLimits = SMALL) -> list[Batch]:
    """Run until nothing is left; return what was told after each piece."""
    worker, told = worker or uuid4(), []
    while (batch := here.house.core.run_batch(Operator(clinic_id=here.clinic), worker, limits)) is not None:
        told.append(batch)
    return told


def stored(here: Ward) -> list[Screening]:
    return here.house.store.tables.screenings.rows()


def test_a_batch_screens_every_patient_once_and_its_progress_never_goes_back() -> None:
    here = filled()
    ordered = order(here)
    assert (5, 0, BatchState.QUEUED, False) == (ordered.total, ordered.screened, ordered.state, ordered.ended)
    told = run(here)
    assert [2, 4, 5] == [one.screened for one in told]
    assert [BatchState.RUNNING, BatchState.RUNNING, BatchState.DONE] == [one.state for one in told]
    assert told[-1] == here.house.core.view_task(here.manager, ordered.id)
    assert 5 == len({one.patient_id for one in stored(here)}) == len(stored(here))
    assert {here.manager.user_id} == {one.performed_by for one in stored(here)}
    assert {"batch"} == {one.screening_type for one in stored(here)}
    entries = here.entries(Action.SCREENING_CREATE)
    assert [2, 2, 1] == [len(entry.resource_ids) for entry in entries]
    assert {f"task-{ordered.id}"} == {entry.request_id for entry in entries}
    (ended,) = here.entries(Action.TASK_RUN)
    assert (ordered.id, {"state": "done", "total": 5, "screened": 5, "failed": 0, "reason": None}) == (
        ended.resource_id,
        ended.changed_values,
    )


def test_a_batch_covers_the_active_of_a_caseload_or_a_level_as_they_were_when_it_was_ordered() -> None:
    here = filled()
    here.house.patient(here.clinic)
    gone = here.house.patient(here.clinic)
    here.house.core.change_patient(here.admin, gone, PatientChanges(status=PatientStatus.DISCHARGED))
    core = here.house.core
    assert 5 == order(here).total
    assert 6 == core.order_batch(here.admin, BatchRequest()).total
    assert 5 == core.order_batch(here.admin, BatchRequest(case_manager_id=here.manager.user_id)).total
    core.screen_caseload(Operator(clinic_id=here.clinic))
    high = core.order_batch(here.admin, BatchRequest(risk_level=HIGH))
    here.house.patient(here.clinic, crisis_calls_30days=6)
    run(here)
    levels = [one.record.current_risk_level for one in stored(here)]
    assert high.total == 2
    assert core.view_task(here.admin, high.id).screened == 2
    assert HIGH in levels


def hasty(here: Ward, at_once: int = 2) -> OrderBatch:
    """Orders that cover hardly anybody at once."""
    return attrs.evolve(here.house.core.order_batch, at_once=at_once)


def test_of_a_large_batch_the_order_covers_some_and_a_worker_the_others_before_anybody_is_screened() -> None:
    here = filled()
    ordered = hasty(here)(here.manager, BatchRequest())
    assert (BatchState.PREPARING, 2, None) == (ordered.state, ordered.total, ordered.started_at)
    assert ordered == here.house.core.view_task(here.manager, ordered.id)
    told = run(here, limits=attrs.evolve(SMALL, covered=1))
    preparing, queued, running, done = BatchState.PREPARING, BatchState.QUEUED, BatchState.RUNNING, BatchState.DONE
    assert [(preparing, 3, 0), (preparing, 4, 0), (queued, 5, 0)] == [
        (one.state, one.total, one.screened) for one in told[:3]
    ]
    assert [(running, 5, 2), (running, 5, 4), (done, 5, 5)] == [
        (one.state, one.total, one.screened) for one in told[3:]
    ]
    assert 5 == len({one.patient_id for one in stored(here)}) == len(stored(here))
    (entry,) = here.entries(Action.SCREENING_BATCH)
    assert ("preparing", False) == (entry.changed_values["state"], "total" in entry.changed_values)
    covered, ended = here.entries(Action.TASK_RUN)
    assert (ordered.id, "queued", 5) == (
        covered.resource_id,
        covered.changed_values["state"],
        covered.changed_values["total"],
    )
    assert (ordered.id, "done") == (ended.resource_id, ended.changed_values["state"])


def test_who_is_covered_by_a_worker_is_settled_when_it_comes_to_them() -> None:
    here = filled()
    ordered = hasty(here)(here.manager, BatchRequest())
    ids = sorted(one.id for one in here.house.store.tables.patients.rows())
    core, colleague = here.house.core, here.house.staff(here.clinic, Role.CASE_MANAGER)
    core.change_patient(here.admin, ids[0], PatientChanges(status=PatientStatus.DISCHARGED))
    core.change_patient(here.admin, ids[2], PatientChanges(status=PatientStatus.DISCHARGED))
    core.change_patient(here.admin, ids[3], PatientChanges(case_manager_id=colleague.id))
    manager = here.house.store.tables.users.get((here.clinic, here.manager.user_id))
    late = here.house.patient(here.clinic, manager)
    run(here)
    assert {ids[0], ids[1], ids[4], late} == {one.patient_id for one in stored(here)}
    assert 4 == core.view_task(here.manager, ordered.id).total


def test_a_batch_whose_owner_may_not_screen_any_more_is_covered_no_further() -> None:
    here = filled()
    ordered = hasty(here)(here.manager, BatchRequest())
    here.house.core.deactivate_staff(here.admin, here.manager.user_id)
    (told,) = run(here)
    assert (BatchState.CANCELLED, "owner_may_not_screen", 2) == (told.state, told.reason, told.total)
    assert told == here.house.core.view_task(here.admin, ordered.id)


def test_a_batch_is_cancelled_while_it_is_prepared() -> None:
    here = filled()
    ordered = hasty(here)(here.manager, BatchRequest())
    cancelled = here.house.core.cancel_task(here.manager, ordered.id)
    assert (BatchState.CANCELLED, "by_request", 2) == (cancelled.state, cancelled.reason, cancelled.total)
    assert [] == run(here)
    assert [] == stored(here)


def test_the_same_key_of_a_large_batch_orders_once() -> None:
    here = filled()
    once = IdempotencyKey(key="once", fingerprint=b"1")
    first = hasty(here)(here.manager, BatchRequest(), once=once)
    run(here, limits=attrs.evolve(SMALL, covered=3))
    again = hasty(here)(here.manager, BatchRequest(), once=once)
    assert (first.id, BatchState.DONE, 5) == (again.id, again.state, again.total)


def test_a_worker_covers_the_days_batch_of_a_large_clinic_too() -> None:
    here = filled()
    daily = hasty(here).daily(Operator(clinic_id=here.clinic), time(0, 0))
    assert daily is not None
    assert BatchState.PREPARING is daily.state
    assert hasty(here).daily(Operator(clinic_id=here.clinic), time(0, 0)) is None
    done = run(here)[-1]
    assert (BatchState.DONE, 5, 5) == (done.state, done.total, len(stored(here)))


def test_a_batch_of_nobody_is_done_at_once() -> None:
    here = filled()
    done = here.house.core.order_batch(here.admin, BatchRequest(risk_level=MEDIUM))
    assert (0, BatchState.DONE, True) == (done.total, done.state, done.ended)
    assert [] == run(here)


def test_a_case_manager_orders_for_nobody_else_and_nobody_for_who_manages_no_cases() -> None:
    here = filled()
    colleague = here.house.staff(here.clinic, Role.CASE_MANAGER)
    core = here.house.core
    assert 5 == order(here, case_manager_id=here.manager.user_id).total
    assert 0 == core.order_batch(here.admin, BatchRequest(case_manager_id=colleague.id)).total
    for caller, asked in ((here.manager, colleague.id), (here.admin, here.admin.user_id), (here.admin, uuid4())):
        with pytest.raises(NotFound):
            core.order_batch(caller, BatchRequest(case_manager_id=asked))


def test_the_same_key_orders_once() -> None:
    here = filled()
    core, once = here.house.core, IdempotencyKey(key="once", fingerprint=b"1")
    first = core.order_batch(here.manager, BatchRequest(), once=once)
    assert first == core.order_batch(here.manager, BatchRequest(), once=once)
    with pytest.raises(IdempotencyKeyReused):
        core.order_batch(here.manager, BatchRequest(), once=attrs.evolve(once, fingerprint=b"2"))
    assert 1 == len(here.house.store.tables.batches.rows())


def test_a_task_is_its_owners_and_the_admins() -> None:
    here = filled()
    batch, core = order(here), here.house.core
    colleague = actor(here.house.staff(here.clinic, Role.CASE_MANAGER))
    elsewhere = actor(here.house.staff(here.house.clinic("South"), Role.ADMIN))
    assert batch == core.view_task(here.manager, batch.id) == core.view_task(here.admin, batch.id)
    for caller in (colleague, elsewhere):
        for use in (core.view_task, core.cancel_task):
            with pytest.raises(NotFound):
                use(caller, batch.id)
    assert BatchState.QUEUED is core.view_task(here.manager, batch.id).state


def test_watching_a_task_keeps_no_session_from_ending_when_it_is_idle() -> None:
    here = filled()
    task, idle = order(here), SessionLimits().idle
    claim = here.house.claim(here.house.log_in(here.house.staff(here.clinic, Role.ADMIN)))
    for _ in range(2):
        here.house.clock.forward(seconds=idle.total_seconds() / 2 - 1)
        assert task == here.house.core.view_task(claim, task.id)
    here.house.clock.forward(seconds=3)
    with pytest.raises(SessionEnded):
        here.house.core.view_task(claim, task.id)


def test_a_cancelled_batch_keeps_what_was_stored_and_goes_no_further() -> None:
    here = filled()
    batch, core = order(here), here.house.core
    core.run_batch(Operator(clinic_id=here.clinic), uuid4(), SMALL)
    cancelled = core.cancel_task(here.manager, batch.id)
    assert (BatchState.CANCELLED, "by_request", 2) == (cancelled.state, cancelled.reason, cancelled.screened)
    assert cancelled == core.cancel_task(here.manager, batch.id)
    assert [] == run(here)
    assert 2 == len(stored(here))
    assert [True, False] == [entry.changed_values["cancelled"] for entry in here.entries(Action.TASK_CANCEL)]


def fails(times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the store be down for the next `times` settlements: to those who look on, the worker is dead."""
    whole, left = MemoryBatches.settle, [times]

    def down(batches: MemoryBatches, batch_id: UUID, settled: Any) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise DependencyUnavailable
        whole(batches, batch_id, settled)

    monkeypatch.setattr(MemoryBatches, "settle", down)


def test_another_worker_takes_what_one_has_when_its_lease_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    here = filled()
    order(here)
    operator, first, second = Operator(clinic_id=here.clinic), uuid4(), uuid4()
    core = here.house.core
    fails(1, monkeypatch)
    with pytest.raises(DependencyUnavailable):
        core.run_batch(operator, first, SMALL)
    assert [2, 3] == [one.screened for one in run(here, second)]
    here.house.clock.forward(minutes=3)
    assert [4, 5] == [one.screened for one in run(here, second)]
    assert 5 == len(stored(here))


def test_what_a_worker_gives_up_is_anothers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    here = filled()
    order(here)
    operator, first = Operator(clinic_id=here.clinic), uuid4()
    fails(1, monkeypatch)
    with pytest.raises(DependencyUnavailable):
        here.house.core.run_batch(operator, first, SMALL)
    here.house.core.run_batch.release(operator, first)
    here.house.core.run_batch.release(operator, uuid4())
    assert [2, 4, 5] == [one.screened for one in run(here)]


def test_a_worker_helps_with_the_next_batch_when_all_of_the_first_are_others(monkeypatch: pytest.MonkeyPatch) -> None:
    here = filled(calls=(0, 3))
    first, second = order(here), order(here)
    fails(1, monkeypatch)
    with pytest.raises(DependencyUnavailable):
        here.house.core.run_batch(Operator(clinic_id=here.clinic), uuid4(), SMALL)
    assert [(second.id, BatchState.DONE)] == [(one.id, one.state) for one in run(here)]
    assert BatchState.RUNNING is here.house.core.view_task(here.manager, first.id).state


def test_a_batch_that_ended_meanwhile_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    here = filled()
    batch = order(here)
    here.house.core.cancel_task(here.manager, batch.id)
    monkeypatch.setattr(MemoryJobQueue, "open", lambda _: [batch.id])
    assert [] == run(here)


@pytest.mark.parametrize("assessor", [None, ScriptedAssessor()])
def test_who_was_the_end_of_several_workers_is_set_aside(assessor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    here = filled(assessor)
    batch = order(here)
    deadly = sorted(one.patient_id for one in here.house.store.tables.batch_patients.rows())[1]
    whole = MemoryBatches.settle
    deaths = []

    def dies(batches: MemoryBatches, batch_id: UUID, settled: Any) -> None:
        if any(one.patient_id == deadly and one.screening_id for one in settled):
            deaths.append(1)
            raise DependencyUnavailable
        whole(batches, batch_id, settled)

    monkeypatch.setattr(MemoryBatches, "settle", dies)
    told: list[Batch] = []
    while not told or not told[-1].ended:
        with suppress(DependencyUnavailable):
            told += run(here)
        here.house.clock.forward(minutes=3)
    assert (BatchState.DONE, 4, 1) == (told[-1].state, told[-1].screened, told[-1].failed)
    assert 3 == len(deaths)
    reasons = {one.patient_id: one.reason for one in here.house.store.tables.batch_patients.rows() if one.reason}
    assert {deadly: "worker_died"} == reasons
    assert told[-1] == here.house.core.view_task(here.manager, batch.id)


def test_who_was_lost_does_not_end_what_others_are_still_at(monkeypatch: pytest.MonkeyPatch) -> None:
    here = filled(calls=(0, 0))
    order(here)
    fails(3, monkeypatch)
    limits = attrs.evolve(SMALL, deaths=1, by_rules=1)
    for _ in range(2):
        with pytest.raises(DependencyUnavailable):
            here.house.core.run_batch(Operator(clinic_id=here.clinic), uuid4(), limits)
    here.house.clock.forward(minutes=3)
    monkeypatch.undo()
    assert [(1, False), (2, True)] == [(one.failed, one.ended) for one in run(here, limits=limits)]


def test_who_may_not_screen_any_more_has_their_batch_cancelled() -> None:
    here = filled()
    batch = order(here)
    here.house.core.deactivate_staff(here.admin, here.manager.user_id)
    (told,) = run(here)
    assert (BatchState.CANCELLED, "owner_may_not_screen") == (told.state, told.reason)
    assert told == here.house.core.view_task(here.admin, batch.id)
    assert [] == stored(here)


def test_one_patients_trouble_is_that_patients_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    here = filled()
    order(here)
    ids = sorted(one.patient_id for one in here.house.store.tables.batch_patients.rows())
    here.house.core.remove_patient(here.admin, ids[0])
    whole = MemoryPatients.get

    def damaged(patients: MemoryPatients, patient_id: UUID) -> Any:
        if patient_id == ids[2]:
            raise DamagedRecord
        return whole(patients, patient_id)

    monkeypatch.setattr(MemoryPatients, "get", damaged)
    told = run(here)
    assert (BatchState.DONE, 3, 2) == (told[-1].state, told[-1].screened, told[-1].failed)
    reasons = {one.patient_id: one.reason for one in here.house.store.tables.batch_patients.rows() if one.reason}
    assert {ids[0]: "not_found", ids[2]: DamagedRecord().reason} == reasons


def test_what_nobody_foresaw_is_a_reason_too(monkeypatch: pytest.MonkeyPatch) -> None:
    here = filled(calls=(0,))
    order(here)
    monkeypatch.setattr(MemoryPatients, "get", lambda *_: 1 / 0)
    (told,) = run(here)
    assert (0, 1) == (told.screened, told.failed)
    assert ["unexpected_error"] == [one.reason for one in here.house.store.tables.batch_patients.rows()]


def test_a_store_that_is_down_sets_nobody_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    for assessor in (None, ScriptedAssessor()):
        here = filled(assessor)
        batch = order(here)

        def down(*_: object) -> None:
            raise DependencyUnavailable

        monkeypatch.setattr(MemoryBatches, "settle", down)
        with pytest.raises(DependencyUnavailable):
            run(here)
        monkeypatch.undo()
        assert (0, 0) == (here.house.core.view_task(here.admin, batch.id).screened, len(stored(here)))
        here.house.clock.forward(minutes=3)
        told = run(here)[-1]
        assert (5, 0) == (told.screened, told.failed)


def test_a_patient_who_was_screened_meanwhile_is_not_screened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    here = filled(ScriptedAssessor(), calls=(0, 0))
    order(here)
    whole, calls = MemoryBatches.settle, []

    def once_late(batches: MemoryBatches, batch_id: UUID, settled: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise LostUpdate
        whole(batches, batch_id, settled)

    monkeypatch.setattr(MemoryBatches, "settle", once_late)
    told = run(here)
    assert (2, 0, 2) == (told[-1].screened, told[-1].failed, len(stored(here)))


def test_a_model_that_says_low_lowers_nothing_and_one_that_says_high_raises() -> None:
    for assessor, expected in ((answering("low", 1), [LOW, MEDIUM, HIGH]), (answering("high", 95), [HIGH] * 3)):
        here = filled(assessor, calls=(0, 3, 6))
        order(here)
        run(here)
        by_patient = sorted(stored(here), key=lambda one: one.patient_id)
        assert all(one.risk_level.rank >= one.rules_level.rank for one in by_patient)
        levels = {one.record.crisis_calls_30days: one.risk_level for one in by_patient}
        assert HIGH is levels[6]
        assert levels[3].rank >= MEDIUM.rank
        assert 3 == len(assessor.asked)
        if expected == [HIGH] * 3:
            assert {HIGH} == set(levels.values())


def test_a_provider_that_is_down_leaves_everybody_the_rules_result_marked() -> None:
    here = filled(ScriptedAssessor(lambda _: AssessorFailure(reason=FailureReason.UNAVAILABLE)))
    order(here)
    told = run(here)
    assert (BatchState.DONE, 5, 0) == (told[-1].state, told[-1].screened, told[-1].failed)
    assert {FailureReason.UNAVAILABLE} == {one.ai_failure for one in stored(here)}
    assert all(one.risk_level is one.rules_level for one in stored(here))


def test_a_clinics_day_has_one_batch_from_its_hour_on() -> None:
    here = filled()
    operator, core, at = Operator(clinic_id=here.clinic), here.house.core, time(6, 0)
    here.house.clock.now = datetime(2026, 3, 2, 5, 59, tzinfo=UTC)
    zone = here.house.store.tables.clinics.get(here.clinic)
    assert zone is not None
    here.house.store.tables.clinics.put(here.clinic, attrs.evolve(zone, timezone="UTC"))
    here.house.store.tables.keep()
    assert core.order_batch.daily(operator, at) is None
    here.house.clock.forward(minutes=1)
    daily = core.order_batch.daily(operator, at)
    assert daily is not None
    assert (5, "daily", None) == (daily.total, daily.screening_type, daily.ordered_by)
    assert core.order_batch.daily(operator, at) is None
    assert 5 == run(here)[-1].screened
    here.house.clock.forward(days=1)
    assert core.order_batch.daily(operator, at) is not None
    assert 2 == len(here.entries(Action.SCREENING_BATCH))


def test_of_two_who_order_the_day_at_once_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    here = filled()
    core, operator = here.house.core, Operator(clinic_id=here.clinic)
    monkeypatch.setattr(MemoryBatches, "add", lambda *_: False)
    assert core.order_batch.daily(operator, time(0, 0)) is None
    assert [] == here.entries(Action.SCREENING_BATCH)
