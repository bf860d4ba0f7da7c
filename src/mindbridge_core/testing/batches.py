"""The contract of batches, and of the queue that says who runs them."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import attrs

from mindbridge_core.errors import LostUpdate
from mindbridge_core.patients import Patient, PatientStatus, RiskLevel
from mindbridge_core.screening import AsideFilter, Batch, BatchState, Piece, Settled
from mindbridge_core.testing.records import LATER, NOW, a_batch, a_patient, a_user
from mindbridge_core.testing.screenings import a_screening
from mindbridge_core.testing.store import ContractStore, StoreContract, raises, together

__all__ = ["BatchesContract"]

MINUTE = timedelta(minutes=1)


def _people(store: ContractStore, clinic_id: UUID, *fields: dict[str, Any]) -> list[Patient]:
    made = sorted((a_patient(clinic_id, **one) for one in fields), key=lambda one: one.id)
    with store.open_unit(clinic_id) as unit:
        for patient in made:
            unit.patients.add(patient)
    return made


def _add(store: ContractStore, batch: Batch) -> Batch | None:
    """Add the batch and cover all whom it asks for; None when its day has one."""
    with store.open_unit(batch.clinic_id) as unit:
        return unit.batches.cover(batch.id, 100) if unit.batches.add(batch) else None


def _cover(store: ContractStore, batch: Batch, limit: int) -> Batch:
    with store.open_unit(batch.clinic_id) as unit:
        return unit.batches.cover(batch.id, limit)


def _get(store: ContractStore, batch: Batch) -> Batch | None:
    with store.open_unit(batch.clinic_id) as unit:
        return unit.batches.get(batch.id)


def _claim(
    store: ContractStore, batch: Batch, worker: UUID, later: timedelta = timedelta(0), *, limit: int = 10
) -> Piece | None:
    with store.open_unit(batch.clinic_id) as unit:
        return unit.jobs.claim(batch.id, worker, NOW + later, NOW + later + MINUTE, limit)


def _claimed(
    store: ContractStore, batch: Batch, worker: UUID, later: timedelta = timedelta(0), *, limit: int = 10
) -> list[UUID]:
    """Return who the worker got, of a batch that goes on."""
    piece = _claim(store, batch, worker, later, limit=limit)
    assert piece is not None
    return list(piece.patients)


def _screen(store: ContractStore, batch: Batch, patient: Patient) -> None:
    """Store a screening of the patient, and settle them in the batch with it."""
    screening = a_screening(patient)
    with store.open_unit(batch.clinic_id) as unit:
        unit.screenings.add(screening)
        unit.batches.settle(batch.id, [Settled(patient_id=patient.id, screening_id=screening.id)])


class BatchesContract(StoreContract):
    """Each patient of a batch is settled once; each is one worker's at a time."""

    def test_a_batch_covers_whom_it_asks_for(self) -> None:
        """The active patients of a caseload, of a level, or all; nobody who comes later."""
        store = self.store()
        manager = a_user(store.clinic_a)
        with store.open_unit(store.clinic_a) as unit:
            unit.users.add(manager)
        own: dict[str, Any] = {"case_manager_id": manager.id}
        gone: dict[str, Any] = {"status": PatientStatus.DISCHARGED}
        _people(store, store.clinic_a, own, own | {"current_risk_level": RiskLevel.HIGH}, {}, gone)
        _people(store, store.clinic_b, {})
        wanted: list[tuple[dict[str, Any], int]] = [({}, 3), (own, 2), ({"risk_level": RiskLevel.HIGH}, 1)]
        for fields, expected in wanted:
            added = _add(store, a_batch(store.clinic_a, ordered_by=manager.id, **fields))
            assert added is not None
            assert (expected, BatchState.QUEUED) == (added.total, added.state)
            assert added == _get(store, added)
        nobody = _add(store, a_batch(store.clinic_a, risk_level=RiskLevel.LOW))
        assert nobody is not None
        assert (nobody.total, nobody.state, nobody.ended_at) == (0, BatchState.DONE, NOW)
        first = a_batch(store.clinic_a)
        _add(store, first)
        _people(store, store.clinic_a, {})
        found = _get(store, first)
        assert found is not None
        assert found.total == 3

    def test_a_batch_is_prepared_piece_by_piece(self) -> None:
        """Each time the next patients as they are then; nobody twice, and nobody has anybody before all are there."""
        store = self.store()
        people = _people(store, store.clinic_a, *[{}] * 5)
        batch = a_batch(store.clinic_a)
        with store.open_unit(store.clinic_a) as unit:
            assert unit.batches.add(batch)
        assert batch == _get(store, batch)
        assert [(one.total, one.state) for one in [_cover(store, batch, 2)]] == [(2, BatchState.PREPARING)]
        with store.open_unit(store.clinic_a) as unit:
            assert [batch.id] == list(unit.jobs.open())
            gone = unit.patients.get(people[3].id)
            assert gone is not None
            unit.patients.save(attrs.evolve(gone, status=PatientStatus.DISCHARGED))
        piece = _claim(store, batch, uuid4())
        assert piece is not None
        assert (piece.batch.state, list(piece.patients), piece.batch.total) == (BatchState.PREPARING, [], 2)
        assert attrs.evolve(batch, total=2) == _get(store, batch)
        covered = _cover(store, batch, 2)
        assert attrs.evolve(batch, total=4, state=BatchState.QUEUED) == covered == _get(store, batch)
        assert covered == _cover(store, batch, 2)
        assert [people[at].id for at in (0, 1, 2, 4)] == _claimed(store, batch, uuid4())

    def test_several_who_cover_a_batch_cover_each_patient_once(self) -> None:
        """They take turns, and whoever comes too late changes nothing."""
        store = self.store()
        people = [one.id for one in _people(store, store.clinic_a, *[{}] * 7)]
        batch = a_batch(store.clinic_a)
        with store.open_unit(store.clinic_a) as unit:
            unit.batches.add(batch)
        told = together(*[lambda: _cover(store, batch, 2)] * 5)
        totals = sorted(one.total for one in told if isinstance(one, Batch))
        assert totals == [2, 4, 6, 7, 7]
        assert people == _claimed(store, batch, uuid4())

    def test_a_batch_cancelled_while_it_is_prepared_covers_nobody_else(self) -> None:
        """What was covered stays counted."""
        store = self.store()
        _people(store, store.clinic_a, *[{}] * 3)
        batch = a_batch(store.clinic_a)
        with store.open_unit(store.clinic_a) as unit:
            unit.batches.add(batch)
        _cover(store, batch, 2)
        with store.open_unit(store.clinic_a) as unit:
            assert unit.batches.cancel(batch.id, LATER, "by_request")
        cancelled = _cover(store, batch, 2)
        assert (cancelled.total, cancelled.state, cancelled.ended_at) == (2, BatchState.CANCELLED, LATER)
        assert _claim(store, batch, uuid4()) is None

    def test_a_day_has_one_batch(self) -> None:
        """Of several who add it at once one does."""
        store, day = self.store(), NOW.date()
        _people(store, store.clinic_a, {})
        made = together(*[lambda: _add(store, a_batch(store.clinic_a, day=day))] * 4)
        assert sum(isinstance(one, Batch) for one in made) == 1
        assert sum(one is None for one in made) == 3
        with store.open_unit(store.clinic_a) as unit:
            assert unit.batches.has_day(day)
            assert not unit.batches.has_day(day + timedelta(days=1))
        with store.open_unit(store.clinic_b) as unit:
            assert not unit.batches.has_day(day)

    def test_the_last_daily_batch_is_the_latest_of_which_nobody_waits(self) -> None:
        """Done, or with nobody left to screen; not one that was cancelled or is prepared, nor what somebody ordered."""
        store, day = self.store(), timedelta(days=1)

        def last() -> UUID | None:
            with store.open_unit(store.clinic_a) as unit:
                found = unit.batches.last_daily()
            assert found is None or found == _get(store, found)
            return None if found is None else found.id

        assert last() is None
        (patient,) = _people(store, store.clinic_a, {})
        first, second, third = (a_batch(store.clinic_a, day=NOW.date() + number * day) for number in range(3))
        for batch in (second, first, third, a_batch(store.clinic_a)):
            _add(store, batch)
        assert last() is None
        for batch, expected in ((first, first), (second, second)):
            _claim(store, batch, uuid4())
            _screen(store, batch, patient)
            assert last() == expected.id
        with store.open_unit(store.clinic_a) as unit:
            unit.batches.end(first.id, LATER)
            unit.batches.end(second.id, LATER)
            assert unit.batches.cancel(third.id, LATER, "by_request")
            unit.batches.settle(third.id, [Settled(patient_id=patient.id, reason="not_found")])
        with store.open_unit(store.clinic_a) as unit:
            assert unit.batches.add(a_batch(store.clinic_a, day=NOW.date() + 3 * day))
        assert last() == second.id
        with store.open_unit(store.clinic_b) as unit:
            assert unit.batches.last_daily() is None

    def test_a_patient_is_settled_once(self) -> None:
        """Whoever comes second gets LostUpdate, and keeps nothing that was stored with it."""
        store = self.store()
        one, two, three = _people(store, store.clinic_a, {}, {}, {})
        batch = a_batch(store.clinic_a)
        _add(store, batch)
        _claim(store, batch, uuid4())
        with store.open_unit(store.clinic_a) as unit:
            assert [one.id, two.id] == list(unit.batches.waiting(batch.id, [two.id, one.id]))
            assert list(unit.batches.waiting(batch.id, [])) == []
        _screen(store, batch, one)
        with raises(LostUpdate):
            _screen(store, batch, one)
        outcomes = together(*[lambda: _screen(store, batch, two)] * 4)
        assert outcomes.count(None) == 1
        assert sum(isinstance(outcome, LostUpdate) for outcome in outcomes) == 3
        with store.open_unit(store.clinic_a) as unit:
            assert not unit.batches.end(batch.id, LATER)
            unit.batches.settle(batch.id, [])
            unit.batches.settle(batch.id, [Settled(patient_id=three.id, reason="not_found")])
            assert unit.batches.end(batch.id, LATER)
            assert not unit.batches.cancel(batch.id, LATER, "by_request")
            assert list(unit.batches.waiting(batch.id, [one.id, two.id, three.id])) == []
        found = _get(store, batch)
        assert found is not None
        assert (
            found.total,
            found.screened,
            found.failed,
            found.state,
            found.ended_at,
        ) == (3, 2, 1, BatchState.DONE, LATER)
        assert _claim(store, batch, uuid4()) is None

    def test_those_who_were_set_aside_are_listed_with_the_reason(self) -> None:
        """In pages; for a case manager those of their caseload, and nobody who was removed."""
        store = self.store()
        manager = a_user(store.clinic_a)
        with store.open_unit(store.clinic_a) as unit:
            unit.users.add(manager)
        own: dict[str, Any] = {"case_manager_id": manager.id}
        one, two, three, gone, well = people = _people(store, store.clinic_a, own, {}, own, {}, {})
        batch, other = a_batch(store.clinic_a), a_batch(store.clinic_a)
        for each in (batch, other):
            _add(store, each)
            _claim(store, each, uuid4())
        _screen(store, batch, well)
        with store.open_unit(store.clinic_a) as unit:
            unit.batches.settle(batch.id, [Settled(patient_id=p.id, reason="worker_died") for p in (one, two, three)])
            unit.batches.settle(batch.id, [Settled(patient_id=gone.id, reason="not_found")])
            unit.batches.settle(other.id, [Settled(patient_id=well.id, reason="damaged_record")])
            unit.patients.save(gone.removed(manager.id, LATER))

        def listed(**only: Any) -> tuple[list[UUID], UUID | None]:  # noqa: ANN401 - any field of the filter
            with store.open_unit(store.clinic_a) as unit:
                page = unit.batches.set_aside(AsideFilter(**{"batch_id": batch.id} | only))
            assert all(row.reason == "worker_died" for row in page.items)
            return [row.patient_id for row in page.items], page.after

        assert ([one.id, two.id, three.id], None) == listed()
        assert ([one.id, two.id], two.id) == listed(limit=2)
        assert ([three.id], None) == listed(limit=2, after=two.id)
        theirs = [person.id for person in people[:3] if person.case_manager_id == manager.id]
        assert (theirs, None) == listed(case_manager_id=manager.id)
        assert listed(case_manager_id=uuid4()) == ([], None)
        with store.open_unit(store.clinic_b) as unit:
            assert unit.batches.set_aside(AsideFilter(batch_id=batch.id)).items == ()

    def test_it_is_known_when_a_batch_was_last_taken_up(self) -> None:
        """By whoever got patients of it; a look that finds nobody says nothing."""
        store = self.store()
        _people(store, store.clinic_a, {}, {})
        batch = a_batch(store.clinic_a)

        def taken_at() -> Any:  # noqa: ANN401 - a moment or None
            found = _get(store, batch)
            assert found is not None
            return found.taken_at

        _add(store, batch)
        assert taken_at() is None
        piece = _claim(store, batch, uuid4(), limit=1)
        assert piece is not None
        assert piece.batch == _get(store, batch)
        assert taken_at() == NOW
        _claim(store, batch, uuid4(), timedelta(seconds=30))
        assert taken_at() == NOW + timedelta(seconds=30)
        _claim(store, batch, uuid4(), timedelta(seconds=40))
        assert taken_at() == NOW + timedelta(seconds=30)

    def test_workers_share_a_batch_and_no_two_have_the_same_patient(self) -> None:
        """However many ask at once; what one gives up another gets, and what was settled nobody."""
        store = self.store()
        people = [one.id for one in _people(store, store.clinic_a, *[{}] * 6)]
        batch = a_batch(store.clinic_a)
        _add(store, batch)
        workers = [uuid4() for _ in range(4)]
        claims = together(*[partial(_claimed, store, batch, worker, limit=2) for worker in workers])
        taken = [claim for claim in claims if isinstance(claim, list)]
        assert sorted(map(len, taken)) == [0, 2, 2, 2]
        assert sorted(patient for claim in taken for patient in claim) == people
        found = _get(store, batch)
        assert found is not None
        assert (found.state, found.started_at) == (BatchState.RUNNING, NOW)
        given_up, again = taken.index(next(filter(None, taken))), uuid4()
        with store.open_unit(store.clinic_a) as unit:
            unit.jobs.release(workers[given_up])
        assert taken[given_up] == _claimed(store, batch, again)
        with store.open_unit(store.clinic_a) as unit:
            unit.batches.settle(batch.id, [Settled(patient_id=taken[given_up][0], reason="not_found")])
        assert taken[given_up][1:] == _claimed(store, batch, again)
        assert _claimed(store, batch, uuid4()) == []

    def test_a_patient_over_whom_workers_were_lost_comes_last_and_alone(self) -> None:
        """Each time that a worker's time runs out counts; whoever was settled by then is none of them."""
        store = self.store()
        one, two, three, four = (person.id for person in _people(store, store.clinic_a, *[{}] * 4))
        batch = a_batch(store.clinic_a)
        _add(store, batch)
        assert [one, two, three] == _claimed(store, batch, uuid4(), limit=3)
        with store.open_unit(store.clinic_a) as unit:
            unit.batches.settle(batch.id, [Settled(patient_id=two, reason="not_found")])
        later = 2 * MINUTE
        worker = uuid4()
        assert [four] == _claimed(store, batch, worker, later)
        with store.open_unit(store.clinic_a) as unit:
            unit.batches.settle(batch.id, [Settled(patient_id=four, reason="not_found")])
        pieces = [_claim(store, batch, uuid4(), later) for _ in range(3)]
        assert [((one,), 1), ((three,), 1), ((), 0)] == [
            (tuple(piece.patients), piece.deaths) for piece in pieces if piece is not None
        ]
        with store.open_unit(store.clinic_a) as unit:
            unit.batches.settle(batch.id, [Settled(patient_id=three, reason="not_found")])
        last = _claim(store, batch, worker, 2 * later)
        assert last is not None
        assert ([one], 2) == (list(last.patients), last.deaths)
        assert [one] == _claimed(store, batch, worker, 4 * later)

    def test_open_batches_are_those_that_have_not_ended(self) -> None:
        """The oldest first."""
        store = self.store()
        _people(store, store.clinic_a, {})
        first, second = sorted((a_batch(store.clinic_a), a_batch(store.clinic_a)), key=lambda one: one.id)
        for batch in (second, first):
            _add(store, batch)
        with store.open_unit(store.clinic_a) as unit:
            assert [first.id, second.id] == list(unit.jobs.open())
            assert unit.batches.cancel(first.id, LATER, "by_request")
            assert [second.id] == list(unit.jobs.open())
        with store.open_unit(store.clinic_b) as unit:
            assert list(unit.jobs.open()) == []
        assert _claim(store, first, uuid4()) is None
        found = _get(store, first)
        assert found is not None
        assert (found.state, found.reason) == (BatchState.CANCELLED, "by_request")

    def test_batches_of_another_clinic_are_not_there(self) -> None:
        """Nor can they be ended from there."""
        store = self.store()
        _people(store, store.clinic_a, {})
        batch = a_batch(store.clinic_a)
        _add(store, batch)
        with store.open_unit(store.clinic_b) as unit:
            assert unit.batches.get(batch.id) is None
            assert unit.jobs.claim(batch.id, uuid4(), NOW, LATER, 10) is None
            assert not unit.batches.cancel(batch.id, LATER, "by_request")
        found = _get(store, batch)
        assert found is not None
        assert BatchState.QUEUED is found.state
