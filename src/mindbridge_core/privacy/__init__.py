"""Privacy: what patients agreed to, what left the clinic, and who looked."""

from mindbridge_core.privacy.accounting import AccessLine, AccessReport, Accounting, AccountingLine, DisclosedRecord
from mindbridge_core.privacy.enforcement import require_consent, require_disclosure_consent
from mindbridge_core.privacy.entities import (
    Consent,
    ConsentDraft,
    ConsentType,
    Disclosure,
    DisclosureGround,
    DisclosureRequest,
)
from mindbridge_core.privacy.ports import (
    AccessHistory,
    AccessPeriod,
    AccessQuery,
    Consents,
    Disclosures,
    PrivacyUnit,
)
from mindbridge_core.privacy.rules import standing

__all__ = [
    "AccessHistory",
    "AccessLine",
    "AccessPeriod",
    "AccessQuery",
    "AccessReport",
    "Accounting",
    "AccountingLine",
    "Consent",
    "ConsentDraft",
    "ConsentType",
    "Consents",
    "DisclosedRecord",
    "Disclosure",
    "DisclosureGround",
    "DisclosureRequest",
    "Disclosures",
    "PrivacyUnit",
    "require_consent",
    "require_disclosure_consent",
    "standing",
]
