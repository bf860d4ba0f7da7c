"""Records to screen: one in which nothing is amiss, and every record that there could be."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from mindbridge_core.patients import RiskLevel
from mindbridge_core.screening import RecordSnapshot

PATIENT = settings(suppress_health_check=[HealthCheck.too_slow])
"""For a machine that does other work beside."""

TODAY = date(2026, 3, 2)


def days_ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def record(**fields: Any) -> RecordSnapshot:
    """A patient who takes the medication, keeps appointments, and was seen a week ago."""
    plain: dict[str, Any] = {
        "as_of": TODAY,
        "medication_adherence": Decimal(95),
        "appointments_missed": 0,
        "crisis_calls_30days": 0,
        "last_appointment": days_ago(7),
        "in_care_since": days_ago(400),
    }
    return RecordSnapshot(**plain | fields)


ODD_DECIMALS = st.sampled_from([Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal(-1), Decimal("100.01")])
COUNTS = st.none() | st.integers(-3, 12) | st.sampled_from([2_147_483_647])
DAYS = st.none() | st.integers(-3, 70).map(days_ago) | st.sampled_from([date.min, date.max])

snapshots = st.builds(
    RecordSnapshot,
    as_of=st.just(TODAY),
    medication_adherence=st.none() | st.decimals(0, 100, places=2) | ODD_DECIMALS,
    appointments_missed=COUNTS,
    crisis_calls_30days=COUNTS,
    last_appointment=DAYS,
    in_care_since=DAYS,
    current_risk_level=st.none() | st.sampled_from(RiskLevel),
    manually_escalated=st.booleans(),
)
"""Any record, and some that cannot be."""
