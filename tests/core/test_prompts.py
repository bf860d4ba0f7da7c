"""What a model is asked is fixed once it was used, and asks for just what is read."""

from __future__ import annotations

import json

import attrs
import pytest

from mindbridge_core.errors import InvalidInput
from mindbridge_core.screening import (
    AGE_BANDS,
    CONTACT_BANDS,
    CURRENT_PROMPT,
    PROMPTS,
    AssessmentRequest,
    Prompt,
    read_assessment,
)

USED = {"2026.1": "0d9f15e1196149f7c5315c9ef3ec7f7454ceb2e61b8991ef32a00c9fd4e488f1"}
"""The hash of every wording that a release asked by. Never change a line; add one."""

REQUEST = AssessmentRequest(
    age_band=AGE_BANDS[4],
    diagnosis_category="F31",
    medication_adherence_percent=45,
    appointments_missed=2,
    crisis_calls_30days=3,
    days_since_last_appointment=CONTACT_BANDS[2],
    current_risk_level=None,
    manually_escalated=False,
)
ANSWER = {
    "risk_level": "low",
    "risk_score": 10,
    "primary_risk_factor": "few missed appointments",
    "contributing_factors": [],
    "recommended_actions": [],
    "clinical_notes": None,
}


def test_a_wording_that_was_used_is_still_there_and_unchanged() -> None:
    assert USED == {prompt.version: prompt.hash for prompt in PROMPTS.values()}
    assert PROMPTS[CURRENT_PROMPT.hash] is CURRENT_PROMPT


@pytest.mark.parametrize("changed", [{"version": "x"}, {"instruction": "x"}, {"answer": {}}])
def test_any_change_of_what_is_asked_changes_the_hash(changed: dict[str, object]) -> None:
    before = CURRENT_PROMPT
    asked = {"version": before.version, "instruction": before.instruction, "answer": before.answer} | changed
    assert before.hash != Prompt(**asked).hash  # type: ignore[arg-type]


def test_the_question_is_the_request_and_nothing_beside() -> None:
    asked = CURRENT_PROMPT.question(REQUEST)
    assert REQUEST.content() == json.loads(asked)
    assert {field.name for field in attrs.fields(AssessmentRequest)} == set(json.loads(asked))


def test_every_member_of_the_request_is_explained() -> None:
    for name in REQUEST.content():
        assert name in CURRENT_PROMPT.instruction


def test_the_schema_asks_for_all_that_the_reader_takes_and_for_no_more() -> None:
    assert set(CURRENT_PROMPT.answer["properties"]) == set(ANSWER) == set(CURRENT_PROMPT.answer["required"])
    read_assessment(json.dumps(ANSWER))
    with pytest.raises(InvalidInput):
        read_assessment(json.dumps(ANSWER | {"more": 1}))
