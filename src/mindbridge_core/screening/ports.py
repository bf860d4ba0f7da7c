"""What screening needs from the outside."""

from __future__ import annotations

from typing import Protocol

import attrs

from mindbridge_core.screening.assessment import AssessmentRequest, AssessorFailure, AssessorReply, FailureReason

__all__ = ["RiskAssessor", "RulesOnly"]


class RiskAssessor(Protocol):
    """Somebody to ask for a second opinion, which may raise a risk and never lowers one.

    It is asked outside of any transaction, from many threads at once, and only about patients who consent to it. What
    it replies is read by `read_assessment`; an adapter passes the text on as it came.
    """

    @property
    def name(self) -> str:
        """Which engine: small letters, digits and underscores, 50 at most."""

    @property
    def asks(self) -> bool:
        """Whether it would ask anybody now. While it says no, it is passed over and nothing is sent."""

    def assess(self, request: AssessmentRequest) -> AssessorReply | AssessorFailure:
        """Return the reply, or why there is none, within a budget of the adapter's own. Never raises."""


@attrs.frozen
class RulesOnly:
    """Nobody is asked: the rules' result is the result."""

    @property
    def name(self) -> str:
        """Return `rules`."""
        return "rules"

    @property
    def asks(self) -> bool:
        """Return False."""
        return False

    def assess(self, _: AssessmentRequest) -> AssessorFailure:
        """Say that there is nobody to ask."""
        return AssessorFailure(reason=FailureReason.DISABLED)
