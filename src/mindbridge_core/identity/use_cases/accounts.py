"""What an admin does with the clinic's accounts, and everybody with their own sessions."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import attrs

from mindbridge_core.access import Action, Role
from mindbridge_core.actor import Caller
from mindbridge_core.clock import Clock
from mindbridge_core.errors import LastAdmin, NotFound
from mindbridge_core.identity.entities import Session, SessionLimits, User, email_digest
from mindbridge_core.identity.inputs import StaffChanges
from mindbridge_core.identity.ports import IdentityUnit
from mindbridge_core.pagination import DEFAULT_LIMIT, Page
from mindbridge_core.validation import given
from mindbridge_core.work import Desk, Work, require_version

__all__ = ["ChangeStaff", "DeactivateStaff", "EndSession", "ListSessions", "ListStaff", "UnlockStaff", "ViewStaff"]


def _colleague(desk: Desk[IdentityUnit], user_id: UUID, version: int | None) -> User:
    user = desk.unit.users.get(user_id)
    if user is None or not user.active:
        raise NotFound
    require_version(user, version)
    return user


def _spare(desk: Desk[IdentityUnit], user: User) -> None:
    """Refuse to take the last active admin away; of two at once that would, one waits here for the other."""
    if user.role is Role.ADMIN and desk.unit.users.active_admins() <= {user.id}:
        raise LastAdmin


@attrs.frozen(kw_only=True)
class ListStaff:
    """Show a page of the clinic's accounts, deactivated ones too."""

    work: Work[IdentityUnit]

    def __call__(self, caller: Caller, *, after: UUID | None = None, limit: int = DEFAULT_LIMIT) -> Page[User]:
        """Return the page; its entry names every account on it."""
        with self.work(caller, Action.USER_LIST) as desk:
            page = desk.unit.users.list(after, limit)
            desk.returns(user.id for user in page.items)
        return page


@attrs.frozen(kw_only=True)
class ViewStaff:
    """Show one account of the clinic, a deactivated one too."""

    work: Work[IdentityUnit]

    def __call__(self, caller: Caller, user_id: UUID) -> User:
        """Return the account; NotFound when the clinic has none of this id."""
        with self.work(caller, Action.USER_VIEW, resource_id=user_id) as desk:
            user = desk.unit.users.get(user_id)
            if user is None:
                raise NotFound
        return user


@attrs.frozen(kw_only=True)
class ChangeStaff:
    """Change an account's name, role or license. A new role ends all sessions of the account at once."""

    work: Work[IdentityUnit]
    clock: Clock

    def __call__(self, caller: Caller, user_id: UUID, changes: StaffChanges, *, version: int | None = None) -> User:
        """Return the changed account. Raises NotFound, PreconditionFailed, LastAdmin, LostUpdate."""
        with self.work(caller, Action.USER_CHANGE, resource_id=user_id) as desk:
            user = _colleague(desk, user_id, version)
            sent = given(changes)
            if sent.get("role", user.role) is not user.role:
                _spare(desk, user)
                desk.unit.sessions.end_all(user_id, self.clock())
            if sent:
                user = desk.unit.users.save(attrs.evolve(user, **sent))
            desk.changes(sent, plain=frozenset({"role"}))
        return user


@attrs.frozen(kw_only=True)
class DeactivateStaff:
    """Close an account for good and end its sessions at once. Its e-mail is never given to anybody else."""

    work: Work[IdentityUnit]
    clock: Clock

    def __call__(self, caller: Caller, user_id: UUID, *, version: int | None = None) -> None:
        """Return when it is stored; the caseload keeps its case manager until it is given to another.

        Raises NotFound, PreconditionFailed, LastAdmin, LostUpdate.
        """
        now = self.clock()
        with self.work(caller, Action.USER_DEACTIVATE, resource_id=user_id) as desk:
            user = _colleague(desk, user_id, version)
            _spare(desk, user)
            desk.unit.users.save(attrs.evolve(user, deleted_at=now))
            desk.unit.sessions.end_all(user_id, now)


@attrs.frozen(kw_only=True)
class UnlockStaff:
    """Forget the failed tries on an account's e-mail, so that a lock ends at once."""

    work: Work[IdentityUnit]

    def __call__(self, caller: Caller, user_id: UUID) -> None:
        """Return when it is stored, locked or not before; NotFound."""
        with self.work(caller, Action.USER_UNLOCK, resource_id=user_id) as desk:
            user = _colleague(desk, user_id, None)
            desk.unit.attempts.save(desk.unit.attempts.locked(email_digest(user.email)).cleared())


@attrs.frozen(kw_only=True)
class ListSessions:
    """Show the caller where they are logged in."""

    work: Work[IdentityUnit]
    clock: Clock
    limits: SessionLimits

    def __call__(self, caller: Caller) -> Sequence[Session]:
        """Return the caller's own sessions that are alive, the newest first."""
        now = self.clock()
        with self.work(caller, Action.SESSION_LIST) as desk:
            found = [one for one in desk.unit.sessions.of_user(desk.actor.user_id) if one.alive(now, self.limits)]
            desk.returns(one.id for one in found)
        return found


@attrs.frozen(kw_only=True)
class EndSession:
    """End one of the caller's own sessions."""

    work: Work[IdentityUnit]
    clock: Clock

    def __call__(self, caller: Caller, session_id: UUID) -> None:
        """Return when it is stored; NotFound when it is nobody's, somebody else's or has been ended."""
        with self.work(caller, Action.SESSION_END, resource_id=session_id) as desk:
            if session_id not in {one.id for one in desk.unit.sessions.of_user(desk.actor.user_id)}:
                raise NotFound
            desk.unit.sessions.end(session_id, self.clock())
