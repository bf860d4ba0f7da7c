"""Asking for second opinions by the hundred, of somebody who answers within a day, and what is known meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum, unique
from typing import Protocol
from uuid import UUID

import attrs
from attrs.validators import matches_re

from mindbridge_core.screening.assessment import AssessmentRequest, AssessorFailure, AssessorReply, FailureReason

__all__ = [
    "AnswersCutOff",
    "BatchAssessor",
    "Enquiries",
    "Enquiry",
    "NoBatches",
    "Progress",
    "Question",
    "Submission",
]


@unique
class Progress(StrEnum):
    """How far somebody is with what was submitted; of what is gone there will be no answers."""

    UNDER_WAY = "under_way"
    ENDED = "ended"
    GONE = "gone"


@attrs.frozen(kw_only=True)
class Submission:
    """What somebody took on: their own name for it, which model answers, and the SHA-256 of the prompt, in hex.

    The prompt is the one that was sent: by the time of the answers this program may know a newer one.
    """

    handle: str = attrs.field(validator=matches_re("[A-Za-z0-9_-]{1,100}"))
    model: str = attrs.field(validator=matches_re(r"[^\x00\ud800-\udfff]{1,100}"))
    prompt_hash: str = attrs.field(validator=matches_re("[0-9a-f]{64}"))


class AnswersCutOff(Exception):
    """Not all answers could be read. Those that were are whole; ask again for the rest."""


class BatchAssessor(Protocol):
    """Somebody to ask for many second opinions at once, who takes up to a day.

    They are asked outside of any transaction, and only about patients who consent. Each question has an id of its own,
    drawn at random, and is told as to a `RiskAssessor`: the same request, the same prompt. Nothing here raises, but for
    `answers` where it says so, and each call ends within a budget of the adapter's own.
    """

    @property
    def name(self) -> str:
        """Which engine: small letters, digits and underscores, 50 at most."""

    @property
    def asks(self) -> bool:
        """Whether anything would be sent now. While it says no, what was submitted is to be cancelled."""

    def takes(self, patients: int) -> bool:
        """Whether a batch of so many patients is asked this way now, rather than one by one."""

    def submit(self, questions: Mapping[str, AssessmentRequest]) -> Submission | AssessorFailure:
        """Send the questions by their ids; or say why not. A failure may have sent them all the same."""

    def look(self, sent: Submission) -> Progress | AssessorFailure:
        """Return how far it is, or why that cannot be told now."""

    def answers(self, sent: Submission) -> Iterator[tuple[str, AssessorReply | AssessorFailure]]:
        """Yield the answers of what has ended, in any order, by the ids of their questions.

        What is yielded was written by others: ids may be unknown or come twice, and questions may have no answer.
        Raises AnswersCutOff.
        """

    def cancel(self, sent: Submission) -> bool:
        """End it as soon as may be; return whether that was understood, or is needless."""


@attrs.frozen
class NoBatches:
    """Nobody is asked by the hundred."""

    @property
    def name(self) -> str:
        """Return `rules`."""
        return "rules"

    @property
    def asks(self) -> bool:
        """Return False."""
        return False

    def takes(self, _: int) -> bool:
        """Return False."""
        return False

    def submit(self, _: Mapping[str, AssessmentRequest]) -> AssessorFailure:
        """Say that there is nobody to ask."""
        return AssessorFailure(reason=FailureReason.DISABLED)

    def look(self, _: Submission) -> Progress:
        """Return that there is nothing."""
        return Progress.GONE

    def answers(self, _: Submission) -> Iterator[tuple[str, AssessorReply | AssessorFailure]]:
        """Return none."""
        return iter(())

    def cancel(self, _: Submission) -> bool:
        """Return True: there is nothing to end."""
        return True


@attrs.frozen(kw_only=True)
class Enquiry:
    """Questions that are submitted together: about patients of one batch, whom the rules have screened already.

    It is due at `look_at`. `tries` counts who took it up, so that one who was taken for dead can be told from the next.
    `stopped` says why no answer counts any more, while somebody may still have to be told so.
    """

    id: UUID
    clinic_id: UUID
    batch_id: UUID
    created_at: datetime
    look_at: datetime
    tries: int = 0
    submission: Submission | None = None
    submitted_at: datetime | None = None
    stopped: str | None = None
    ended_at: datetime | None = None


@attrs.frozen(kw_only=True)
class Question:
    """One patient of an enquiry. `custom_id` is random and known to nobody but us and whoever is asked.

    `asked` is what was told of the patient; None until then.
    """

    id: UUID
    patient_id: UUID
    custom_id: str
    asked: AssessmentRequest | None = attrs.field(default=None, repr=False)


class Enquiries(Protocol):
    """The enquiries of the unit's clinic, with a row for each question, that is settled once."""

    def add(self, enquiry: Enquiry, questions: Sequence[Question]) -> None:
        """Store a new enquiry and its questions."""

    def claim(self, now: datetime, until: datetime) -> Enquiry | None:
        """Return the enquiry that has been due longest, with one try more, due again at `until`; None when none is due.

        Of those who ask at once none waits, and no two get the same.
        """

    def save(self, enquiry: Enquiry) -> bool:
        """Store all but `tries`; return False, and store nothing, when it has ended or another took it up since."""

    def questions(self, enquiry_id: UUID) -> Sequence[Question]:
        """Return the questions that are not settled, in the order of their patients' ids."""

    def ask(self, questions: Sequence[Question]) -> None:
        """Store what is about to be told."""

    def settle(self, question_id: UUID, outcome: str, screening_id: UUID | None = None) -> None:
        """Store what came of a question; LostUpdate when that is settled already."""

    def settle_rest(self, enquiry_id: UUID, outcome: str) -> int:
        """Settle all that are not settled; return how many."""

    def outcomes(self, enquiry_id: UUID) -> Mapping[str, int]:
        """Return how many of the enquiry's questions came to what."""

    def wanted(self, batch_id: UUID) -> bool:
        """Whether the batch is there and was not cancelled."""

    def waits(self, batch_id: UUID) -> bool:
        """Whether a question about one of the batch's patients is not settled."""
