"""Recording and showing metrics, and the whole history of a patient's care."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Caller
from mindbridge_core.care.entities import PatientMetric
from mindbridge_core.care.inputs import MetricDraft, metric_findings
from mindbridge_core.care.ports import CareUnit, Event, History, Span
from mindbridge_core.care.repeats import first_answer, keep_answer
from mindbridge_core.clock import Clock
from mindbridge_core.errors import InvalidInput
from mindbridge_core.idempotency import IdempotencyKey
from mindbridge_core.ids import NewId
from mindbridge_core.patients import reach
from mindbridge_core.patients.at_once import AtOnce
from mindbridge_core.work import Desk, Work

__all__ = ["ListMetrics", "RecordMetric", "ShowTimeline"]

AUDITABLE: Final = frozenset({"metric_id", "metric_type", "recorded_at"})


@attrs.frozen(kw_only=True)
class RecordMetric:
    """Enter a measurement of a patient, who is screened at once where the rules then say more than is shown."""

    work: Work[CareUnit]
    clock: Clock
    new_id: NewId
    at_once: AtOnce

    def __call__(
        self, caller: Caller, patient_id: UUID, draft: MetricDraft, *, once: IdempotencyKey | None = None
    ) -> PatientMetric:
        """Return the measurement, or with a key used before the one that its first request made.

        Raises NotFound, InvalidInput, IdempotencyKeyReused.
        """
        with self.work(caller, Action.METRIC_RECORD, resource_id=patient_id) as desk:
            reach(desk, patient_id)
            first = first_answer(desk, once, PatientMetric, patient_id)
            if first is not None:
                return first
            metric = self._metric(desk, patient_id, draft)
            desk.unit.metrics.add(metric)
            followed = self.at_once(desk, desk.unit.patients.get(patient_id))
            noted: dict[str, object] = {
                "metric_id": metric.id,
                "metric_type": metric.metric_type,
                "recorded_at": metric.recorded_at,
            }
            noted |= {"metric_value": metric.metric_value, **followed.changes}
            desk.changes(noted, plain=AUDITABLE | followed.changes.keys())
            keep_answer(desk, once, metric)
        followed.tell()
        return metric

    def _metric(self, desk: Desk[CareUnit], patient_id: UUID, draft: MetricDraft) -> PatientMetric:
        now = self.clock()
        findings = metric_findings(draft, now)
        if findings:
            raise InvalidInput(findings)
        return PatientMetric(
            id=self.new_id(),
            clinic_id=desk.principal.clinic_id,
            patient_id=patient_id,
            metric_type=draft.metric_type,
            metric_value=draft.metric_value,
            recorded_at=draft.recorded_at or now,
            recorded_by=desk.actor.user_id,
        )


@attrs.frozen(kw_only=True)
class ListMetrics:
    """Show a page of a patient's measurements."""

    work: Work[CareUnit]

    def __call__(self, caller: Caller, patient_id: UUID, span: Span) -> History[PatientMetric]:
        """Return the page, the latest first; NotFound as for the patient."""
        with self.work(caller, Action.METRIC_LIST, resource_id=patient_id) as desk:
            reach(desk, patient_id)
            return desk.unit.metrics.of_patient(patient_id, span)


@attrs.frozen(kw_only=True)
class ShowTimeline:
    """Show a page of all that happened in a patient's care."""

    work: Work[CareUnit]

    def __call__(self, caller: Caller, patient_id: UUID, span: Span) -> History[Event]:
        """Return the page, the latest first; NotFound as for the patient."""
        with self.work(caller, Action.PATIENT_TIMELINE, resource_id=patient_id) as desk:
            reach(desk, patient_id)
            return desk.unit.timeline.of_patient(patient_id, span)
