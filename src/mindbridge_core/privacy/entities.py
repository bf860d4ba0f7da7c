"""What a patient agreed to, and what left the clinic."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum, unique
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core.validation import Text, checked, ruled

__all__ = ["Consent", "ConsentDraft", "ConsentType", "Disclosure", "DisclosureGround", "DisclosureRequest"]

FORM_VERSION: Final = ruled(Text(least=1, most=50))
PARTY: Final = ruled(Text(least=1, most=255))
PROSE: Final = ruled(Text(least=1, most=1000))


@unique
class ConsentType(StrEnum):
    """What a consent is for."""

    TREATMENT = "treatment"
    AI_ANALYSIS = "ai_analysis"
    DATA_SHARING = "data_sharing"
    SUD_DISCLOSURE = "sud_disclosure"


@unique
class DisclosureGround(StrEnum):
    """What a disclosure serves: the first three are not accounted for (45 CFR 164.528(a)(1)(i))."""

    TREATMENT = "treatment"
    PAYMENT = "payment"
    OPERATIONS = "operations"
    OTHER = "other"

    @property
    def accounted(self) -> bool:
        """Whether the patient's accounting names such a disclosure."""
        return self is DisclosureGround.OTHER


@attrs.frozen(kw_only=True)
class Consent:
    """One decision of a patient, given or refused, as the form says. None is ever deleted or written over.

    The texts are the elements of 42 CFR 2.31(a): `discloser` may disclose `information` to `recipients` (one a line,
    by name or class) for `purpose`, until `expires_at` or `expiry_event`; they are PHI, and not shown in a repr.
    """

    id: UUID
    clinic_id: UUID
    patient_id: UUID
    consent_type: ConsentType
    granted: bool
    granted_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_by: UUID | None = None
    consent_form_version: str | None = None
    recorded_by: UUID | None = None
    witness_user_id: UUID | None = None
    discloser: str | None = attrs.field(default=None, repr=False)
    information: str | None = attrs.field(default=None, repr=False)
    recipients: str | None = attrs.field(default=None, repr=False)
    purpose: str | None = attrs.field(default=None, repr=False)
    expires_at: datetime | None = None
    expiry_event: str | None = attrs.field(default=None, repr=False)
    right_to_revoke_stated: bool = False
    signed_name: str | None = attrs.field(default=None, repr=False)
    signed_on: date | None = None
    version: int = 1
    created_at: datetime

    def revoked(self, by: UUID, at: datetime) -> Consent:
        """Take the consent back. A clock that was set back since does not date it before it was given."""
        return attrs.evolve(self, revoked_at=max(at, self.granted_at or at), revoked_by=by)


@attrs.frozen(kw_only=True)
class ConsentDraft:
    """A consent as sent. What each type needs beyond its type is found by `rules.consent_findings`."""

    consent_type: ConsentType
    granted: bool = True
    granted_at: datetime | None = None
    consent_form_version: str | None = attrs.field(default=None, metadata=FORM_VERSION)
    witness_user_id: UUID | None = None
    discloser: str | None = attrs.field(default=None, repr=False, metadata=PARTY)
    information: str | None = attrs.field(default=None, repr=False, metadata=PROSE)
    recipients: str | None = attrs.field(default=None, repr=False, metadata=PROSE)
    purpose: str | None = attrs.field(default=None, repr=False, metadata=PARTY)
    expires_at: datetime | None = None
    expiry_event: str | None = attrs.field(default=None, repr=False, metadata=PARTY)
    right_to_revoke_stated: bool = False
    signed_name: str | None = attrs.field(default=None, repr=False, metadata=PARTY)
    signed_on: date | None = None

    __attrs_post_init__ = checked


@attrs.frozen(kw_only=True)
class Disclosure:
    """A patient's record given to somebody outside the clinic: 45 CFR 164.528(b)(2). Its texts are PHI."""

    id: UUID
    clinic_id: UUID
    patient_id: UUID
    consent_id: UUID
    disclosed_by: UUID
    disclosed_at: datetime
    ground: DisclosureGround
    part2: bool
    recipient: str = attrs.field(repr=False)
    recipient_address: str | None = attrs.field(default=None, repr=False)
    purpose: str = attrs.field(repr=False)
    description: str = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class DisclosureRequest:
    """Who is to get the record, why, and what of it in words (45 CFR 164.528(b)(2)(i)-(iv))."""

    recipient: str = attrs.field(repr=False, metadata=PARTY)
    recipient_address: str | None = attrs.field(default=None, repr=False, metadata=PARTY)
    purpose: str = attrs.field(repr=False, metadata=PARTY)
    description: str = attrs.field(repr=False, metadata=PROSE)
    ground: DisclosureGround = DisclosureGround.OTHER

    __attrs_post_init__ = checked
