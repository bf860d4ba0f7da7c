"""A provider of batches without a model: it answers as it is told to, as late as it is told to, for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import attrs

from mindbridge_core.screening import (
    AssessmentRequest,
    AssessorFailure,
    AssessorReply,
    FailureReason,
    Progress,
    Submission,
)
from mindbridge_memory.assessor import NO_PROMPT, scripted_answer

__all__ = ["ScriptedBatches"]

MODEL = "scripted-1"


@attrs.define(kw_only=True)
class ScriptedBatches:
    """`BatchAssessor` of the core. Answers come in the reverse order, when `looks` looks have found it under way.

    `script` makes an answer's text, or fails; while `down` says so there is no talking to it.
    """

    script: Callable[[AssessmentRequest], str | AssessorFailure] = lambda _: scripted_answer()
    least: int = 1
    asks: bool = True
    looks: int = 0
    down: bool = False
    sent: dict[str, Mapping[str, AssessmentRequest]] = attrs.field(factory=dict)
    looked: dict[str, int] = attrs.field(factory=dict)
    cancelled: list[str] = attrs.field(factory=list)

    @property
    def name(self) -> str:
        """Return `scripted`."""
        return "scripted"

    def takes(self, patients: int) -> bool:
        """Whether there are enough."""
        return self.asks and patients >= self.least

    def submit(self, questions: Mapping[str, AssessmentRequest]) -> Submission | AssessorFailure:
        """Keep the questions."""
        if self.down:
            return AssessorFailure(reason=FailureReason.UNAVAILABLE)
        handle = f"scripted_{len(self.sent)}"
        self.sent[handle] = dict(questions)
        return Submission(handle=handle, model=MODEL, prompt_hash=NO_PROMPT)

    def look(self, sent: Submission) -> Progress | AssessorFailure:
        """Count the look."""
        if self.down:
            return AssessorFailure(reason=FailureReason.UNAVAILABLE)
        if sent.handle not in self.sent:
            return Progress.GONE
        self.looked[sent.handle] = self.looked.get(sent.handle, 0) + 1
        ended = self.looked[sent.handle] > self.looks or sent.handle in self.cancelled
        return Progress.ENDED if ended else Progress.UNDER_WAY

    def answers(self, sent: Submission) -> Iterator[tuple[str, AssessorReply | AssessorFailure]]:
        """Answer as scripted."""
        for custom_id, request in reversed(list(self.sent.get(sent.handle, {}).items())):
            made = self.script(request)
            if isinstance(made, AssessorFailure):
                yield custom_id, made
            else:
                yield custom_id, AssessorReply(text=made, model=sent.model, prompt_hash=sent.prompt_hash)

    def cancel(self, sent: Submission) -> bool:
        """Note that it was cancelled."""
        if not self.down:
            self.cancelled.append(sent.handle)
        return not self.down
