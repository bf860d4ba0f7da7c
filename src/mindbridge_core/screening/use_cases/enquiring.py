"""Asking somebody who takes up to a day: sending, looking, and storing what they answer, a step at a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Actor, Caller, Operator
from mindbridge_core.clock import Clock
from mindbridge_core.errors import DependencyUnavailable, LostUpdate, MindBridgeError
from mindbridge_core.patients.rules import in_caseload
from mindbridge_core.screening.assessment import AssessmentRequest, AssessorFailure, AssessorReply, FailureReason
from mindbridge_core.screening.batches import Batch, BatchState, JobLimits
from mindbridge_core.screening.consulting import Consultation, consulted
from mindbridge_core.screening.enquiries import AnswersCutOff, BatchAssessor, Enquiry, Progress, Question, Submission
from mindbridge_core.screening.entities import ScreeningRequest
from mindbridge_core.screening.ports import ScreeningUnit
from mindbridge_core.screening.raising import Raised
from mindbridge_core.screening.use_cases.owning import found_batch, owner_of, told
from mindbridge_core.screening.use_cases.screenings import Order, ScreenPatient, held
from mindbridge_core.work import Desk, Work

__all__ = ["ANSWERED", "RunEnquiry"]

ANSWERED: Final = "answered"
"""What came of a question to which an answer was stored, of whatever worth."""
_CANCELLED: Final = "cancelled"
_NOT_FOUND: Final = "not_found"
_UNANSWERED: Final = "unanswered"
_HELD: Final = 5
"""For how many leases a step may go on: it waits for somebody outside."""
_PATIENCE: Final = 10
"""From which try on an answer is set aside that nobody knows why it cannot be stored."""
_DEFAULT: Final = JobLimits()
_PLAIN: Final = frozenset({"asked", "ai_failure"})


@attrs.frozen
class _Turn:
    """An enquiry taken up, for whom, about a batch of which type; or why no answer counts any more."""

    enquiry: Enquiry
    owner: Actor | Operator
    screening_type: str
    limits: JobLimits


@attrs.frozen(kw_only=True)
class RunEnquiry:
    """Go on with one of the clinic's enquiries: send it, look how far it is, store its answers, or stop it.

    Whoever is asked has been screened by the rules already. An answer makes another screening, whose level is the join
    of the rules on the record as it is then and of what the model said of the record as it was told; so it raises or
    leaves, and never lowers. It is stored in the transaction that settles its question: once, whoever dies when.
    """

    work: Work[ScreeningUnit]
    screen: ScreenPatient
    assessor: BatchAssessor
    clock: Clock

    def __call__(self, caller: Caller, limits: JobLimits = _DEFAULT) -> Enquiry | None:
        """Take the enquiry that has been due longest a step further and return it; None when none is due.

        Raises DependencyUnavailable: it is due again when its lease is over.
        """
        with self.work(caller, Action.TASK_RUN) as desk:
            now = self.clock()
            enquiry = desk.unit.enquiries.claim(now, now + _HELD * limits.lease)
            if enquiry is None:
                return None
            batch = found_batch(desk, enquiry.batch_id)
            owner = owner_of(desk, batch)
        reason = enquiry.stopped or self._over(enquiry, batch, limits, now)
        if owner is None or reason is not None:
            self._stop(caller, enquiry, limits, reason or "owner_may_not_screen")
            return enquiry
        turn = _Turn(enquiry, owner, batch.screening_type, limits)
        if enquiry.submission is None:
            self._send(caller, turn)
        else:
            self._look(caller, turn, enquiry.submission)
        return enquiry

    def _over(self, enquiry: Enquiry, batch: Batch, limits: JobLimits, now: datetime) -> str | None:
        """Return why no answer counts any more; None while they do."""
        if batch.state is BatchState.CANCELLED:
            return _CANCELLED
        if not self._asks():
            return FailureReason.DISABLED
        if enquiry.submitted_at is None:
            return FailureReason.UNAVAILABLE if now >= enquiry.created_at + limits.send_within else None
        return FailureReason.TIMEOUT if now >= enquiry.submitted_at + limits.answer_within else None

    def _send(self, caller: Caller, turn: _Turn) -> None:
        questions = self._asked(turn)
        if not questions:
            self._finish(caller, turn.enquiry)
            return
        sent = self._submitted({one.custom_id: one.asked for one in questions if one.asked is not None})
        if isinstance(sent, AssessorFailure):
            self._later(caller, turn.enquiry, turn.limits)
            return
        now = self.clock()
        kept = attrs.evolve(turn.enquiry, submission=sent, submitted_at=now, look_at=now + turn.limits.look)
        with self.work(caller, Action.TASK_RUN) as desk:
            stored = desk.unit.enquiries.save(kept)
        if not stored:
            self._cancelled(sent)  # somebody took us for dead and sends it anew: nobody will read this one

    def _asked(self, turn: _Turn) -> list[Question]:
        """Note what is about to be told, and of whom; set aside who is gone or does not consent any more."""
        with self.work(turn.owner, Action.SCREENING_CREATE) as desk:
            enquiries = desk.unit.enquiries
            waiting = enquiries.questions(turn.enquiry.id)
            found = desk.unit.patients.get_many([one.patient_id for one in waiting])
            patients = {one.id: one for one in found if in_caseload(desk.principal, one)}
            asked = []
            for question in waiting:
                patient = patients.get(question.patient_id)
                if patient is None:
                    enquiries.settle(question.id, _NOT_FOUND)
                elif not self.screen.consented(desk, patient):
                    enquiries.settle(question.id, FailureReason.NO_CONSENT)
                else:
                    asked.append(attrs.evolve(question, asked=self.screen.question(desk, patient)))
            enquiries.ask(asked)
            desk.returns(one.patient_id for one in asked)
            desk.changes({"asked": self.assessor.name}, plain=_PLAIN)
        return asked

    def _look(self, caller: Caller, turn: _Turn, sent: Submission) -> None:
        seen = self._seen(sent)
        if seen is Progress.GONE:
            self._finish(caller, turn.enquiry, FailureReason.UNAVAILABLE)
        elif seen is Progress.ENDED and self._stored_all(caller, turn, sent):
            self._finish(caller, turn.enquiry, _UNANSWERED)
        else:
            self._later(caller, turn.enquiry, turn.limits)

    def _stored_all(self, caller: Caller, turn: _Turn, sent: Submission) -> bool:
        """Store the answers to what is not settled, the first to each; return whether that was all of it."""
        with self.work(caller, Action.TASK_RUN) as desk:
            waiting = {one.custom_id: one for one in desk.unit.enquiries.questions(turn.enquiry.id)}
        complete = True
        try:
            for custom_id, said in self._heard(sent):
                question = waiting.pop(custom_id, None)
                if question is not None and question.asked is not None:
                    consultation = _with(sent, consulted(question.asked, said))
                    complete = self._take(caller, turn, question, consultation) and complete
        except AnswersCutOff:
            return False
        return complete

    def _take(self, caller: Caller, turn: _Turn, question: Question, consultation: Consultation) -> bool:
        """Store an answer, or why there is none; return False where it is to be tried again."""
        reason: str = consultation.failure or FailureReason.UNEXPECTED
        if consultation.text is not None:
            try:
                self.screen.alarm.notify(self._stored(turn, question, consultation))
            except DependencyUnavailable:
                raise
            except LostUpdate:
                return False  # another worker has settled it, or the patient was changed: the next look will show
            except MindBridgeError as error:
                reason = error.reason
            except Exception:  # noqa: BLE001 - it is in the trail
                if turn.enquiry.tries < _PATIENCE:
                    return False
                reason = "unexpected_error"
            else:
                return True
        self._set_aside(caller, question, reason)
        return True

    def _set_aside(self, caller: Caller, question: Question, outcome: str) -> None:
        with self.work(caller, Action.TASK_RUN) as desk:
            desk.unit.enquiries.settle(question.id, outcome)

    def _stored(self, turn: _Turn, question: Question, consultation: Consultation) -> Raised:
        with self.work(turn.owner, Action.SCREENING_CREATE, resource_id=question.patient_id) as desk:
            patient = held(desk, question.patient_id)
            refused = self._refused(desk, turn, self.screen.consented(desk, patient))
            if refused is not None:
                desk.unit.enquiries.settle(question.id, refused)
                desk.changes({"ai_failure": refused}, plain=_PLAIN)
                return Raised()
            if self.screen.question(desk, patient) != question.asked:
                consultation = consultation.outdated
            request = ScreeningRequest(patient_id=patient.id, screening_type=turn.screening_type)
            started = turn.enquiry.submitted_at or turn.enquiry.created_at
            order = Order(request=request, started=started)
            screening, alarm = self.screen.keep(desk, patient, order, consultation, self.assessor.name)
            desk.unit.enquiries.settle(question.id, ANSWERED, screening.id)
            return alarm

    def _refused(self, desk: Desk[ScreeningUnit], turn: _Turn, consented: bool) -> str | None:  # noqa: FBT001 - a fact
        if not desk.unit.enquiries.wanted(turn.enquiry.batch_id):
            return _CANCELLED
        return None if consented else FailureReason.NO_CONSENT

    def _later(self, caller: Caller, enquiry: Enquiry, limits: JobLimits) -> None:
        pause = min(limits.look * 2 ** min(enquiry.tries - 1, 30), limits.longest_look)
        with self.work(caller, Action.TASK_RUN) as desk:
            desk.unit.enquiries.save(attrs.evolve(enquiry, look_at=self.clock() + pause))

    def _stop(self, caller: Caller, enquiry: Enquiry, limits: JobLimits, reason: str) -> None:
        """Let no answer count any more, then tell whoever was asked, until they understand or it is moot."""
        stopped = attrs.evolve(enquiry, stopped=reason)
        with self.work(caller, Action.TASK_RUN) as desk:
            if not desk.unit.enquiries.save(attrs.evolve(stopped, look_at=self.clock() + _HELD * limits.lease)):
                return
            desk.unit.enquiries.settle_rest(enquiry.id, reason)
        sent, since = enquiry.submission, enquiry.submitted_at or enquiry.created_at
        if sent is None or self._cancelled(sent) or self.clock() >= since + limits.answer_within + timedelta(hours=1):
            self._finish(caller, stopped)
        else:
            self._later(caller, stopped, limits)

    def _finish(self, caller: Caller, enquiry: Enquiry, rest: str = _UNANSWERED) -> None:
        """End the enquiry, enter what came of it, and end the batch if that was all."""
        with self.work(caller, Action.TASK_RUN) as desk:
            now, enquiries = self.clock(), desk.unit.enquiries
            if not enquiries.save(attrs.evolve(enquiry, ended_at=now)):
                return
            enquiries.settle_rest(enquiry.id, rest)
            outcomes = enquiries.outcomes(enquiry.id)
            desk.resource_id = enquiry.batch_id
            desk.changes(outcomes, plain=frozenset(outcomes))
            desk.enter()
            if not enquiries.waits(enquiry.batch_id) and desk.unit.batches.end(enquiry.batch_id, now):
                told(desk, enquiry.batch_id)

    # Whatever an adapter does that it promised not to do, an enquiry goes on.

    def _asks(self) -> bool:
        try:
            return self.assessor.asks is True
        except Exception:  # noqa: BLE001 - as said
            return False

    def _submitted(self, questions: dict[str, AssessmentRequest]) -> Submission | AssessorFailure:
        try:
            return self.assessor.submit(questions)
        except Exception:  # noqa: BLE001 - as said
            return AssessorFailure(reason=FailureReason.UNEXPECTED)

    def _seen(self, sent: Submission) -> Progress | AssessorFailure:
        try:
            return self.assessor.look(sent)
        except Exception:  # noqa: BLE001 - as said
            return AssessorFailure(reason=FailureReason.UNEXPECTED)

    def _heard(self, sent: Submission) -> Iterator[tuple[str, AssessorReply | AssessorFailure]]:
        try:
            yield from self.assessor.answers(sent)
        except Exception:  # noqa: BLE001 - as said
            raise AnswersCutOff from None

    def _cancelled(self, sent: Submission) -> bool:
        try:
            return self.assessor.cancel(sent)
        except Exception:  # noqa: BLE001 - as said
            return False


def _with(sent: Submission, consultation: Consultation) -> Consultation:
    """Keep by which prompt it was asked: the one that was sent, whichever is the newest now."""
    return attrs.evolve(consultation, prompt_hash=sent.prompt_hash, model=consultation.model or sent.model)
