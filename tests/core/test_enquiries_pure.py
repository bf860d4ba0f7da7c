"""What an answer that comes late counts for."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from mindbridge_core.patients import RiskLevel
from mindbridge_core.screening import (
    CURRENT_RULES,
    AssessmentRequest,
    AssessorFailure,
    AssessorReply,
    FailureReason,
    RecordSnapshot,
    Submission,
    conclude,
    screen_by_rules,
)
from mindbridge_core.screening.consulting import Consultation, consulted
from mindbridge_memory import scripted_answer

ASKED = AssessmentRequest(
    age_band="25-34",
    diagnosis_category=None,
    medication_adherence_percent=90,
    appointments_missed=0,
    crisis_calls_30days=0,
    days_since_last_appointment="0-7",
    current_risk_level=None,
    manually_escalated=False,
)


def found(calls: int) -> Any:
    record = RecordSnapshot(
        as_of=date(2026, 3, 2),
        medication_adherence=Decimal(90),
        appointments_missed=0,
        crisis_calls_30days=calls,
        last_appointment=date(2026, 3, 1),
        in_care_since=date(2025, 1, 1),
    )
    return screen_by_rules(CURRENT_RULES, record)


def heard(level: str, score: float) -> Consultation:
    said = AssessorReply(text=scripted_answer(level, score), model="m", prompt_hash="0" * 64)
    return consulted(ASKED, said)


@pytest.mark.parametrize(
    ("said", "score", "calls", "level", "failure"),
    [
        ("low", 10, 0, RiskLevel.LOW, FailureReason.STALE),
        ("medium", 50, 0, RiskLevel.MEDIUM, FailureReason.STALE),
        ("low", 95, 0, RiskLevel.HIGH, FailureReason.STALE),
        ("high", 95, 6, RiskLevel.HIGH, FailureReason.STALE),
        ("low", 10, 6, RiskLevel.HIGH, FailureReason.STALE),
    ],
)
def test_an_answer_about_an_older_record_raises_and_lowers_nothing(
    said: str, score: float, calls: int, level: RiskLevel, failure: FailureReason
) -> None:
    rules = found(calls)
    counted = heard(said, score).outdated
    verdict = conclude(rules, counted.answer)
    assert (level, failure) == (verdict.level, counted.failure)
    assert verdict.level.rank >= rules.level.rank
    assert heard(said, score).text == counted.text


def test_what_was_no_answer_stays_none() -> None:
    failed = consulted(ASKED, AssessorFailure(reason=FailureReason.REFUSED, text="no"))
    assert failed is failed.outdated
    assert (FailureReason.MALFORMED, "{") == (
        (nonsense := consulted(ASKED, AssessorReply(text="{", model="m", prompt_hash="0" * 64))).failure,
        nonsense.text,
    )


@pytest.mark.parametrize("handle", ["", "a/b", "../x", "http://elsewhere", "a" * 101, "ä"])
def test_a_handle_can_be_part_of_an_address_and_of_nothing_else(handle: str) -> None:
    with pytest.raises(ValueError, match="handle"):
        Submission(handle=handle, model="m", prompt_hash="0" * 64)
