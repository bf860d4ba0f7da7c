"""Changing one's password, and replacing one that is lost."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from mindbridge_core import Action
from mindbridge_core.identity import PasswordChange, Redemption, ResetRequest
from mindbridge_flask.calls import Answer, Call, StaffCall
from mindbridge_flask.resources import Accepted
from mindbridge_flask.routing import RouteTable

__all__ = ["PASSWORDS"]

PASSWORDS: Final = RouteTable()


@PASSWORDS.route(
    "POST",
    "/v1/auth/password",
    Action.PASSWORD_CHANGE,
    status=HTTPStatus.NO_CONTENT,
    refusals=(HTTPStatus.CONFLICT, HTTPStatus.LOCKED),
)
def change_password(call: StaffCall, body: PasswordChange) -> Answer[None]:
    """Change the caller's own password. All sessions end, the caller's too.

    401 `invalid_credentials` when `current_password` is wrong; it counts as a failed login, 423 once they are too many.
    """
    call.core.change_password(call.claim, body)
    return Answer(content=None)


@PASSWORDS.route(
    "POST",
    "/v1/auth/password/reset",
    Action.PASSWORD_RESET_REQUEST,
    status=HTTPStatus.ACCEPTED,
    throttled=True,
)
def request_password_reset(call: Call, body: ResetRequest) -> Answer[Accepted]:
    """Ask for a mail with which to choose a new password.

    The answer is the same whether or not the e-mail has an account.
    """
    call.core.request_password_reset(body, call.origin)
    return Answer(content=Accepted())


@PASSWORDS.route(
    "POST",
    "/v1/auth/password/reset/confirm",
    Action.PASSWORD_RESET,
    status=HTTPStatus.NO_CONTENT,
    throttled=True,
    refusals=(HTTPStatus.UNAUTHORIZED, HTTPStatus.CONFLICT),
)
def reset_password(call: Call, body: Redemption) -> Answer[None]:
    """Choose a new password with the token of the mail, once. All sessions of the account end.

    401 `invalid_account_token` for a token that is expired, used, replaced or unknown: one and the same answer.
    """
    call.core.reset_password(body, call.origin)
    return Answer(content=None)
