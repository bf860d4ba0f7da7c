"""The second factor: one's own, a colleague's, and of whom the clinic demands one."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Final
from uuid import UUID

import msgspec

from mindbridge_core import Action
from mindbridge_core.access import Role
from mindbridge_core.identity import (
    CodeAgain,
    Enrolment,
    MfaPolicy,
    MfaPolicyDraft,
    PasswordAgain,
    PasswordAndCode,
)
from mindbridge_flask.calls import Answer, StaffCall
from mindbridge_flask.routing import RouteTable

__all__ = ["MFA"]

MFA: Final = RouteTable()
ASKED: Final = (HTTPStatus.CONFLICT, HTTPStatus.LOCKED)


class EnrolmentResource(msgspec.Struct, frozen=True):
    """What an authenticator needs, shown once: the secret, also as `otpauth:` address and as QR code of it (SVG)."""

    secret: str
    otpauth_uri: str
    qr_svg: str

    @classmethod
    def of(cls, enrolment: Enrolment) -> EnrolmentResource:
        """Show `enrolment`."""
        return cls(enrolment.secret, enrolment.uri, enrolment.qr_svg)


class RecoveryCodesResource(msgspec.Struct, frozen=True):
    """Ten codes, shown once; each logs in once in the place of a code that cannot be had."""

    recovery_codes: list[str]


class MfaPolicyResource(msgspec.Struct, frozen=True):
    """Of which roles the clinic demands a second factor."""

    required: bool
    roles: list[Role]
    updated_at: datetime | None
    updated_by: UUID | None
    version: int

    @classmethod
    def of(cls, policy: MfaPolicy) -> MfaPolicyResource:
        """Show `policy`."""
        return cls(bool(policy.roles), sorted(policy.roles), policy.updated_at, policy.updated_by, policy.version)


@MFA.route("POST", "/v1/auth/mfa/enroll", Action.MFA_ENROLL, refusals=ASKED)
def enroll_mfa(call: StaffCall, body: PasswordAgain) -> Answer[EnrolmentResource]:
    """Propose a new secret; it counts from `confirm` on.

    The password is asked for again and counts like a login: 401 `invalid_credentials` when it is wrong, 423 after
    too many tries. 409 `mfa_enabled` when there is a second factor already.
    """
    return Answer(content=EnrolmentResource.of(call.core.enroll_mfa(call.claim, body)))


@MFA.route("POST", "/v1/auth/mfa/confirm", Action.MFA_CONFIRM, refusals=ASKED)
def confirm_mfa(call: StaffCall, body: CodeAgain) -> Answer[RecoveryCodesResource]:
    """Turn the second factor on with the first code of the proposed secret; the caller's other sessions end.

    401 `invalid_code` when it is none.
    """
    return Answer(content=RecoveryCodesResource(list(call.core.confirm_mfa(call.claim, body))))


@MFA.route("POST", "/v1/auth/mfa/disable", Action.MFA_DISABLE, status=HTTPStatus.NO_CONTENT, refusals=ASKED)
def disable_mfa(call: StaffCall, body: PasswordAndCode) -> Answer[None]:
    """Turn the second factor off, with the password and a code; the caller's other sessions end.

    422 when the password is long enough only with a second factor: change it first.
    """
    call.core.disable_mfa(call.claim, body)
    return Answer(content=None)


@MFA.route("POST", "/v1/auth/mfa/recovery-codes", Action.MFA_RENEW_CODES, refusals=ASKED)
def renew_recovery_codes(call: StaffCall, body: PasswordAgain) -> Answer[RecoveryCodesResource]:
    """Make new recovery codes; all earlier ones are void."""
    return Answer(content=RecoveryCodesResource(list(call.core.renew_recovery_codes(call.claim, body))))


@MFA.route(
    "DELETE",
    "/v1/users/{user_id}/mfa",
    Action.MFA_RESET,
    status=HTTPStatus.NO_CONTENT,
    refusals=(HTTPStatus.CONFLICT,),
)
def reset_mfa(call: StaffCall, user_id: UUID) -> Answer[None]:
    """Take a colleague's second factor away; their sessions end, and they can only set up a new one."""
    call.core.reset_mfa(call.claim, user_id)
    return Answer(content=None)


@MFA.route("GET", "/v1/clinic/mfa", Action.MFA_POLICY_VIEW, tagged=True)
def view_mfa_policy(call: StaffCall) -> Answer[MfaPolicyResource]:
    """Show of which roles the clinic demands a second factor."""
    policy = call.core.view_mfa_policy(call.claim)
    return Answer(content=MfaPolicyResource.of(policy), version=policy.version)


@MFA.route("PUT", "/v1/clinic/mfa", Action.MFA_POLICY_CHANGE, tagged=True)
def change_mfa_policy(call: StaffCall, body: MfaPolicyDraft, version: int | None) -> Answer[MfaPolicyResource]:
    """Demand a second factor of some roles, by default of all that see PHI, or of none.

    Whoever has such a role and no second factor can from their next request on only set one up: all else is refused
    with 403 `mfa_enrolment_required`.
    """
    policy = call.core.change_mfa_policy(call.claim, body, version=version)
    return Answer(content=MfaPolicyResource.of(policy), version=policy.version)
