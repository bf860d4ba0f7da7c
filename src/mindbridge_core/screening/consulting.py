"""Asking for a second opinion, whatever may come of it: a reply becomes an assessment or a reason, never an error."""

from __future__ import annotations

from typing import Final

import attrs

from mindbridge_core.errors import InvalidInput
from mindbridge_core.screening.assessment import (
    Assessment,
    AssessmentRequest,
    AssessorFailure,
    AssessorReply,
    FailureReason,
    Usage,
    read_assessment,
)
from mindbridge_core.screening.ports import RiskAssessor

__all__ = ["Consultation", "consult", "consulted", "heard", "willing"]

_KEPT: Final = 65_536


@attrs.frozen(kw_only=True)
class Consultation:
    """What was asked, and what came of it. `text` is what the assessor wrote, cut to what is kept."""

    asked: AssessmentRequest | None = None
    text: str | None = attrs.field(default=None, repr=False)
    model: str | None = None
    prompt_hash: str | None = None
    failure: FailureReason | None = None
    usage: Usage | None = None

    @property
    def answer(self) -> Assessment | AssessorFailure | None:
        """What stands in the scales against the rules; None where nobody was to be asked."""
        return heard(self.text, self.failure)

    @property
    def outdated(self) -> Consultation:
        """It, as one that was about a record which has changed since; a failure stays the failure that it was."""
        return self if self.failure is not None else attrs.evolve(self, failure=FailureReason.STALE)


def heard(text: str | None, failure: FailureReason | None) -> Assessment | AssessorFailure | None:
    """Return the assessment that a stored answer is; a failure, where there is a reason not to go by it.

    One that has become outdated still counts: it can only raise, and the record's change may not be what it was about.
    """
    if failure is not None and (failure is not FailureReason.STALE or text is None):
        return AssessorFailure(reason=failure)
    return None if text is None else read_assessment(text)


def willing(assessor: RiskAssessor) -> bool:
    """Whether the assessor would ask anybody now; one that cannot say so is passed over like one that says no."""
    try:
        return assessor.asks is True
    except Exception:  # noqa: BLE001 - likewise: the rules' result needs nobody's leave
        return False


def consult(assessor: RiskAssessor, request: AssessmentRequest) -> Consultation:
    """Ask. Whatever an adapter does, there is an outcome: what it should not do is `unexpected`."""
    try:
        said = assessor.assess(request)
    except Exception:  # noqa: BLE001 - an assessor that breaks its promise must not break a screening
        return Consultation(asked=request, failure=FailureReason.UNEXPECTED)
    return consulted(request, said)


def consulted(request: AssessmentRequest, said: AssessorReply | AssessorFailure) -> Consultation:
    """Return what came of asking, read as strictly whenever it comes."""
    if isinstance(said, AssessorFailure):
        return attrs.evolve(_heard_from(said, said.text), asked=request, failure=_given_for(said))
    if not isinstance(said, AssessorReply):
        return Consultation(asked=request, failure=FailureReason.UNEXPECTED)
    return attrs.evolve(_heard_from(said, said.text), asked=request, failure=_unreadable(said.text))


def _given_for(said: AssessorFailure) -> FailureReason:
    """Return the reason; that an answer is outdated is ours to find, and the only one with which it would count."""
    return FailureReason.UNEXPECTED if said.reason is FailureReason.STALE else said.reason


def _unreadable(text: str) -> FailureReason | None:
    try:
        read_assessment(text)
    except InvalidInput:
        return FailureReason.MALFORMED
    return None


def _heard_from(said: AssessorReply | AssessorFailure, text: str | None) -> Consultation:
    """Keep who spoke and what was said; lone surrogates, which cannot be stored, become question marks."""
    kept = None if text is None else text[:_KEPT].encode("utf-8", "replace").decode("utf-8")
    return Consultation(text=kept, model=said.model, prompt_hash=said.prompt_hash, usage=said.usage)
