"""How accounts come into being: an admin invites, and the person invited chooses the password."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from uuid import UUID

from mindbridge_core import Action
from mindbridge_core.identity import Redemption, StaffDraft
from mindbridge_flask.calls import Answer, Call, StaffCall
from mindbridge_flask.resources import InvitedResource
from mindbridge_flask.routing import RouteTable

__all__ = ["INVITATIONS"]

INVITATIONS: Final = RouteTable()


@INVITATIONS.route(
    "POST",
    "/v1/auth/register",
    Action.USER_INVITE,
    status=HTTPStatus.CREATED,
    refusals=(HTTPStatus.CONFLICT,),
)
def invite_staff(call: StaffCall, body: StaffDraft) -> Answer[InvitedResource]:
    """Make an account at the caller's own clinic and invite its owner by mail.

    Nobody but the owner chooses the password. 409 `duplicate_email` when the e-mail has an account, in any clinic.
    When the mail could not be handed over `invitation_sent` is false, and the account stands: invite again.
    """
    invitation = call.core.invite_staff(call.claim, body)
    return Answer(content=InvitedResource.of(invitation), made=invitation.user.id, among="/v1/users")


@INVITATIONS.route("POST", "/v1/users/{user_id}/invitation", Action.INVITATION_RENEW, refusals=(HTTPStatus.CONFLICT,))
def renew_invitation(call: StaffCall, user_id: UUID) -> Answer[InvitedResource]:
    """Invite the owner of an account again; the invitation sent before is good for nothing from then on.

    409 `already_joined` once the account has a password.
    """
    return Answer(content=InvitedResource.of(call.core.renew_invitation(call.claim, user_id)))


@INVITATIONS.route(
    "POST",
    "/v1/auth/invitations/accept",
    Action.INVITATION_ACCEPT,
    status=HTTPStatus.NO_CONTENT,
    throttled=True,
    refusals=(HTTPStatus.UNAUTHORIZED, HTTPStatus.CONFLICT),
)
def accept_invitation(call: Call, body: Redemption) -> Answer[None]:
    """Choose the first password of an account, once.

    401 `invalid_account_token` for an invitation that is expired, used, replaced or unknown: one and the same answer.
    """
    call.core.accept_invitation(body, call.origin)
    return Answer(content=None)
