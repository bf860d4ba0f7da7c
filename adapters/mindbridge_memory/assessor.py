"""An assessor without a model: it answers as it is told to, for tests and first steps."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

import attrs

from mindbridge_core.screening import AssessmentRequest, AssessorFailure, AssessorReply

__all__ = ["ScriptedAssessor", "scripted_answer"]

NO_PROMPT: Final = "0" * 64


def scripted_answer(risk_level: str = "low", risk_score: float = 10, **members: object) -> str:
    """Return a well-formed answer; `members` change or add what is in it."""
    plain: dict[str, object] = {
        "risk_level": risk_level,
        "risk_score": risk_score,
        "primary_risk_factor": "As scripted",
        "contributing_factors": [],
        "recommended_actions": [],
    }
    return json.dumps(plain | members)


@attrs.frozen
class ScriptedAssessor:
    """`RiskAssessor` of the core. Remembers what it was asked; `script` makes the answer's text, or fails."""

    script: Callable[[AssessmentRequest], str | AssessorFailure] = lambda _: scripted_answer()
    asks: bool = True
    asked: list[AssessmentRequest] = attrs.field(factory=list)

    @property
    def name(self) -> str:
        """Return `scripted`."""
        return "scripted"

    def assess(self, request: AssessmentRequest) -> AssessorReply | AssessorFailure:
        """Answer as scripted."""
        self.asked.append(request)
        made = self.script(request)
        if isinstance(made, AssessorFailure):
            return made
        return AssessorReply(text=made, model="scripted-1", prompt_hash=NO_PROMPT)
