"""Every refusal as a problem document (RFC 9457): one table says which error has which status."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

import attrs
import msgspec
from werkzeug.exceptions import HTTPException

from mindbridge_core import errors
from mindbridge_core.errors import Finding, InvalidInput, MindBridgeError, SessionEnded, TooManyRequests
from mindbridge_flask.refusals import REALM, Refusal, of_http_exception

__all__ = ["PROBLEM_TYPE", "TABLE", "Problem", "Row", "problem_of", "refusal_of"]

PROBLEM_TYPE: Final = "application/problem+json"


class FindingResource(msgspec.Struct, frozen=True):
    """One thing wrong with the input: where (JSON pointer into the body, or `/` and the query parameter), and what."""

    pointer: str
    code: str
    message: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a request was refused (RFC 9457). `code` is stable; `correlation_id` is the request's id."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    correlation_id: str
    errors: list[FindingResource] | msgspec.UnsetType = msgspec.UNSET
    checks: dict[str, str] | msgspec.UnsetType = msgspec.UNSET


@attrs.frozen
class Row:
    """How one error is answered. Where `as_if` is named, the answer is that error's, to the letter."""

    status: HTTPStatus
    title: str
    challenge: str | None = None
    as_if: type[MindBridgeError] | None = None


_BAD_TOKEN: Final = f'{REALM}, error="invalid_token"'

TABLE: Final[Mapping[type[MindBridgeError], Row]] = MappingProxyType(
    {
        MindBridgeError: Row(HTTPStatus.INTERNAL_SERVER_ERROR, "The operation failed"),
        errors.InvalidInput: Row(HTTPStatus.UNPROCESSABLE_ENTITY, "The input is not valid"),
        errors.Forbidden: Row(HTTPStatus.FORBIDDEN, "Not permitted"),
        errors.ConsentRequired: Row(HTTPStatus.FORBIDDEN, "Consent required"),
        errors.ReviewOverdue: Row(HTTPStatus.FORBIDDEN, "Review overdue"),
        errors.NotFound: Row(HTTPStatus.NOT_FOUND, "Not found"),
        # Clinics are named by tokens alone, so one without keys is a token that is good for nothing.
        errors.UnknownClinic: Row(HTTPStatus.UNAUTHORIZED, "Log in again", _BAD_TOKEN, SessionEnded),
        errors.AuthenticationFailed: Row(HTTPStatus.UNAUTHORIZED, "Login refused", REALM),
        errors.MfaRequired: Row(HTTPStatus.UNAUTHORIZED, "Login refused", REALM),
        errors.WrongCode: Row(HTTPStatus.UNAUTHORIZED, "Login refused", REALM),
        errors.MfaEnrolmentRequired: Row(HTTPStatus.FORBIDDEN, "Second factor required"),
        errors.AccountTokenRefused: Row(HTTPStatus.UNAUTHORIZED, "Not accepted", REALM),
        errors.AccountLocked: Row(HTTPStatus.LOCKED, "Account locked"),
        errors.SessionEnded: Row(HTTPStatus.UNAUTHORIZED, "Log in again", _BAD_TOKEN),
        errors.TooManyRequests: Row(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests"),
        errors.Conflict: Row(HTTPStatus.CONFLICT, "Conflict"),
        errors.DuplicateClinic: Row(HTTPStatus.CONFLICT, "Conflict"),
        errors.DuplicateEmail: Row(HTTPStatus.CONFLICT, "Conflict"),
        errors.DuplicateMrn: Row(HTTPStatus.CONFLICT, "Conflict"),
        errors.InCaseload: Row(HTTPStatus.CONFLICT, "Conflict"),
        errors.IllegalTransition: Row(HTTPStatus.CONFLICT, "Conflict"),
        errors.ConsentRevoked: Row(HTTPStatus.CONFLICT, "Conflict"),
        errors.KeyInUse: Row(HTTPStatus.CONFLICT, "Conflict"),
        errors.MfaOn: Row(HTTPStatus.CONFLICT, "Conflict"),
        errors.MfaNotEnabled: Row(HTTPStatus.CONFLICT, "Conflict"),
        errors.AlreadyJoined: Row(HTTPStatus.CONFLICT, "Conflict"),
        errors.LastAdmin: Row(HTTPStatus.CONFLICT, "Conflict"),
        errors.AlreadyReviewed: Row(HTTPStatus.CONFLICT, "Conflict"),
        errors.SecondClinicianRequired: Row(HTTPStatus.CONFLICT, "A second clinician is required"),
        errors.LostUpdate: Row(HTTPStatus.CONFLICT, "Conflict"),
        errors.PreconditionFailed: Row(HTTPStatus.PRECONDITION_FAILED, "The record has changed"),
        errors.IdempotencyKeyReused: Row(HTTPStatus.UNPROCESSABLE_ENTITY, "Idempotency key used before"),
        errors.DependencyUnavailable: Row(HTTPStatus.SERVICE_UNAVAILABLE, "Temporarily not available"),
        errors.AuditUnavailable: Row(HTTPStatus.SERVICE_UNAVAILABLE, "Temporarily not available"),
        errors.BrokenTrail: Row(HTTPStatus.INTERNAL_SERVER_ERROR, "The audit trail is broken"),
        errors.DamagedRecord: Row(HTTPStatus.INTERNAL_SERVER_ERROR, "A stored record is damaged"),
        errors.UnstorableRecord: Row(HTTPStatus.INTERNAL_SERVER_ERROR, "A record cannot be stored"),
    }
)


def _row(kind: type[BaseException]) -> Row | None:
    """Return the row of the nearest ancestor that has one."""
    return next((TABLE[cls] for cls in kind.__mro__ if cls in TABLE), None)


def _title(status: HTTPStatus) -> str:
    return status.phrase


def refusal_of(error: Exception) -> tuple[Refusal, str]:
    """Return the refusal that answers `error`, and its title. An unexpected error says nothing of itself."""
    if isinstance(error, HTTPException):
        error = of_http_exception(error)
    if isinstance(error, Refusal):
        return error, _title(error.status)
    row = _row(type(error))
    if row is None or not isinstance(error, MindBridgeError):
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        return Refusal(status, "internal_error", "Something went wrong on the server."), _title(status)
    told = row.as_if or type(error)
    detail = told.text if row.as_if or isinstance(error, InvalidInput) else str(error)
    findings: tuple[Finding, ...] = error.findings if isinstance(error, InvalidInput) else ()
    headers = {} if row.challenge is None else {"WWW-Authenticate": row.challenge}
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(error.retry_after)
    return Refusal(row.status, told.code, detail, headers=headers, findings=findings), row.title


def problem_of(refusal: Refusal, title: str, request_id: str) -> Problem:
    """Return the document for `refusal`."""
    findings = [FindingResource(found.pointer, found.code, found.message) for found in refusal.findings]
    return Problem(
        type=f"urn:problem-type:mindbridge:{refusal.code}",
        title=title,
        status=int(refusal.status),
        detail=refusal.detail,
        instance=f"urn:request:{request_id}",
        code=refusal.code,
        correlation_id=request_id,
        errors=findings or msgspec.UNSET,
        checks=dict(refusal.checks) if refusal.checks else msgspec.UNSET,
    )
