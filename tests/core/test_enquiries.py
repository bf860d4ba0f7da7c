"""Batches that somebody answers within a day: who is served meanwhile, what an answer may do, whatever fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import attrs
import pytest

from mindbridge_core import Action, MindBridge, Operator
from mindbridge_core.errors import DependencyUnavailable, LostUpdate
from mindbridge_core.patients import PatientChanges, RiskLevel
from mindbridge_core.privacy import ConsentType
from mindbridge_core.screening import (
    AnswersCutOff,
    AssessmentRequest,
    AssessorFailure,
    AssessorReply,
    Batch,
    BatchRequest,
    BatchState,
    FailureReason,
    GuardrailId,
    JobLimits,
    Progress,
    Screening,
    Submission,
)
from mindbridge_memory import ScriptedAssessor, ScriptedBatches, memory_ports, scripted_answer
from mindbridge_memory.enquiries import MemoryEnquiries
from mindbridge_memory.patients import MemoryPatients
from tests.core.house import CHEAPEST
from tests.core.test_screenings import CONSENT, WELL, Ward, fired, ward

LOW, MEDIUM, HIGH = RiskLevel
CALLS = (0, 3, 6)
SMALL = JobLimits(by_rules=2, at_once=2)
DAY = timedelta(hours=26)


def asking(provider: Any, calls: tuple[int, ...] = CALLS, assessor: Any = None, *, consents: bool = True) -> Ward:
    """A ward whose batches are asked about at the provider."""
    here = ward(assessor, consented=consents, crisis_calls_30days=calls[0])
    house = here.house
    ports = memory_ports(
        store=house.store,
        clock=house.clock,
        password_hasher=CHEAPEST,
        risk_assessor=assessor,
        batch_assessor=provider,
    )
    house.core = MindBridge.build(ports)
    manager = house.store.tables.users.get((here.clinic, here.manager.user_id))
    for number in calls[1:]:
        one = house.patient(here.clinic, manager, **WELL | {"crisis_calls_30days": number})
        if consents:
            house.core.record_consent(here.admin, one, CONSENT)
    return here


def order(here: Ward) -> Batch:
    return here.house.core.order_batch(here.manager, BatchRequest())


def step(here: Ward, limits: JobLimits = SMALL) -> bool:
    """Do what is due now; return whether anything was."""
    core, by, worker, went_on = here.house.core, Operator(clinic_id=here.clinic), uuid4(), False
    for _ in range(50):
        batch, enquiry = core.run_batch(by, worker, limits), core.run_batch.enquiry(by, limits)
        core.run_batch.release(by, worker)
        if batch is None and enquiry is None:
            break
        went_on = True
    return went_on


def days(here: Ward, batch: Batch, *, hours: int = 30, minutes: int = 1) -> Batch:
    """Let the hours go by, so many minutes at a time, until the batch has ended; its progress never goes back."""
    seen = [told(here, batch)]
    for _ in range(hours * 60 // minutes):
        step(here)
        seen.append(told(here, batch))
        if seen[-1].ended:
            break
        here.house.clock.forward(minutes=minutes)
    assert sorted(one.screened for one in seen) == [one.screened for one in seen]
    assert {batch.total} == {one.total for one in seen}
    return seen[-1]


def told(here: Ward, batch: Batch) -> Batch:
    return here.house.core.view_task(here.admin, batch.id)


def stored(here: Ward) -> list[Screening]:
    return sorted(here.house.store.tables.screenings.rows(), key=lambda one: one.id)


def second(here: Ward) -> list[Screening]:
    """The screenings that answers made."""
    return [one for one in stored(here) if one.asked is not None]


def outcomes(here: Ward) -> list[str]:
    return sorted(str(row.outcome) for row in here.house.store.tables.questions.rows())


def level(here: Ward, patient_id: UUID) -> RiskLevel | None:
    return here.house.core.view_patient(here.admin, patient_id).current_risk_level


def saying(*arguments: Any, **fields: Any) -> ScriptedBatches:
    return ScriptedBatches(script=lambda _: scripted_answer(*arguments), **fields)


def test_everybody_has_the_rules_result_at_once_and_the_models_when_it_comes() -> None:
    provider = saying("high", 95, looks=3)
    here = asking(provider)
    batch = order(here)
    step(here)
    first = stored(here)
    assert [LOW, MEDIUM, HIGH] == sorted((one.risk_level for one in first), key=lambda one: one.rank)
    assert {("rules", FailureReason.DEFERRED, None)} == {(one.assessor, one.ai_failure, one.asked) for one in first}
    assert all(GuardrailId.NO_ANSWER in fired(one) for one in first)
    running = told(here, batch)
    assert (3, 3, BatchState.RUNNING) == (running.total, running.screened, running.state)
    done = days(here, batch)
    assert (BatchState.DONE, 3, 0) == (done.state, done.screened, done.failed)
    assert [HIGH] * 3 == [one.risk_level for one in second(here)]
    assert {one.patient_id for one in first} == {one.patient_id for one in second(here)}
    assert 6 == len(stored(here))
    assert ["answered"] * 3 == outcomes(here)
    for one in second(here):
        assert (one.id, HIGH) == (here.house.core.view_screening(here.admin, one.id).id, level(here, one.patient_id))
        assert ("scripted", "scripted-1", "0" * 64, None) == (
            one.assessor,
            one.ai_model,
            one.ai_prompt_hash,
            one.ai_failure,
        )
        assert here.house.core.replay_screening(here.admin, one.id).same
        assert (batch.screening_type, here.manager.user_id) == (one.screening_type, one.performed_by)
    assert all(one.duration_ms >= 60_000 for one in second(here))


def test_a_model_that_says_low_lowers_nobody() -> None:
    here = asking(saying("low", 1))
    days(here, order(here))
    assert all(one.risk_level is one.rules_level for one in stored(here))
    assert {LOW, MEDIUM, HIGH} == {level(here, one.patient_id) for one in second(here)}


def test_what_is_asked_names_nobody_and_its_id_is_random() -> None:
    provider = saying("low", 1)
    here = asking(provider)
    days(here, order(here))
    questions = {custom_id: asked for sent in provider.sent.values() for custom_id, asked in sent.items()}
    assert 3 == len(questions)
    for custom_id, asked in questions.items():
        assert 43 == len(custom_id)
        assert isinstance(asked, AssessmentRequest)
    known = {str(one.id).replace("-", "") for one in stored(here)} | {one.patient_id.hex for one in stored(here)}
    assert not any(name in custom_id for custom_id in questions for name in known)
    assert {one.asked for one in second(here)} == set(questions.values())


def test_a_small_batch_is_asked_one_by_one() -> None:
    provider, assessor = saying("high", 95, least=4), ScriptedAssessor()
    here = asking(provider, assessor=assessor)
    days(here, order(here))
    assert ({}, 3, 3) == (provider.sent, len(assessor.asked), len(stored(here)))


def test_nobody_is_asked_about_who_does_not_consent() -> None:
    provider = saying("high", 95)
    here = asking(provider, consents=False)
    done = days(here, order(here), hours=1)
    assert (BatchState.DONE, 3) == (done.state, done.screened)
    assert {} == provider.sent
    assert {FailureReason.NO_CONSENT} == {one.ai_failure for one in stored(here)}


def revoke(here: Ward, patient_id: UUID) -> None:
    core = here.house.core
    for consent in core.list_consents(here.admin, patient_id):
        if consent.consent_type is ConsentType.AI_ANALYSIS:
            core.revoke_consent(here.admin, consent.id)


def test_who_revokes_or_goes_before_the_sending_is_not_told_of() -> None:
    provider = saying("high", 95, down=True)
    here = asking(provider)
    batch = order(here)
    step(here)
    one, two, three = [screening.patient_id for screening in stored(here)]
    revoke(here, one)
    here.house.core.remove_patient(here.admin, two)
    provider.down = False
    done = days(here, batch)
    assert BatchState.DONE is done.state
    assert 1 == sum(map(len, provider.sent.values()))
    assert [three] == [screening.patient_id for screening in second(here)]
    assert ["answered", "no_consent", "not_found"] == outcomes(here)


def test_who_revokes_or_goes_before_the_answer_has_it_dropped() -> None:
    provider = saying("high", 95, looks=3)
    here = asking(provider)
    batch = order(here)
    step(here)
    one, two, three = [screening.patient_id for screening in stored(here)]
    revoke(here, one)
    here.house.core.remove_patient(here.admin, two)
    assert BatchState.DONE is days(here, batch).state
    assert 3 == sum(map(len, provider.sent.values()))
    assert [three] == [screening.patient_id for screening in second(here)]
    assert ["answered", "no_consent", "not_found"] == outcomes(here)
    dropped = [entry for entry in here.entries(Action.SCREENING_CREATE) if entry.resource_id in {one, two}]
    assert {"no_consent", "not_found"} == {
        entry.changed_values.get("ai_failure", entry.changed_values.get("reason")) for entry in dropped
    }


def test_who_leaves_the_owners_caseload_has_the_answer_dropped() -> None:
    here = asking(saying("high", 95, looks=3))
    batch = order(here)
    step(here)
    moved = stored(here)[0].patient_id
    here.house.core.change_patient(here.admin, moved, PatientChanges(case_manager_id=None))
    days(here, batch)
    assert moved not in {one.patient_id for one in second(here)}
    assert ["answered", "answered", "not_found"] == outcomes(here)


def test_an_answer_is_held_against_the_rules_on_the_record_of_now() -> None:
    """The model saw nobody calling; by the time it answers somebody does."""
    here = asking(saying("low", 1, looks=3), calls=(0,))
    batch = order(here)
    step(here)
    here.change(crisis_calls_30days=6)
    days(here, batch)
    (answered,) = second(here)
    assert (HIGH, HIGH, FailureReason.STALE) == (answered.rules_level, answered.risk_level, answered.ai_failure)
    assert answered.asked is not None
    assert (0, 6) == (answered.asked.crisis_calls_30days, answered.record.crisis_calls_30days)
    assert here.house.core.replay_screening(here.admin, answered.id).same


def test_an_alarmed_answer_about_an_older_record_still_raises() -> None:
    here = asking(saying("high", 95, looks=3), calls=(6,))
    batch = order(here)
    step(here)
    here.change(crisis_calls_30days=0)
    days(here, batch)
    (answered,) = second(here)
    assert (HIGH, FailureReason.STALE) == (answered.risk_level, answered.ai_failure)


def test_a_new_high_raises_an_alert() -> None:
    here = asking(saying("high", 95), calls=(0,))
    days(here, order(here))
    (answered,) = second(here)
    assert answered.id in {alert.cause_id for alert in here.house.store.tables.alerts.rows()}


def test_each_answer_fares_for_itself() -> None:
    def script(asked: AssessmentRequest) -> str | AssessorFailure:
        if asked.crisis_calls_30days == 0:
            return AssessorFailure(reason=FailureReason.TIMEOUT)
        if asked.crisis_calls_30days == 3:
            return "nonsense"
        return AssessorFailure(reason=FailureReason.REFUSED, text="I will not")

    here = asking(ScriptedBatches(script=script))
    done = days(here, order(here))
    assert (BatchState.DONE, 3) == (done.state, done.screened)
    assert ["answered", "answered", "timeout"] == outcomes(here)
    assert {("nonsense", FailureReason.MALFORMED), ("I will not", FailureReason.REFUSED)} == {
        (one.ai_raw_response, one.ai_failure) for one in second(here)
    }
    assert all(one.risk_level is one.rules_level for one in stored(here))
    told_of = [one.changed_values for one in here.entries(Action.TASK_RUN) if "state" not in one.changed_values]
    assert {"answered": 2, "timeout": 1} == sum(map(Counter, told_of), Counter[str]())


class Hostile(ScriptedBatches):
    """Answers as a test says, whatever was asked."""

    def answers(self, sent: Submission) -> Iterator[tuple[str, AssessorReply | AssessorFailure]]:
        def reply(risk_level: str, score: float) -> AssessorReply:
            return AssessorReply(text=scripted_answer(risk_level, score), model="m", prompt_hash="f" * 64)

        first, *others = self.sent[sent.handle]
        yield "unknown", reply("high", 99)
        yield first, reply("medium", 55)
        yield first, reply("high", 99)
        yield "", "no reply"  # type: ignore[misc]  # an adapter may be broken
        for other in others[:-1]:
            yield other, "no reply"  # type: ignore[misc]  # likewise


def test_unknown_ids_count_for_nobody_the_first_answer_counts_and_who_has_none_keeps_the_rules() -> None:
    here = asking(Hostile(), calls=(0, 0, 0))
    batch = order(here)
    done = days(here, batch)
    assert BatchState.DONE is done.state
    here = asking(Hostile(), calls=(0, 0, 0))
    batch = order(here)
    core, by = here.house.core, Operator(clinic_id=here.clinic)
    whole = JobLimits(by_rules=10)
    core.run_batch(by, uuid4(), whole)
    for _ in range(3):
        core.run_batch.enquiry(by, whole)
        here.house.clock.forward(minutes=2)
    (answered,) = second(here)
    assert (MEDIUM, "0" * 64) == (answered.risk_level, answered.ai_prompt_hash)
    assert ["answered", "unanswered", "unexpected"] == outcomes(here)
    assert told(here, batch).ended


@pytest.mark.parametrize("down", [True, False])
def test_a_provider_that_cannot_be_reached_or_never_answers_leaves_everybody_the_rules_result(down: bool) -> None:  # noqa: FBT001 - a parameter
    provider = saying("high", 95, down=down, looks=10_000)
    here = asking(provider)
    done = days(here, order(here), minutes=5)
    assert (BatchState.DONE, 3, 0) == (done.state, done.screened, done.failed)
    lasted = here.house.clock() - done.created_at
    assert lasted <= (timedelta(hours=4) if down else timedelta(hours=27))
    assert ([], 3) == (second(here), len(stored(here)))
    assert (["unavailable"] if down else ["timeout"]) * 3 == outcomes(here)
    assert down is (provider.cancelled == [])


def test_looks_grow_rare() -> None:
    provider = saying("high", 95, looks=10_000)
    here = asking(provider)
    days(here, order(here), minutes=5)
    assert all(100 < looks < 130 for looks in provider.looked.values())


def test_what_is_gone_at_the_provider_is_given_up() -> None:
    provider = saying("high", 95, looks=5)
    here = asking(provider)
    batch = order(here)
    step(here)
    provider.sent.clear()
    assert BatchState.DONE is days(here, batch, hours=1).state
    assert (["unavailable"] * 3, []) == (outcomes(here), second(here))


@pytest.mark.parametrize("stays_down", [True, False])
def test_a_cancelled_batch_drops_its_answers_and_is_cancelled_at_the_provider(stays_down: bool) -> None:  # noqa: FBT001 - a parameter
    provider = saying("high", 95, looks=10_000)
    here = asking(provider)
    batch = order(here)
    step(here)
    here.house.core.cancel_task(here.manager, batch.id)
    provider.down = True
    for _ in range(60):
        step(here)
        here.house.clock.forward(minutes=1)
    assert (["cancelled"] * 3, []) == (outcomes(here), second(here))
    assert [] == provider.cancelled
    provider.down = stays_down
    for _ in range(28 * 60):
        step(here)
        here.house.clock.forward(minutes=1)
    assert ([] if stays_down else ["scripted_0", "scripted_1"]) == sorted(provider.cancelled)
    assert all(one.ended_at is not None for one in here.house.store.tables.enquiries.rows())
    assert BatchState.CANCELLED is told(here, batch).state


def test_a_batch_that_is_cancelled_while_its_answers_are_read_takes_no_more_of_them() -> None:
    here = asking(saying("high", 95), calls=(0,))
    batch = order(here)
    whole = ScriptedBatches.answers

    def late(provider: ScriptedBatches, sent: Submission) -> Any:
        here.house.core.cancel_task(here.manager, batch.id)
        return whole(provider, sent)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptedBatches, "answers", late)
        days(here, batch)
        for _ in range(20):
            step(here)
            here.house.clock.forward(minutes=1)
    assert (["cancelled"], []) == (outcomes(here), second(here))


def test_the_kill_switch_stops_what_waits_and_cancels_what_is_under_way() -> None:
    provider = saying("high", 95, looks=10_000)
    here = asking(provider)
    batch = order(here)
    core, by = here.house.core, Operator(clinic_id=here.clinic)
    core.run_batch(by, uuid4(), JobLimits(by_rules=2))
    core.run_batch.enquiry(by)
    core.run_batch(by, uuid4(), JobLimits(by_rules=2, lease=timedelta(0)))
    provider.asks = False
    done = days(here, batch, hours=1)
    assert (BatchState.DONE, 3, []) == (done.state, done.screened, second(here))
    assert {"disabled"} == set(outcomes(here))
    assert (1, ["scripted_0"]) == (len(provider.sent), provider.cancelled)


def test_who_may_not_screen_any_more_gets_no_answers() -> None:
    provider = saying("high", 95, looks=10_000)
    here = asking(provider)
    batch = order(here)
    step(here)
    here.house.core.deactivate_staff(here.admin, here.manager.user_id)
    here.house.clock.forward(minutes=20)
    here.house.core.run_batch.enquiry(Operator(clinic_id=here.clinic))
    assert ["None", "owner_may_not_screen", "owner_may_not_screen"] == outcomes(here)
    for _ in range(20):
        step(here)
        here.house.clock.forward(minutes=1)
    assert (["cancelled", "owner_may_not_screen", "owner_may_not_screen"], []) == (outcomes(here), second(here))
    assert BatchState.CANCELLED is told(here, batch).state
    assert 2 == len(provider.cancelled)


class Broken(ScriptedBatches):
    """Breaks every promise, for as long as it is told to."""

    broken: bool = True

    def _break(self) -> None:
        if self.broken:
            raise ZeroDivisionError

    def submit(self, questions: Any) -> Any:
        self._break()
        return super().submit(questions)

    def look(self, sent: Submission) -> Progress | AssessorFailure:
        self._break()
        return super().look(sent)

    def answers(self, sent: Submission) -> Any:
        self._break()
        return super().answers(sent)

    def cancel(self, sent: Submission) -> bool:
        self._break()
        return super().cancel(sent)


def test_an_adapter_that_breaks_its_promises_ends_nothing() -> None:
    provider = Broken()
    here = asking(provider, calls=(0,))
    batch = order(here)
    step(here)
    provider.broken = False
    here.house.clock.forward(minutes=5)
    step(here)
    provider.broken = True
    for _ in range(5):
        here.house.clock.forward(minutes=20)
        step(here)
    provider.broken = False
    assert BatchState.DONE is days(here, batch).state
    assert ["answered"] == outcomes(here)
    provider.broken = True
    here = asking(provider, calls=(0,))
    batch = order(here)
    provider.broken = False
    provider.looks = 100
    step(here)
    provider.broken = True
    here.house.core.cancel_task(here.manager, batch.id)
    for _ in range(5):
        here.house.clock.forward(minutes=20)
        step(here)
    assert ["cancelled"] == outcomes(here)


def test_answers_that_are_cut_off_are_read_again_and_none_is_stored_twice() -> None:
    provider = saying("high", 95)
    here = asking(provider, calls=(0, 0))
    batch, whole, reads = order(here), ScriptedBatches.answers, []

    def cut(this: ScriptedBatches, sent: Submission) -> Any:
        reads.append(1)
        for number, answer in enumerate(whole(this, sent)):
            if number == 1 and len(reads) == 1:
                raise AnswersCutOff
            yield answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptedBatches, "answers", cut)
        assert BatchState.DONE is days(here, batch).state
    assert (2, 2) == (len(reads), len(second(here)))


def dying(number: int) -> Callable[..., Any]:
    calls = []

    def settle(enquiries: MemoryEnquiries, *arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == number:
            raise DependencyUnavailable
        return SETTLE(enquiries, *arguments)

    return settle


SETTLE = MemoryEnquiries.settle
SAVE = MemoryEnquiries.save


def test_a_worker_that_dies_while_it_stores_answers_doubles_none(monkeypatch: pytest.MonkeyPatch) -> None:
    here = asking(saying("high", 95), calls=(0, 0, 0))
    batch = order(here)
    step(here, JobLimits(by_rules=10))
    here.house.clock.forward(minutes=2)
    monkeypatch.setattr(MemoryEnquiries, "settle", dying(2))
    with pytest.raises(DependencyUnavailable):
        step(here)
    monkeypatch.undo()
    assert 1 == len(second(here))
    assert BatchState.DONE is days(here, batch).state
    assert (3, 3) == (len(second(here)), len({one.patient_id for one in second(here)}))


def test_a_worker_that_dies_before_it_knows_the_handle_sends_again(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = saying("high", 95)
    here = asking(provider, calls=(0,))
    batch = order(here)

    def dead(*_: object) -> bool:
        raise DependencyUnavailable

    monkeypatch.setattr(MemoryEnquiries, "save", dead)
    with pytest.raises(DependencyUnavailable):
        step(here)
    monkeypatch.undo()
    assert BatchState.DONE is days(here, batch).state
    assert (2, 1, 1) == (len(provider.sent), len(second(here)), len({*provider.sent["scripted_0"]}))
    assert set(provider.sent["scripted_0"]) == set(provider.sent["scripted_1"])


def test_of_two_who_send_the_same_the_later_counts_and_the_other_cancels_its_own() -> None:
    provider = saying("high", 95)
    here = asking(provider, calls=(0,))
    batch, submit = order(here), ScriptedBatches.submit
    core, by = here.house.core, Operator(clinic_id=here.clinic)

    def slow(this: ScriptedBatches, questions: Any) -> Any:
        sent = submit(this, questions)
        if len(this.sent) == 1:
            here.house.clock.forward(hours=1)
            core.run_batch.enquiry(by)
        return sent

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptedBatches, "submit", slow)
        step(here)
    assert ["scripted_0"] == provider.cancelled
    assert BatchState.DONE is days(here, batch).state
    assert 1 == len(second(here))


def test_of_two_who_stop_or_end_the_same_one_does() -> None:
    provider = saying("high", 95, looks=10_000)
    here = asking(provider, calls=(0,))
    batch = order(here)
    step(here)
    here.house.core.cancel_task(here.manager, batch.id)
    here.house.clock.forward(minutes=20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryEnquiries, "save", lambda *_: False)
        assert here.house.core.run_batch.enquiry(Operator(clinic_id=here.clinic)) is not None
    assert ["None"] == outcomes(here)
    saves = []

    def first_only(enquiries: MemoryEnquiries, enquiry: Any) -> bool:
        saves.append(1)
        return len(saves) == 1 and SAVE(enquiries, enquiry)

    here.house.clock.forward(minutes=20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryEnquiries, "save", first_only)
        here.house.core.run_batch.enquiry(Operator(clinic_id=here.clinic))
    assert ["cancelled"] == outcomes(here)
    assert [None] == [one.ended_at for one in here.house.store.tables.enquiries.rows()]


def test_a_patient_who_is_changed_while_an_answer_is_stored_gets_it_at_the_next_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = asking(saying("high", 95), calls=(0,))
    batch, save, calls = order(here), MemoryPatients.save, []
    step(here)

    def changed(patients: MemoryPatients, patient: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise LostUpdate
        return save(patients, patient)

    monkeypatch.setattr(MemoryPatients, "save", changed)
    days(here, batch)
    assert (["answered"], 1) == (outcomes(here), len(second(here)))


@pytest.mark.parametrize(("failures", "expected"), [(3, "answered"), (1_000, "unexpected_error")])
def test_what_nobody_foresaw_is_tried_again_for_a_while(
    monkeypatch: pytest.MonkeyPatch, failures: int, expected: str
) -> None:
    here = asking(saying("high", 95), calls=(0,))
    batch, save, calls = order(here), MemoryPatients.save, []
    step(here)

    def failing(patients: MemoryPatients, patient: Any) -> Any:
        calls.append(1)
        if len(calls) <= failures:
            raise ZeroDivisionError
        return save(patients, patient)

    monkeypatch.setattr(MemoryPatients, "save", failing)
    assert BatchState.DONE is days(here, batch).state
    assert [expected] == outcomes(here)


def test_one_whom_the_rules_cannot_screen_with_the_others_is_asked_about_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The others of the piece are asked about by the batch all the same."""
    provider, assessor = saying("high", 95), ScriptedAssessor()
    here = asking(provider, calls=(0, 0, 0, 0, 0), assessor=assessor)
    batch, whole = order(here), MemoryPatients.get_many
    refused = min(row.patient_id for row in here.house.store.tables.batch_patients.rows())

    def damaged(patients: MemoryPatients, ids: Any) -> Any:
        if refused in ids:
            raise ZeroDivisionError
        return whole(patients, ids)

    monkeypatch.setattr(MemoryPatients, "get_many", damaged)
    for _ in range(30):
        here.house.core.run_batch(Operator(clinic_id=here.clinic), uuid4(), attrs.evolve(SMALL, lease=timedelta(0)))
        here.house.core.run_batch.enquiry(Operator(clinic_id=here.clinic), SMALL)
        here.house.clock.forward(minutes=1)
    assert told(here, batch).ended
    assert 2 == len(assessor.asked)
    assert 3 == sum(map(len, provider.sent.values()))
    assert 5 == told(here, batch).screened


class Mute(ScriptedBatches):
    """Cannot say whether it asks."""

    @property
    def asks(self) -> bool:
        raise ZeroDivisionError

    @asks.setter
    def asks(self, _: bool) -> None:
        """Keep nothing."""


def test_an_adapter_that_cannot_say_whether_it_asks_is_asked_nothing() -> None:
    provider = saying("high", 95, looks=10)
    here = asking(provider, calls=(0,))
    batch = order(here)
    step(here)
    mute = Mute()
    here.house.core = MindBridge.build(attrs.evolve(here.house.core.ports, batch_assessor=mute))
    assert BatchState.DONE is days(here, batch, hours=1).state
    assert (["disabled"], []) == (outcomes(here), second(here))
    again = order(here)
    assert BatchState.DONE is days(here, again, hours=1).state
    assert {} == mute.sent
