"""The contract of whoever is asked for many second opinions at once."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final

from mindbridge_core.screening import AssessorFailure, AssessorReply, BatchAssessor, Progress, Submission
from mindbridge_core.testing.assessor import REQUESTS, examine

__all__ = ["BatchAssessorContract"]

_LOOKS: Final = 20
_UNKNOWN: Final = Submission(handle="nobody_knows_this", model="none", prompt_hash="0" * 64)


class BatchAssessorContract(ABC):
    """Whatever is submitted, each question has an answer or none, and nothing is raised."""

    @abstractmethod
    def batches(self) -> BatchAssessor:
        """Return one that has answered by the twentieth look; called once by each test."""

    def test_its_name_is_a_code_word(self) -> None:
        """It is stored with each screening."""
        assert re.fullmatch("[a-z][a-z0-9_]{0,49}", self.batches().name)

    def test_it_takes_nobody_while_it_asks_nobody(self) -> None:
        """And nothing is sent then."""
        assessor = self.batches()
        if not assessor.asks:
            assert not assessor.takes(1_000_000)
            assert isinstance(assessor.submit({"q1": REQUESTS[0]}), AssessorFailure)

    def test_every_answer_is_to_a_question_and_says_who_wrote_it(self) -> None:
        """By the model and the prompt of the time of sending."""
        assessor = self.batches()
        questions = {f"question-{number}_": request for number, request in enumerate(REQUESTS)}
        sent = assessor.submit(questions)
        if isinstance(sent, AssessorFailure):
            return
        assert Progress.ENDED is _looked(assessor, sent)[-1]
        for custom_id, said in assessor.answers(sent):
            assert custom_id in questions
            examine(said)
            if isinstance(said, AssessorReply):
                assert sent.prompt_hash == said.prompt_hash

    def test_what_it_does_not_know_raises_nothing(self) -> None:
        """Nor has it answers."""
        assessor = self.batches()
        assert assessor.look(_UNKNOWN) is not Progress.ENDED
        assert isinstance(assessor.cancel(_UNKNOWN), bool)

    def test_what_is_cancelled_ends(self) -> None:
        """Early or late."""
        assessor = self.batches()
        sent = assessor.submit({"q1": REQUESTS[0]})
        if isinstance(sent, AssessorFailure):
            return
        assert assessor.cancel(sent)
        assert Progress.ENDED is _looked(assessor, sent)[-1]


def _looked(assessor: BatchAssessor, sent: Submission) -> Sequence[Progress | AssessorFailure]:
    """Look until it is under way no more, and return what was seen."""
    seen = [assessor.look(sent)]
    while seen[-1] is Progress.UNDER_WAY and len(seen) < _LOOKS:
        seen.append(assessor.look(sent))
    return seen
