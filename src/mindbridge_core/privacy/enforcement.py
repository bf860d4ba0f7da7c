"""The gate that every use case passes which rests on a patient's consent."""

from __future__ import annotations

from datetime import datetime

from mindbridge_core.errors import NotFound
from mindbridge_core.patients import Patient
from mindbridge_core.privacy.entities import Consent, ConsentType
from mindbridge_core.privacy.ports import PrivacyUnit
from mindbridge_core.privacy.rules import consent_for_disclosure, covering

__all__ = ["require_consent", "require_disclosure_consent"]


def require_consent(unit: PrivacyUnit, patient: Patient, kind: ConsentType, now: datetime) -> Consent:
    """Return the standing consent of `kind`, held until the unit ends; raise ConsentRequired when there is none."""
    return covering(unit.consents.held(patient.id), kind, now)


def require_disclosure_consent(
    unit: PrivacyUnit, patient: Patient, now: datetime, *, recipient: str, purpose: str
) -> tuple[Patient, Consent]:
    """Return the patient as they are now, and the consent on which the record may go to `recipient` for `purpose`.

    The patient is read again once the consents are held: a diagnosis that made the record a Part 2 one meanwhile
    counts. Raises ConsentRequired, and NotFound when the patient was removed meanwhile.
    """
    history = unit.consents.held(patient.id)
    current = unit.patients.get(patient.id)
    if current is None:
        raise NotFound
    return current, consent_for_disclosure(current, history, now, recipient=recipient, purpose=purpose)
