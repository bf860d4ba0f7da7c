"""Rules that hold for patients whoever asks."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from mindbridge_core.access import Role
from mindbridge_core.actor import Principal
from mindbridge_core.errors import Finding
from mindbridge_core.patients.entities import Patient, PatientChanges, PatientDraft, RiskLevel
from mindbridge_core.validation import Unset

__all__ = ["date_findings", "in_caseload", "is_own", "risk_findings"]

OLDEST_BIRTH: Final = timedelta(days=366 * 130)
ONE_DAY: Final = timedelta(days=1)


def in_caseload(principal: Principal, patient: Patient) -> bool:
    """Whether the patient is one whom the caller's role may reach: case managers, those assigned to them."""
    return is_own(principal, patient.case_manager_id)


def is_own(principal: Principal, case_manager_id: UUID | None) -> bool:
    """Whether the caller's role may reach the patients of this case manager, or of nobody."""
    return principal.holder is not Role.CASE_MANAGER or case_manager_id == principal.user_id


def date_findings(sent: PatientDraft | PatientChanges, now: datetime) -> list[Finding]:
    """Find dates that cannot be true. A day of grace covers clinics whose date is ahead of UTC."""
    latest = now.date() + ONE_DAY
    findings = []
    if isinstance(sent.date_of_birth, date) and not latest - OLDEST_BIRTH <= sent.date_of_birth <= latest:
        findings.append(Finding("/date_of_birth", "out_of_range", "must be a date within the last 130 years"))
    if isinstance(sent.last_appointment, date) and sent.last_appointment > latest:
        findings.append(Finding("/last_appointment", "out_of_range", "must not lie in the future"))
    if isinstance(sent.admitted_at, datetime) and sent.admitted_at.date() > latest:
        findings.append(Finding("/admitted_at", "out_of_range", "must not lie in the future"))
    return findings


def risk_findings(current: RiskLevel | None, sent: RiskLevel | Unset) -> list[Finding]:
    """Find a risk level that is lowered by hand: only a reviewed screening lowers it."""
    if isinstance(sent, Unset) or current is None or sent.rank >= current.rank:
        return []
    message = "may be raised by hand, not lowered; a reviewed screening lowers it"
    return [Finding("/current_risk_level", "risk_lowered", message)]
