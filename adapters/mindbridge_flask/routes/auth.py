"""Logging in and out, and who one is."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import attrs

from mindbridge_core import Action
from mindbridge_core.identity import Credentials, RefreshRequest
from mindbridge_flask.calls import Answer, Call, StaffCall
from mindbridge_flask.resources import TokenResource, UserResource
from mindbridge_flask.routing import RouteTable

__all__ = ["AUTH"]

AUTH: Final = RouteTable()


@attrs.frozen(kw_only=True)
class LogOutQuery:
    """How much to end."""

    everywhere: bool = False


@AUTH.route(
    "POST",
    "/v1/auth/login",
    Action.AUTH_LOGIN,
    throttled=True,
    refusals=(HTTPStatus.UNAUTHORIZED, HTTPStatus.LOCKED),
)
def log_in(call: Call, body: Credentials) -> Answer[TokenResource]:
    """Begin a session with e-mail and password.

    401 `invalid_credentials` when they are no account's, 401 `mfa_required` when the second factor is owed,
    401 `invalid_code` when `otp` is neither its code nor a recovery code, or was used before, 423 while the e-mail is
    locked after too many tries.
    """
    return Answer(content=TokenResource.of(call.core.log_in(body, call.origin)))


@AUTH.route("POST", "/v1/auth/refresh", Action.AUTH_REFRESH, throttled=True, refusals=(HTTPStatus.UNAUTHORIZED,))
def refresh_session(call: Call, body: RefreshRequest) -> Answer[TokenResource]:
    """Trade a refresh token, once, for new tokens.

    A token handed in a second time ends its session.
    """
    return Answer(content=TokenResource.of(call.core.refresh_session(body, call.origin)))


@AUTH.route("POST", "/v1/auth/logout", Action.AUTH_LOGOUT, status=HTTPStatus.NO_CONTENT)
def log_out(call: StaffCall, query: LogOutQuery) -> Answer[None]:
    """End the session, or with `everywhere=true` all sessions of the account."""
    call.core.log_out(call.claim, everywhere=query.everywhere)
    return Answer(content=None)


@AUTH.route("GET", "/v1/auth/me", Action.AUTH_ME)
def view_self(call: StaffCall) -> Answer[UserResource]:
    """Show the caller's own account."""
    return Answer(content=UserResource.of(call.core.view_self(call.claim)))


@AUTH.route("GET", "/v1/users/me", Action.AUTH_ME)
def view_own_user(call: StaffCall) -> Answer[UserResource]:
    """Show the caller's own account; the same as `/v1/auth/me`."""
    return view_self(call)
