"""From a record, and what an assessor said of it, to a screening. Pure."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from mindbridge_core.patients import Patient
from mindbridge_core.screening.consulting import Consultation
from mindbridge_core.screening.entities import FiredRecord, Screening
from mindbridge_core.screening.guardrails import conclude
from mindbridge_core.screening.rules import RuleSet, screen_by_rules
from mindbridge_core.screening.snapshot import RecordSnapshot

__all__ = ["made"]

_ALONE = "rules"
_NOBODY = Consultation()


def made(
    patient: Patient,
    record: RecordSnapshot,
    rules: RuleSet,
    *,
    screening_id: UUID,
    performed_by: UUID | None,
    screening_type: str,
    started: datetime,
    now: datetime,
    assessor: str = _ALONE,
    consultation: Consultation = _NOBODY,
) -> Screening:
    """Return the screening of `record`, the patient's as of `now`; without a consultation, by the rules alone."""
    found = screen_by_rules(rules, record)
    verdict = conclude(found, consultation.answer)
    return Screening(
        id=screening_id,
        clinic_id=patient.clinic_id,
        patient_id=patient.id,
        performed_by=performed_by,
        screening_type=screening_type,
        risk_level=verdict.level,
        risk_score=verdict.score,
        rules_level=found.level,
        rules_version=found.rules_version,
        primary_risk_factor=verdict.primary_risk_factor,
        contributing_factors=verdict.contributing_factors,
        recommended_actions=verdict.recommended_actions,
        clinical_notes=verdict.clinical_notes,
        flags=verdict.flags,
        missing=verdict.missing,
        guardrails=verdict.guardrails,
        record=record,
        fired=tuple(FiredRecord.of(one) for one in found.fired),
        assessor=assessor if consultation.asked is not None else _ALONE,
        asked=consultation.asked,
        ai_model=consultation.model,
        ai_prompt_hash=consultation.prompt_hash,
        ai_raw_response=consultation.text,
        ai_failure=consultation.failure,
        ai_usage=consultation.usage,
        duration_ms=max(0, int((now - started).total_seconds() * 1000)),
        screened_at=now,
    )
