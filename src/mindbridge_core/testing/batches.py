"""The contract of batches, and of the queue that says who runs them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from mindbridge_core.errors import LostUpdate
from mindbridge_core.patients import Patient, PatientStatus, RiskLevel
from mindbridge_core.screening import Batch, BatchState, Settled
from mindbridge_core.testing.records import LATER, NOW, a_patient, a_user
from mindbridge_core.testing.screenings import a_screening
from mindbridge_core.testing.store import ContractStore, StoreContract, raises, together

__all__ = ["BatchesContract"]

MINUTE = timedelta(minutes=1)


def _batch(clinic_id: UUID, **fields: Any) -> Batch:  # noqa: ANN401 - any field of the record
    plain: dict[str, Any] = {
        "id": uuid4(),
        "clinic_id": clinic_id,
        "ordered_by": None,
        "case_manager_id": None,
        "risk_level": None,
        "screening_type": "batch",
        "created_at": NOW,
    }
    return Batch(**plain | fields)


def _people(store: ContractStore, clinic_id: UUID, *fields: dict[str, Any]) -> list[Patient]:
    made = sorted((a_patient(clinic_id, **one) for one in fields), key=lambda one: one.id)
    with store.open_unit(clinic_id) as unit:
        for patient in made:
            unit.patients.add(patient)
    return made


def _add(store: ContractStore, batch: Batch) -> Batch | None:
    with store.open_unit(batch.clinic_id) as unit:
        return unit.batches.add(batch)


def _get(store: ContractStore, batch: Batch) -> Batch | None:
    with store.open_unit(batch.clinic_id) as unit:
        return unit.batches.get(batch.id)


def _claim(store: ContractStore, clinic_id: UUID, worker: UUID, later: timedelta = timedelta(0)) -> UUID | None:
    with store.open_unit(clinic_id) as unit:
        return unit.jobs.claim(worker, NOW + later, NOW + later + MINUTE)


def _screen(store: ContractStore, batch: Batch, patient: Patient) -> None:
    """Store a screening of the patient, and settle them in the batch with it."""
    screening = a_screening(patient)
    with store.open_unit(batch.clinic_id) as unit:
        unit.screenings.add(screening)
        unit.batches.settle(batch.id, [Settled(patient_id=patient.id, screening_id=screening.id)])


class BatchesContract(StoreContract):
    """Each patient of a batch is settled once; each batch is one worker's at a time."""

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
            added = _add(store, _batch(store.clinic_a, ordered_by=manager.id, **fields))
            assert added is not None
            assert (expected, BatchState.QUEUED) == (added.total, added.state)
            assert added == _get(store, added)
        nobody = _add(store, _batch(store.clinic_a, risk_level=RiskLevel.LOW))
        assert nobody is not None
        assert (nobody.total, nobody.state, nobody.ended_at) == (0, BatchState.DONE, NOW)
        first = _batch(store.clinic_a)
        _add(store, first)
        _people(store, store.clinic_a, {})
        found = _get(store, first)
        assert found is not None
        assert found.total == 3

    def test_a_day_has_one_batch(self) -> None:
        """Of several who add it at once one does."""
        store, day = self.store(), NOW.date()
        _people(store, store.clinic_a, {})
        made = together(*[lambda: _add(store, _batch(store.clinic_a, day=day))] * 4)
        assert sum(isinstance(one, Batch) for one in made) == 1
        assert sum(one is None for one in made) == 3
        with store.open_unit(store.clinic_a) as unit:
            assert unit.batches.has_day(day)
            assert not unit.batches.has_day(day + timedelta(days=1))
        with store.open_unit(store.clinic_b) as unit:
            assert not unit.batches.has_day(day)

    def test_a_patient_is_settled_once(self) -> None:
        """Whoever comes second gets LostUpdate, and keeps nothing that was stored with it."""
        store = self.store()
        one, two, three = _people(store, store.clinic_a, {}, {}, {})
        batch = _batch(store.clinic_a)
        _add(store, batch)
        _claim(store, store.clinic_a, uuid4())
        with store.open_unit(store.clinic_a) as unit:
            assert [one.id, two.id] == list(unit.batches.waiting(batch.id, 2))
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
        found = _get(store, batch)
        assert found is not None
        assert (
            found.total,
            found.screened,
            found.failed,
            found.state,
            found.ended_at,
        ) == (3, 2, 1, BatchState.DONE, LATER)

    def test_a_batch_is_one_workers_until_its_lease_is_over_or_given_back(self) -> None:
        """The oldest comes first, and those that have ended never."""
        store = self.store()
        _people(store, store.clinic_a, {})
        first, second = sorted((_batch(store.clinic_a), _batch(store.clinic_a)), key=lambda one: one.id)
        for batch in (first, second):
            _add(store, batch)
        ann, bob, cyd = uuid4(), uuid4(), uuid4()
        assert first.id == _claim(store, store.clinic_a, ann) == _claim(store, store.clinic_a, ann)
        assert second.id == _claim(store, store.clinic_a, bob)
        assert _claim(store, store.clinic_a, cyd) is None
        assert _claim(store, store.clinic_b, cyd) is None
        assert first.id == _claim(store, store.clinic_a, cyd, 2 * MINUTE)
        with store.open_unit(store.clinic_a) as unit:
            unit.jobs.release(cyd)
        assert first.id == _claim(store, store.clinic_a, ann, 2 * MINUTE)
        with store.open_unit(store.clinic_a) as unit:
            assert unit.batches.cancel(first.id, LATER, "by_request")
        found = _get(store, first)
        assert found is not None
        assert (found.state, found.reason, found.started_at) == (BatchState.CANCELLED, "by_request", NOW)
        assert second.id == _claim(store, store.clinic_a, ann, 4 * MINUTE)

    def test_no_two_claim_the_same(self) -> None:
        """However many ask at once."""
        store = self.store()
        _people(store, store.clinic_a, {})
        batch = _batch(store.clinic_a)
        _add(store, batch)
        claims = together(*[lambda: _claim(store, store.clinic_a, uuid4())] * 4)
        assert [batch.id] == [one for one in claims if one is not None]

    def test_batches_of_another_clinic_are_not_there(self) -> None:
        """Nor can they be ended from there."""
        store = self.store()
        _people(store, store.clinic_a, {})
        batch = _batch(store.clinic_a)
        _add(store, batch)
        with store.open_unit(store.clinic_b) as unit:
            assert unit.batches.get(batch.id) is None
            assert list(unit.batches.waiting(batch.id, 10)) == []
            assert not unit.batches.cancel(batch.id, LATER, "by_request")
        found = _get(store, batch)
        assert found is not None
        assert BatchState.QUEUED is found.state
