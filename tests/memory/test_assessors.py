"""The assessors that need no model keep the contract."""

from __future__ import annotations

from mindbridge_core import testing
from mindbridge_core.screening import AssessorFailure, FailureReason, RiskAssessor, RulesOnly
from mindbridge_memory import ScriptedAssessor, scripted_answer


class TestRulesOnly(testing.RiskAssessorContract):
    def assessor(self) -> RiskAssessor:
        return RulesOnly()


class TestScripted(testing.RiskAssessorContract):
    def assessor(self) -> RiskAssessor:
        return ScriptedAssessor()


class TestScriptedNonsense(testing.RiskAssessorContract):
    def assessor(self) -> RiskAssessor:
        return ScriptedAssessor(lambda _: "nonsense")


class TestScriptedFailure(testing.RiskAssessorContract):
    def assessor(self) -> RiskAssessor:
        return ScriptedAssessor(lambda _: AssessorFailure(reason=FailureReason.TIMEOUT))


def test_a_scripted_answer_takes_more_members() -> None:
    assert '"clinical_notes": "So"' in scripted_answer("high", 90, clinical_notes="So")
