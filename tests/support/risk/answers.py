"""Whoever is asked for a second opinion, at their worst: they say anything, nothing, or do something else meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import ROUND_CEILING, Decimal
from typing import Any

import attrs
from hypothesis import strategies as st

from mindbridge_core.screening import (
    AnswersCutOff,
    AssessmentRequest,
    AssessorFailure,
    AssessorReply,
    FailureReason,
    Submission,
)
from mindbridge_memory import ScriptedAssessor, ScriptedBatches, scripted_answer
from tests.support.risk.reading import LEVELS, band

Said = str | AssessorFailure | Exception

opinions = st.tuples(st.sampled_from(LEVELS), st.sampled_from([0, 0.01, 39.99, 40, 55.5, 69.999, 70, 100]))
well_formed = opinions.map(lambda said: scripted_answer(*said))
malformed = st.sampled_from(
    [
        "",
        "null",
        "low",
        "[" * 9,
        "\x00\ud800",
        scripted_answer("none"),
        scripted_answer("low", -1),
        scripted_answer("low", 100.5),
        scripted_answer("low", float("nan")),
        scripted_answer("low")[:-1] + ', "risk_level": "low"}',
        scripted_answer(rules_level="low"),
        "Sure! " + scripted_answer("low"),
    ]
)
failures = st.builds(AssessorFailure, reason=st.sampled_from(FailureReason), text=st.none() | well_formed | malformed)
answers: st.SearchStrategy[Said] = well_formed | malformed | failures | st.just(RuntimeError("a fault of the adapter"))


def opinion(text: str | None) -> int | None:
    """The rank that an answer names, the higher of level and score; None for what is no answer."""
    try:
        read = json.loads(text or "", parse_float=Decimal)
        usable = set(read) == set(json.loads(scripted_answer())) and 0 <= read["risk_score"] <= 100
    except (ValueError, TypeError):
        return None
    if not usable or read["risk_level"] not in LEVELS or str(text).count("risk_level") > 1:
        return None
    score = Decimal(read["risk_score"]).quantize(Decimal("0.01"), ROUND_CEILING)
    return max(LEVELS.index(read["risk_level"]), band(float(score)))


@attrs.define
class Opinion:
    """What will be said, and what is done before it is."""

    said: Said = attrs.field(factory=scripted_answer)
    meanwhile: Callable[[], None] = lambda: None

    def __call__(self, _: AssessmentRequest) -> Any:
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        if isinstance(self.said, Exception):
            raise self.said
        return self.said


@attrs.define
class Talker:
    """Asked one by one."""

    script: Opinion = attrs.field(factory=Opinion)
    asks: bool = True
    name: str = "scripted"

    def assess(self, request: AssessmentRequest) -> AssessorReply | AssessorFailure:
        return ScriptedAssessor(self.script).assess(request)


@attrs.define(kw_only=True)
class Oracle(ScriptedBatches):
    """Asked by the hundred. `odd` has it add what nobody asked for, say things twice, and break off."""

    odd: bool = False

    def answers(self, sent: Submission) -> Iterator[tuple[str, AssessorReply | AssessorFailure]]:
        unknown = AssessorReply(text=scripted_answer(), model=sent.model, prompt_hash=sent.prompt_hash)
        for number, (custom_id, said) in enumerate(ScriptedBatches.answers(self, sent)):
            yield custom_id, said
            if self.odd:
                yield custom_id, unknown
                yield "nobody", unknown
                if number:
                    raise AnswersCutOff
