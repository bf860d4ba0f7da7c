"""Patients: the people in care and the caseloads that they belong to."""

from mindbridge_core.patients.alerts import AUDIENCE, Alert, AlertFilter, AlertKind, Alerts, AlertSeverity
from mindbridge_core.patients.emergency import (
    BreakGlass,
    BreakGlassFilter,
    BreakGlassRequest,
    BreakGlassReview,
    EmergencyLimits,
    ReviewOutcome,
    ReviewStatus,
)
from mindbridge_core.patients.entities import (
    AUDITABLE_FIELDS,
    Patient,
    PatientChanges,
    PatientDraft,
    PatientStatus,
    RiskLevel,
)
from mindbridge_core.patients.feed import AlertFeed, AlertWatchers
from mindbridge_core.patients.numbers import KEPT_LONGEST, Basis, Day, Given, Numbers, Recorded, numbers
from mindbridge_core.patients.part2 import is_part2
from mindbridge_core.patients.ports import EmergencyAccesses, PatientFilter, Patients, PatientUnit
from mindbridge_core.patients.reach import reach, reach_of
from mindbridge_core.patients.search import name_tokens, person_text, query_tokens

__all__ = [
    "AUDIENCE",
    "AUDITABLE_FIELDS",
    "KEPT_LONGEST",
    "Alert",
    "AlertFeed",
    "AlertFilter",
    "AlertKind",
    "AlertSeverity",
    "AlertWatchers",
    "Alerts",
    "Basis",
    "BreakGlass",
    "BreakGlassFilter",
    "BreakGlassRequest",
    "BreakGlassReview",
    "Day",
    "EmergencyAccesses",
    "EmergencyLimits",
    "Given",
    "Numbers",
    "Patient",
    "PatientChanges",
    "PatientDraft",
    "PatientFilter",
    "PatientStatus",
    "PatientUnit",
    "Patients",
    "Recorded",
    "ReviewOutcome",
    "ReviewStatus",
    "RiskLevel",
    "is_part2",
    "name_tokens",
    "numbers",
    "person_text",
    "query_tokens",
    "reach",
    "reach_of",
]
