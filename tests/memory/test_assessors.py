"""The assessors that need no model keep the contract."""

from __future__ import annotations

from mindbridge_core import testing
from mindbridge_core.screening import (
    AssessorFailure,
    BatchAssessor,
    FailureReason,
    NoBatches,
    RiskAssessor,
    RulesOnly,
    Submission,
)
from mindbridge_memory import ScriptedAssessor, ScriptedBatches, scripted_answer


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


class TestNoBatches(testing.BatchAssessorContract):
    def batches(self) -> BatchAssessor:
        return NoBatches()


class TestScriptedBatches(testing.BatchAssessorContract):
    def batches(self) -> BatchAssessor:
        return ScriptedBatches(looks=3)


class TestScriptedBatchesThatFail(testing.BatchAssessorContract):
    def batches(self) -> BatchAssessor:
        return ScriptedBatches(script=lambda _: AssessorFailure(reason=FailureReason.TIMEOUT))


class TestScriptedBatchesThatAreDown(testing.BatchAssessorContract):
    def batches(self) -> BatchAssessor:
        return ScriptedBatches(down=True)


def test_whoever_asks_nobody_by_the_hundred_has_no_answers() -> None:
    sent = Submission(handle="x", model="m", prompt_hash="0" * 64)
    assert ([], []) == (list(NoBatches().answers(sent)), list(ScriptedBatches().answers(sent)))


def test_scripted_batches_take_as_many_as_they_are_told_to() -> None:
    assert [False, True] == [ScriptedBatches(least=5).takes(number) for number in (4, 5)]


def test_a_scripted_answer_takes_more_members() -> None:
    assert '"clinical_notes": "So"' in scripted_answer("high", 90, clinical_notes="So")
