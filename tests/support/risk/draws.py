"""What is drawn: people, changes of their records, and what clinicians say."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from hypothesis import strategies as st

from mindbridge_core.patients import PatientStatus, RiskLevel

some = st.integers(0, 7)
ago = st.integers(0, 120) | st.sampled_from([0, 1, 29, 30, 31, 45, 46, 89, 90, 91])
"""Days."""
levels = st.sampled_from(RiskLevel)
deaths = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), max_size=3)
"""After how many units, and when in the next, each worker dies."""
verdicts = st.sampled_from([RiskLevel.LOW, None, RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH, None])
"""What a clinician says: a level in place of what was found, or that they agree."""
NUMBERS = {
    "medication_adherence": st.sampled_from([Decimal(100), Decimal(50), Decimal("49.99"), Decimal(0), None]),
    "appointments_missed": st.sampled_from([0, 1, 2, 3, 9]),
    "crisis_calls_30days": st.sampled_from([0, 1, 2, 3, 4, 5, 12]),
}
WELL: Final = {
    "medication_adherence": Decimal(100),
    "appointments_missed": 0,
    "crisis_calls_30days": 0,
    "last_appointment": 0,
    "manually_escalated": False,
}
DAYS = {"last_appointment": ago, "admitted_at": ago}
STANDING = {
    "current_risk_level": levels,
    "manually_escalated": st.booleans(),
    "status": st.sampled_from(PatientStatus),
}
well = st.fixed_dictionaries(
    {"medication_adherence": st.just(Decimal(100))}, optional={"crisis_calls_30days": st.integers(0, 3)}
)
grave = st.fixed_dictionaries({"crisis_calls_30days": st.sampled_from([5, 12])})
persons = st.fixed_dictionaries({}, optional=NUMBERS | DAYS | STANDING) | well | grave
OF_A_RECORD: Final[dict[str, st.SearchStrategy[Any]]] = {
    **NUMBERS,
    **DAYS,
    **STANDING,
    "diagnosis": st.just("Bipolar disorder"),
}
changes = st.sets(st.sampled_from(sorted(OF_A_RECORD)), min_size=1, max_size=2).flatmap(
    lambda chosen: st.fixed_dictionaries({name: OF_A_RECORD[name] for name in sorted(chosen)})
)
news = st.none() | st.none() | changes | st.integers(1, 3)
"""What happens to somebody: nothing, a change of the record, or so many crisis calls."""
_back = st.sampled_from([0, 0, 0, 1])
words = st.lists(st.tuples(st.sampled_from([0, 0, 1, 2]), _back, verdicts), min_size=1, max_size=3)
"""Who speaks of the screening so many before the last, and what they say."""
makers = st.sampled_from([None, 0, 1, 4, 4])
"""Who screens: nobody, one of the staff, or the clinic itself."""
