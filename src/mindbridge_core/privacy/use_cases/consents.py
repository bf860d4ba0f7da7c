"""Recording, showing and revoking consents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Caller
from mindbridge_core.clock import Clock
from mindbridge_core.errors import ConsentRevoked, Finding, InvalidInput
from mindbridge_core.ids import NewId
from mindbridge_core.patients import reach, reach_of
from mindbridge_core.privacy.entities import Consent, ConsentDraft
from mindbridge_core.privacy.ports import PrivacyUnit
from mindbridge_core.privacy.rules import consent_findings
from mindbridge_core.validation import given
from mindbridge_core.work import Desk, Work

__all__ = ["ListConsents", "RecordConsent", "RevokeConsent"]

AUDITABLE: Final = frozenset(
    {"consent_id", "consent_type", "granted", "granted_at", "consent_form_version", "witness_user_id", "expires_at"}
)


def _witness_findings(desk: Desk[PrivacyUnit], witness_id: UUID) -> list[Finding]:
    """Find a witness who cannot be one: missing, foreign and retired staff, and the recorder, answer alike."""
    user = desk.unit.users.get(witness_id)
    if user is not None and user.active and user.id != desk.actor.user_id:
        return []
    message = "is no other active member of this clinic's staff"
    return [Finding("/witness_user_id", "unknown_witness", message)]


@attrs.frozen(kw_only=True)
class RecordConsent:
    """Enter what a patient agreed to or refused. It takes the place of what was decided before; that is kept."""

    work: Work[PrivacyUnit]
    clock: Clock
    new_id: NewId

    def __call__(self, caller: Caller, patient_id: UUID, draft: ConsentDraft) -> Consent:
        """Return the new consent. Raises NotFound, and InvalidInput with everything that it lacks."""
        with self.work(caller, Action.CONSENT_RECORD, resource_id=patient_id) as desk:
            reach(desk, patient_id)
            now = self.clock()
            findings = consent_findings(draft, now)
            if draft.witness_user_id is not None:
                findings += _witness_findings(desk, draft.witness_user_id)
            if findings:
                raise InvalidInput(findings)
            desk.unit.consents.held(patient_id)
            consent = self._consent(desk, draft, patient_id, now)
            desk.unit.consents.add(consent)
            sent = {name: held for name, held in given(draft).items() if held is not None}
            desk.changes({**sent, "consent_id": consent.id}, plain=AUDITABLE)
        return consent

    def _consent(self, desk: Desk[PrivacyUnit], draft: ConsentDraft, patient_id: UUID, now: datetime) -> Consent:
        granted_at = (draft.granted_at or now) if draft.granted else None
        return Consent(
            id=self.new_id(),
            clinic_id=desk.principal.clinic_id,
            patient_id=patient_id,
            recorded_by=desk.actor.user_id,
            created_at=now,
            **{**given(draft), "granted_at": granted_at},
        )


@attrs.frozen(kw_only=True)
class ListConsents:
    """Show all that a patient ever decided."""

    work: Work[PrivacyUnit]

    def __call__(self, caller: Caller, patient_id: UUID) -> Sequence[Consent]:
        """Return the consents, oldest first; NotFound as for the patient."""
        with self.work(caller, Action.CONSENT_LIST, resource_id=patient_id) as desk:
            reach(desk, patient_id)
            return desk.unit.consents.of_patient(patient_id)


@attrs.frozen(kw_only=True)
class RevokeConsent:
    """Take a consent back, from now on. What was done on it before stays done (42 CFR 2.31(a)(6))."""

    work: Work[PrivacyUnit]
    clock: Clock

    def __call__(self, caller: Caller, consent_id: UUID) -> Consent:
        """Return the revoked consent.

        Raises NotFound, ConsentRevoked when it was revoked before or is a refusal.
        """
        with self.work(caller, Action.CONSENT_REVOKE, resource_id=consent_id) as desk:
            found = reach_of(desk, desk.unit.consents.get(consent_id))
            (current,) = (one for one in desk.unit.consents.held(found.patient_id) if one.id == consent_id)
            if not current.granted or current.revoked_at is not None:
                raise ConsentRevoked
            consent = desk.unit.consents.save(current.revoked(desk.actor.user_id, self.clock()))
            values = {"consent_id": consent.id, "consent_type": consent.consent_type, "revoked_at": consent.revoked_at}
            desk.changes(values, plain=frozenset(values))
        return consent
