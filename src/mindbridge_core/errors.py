"""Everything that MindBridge refuses, as one family of errors.

No message carries PHI or repeats input: an error may be logged, shown and audited as it stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "AccountLocked",
    "AccountTokenRefused",
    "AlreadyJoined",
    "AlreadyReviewed",
    "AuditUnavailable",
    "AuthenticationFailed",
    "BrokenTrail",
    "Conflict",
    "ConsentRequired",
    "ConsentRevoked",
    "DamagedRecord",
    "DependencyUnavailable",
    "DuplicateClinic",
    "DuplicateEmail",
    "DuplicateMrn",
    "Finding",
    "Forbidden",
    "IdempotencyKeyReused",
    "IllegalTransition",
    "InCaseload",
    "InvalidInput",
    "KeyInUse",
    "LastAdmin",
    "LostUpdate",
    "MfaEnrolmentRequired",
    "MfaNotEnabled",
    "MfaOn",
    "MfaRequired",
    "MindBridgeError",
    "NotFound",
    "PreconditionFailed",
    "ReviewOverdue",
    "SecondClinicianRequired",
    "SessionEnded",
    "TooManyRequests",
    "UnknownClinic",
    "WrongCode",
]


@attrs.frozen
class Finding:
    """One thing wrong with an input: where (RFC 6901 pointer), which rule, and in words."""

    pointer: str
    code: str
    message: str


class MindBridgeError(Exception):
    """The root of all refusals; `code` is stable for programs, the text is for people."""

    code: ClassVar[str] = "error"
    outcome: ClassVar[str] = "failure"
    text: ClassVar[str] = "The operation could not be done."

    def __init__(self, text: str | None = None, *, reason: str | None = None) -> None:
        """Say `text` to people; `reason` is for the trail alone, where it says more than the caller may know."""
        super().__init__(text or self.text)
        self.reason = reason or self.code


class InvalidInput(MindBridgeError):
    """Input breaks one or more rules; `findings` names every one of them."""

    code = "invalid_input"
    text = "The input breaks one or more rules."

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__()
        self.findings = tuple(findings)

    def __str__(self) -> str:
        """Name every finding; no input is repeated."""
        return "; ".join(f"{found.pointer or '/'}: {found.message}" for found in self.findings)


class Forbidden(MindBridgeError):
    """The role does not hold the operation."""

    code = "forbidden"
    outcome = "denied"
    text = "Your role does not permit this operation."


class ConsentRequired(MindBridgeError):
    """No consent of the patient covers this: never given, refused, revoked, expired, or given for something else."""

    code = "consent_required"
    outcome = "denied"
    text = "No consent of the patient that stands covers this."


class ReviewOverdue(MindBridgeError):
    """An earlier emergency access of the same user has waited too long for its review."""

    code = "review_overdue"
    outcome = "denied"
    text = "An earlier emergency access of yours has not been reviewed in time. Ask an admin or a compliance officer."


class MfaEnrolmentRequired(MindBridgeError):
    """The clinic demands a second factor of this role, or an admin took theirs away; only enrolling is left."""

    code = "mfa_enrolment_required"
    outcome = "denied"
    text = "Your clinic demands a second factor. Set one up; until then nothing else can be done."


class NotFound(MindBridgeError):
    """Missing, deleted, in another clinic or outside the caseload: one and the same answer."""

    code = "not_found"
    outcome = "denied"
    text = "There is no such record."


class UnknownClinic(NotFound):
    """No clinic with this id holds keys here."""


class AuthenticationFailed(MindBridgeError):
    """E-mail and password do not belong to an account; which of them is wrong is not said."""

    code = "invalid_credentials"
    outcome = "denied"
    text = "The e-mail or the password is wrong."


class MfaRequired(AuthenticationFailed):
    """The password is right and a second factor is still owed."""

    code = "mfa_required"
    text = "A second factor is required."


class WrongCode(AuthenticationFailed):
    """The code is none of the second factor's, or was used before; the password, where one was asked for, is right."""

    code = "invalid_code"
    text = "The code is wrong, or was used before. Take the next one."


class AccountLocked(MindBridgeError):
    """Too many wrong passwords in a row for this e-mail, known or not; the lock ends by itself."""

    code = "account_locked"
    outcome = "denied"
    text = "Too many failed logins for this e-mail. Try again later."


class AccountTokenRefused(MindBridgeError):
    """Expired, used, replaced, unknown, or of an account that takes none: one and the same answer."""

    code = "invalid_account_token"
    outcome = "denied"
    text = "The invitation or the link is not, or no longer, good. Ask for a new one."


class SessionEnded(MindBridgeError):
    """The token is not, or no longer, good for a session."""

    code = "invalid_token"
    outcome = "denied"
    text = "The token is invalid, or its session has ended. Log in again."


class Conflict(MindBridgeError):
    """The change collides with what is stored."""

    code = "conflict"
    text = "The change collides with what is stored."


class DuplicateClinic(Conflict):
    """Somebody else has just opened the clinic of this organization and name."""

    code = "duplicate_clinic"
    text = "The organization has a clinic of this name already."


class DuplicateEmail(Conflict):
    """The e-mail already belongs to an account."""

    code = "duplicate_email"
    text = "The e-mail already belongs to an account."


class DuplicateMrn(Conflict):
    """Another patient of the clinic has this medical record number."""

    code = "duplicate_mrn"
    text = "Another patient of the clinic has this medical record number."


class AlreadyJoined(Conflict):
    """The account has a password: whoever lost it has it reset, and no invitation could set another."""

    code = "already_joined"
    text = "The invitation was accepted before; the owner of the account can reset the password."


class LastAdmin(Conflict):
    """Without this account's role or standing the clinic would have no active admin."""

    code = "last_admin"
    text = "The clinic would be left without an active admin. Make another one first."


class KeyInUse(Conflict):
    """A key cannot be retired, or not rotated again, while it is needed; the text says what for."""

    code = "key_in_use"
    text = "The key is in use."


class MfaOn(Conflict):
    """The account has a second factor; it must be disabled before another is set up."""

    code = "mfa_enabled"
    text = "The second factor is on already. Disable it first."


class MfaNotEnabled(Conflict):
    """There is no second factor, or none that waits for its first code."""

    code = "mfa_not_enabled"
    text = "No second factor is set up."


class LostUpdate(Conflict):
    """Somebody else changed the record between the read and the change."""

    code = "lost_update"
    text = "Somebody else has changed the record. Read it again, then repeat your change."


class IllegalTransition(Conflict):
    """From the state that the record is in, this step is not possible."""

    code = "illegal_transition"
    text = "The record is in a state from which this step is not possible. Read it again."


class ConsentRevoked(Conflict):
    """There is nothing to revoke: the consent was revoked before, or never given."""

    code = "consent_revoked"
    text = "The consent does not stand any more, or was never given."


class InCaseload(Conflict):
    """The patient is the caller's own: there is nothing to break the glass for."""

    code = "in_caseload"
    text = "The patient is in your caseload. No emergency access is needed."


class AlreadyReviewed(Conflict):
    """The emergency access, or the screening, was reviewed before; a review is final."""

    code = "already_reviewed"
    text = "This has been reviewed before, and a review is final."


class SecondClinicianRequired(Conflict):
    """A `high` is lowered by two clinicians, not by one."""

    code = "second_clinician_required"
    text = "To lower a high risk takes another clinician than you."


class PreconditionFailed(MindBridgeError):
    """The version that the caller started from is not the current one (RFC 9110, 13.1.1)."""

    code = "stale_version"
    text = "The record has changed since the version you named. Read it again."


class IdempotencyKeyReused(MindBridgeError):
    """The idempotency key was used before with another request."""

    code = "idempotency_key_reused"
    text = "This idempotency key was used before with another body."


class TooManyRequests(MindBridgeError):
    """The address or the e-mail has had its tries for now (RFC 6585, 4); `retry_after` is in seconds."""

    code = "too_many_requests"
    outcome = "denied"
    text = "Too many requests. Wait, then try again."

    def __init__(self, retry_after: int, *, reason: str | None = None) -> None:
        super().__init__(reason=reason)
        self.retry_after = retry_after


class DependencyUnavailable(MindBridgeError):
    """Something that the operation needs does not answer. Unless it broke off while committing, nothing was changed."""

    code = "dependency_unavailable"
    text = "A service that this operation needs does not answer. Try again."


class AuditUnavailable(DependencyUnavailable):
    """The audit entry could not be written, so nothing is shown and nothing is kept."""

    code = "audit_unavailable"
    text = "The audit trail cannot be written, so the operation was not done."


class DamagedRecord(MindBridgeError):
    """Stored data fails its integrity check: moved, altered, or its key is gone."""

    code = "damaged_record"
    text = "A stored record fails its integrity check. Tell the administrator; nothing was shown."


class UnstorableRecord(MindBridgeError):
    """The store refuses a value that the rules let through: a defect of the program, never of the request."""

    code = "unstorable_record"
    text = "The server made a record that it cannot store, so nothing was kept. Tell the administrator."


class BrokenTrail(MindBridgeError):
    """The trail is not what was written; a checkpoint would say that it is."""

    code = "broken_trail"
    text = "The audit trail does not verify, so no checkpoint was made of it."
