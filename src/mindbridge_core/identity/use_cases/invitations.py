"""Accounts come into being by invitation: an admin asks somebody in, and only they choose the password."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Caller, Operator, Origin
from mindbridge_core.clock import Clock
from mindbridge_core.errors import AlreadyJoined, DependencyUnavailable, Forbidden, NotFound
from mindbridge_core.identity.account_tokens import AccountLinks, AccountSecret, Purpose
from mindbridge_core.identity.entities import User
from mindbridge_core.identity.inputs import Redemption, StaffDraft
from mindbridge_core.identity.letters import invitation_letter
from mindbridge_core.identity.ports import IdentityUnit
from mindbridge_core.identity.use_cases.redemption import IssueToken, RedeemToken
from mindbridge_core.ids import PLATFORM_CLINIC_ID, NewId
from mindbridge_core.notices import Notifier
from mindbridge_core.work import Work

__all__ = ["AcceptInvitation", "HandOver", "Invitation", "InviteStaff", "RenewInvitation"]


@attrs.frozen(kw_only=True)
class Invitation:
    """An account that waits for its owner.

    `sent` says whether the message was handed over; if not, the account stands and the invitation can be renewed. The
    operator, who has no mail to wait for, is given the `secret`; staff never are, for they could set the password.
    """

    user: User
    expires_at: datetime
    sent: bool
    secret: AccountSecret | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class HandOver:
    """Send an invitation, or leave it to the operator; never to be called inside a unit."""

    links: AccountLinks
    notifier: Notifier

    def __call__(self, caller: Caller, user: User, secret: AccountSecret, expires_at: datetime) -> Invitation:
        """Return what became of it; a mail server that fails is no error."""
        if isinstance(caller, Operator):
            return Invitation(user=user, expires_at=expires_at, sent=False, secret=secret)
        try:
            self.notifier.send(invitation_letter(user.email, self.links, secret, expires_at))
        except DependencyUnavailable:
            return Invitation(user=user, expires_at=expires_at, sent=False)
        return Invitation(user=user, expires_at=expires_at, sent=True)


@attrs.frozen(kw_only=True)
class InviteStaff:
    """Make an account at the caller's own clinic and invite its owner, who alone chooses the password."""

    work: Work[IdentityUnit]
    issue: IssueToken
    hand_over: HandOver
    clock: Clock
    new_id: NewId

    def __call__(self, caller: Caller, draft: StaffDraft) -> Invitation:
        """Return the invitation. Raises DuplicateEmail when any clinic has the e-mail."""
        user = User(
            id=self.new_id(),
            clinic_id=caller.clinic_id,
            email=draft.email,
            full_name=draft.full_name,
            role=draft.role,
            license_number=draft.license_number,
            created_at=self.clock(),
        )
        with self.work(caller, Action.USER_INVITE, resource_id=user.id) as desk:
            if caller.clinic_id == PLATFORM_CLINIC_ID:
                raise Forbidden  # the reserved clinic has a trail and keys, and nobody works there
            desk.unit.users.add(user)
            secret, expires_at = self.issue(desk.unit, user, Purpose.INVITATION)
            desk.changes({"role": user.role}, plain=frozenset({"role"}))
        return self.hand_over(caller, user, secret, expires_at)


@attrs.frozen(kw_only=True)
class RenewInvitation:
    """Invite the owner of an account again; the invitation that they had is good for nothing from then on."""

    work: Work[IdentityUnit]
    issue: IssueToken
    hand_over: HandOver

    def __call__(self, caller: Caller, user_id: UUID) -> Invitation:
        """Return the invitation. Raises NotFound, and AlreadyJoined for an account that has a password."""
        with self.work(caller, Action.INVITATION_RENEW, resource_id=user_id) as desk:
            user = desk.unit.users.get(user_id)
            if user is None or not user.active:
                raise NotFound
            if user.password_hash is not None:
                raise AlreadyJoined
            secret, expires_at = self.issue(desk.unit, user, Purpose.INVITATION)
        return self.hand_over(caller, user, secret, expires_at)


@attrs.frozen(kw_only=True)
class AcceptInvitation:
    """Set the first password of an account, once, with the invitation that its owner was sent."""

    redeem: RedeemToken

    def __call__(self, redemption: Redemption, origin: Origin) -> None:
        """Return when the password is stored. Raises AccountTokenRefused, InvalidInput for the password."""
        self.redeem(Purpose.INVITATION, Action.INVITATION_ACCEPT, redemption, origin)
