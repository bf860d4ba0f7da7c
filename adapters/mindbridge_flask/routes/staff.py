"""The clinic's accounts, and one's own sessions."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from uuid import UUID

from mindbridge_core import Action
from mindbridge_core.identity import StaffChanges
from mindbridge_flask.calls import Answer, StaffCall
from mindbridge_flask.paging import PageQuery
from mindbridge_flask.resources import AccountResource, SessionList, SessionResource, UserPage
from mindbridge_flask.routing import RouteTable

__all__ = ["STAFF"]

STAFF: Final = RouteTable()


@STAFF.route("GET", "/v1/users", Action.USER_LIST)
def list_staff(call: StaffCall, query: PageQuery) -> Answer[UserPage]:
    """List the clinic's accounts, deactivated ones too."""
    return Answer(content=UserPage.of(call.core.list_staff(call.claim, after=query.after, limit=query.limit)))


@STAFF.route("GET", "/v1/users/{user_id}", Action.USER_VIEW, tagged=True)
def view_staff(call: StaffCall, user_id: UUID) -> Answer[AccountResource]:
    """Show one account of the clinic, a deactivated one too."""
    user = call.core.view_staff(call.claim, user_id)
    return Answer(content=AccountResource.of(user), version=user.version)


@STAFF.route("PATCH", "/v1/users/{user_id}", Action.USER_CHANGE, tagged=True)
def change_staff(call: StaffCall, user_id: UUID, body: StaffChanges, version: int | None) -> Answer[AccountResource]:
    """Change name, role or license. A new role ends all sessions of the account.

    409 `last_admin` when the clinic would be left without an active admin.
    """
    user = call.core.change_staff(call.claim, user_id, body, version=version)
    return Answer(content=AccountResource.of(user), version=user.version)


@STAFF.route("DELETE", "/v1/users/{user_id}", Action.USER_DEACTIVATE, status=HTTPStatus.NO_CONTENT)
def deactivate_staff(call: StaffCall, user_id: UUID, version: int | None) -> Answer[None]:
    """Deactivate an account for good; its sessions end at once. 409 `last_admin` for the last active admin."""
    call.core.deactivate_staff(call.claim, user_id, version=version)
    return Answer(content=None)


@STAFF.route("POST", "/v1/users/{user_id}/unlock", Action.USER_UNLOCK, status=HTTPStatus.NO_CONTENT)
def unlock_staff(call: StaffCall, user_id: UUID) -> Answer[None]:
    """Forget the failed logins of an account, so that a lock ends at once."""
    call.core.unlock_staff(call.claim, user_id)
    return Answer(content=None)


@STAFF.route("GET", "/v1/auth/sessions", Action.SESSION_LIST)
def list_sessions(call: StaffCall) -> Answer[SessionList]:
    """List where the caller is logged in, the newest first."""
    found = call.core.list_sessions(call.claim)
    return Answer(content=SessionList([SessionResource.of(one, call.claim.session_id) for one in found]))


@STAFF.route("DELETE", "/v1/auth/sessions/{session_id}", Action.SESSION_END, status=HTTPStatus.NO_CONTENT)
def end_session(call: StaffCall, session_id: UUID) -> Answer[None]:
    """End one of the caller's own sessions; its tokens are good for nothing from now on."""
    call.core.end_session(call.claim, session_id)
    return Answer(content=None)
