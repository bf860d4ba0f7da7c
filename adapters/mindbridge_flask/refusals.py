"""What HTTP itself refuses, before or beside the core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType

from werkzeug.exceptions import HTTPException

from mindbridge_core.errors import Finding

__all__ = ["REALM", "Refusal", "of_http_exception"]

REALM = 'Bearer realm="mindbridge"'
NOTHING: Mapping[str, str] = MappingProxyType({})


class Refusal(Exception):
    """An answer that is not 2xx. Its words repeat nothing that the client sent."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] = NOTHING,
        findings: Sequence[Finding] = (),
        checks: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.headers, self.findings, self.checks = headers, tuple(findings), checks

    @classmethod
    def no_credentials(cls) -> Refusal:
        """401 without an error code: the client may not have known that it must log in (RFC 6750, 3.1)."""
        detail = "Log in, and send the access token as a Bearer token."
        return cls(HTTPStatus.UNAUTHORIZED, "unauthenticated", detail, headers={"WWW-Authenticate": REALM})

    @classmethod
    def bad_authorization(cls, detail: str) -> Refusal:
        """400 `invalid_request`: credentials that cannot even be read (RFC 6750, 3.1)."""
        challenge = f'{REALM}, error="invalid_request"'
        return cls(HTTPStatus.BAD_REQUEST, "invalid_request", detail, headers={"WWW-Authenticate": challenge})

    @classmethod
    def bad_header(cls, detail: str) -> Refusal:
        """400 for a header that does not have its form."""
        return cls(HTTPStatus.BAD_REQUEST, "invalid_header", detail)

    @classmethod
    def bad_body(cls, detail: str) -> Refusal:
        """400 for a body that is not the JSON it claims to be."""
        return cls(HTTPStatus.BAD_REQUEST, "invalid_json", detail)

    @classmethod
    def unsupported(cls, detail: str) -> Refusal:
        """415; says what would have been taken."""
        status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        return cls(status, "unsupported_media_type", detail, headers={"Accept": "application/json"})

    @classmethod
    def no_such_path(cls) -> Refusal:
        """404 of an address that no route has."""
        return cls(HTTPStatus.NOT_FOUND, "unknown_path", "There is nothing at this address.")

    @classmethod
    def wrong_method(cls, allow: str) -> Refusal:
        """405, with what the address does allow."""
        detail = f"This address allows {allow}."
        return cls(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", detail, headers={"Allow": allow})


def of_http_exception(error: HTTPException) -> Refusal:
    """Say in our words what the framework refused; its own words may quote the request."""
    status = HTTPStatus(error.code) if error.code in set(HTTPStatus) else HTTPStatus.INTERNAL_SERVER_ERROR
    details = {
        HTTPStatus.BAD_REQUEST: "The request could not be read.",
        HTTPStatus.NOT_FOUND: "There is nothing at this address.",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is longer than this server takes.",
    }
    codes = {HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "body_too_large", HTTPStatus.NOT_FOUND: "unknown_path"}
    allow = getattr(error, "valid_methods", None)
    if allow:
        return Refusal.wrong_method(", ".join(sorted(allow)))
    code = codes.get(status, status.name.lower())
    return Refusal(status, code, details.get(status, f"{status.phrase}."))
