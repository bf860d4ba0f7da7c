"""How fast the rules read records: the pure function alone, without storing."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal
from time import perf_counter, thread_time
from typing import Final

from mindbridge_core.screening import CURRENT_RULES, RecordSnapshot, screen_by_rules

__all__ = ["rules_rate"]

TODAY: Final = date(2026, 3, 2)
RECORDS: Final = 2_000


def _records() -> list[RecordSnapshot]:
    """Return a caseload in which every rule holds for some: the values are drawn, and the same each time."""
    draw = random.Random(1)  # noqa: S311 - a caseload, no secret
    return [
        RecordSnapshot(
            as_of=TODAY,
            medication_adherence=Decimal(draw.randint(0, 10_000)).scaleb(-2),
            appointments_missed=draw.randint(0, 5),
            crisis_calls_30days=draw.randint(0, 6),
            last_appointment=TODAY - timedelta(days=draw.randint(0, 60)),
            in_care_since=TODAY - timedelta(days=400),
        )
        for _ in range(RECORDS)
    ]


def rules_rate(seconds: float) -> float:
    """Return patients per second of processor time of one thread."""
    records, done = _records(), 0
    end, before = perf_counter() + seconds, thread_time()
    while perf_counter() < end:
        for record in records:
            assert screen_by_rules(CURRENT_RULES, record).score >= 0
        done += len(records)
    return done / (thread_time() - before)
