"""Care: what happens with a patient, and so what the patient's numbers follow from."""

from mindbridge_core.care.entities import (
    Appointment,
    AppointmentStatus,
    AppointmentType,
    CrisisEvent,
    CrisisEventType,
    MetricType,
    PatientMetric,
    Severity,
)
from mindbridge_core.care.evidence import evidence
from mindbridge_core.care.inputs import (
    AppointmentChanges,
    AppointmentDraft,
    CrisisEventChanges,
    CrisisEventDraft,
    MetricDraft,
)
from mindbridge_core.care.ports import (
    Appointments,
    CareUnit,
    CrisisEvents,
    Event,
    History,
    Metrics,
    Span,
    Timeline,
)

__all__ = [
    "Appointment",
    "AppointmentChanges",
    "AppointmentDraft",
    "AppointmentStatus",
    "AppointmentType",
    "Appointments",
    "CareUnit",
    "CrisisEvent",
    "CrisisEventChanges",
    "CrisisEventDraft",
    "CrisisEventType",
    "CrisisEvents",
    "Event",
    "History",
    "MetricDraft",
    "MetricType",
    "Metrics",
    "PatientMetric",
    "Severity",
    "Span",
    "Timeline",
    "evidence",
]
