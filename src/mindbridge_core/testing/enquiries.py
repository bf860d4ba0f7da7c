"""The contract of enquiries: due in turn, one worker's at a time, each question settled once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import attrs

from mindbridge_core.errors import LostUpdate
from mindbridge_core.patients import Patient
from mindbridge_core.screening import Batch, Enquiry, Question, Submission
from mindbridge_core.testing.assessor import REQUESTS
from mindbridge_core.testing.records import LATER, NOW, a_patient
from mindbridge_core.testing.screenings import a_screening
from mindbridge_core.testing.store import ContractStore, StoreContract, raises, together

__all__ = ["EnquiriesContract"]

HOUR = timedelta(hours=1)
SENT = Submission(handle="msgbatch_1", model="a model", prompt_hash="5" * 64)


@attrs.frozen
class _Asked:
    """A clinic's batch of patients with an enquiry about them."""

    batch: Batch
    patients: list[Patient]
    enquiry: Enquiry
    questions: list[Question]


def _asked(store: ContractStore, clinic_id: UUID, *, look_at: datetime = NOW, patients: int = 3) -> _Asked:
    made = sorted((a_patient(clinic_id) for _ in range(patients)), key=lambda one: one.id)
    batch = Batch(
        id=uuid4(),
        clinic_id=clinic_id,
        ordered_by=None,
        case_manager_id=None,
        risk_level=None,
        screening_type="batch",
        created_at=NOW,
    )
    enquiry = Enquiry(id=uuid4(), clinic_id=clinic_id, batch_id=batch.id, created_at=NOW, look_at=look_at)
    questions = [Question(id=uuid4(), patient_id=one.id, custom_id=f"c-{uuid4()}") for one in made]
    with store.open_unit(clinic_id) as unit:
        for one in made:
            unit.patients.add(one)
        unit.batches.add(batch)
        unit.enquiries.add(enquiry, questions)
    return _Asked(batch, made, enquiry, questions)


def _claim(store: ContractStore, clinic_id: UUID, now: datetime = NOW) -> Enquiry | None:
    with store.open_unit(clinic_id) as unit:
        return unit.enquiries.claim(now, now + HOUR)


def _save(store: ContractStore, enquiry: Enquiry, **changed: Any) -> bool:  # noqa: ANN401 - any field of the record
    with store.open_unit(enquiry.clinic_id) as unit:
        return unit.enquiries.save(attrs.evolve(enquiry, **changed))


class EnquiriesContract(StoreContract):
    """What was asked, of whom, and what came of it."""

    def test_the_one_that_has_been_due_longest_comes_first_and_each_once(self) -> None:
        """And again when its time has come."""
        store = self.store()
        late = _asked(store, store.clinic_a)
        early = _asked(store, store.clinic_a, look_at=NOW - HOUR)
        _asked(store, store.clinic_a, look_at=NOW + 3 * HOUR)
        taken = [_claim(store, store.clinic_a) for _ in range(3)]
        assert [early.enquiry.id, late.enquiry.id, None] == [one and one.id for one in taken]
        assert attrs.evolve(early.enquiry, tries=1, look_at=NOW + HOUR) == taken[0]
        again = _claim(store, store.clinic_a, NOW + HOUR)
        assert again is not None
        assert again.tries == 2
        assert _claim(store, store.clinic_b, NOW + 9 * HOUR) is None

    def test_no_two_take_the_same(self) -> None:
        """However many ask at once."""
        store = self.store()
        asked = _asked(store, store.clinic_a)
        claims = together(*[lambda: _claim(store, store.clinic_a)] * 4)
        assert [asked.enquiry.id] == [one.id for one in claims if isinstance(one, Enquiry)]

    def test_what_was_submitted_is_kept_whole(self) -> None:
        """And why it was stopped; when it has ended nobody takes it up."""
        store = self.store()
        _asked(store, store.clinic_a)
        first = _claim(store, store.clinic_a)
        assert first is not None
        sent = attrs.evolve(first, submission=SENT, submitted_at=LATER)
        assert _save(store, sent, look_at=NOW)
        second = _claim(store, store.clinic_a)
        assert second is not None
        assert attrs.evolve(sent, tries=2) == second
        assert _save(store, second, stopped="cancelled", look_at=NOW)
        third = _claim(store, store.clinic_a)
        assert third is not None
        assert (third.submission, third.stopped) == (SENT, "cancelled")
        assert _save(store, third, ended_at=LATER, look_at=NOW)
        assert _claim(store, store.clinic_a) is None
        assert not _save(store, third, stopped="again")

    def test_who_was_taken_for_dead_stores_nothing(self) -> None:
        """Nor does another clinic."""
        store = self.store()
        _asked(store, store.clinic_a)
        first, second = _claim(store, store.clinic_a), _claim(store, store.clinic_a, NOW + 2 * HOUR)
        assert first is not None
        assert second is not None
        assert not _save(store, first, submission=SENT, submitted_at=LATER)
        assert not _save(store, attrs.evolve(second, clinic_id=store.clinic_b), look_at=NOW)
        assert _save(store, second, look_at=NOW)
        third = _claim(store, store.clinic_a)
        assert third is not None
        assert third.submission is None

    def test_what_is_told_of_a_patient_is_kept_with_the_question(self) -> None:
        """In the order of the patients' ids."""
        store = self.store()
        asked = _asked(store, store.clinic_a)
        told = [
            attrs.evolve(question, asked=request) for question, request in zip(asked.questions, REQUESTS, strict=False)
        ]
        with store.open_unit(store.clinic_a) as unit:
            assert asked.questions == list(unit.enquiries.questions(asked.enquiry.id))
            unit.enquiries.ask([])
            unit.enquiries.ask(told)
        with store.open_unit(store.clinic_a) as unit:
            assert told == list(unit.enquiries.questions(asked.enquiry.id))
            unit.enquiries.ask([attrs.evolve(told[0], asked=REQUESTS[-1])])
            assert REQUESTS[-1] == unit.enquiries.questions(asked.enquiry.id)[0].asked
        with store.open_unit(store.clinic_b) as unit:
            assert list(unit.enquiries.questions(asked.enquiry.id)) == []

    def test_a_question_is_settled_once(self) -> None:
        """Whoever comes second keeps nothing that was stored with it."""
        store = self.store()
        asked = _asked(store, store.clinic_a)
        one, two, three = asked.questions
        screening = a_screening(asked.patients[0])
        with store.open_unit(store.clinic_a) as unit:
            unit.screenings.add(screening)
            unit.enquiries.settle(one.id, "answered", screening.id)
            assert unit.enquiries.waits(asked.batch.id)

        def settle() -> None:
            with store.open_unit(store.clinic_a) as unit:
                unit.enquiries.settle(two.id, "refused")

        assert together(*[settle] * 4).count(None) == 1
        for clinic_id, question in ((store.clinic_a, one), (store.clinic_b, three)):
            with raises(LostUpdate), store.open_unit(clinic_id) as unit:
                unit.enquiries.settle(question.id, "answered")
        with store.open_unit(store.clinic_b) as unit:
            assert unit.enquiries.settle_rest(asked.enquiry.id, "unanswered") == 0
            assert unit.enquiries.outcomes(asked.enquiry.id) == {}
            assert not unit.enquiries.waits(asked.batch.id)
        with store.open_unit(store.clinic_a) as unit:
            assert [three] == list(unit.enquiries.questions(asked.enquiry.id))
            assert unit.enquiries.settle_rest(asked.enquiry.id, "unanswered") == 1
            assert unit.enquiries.settle_rest(asked.enquiry.id, "unanswered") == 0
            assert unit.enquiries.outcomes(asked.enquiry.id) == {"answered": 1, "refused": 1, "unanswered": 1}
            assert not unit.enquiries.waits(asked.batch.id)

    def test_a_batch_is_wanted_until_it_is_cancelled(self) -> None:
        """And by its own clinic."""
        store = self.store()
        asked = _asked(store, store.clinic_a)
        with store.open_unit(store.clinic_b) as unit:
            assert not unit.enquiries.wanted(asked.batch.id)
        with store.open_unit(store.clinic_a) as unit:
            assert unit.enquiries.wanted(asked.batch.id)
            unit.batches.cancel(asked.batch.id, LATER, "by_request")
            assert not unit.enquiries.wanted(asked.batch.id)
