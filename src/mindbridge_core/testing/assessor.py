"""The contract of whoever is asked for a second opinion."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from contextlib import suppress
from itertools import product
from typing import Final

from mindbridge_core.errors import InvalidInput
from mindbridge_core.patients import RiskLevel
from mindbridge_core.screening import (
    AGE_BANDS,
    CONTACT_BANDS,
    Assessment,
    AssessmentRequest,
    AssessorFailure,
    AssessorReply,
    RiskAssessor,
    read_assessment,
)
from mindbridge_core.testing.store import together

__all__ = ["REQUESTS", "RiskAssessorContract", "examine"]

REQUESTS: Final = [
    AssessmentRequest(
        age_band=age,
        diagnosis_category=code,
        medication_adherence_percent=percent,
        appointments_missed=count,
        crisis_calls_30days=count,
        days_since_last_appointment=days,
        current_risk_level=level,
        manually_escalated=level is not None,
    )
    for (age, days), (code, percent, count, level) in product(
        [(AGE_BANDS[0], CONTACT_BANDS[0]), (AGE_BANDS[-1], CONTACT_BANDS[-1]), ("unknown", "unknown")],
        [(None, None, None, None), ("F31", 0, 0, RiskLevel.LOW), ("F20", 100, 20, RiskLevel.HIGH)],
    )
]
"""From one who is hardly known to one of whom all is known."""


class RiskAssessorContract(ABC):
    """Whatever it is asked, it answers or says why not, and it says who it is."""

    @abstractmethod
    def assessor(self) -> RiskAssessor:
        """Return the assessor; called once by each test."""

    def test_its_name_is_a_code_word(self) -> None:
        """It is stored with each screening."""
        assert re.fullmatch("[a-z][a-z0-9_]{0,49}", self.assessor().name)

    def test_every_request_has_a_reply_or_a_reason(self) -> None:
        """It never raises, and each reply says which model wrote it and on which prompt."""
        assessor = self.assessor()
        for request in REQUESTS:
            examine(assessor.assess(request))

    def test_requests_at_once_are_answered_each(self) -> None:
        """It is asked from many threads."""
        assessor = self.assessor()
        answers = together(*[lambda: assessor.assess(REQUESTS[0])] * 8)
        for answer in answers:
            assert not isinstance(answer, Exception)
            examine(answer)


def examine(answer: AssessorReply | AssessorFailure) -> None:
    """Assert what holds for whatever an assessor says."""
    assert answer.model is None or 1 <= len(answer.model) <= 100
    assert answer.prompt_hash is None or re.fullmatch("[0-9a-f]{64}", answer.prompt_hash)
    if isinstance(answer, AssessorReply):
        assert answer.model is not None
        assert answer.prompt_hash is not None
        with suppress(InvalidInput):  # nonsense is the core's to refuse
            assert isinstance(read_assessment(answer.text), Assessment)
