"""When a consent stands, what it covers, and what it must hold. Pure functions over a patient's history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from mindbridge_core.errors import ConsentRequired, Finding
from mindbridge_core.patients import Patient
from mindbridge_core.privacy.entities import Consent, ConsentDraft, ConsentType

__all__ = ["PART2_NOTICE", "consent_findings", "consent_for_disclosure", "covering", "folded", "standing"]

ONE_DAY: Final = timedelta(days=1)

PART2_NOTICE: Final = "42 CFR part 2 prohibits unauthorized use or disclosure of these records."
"""Statement 2 of 42 CFR 2.32(a), the shorter of the two of which one accompanies each disclosure on a consent."""

_SUD_ELEMENTS: Final = ("discloser", "information", "recipients", "purpose", "signed_name", "signed_on")


def folded(text: str) -> str:
    """Return the text as names and purposes are compared: in one case and with single spaces."""
    return " ".join(text.casefold().split())


def _recipients(consent: Consent) -> frozenset[str]:
    """The recipients that a consent names, one a line."""
    return frozenset(folded(line) for line in (consent.recipients or "").splitlines() if line.strip())


def _scope(consent: Consent) -> tuple[frozenset[str], str]:
    return _recipients(consent), folded(consent.purpose or "")


def _supersedes(newer: Consent, older: Consent) -> bool:
    """Whether `newer`, of the same type, takes the place of `older`.

    A disclosure consent for one recipient leaves those for others as they are; a decision that names nobody is about
    all of its type.
    """
    nobody: tuple[frozenset[str], str] = (frozenset(), "")
    return _scope(newer) in {nobody, _scope(older)}


def standing(consents: Iterable[Consent], kind: ConsentType, now: datetime) -> tuple[Consent, ...]:
    """Return the consents of `kind` that stand at `now`: granted, not revoked, expired or superseded; oldest first.

    `expires_at` itself is past. An `expiry_event` is known to people only: they revoke when it has come.
    """
    history = sorted((one for one in consents if one.consent_type is kind), key=lambda one: (one.created_at, one.id))
    return tuple(
        one
        for place, one in enumerate(history)
        if one.granted
        and one.revoked_at is None
        and (one.expires_at is None or now < one.expires_at)
        and not any(_supersedes(newer, one) for newer in history[place + 1 :])
    )


def covering(
    consents: Iterable[Consent],
    kind: ConsentType,
    now: datetime,
    *,
    recipient: str | None = None,
    purpose: str | None = None,
) -> Consent:
    """Return the newest standing consent that covers this; raise ConsentRequired when there is none.

    A consent that names recipients or a purpose covers those alone, letter for letter but for case and spaces.
    """
    asked, why = folded(recipient or ""), folded(purpose or "")
    for consent in reversed(standing(consents, kind, now)):
        named, meant = _scope(consent)
        if (not named or asked in named) and meant in {"", why}:
            return consent
    raise ConsentRequired(reason=f"consent_required:{kind}")


def consent_for_disclosure(
    patient: Patient, history: Sequence[Consent], now: datetime, *, recipient: str, purpose: str
) -> Consent:
    """Return the consent on which the record may leave the clinic; raise ConsentRequired.

    A Part 2 record needs `sud_disclosure`, any other `data_sharing`.
    """
    kind = ConsentType.SUD_DISCLOSURE if patient.part2 else ConsentType.DATA_SHARING
    return covering(history, kind, now, recipient=recipient, purpose=purpose)


def consent_findings(sent: ConsentDraft, now: datetime) -> list[Finding]:
    """Find all that the consent lacks or cannot be. A day of grace covers clinics whose date is ahead of UTC."""
    findings = []
    if sent.granted_at is not None and sent.granted_at > now:
        findings.append(Finding("/granted_at", "out_of_range", "must not lie in the future"))
    if sent.granted_at is not None and not sent.granted:
        findings.append(Finding("/granted_at", "not_granted", "belongs to a consent that was given"))
    if sent.signed_on is not None and sent.signed_on > now.date() + ONE_DAY:
        findings.append(Finding("/signed_on", "out_of_range", "must not lie in the future"))
    if sent.granted:
        findings += _grant_findings(sent, now)
    return findings


def _grant_findings(sent: ConsentDraft, now: datetime) -> list[Finding]:
    findings = []
    if sent.consent_form_version is None:
        findings.append(Finding("/consent_form_version", "required", "is required: which form was signed"))
    if sent.expires_at is not None and sent.expires_at <= now:
        findings.append(Finding("/expires_at", "out_of_range", "must lie in the future"))
    return findings + (_sud_findings(sent) if sent.consent_type is ConsentType.SUD_DISCLOSURE else [])


def _sud_findings(sent: ConsentDraft) -> list[Finding]:
    """Find each element of 42 CFR 2.31(a) that is not there; the patient's name is the record's."""
    message = "is required of a consent to disclosure (42 CFR 2.31(a))"
    findings = [Finding(f"/{name}", "required", message) for name in _SUD_ELEMENTS if getattr(sent, name) is None]
    if sent.expires_at is None and sent.expiry_event is None:
        findings.append(Finding("/expires_at", "required", f"or expiry_event {message}"))
    if not sent.right_to_revoke_stated:
        findings.append(Finding("/right_to_revoke_stated", "required", message))
    return findings
