"""Changing a password that one knows, and replacing one that is lost."""

from __future__ import annotations

from functools import partial

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Anonymous, Caller, Origin
from mindbridge_core.clock import Clock
from mindbridge_core.errors import InvalidInput, SessionEnded
from mindbridge_core.identity.account_tokens import AccountLinks, Purpose
from mindbridge_core.identity.entities import DirectoryEntry, User, normalize_email
from mindbridge_core.identity.inputs import PasswordChange, Redemption, ResetRequest
from mindbridge_core.identity.letters import password_changed_letter, reset_letter
from mindbridge_core.identity.passwords import accept_password, normalize_password
from mindbridge_core.identity.ports import CommonPasswords, IdentityUnit
from mindbridge_core.identity.use_cases.proof import ProvePassword
from mindbridge_core.identity.use_cases.redemption import IssueToken, RedeemToken, related_words, set_password
from mindbridge_core.ids import PLATFORM_CLINIC_ID, NewId
from mindbridge_core.notices import Later, Notifier
from mindbridge_core.work import OpenUnit, Work

__all__ = ["ChangePassword", "RequestPasswordReset", "ResetPassword", "TellOfChange"]


@attrs.frozen(kw_only=True)
class TellOfChange:
    """Tell the owner of an account by mail that its password was changed, for it may have been somebody else."""

    clock: Clock
    notifier: Notifier
    later: Later

    def __call__(self, user: User) -> None:
        """Return at once; the mail goes out, or fails to, beside."""
        self.later(partial(self.notifier.send, password_changed_letter(user.email, self.clock())))


@attrs.frozen(kw_only=True)
class ChangePassword:
    """Set another password for the caller's own account, given the one that it has. All its sessions end.

    The password that is asked for counts as a try to log in, so that a session left open is no way to guess it. Both
    hashes are made between units.
    """

    work: Work[IdentityUnit]
    prove: ProvePassword
    common: CommonPasswords
    clock: Clock
    tell: TellOfChange

    def __call__(self, caller: Caller, change: PasswordChange) -> None:
        """Return when it is stored: the next request of any session is refused, the caller's own too.

        Raises InvalidInput for the new password, AuthenticationFailed for the current one, AccountLocked, LostUpdate.
        """
        mfa = self._hold_to_rules(caller, change.password)
        user = self.prove(caller, Action.PASSWORD_CHANGE, change.current_password)
        fresh, now = self.prove.hasher.hash(normalize_password(change.password)), self.clock()
        with self.work(caller, Action.PASSWORD_CHANGE, resource_id=user.id) as desk:
            desk.unit.account_tokens.end_all(user.id, now)
            set_password(desk.unit, self.prove.count.settle(desk, user), fresh, now, mfa=mfa)
        self.tell(user)

    def _hold_to_rules(self, caller: Caller, password: str) -> bool:
        """Refuse a new password that breaks the rules, before anything counts as a try.

        Return whether a second factor counted for it.
        """
        with self.work(caller, Action.PASSWORD_CHANGE, entered=False) as desk:
            user = desk.unit.users.get(desk.actor.user_id)
            if user is None or not user.active:
                raise SessionEnded
            related = related_words(desk.unit, user)
        try:
            accept_password(password, self.common, related, mfa=user.mfa_enabled)
        except InvalidInput as refused:
            self.prove.count.refuse(caller, Action.PASSWORD_CHANGE, user, refused)
        return user.mfa_enabled


@attrs.frozen(kw_only=True)
class RequestPasswordReset:
    """Send the owner of an account a token with which to choose a new password.

    Known or unknown, the caller gets the same answer after the same work: one look into the directory and one entry.
    What is left, and differs, is done beside the caller.
    """

    open_unit: OpenUnit[IdentityUnit]
    work: Work[IdentityUnit]
    issue: IssueToken
    links: AccountLinks
    new_id: NewId
    notifier: Notifier
    later: Later

    def __call__(self, request: ResetRequest, origin: Origin) -> None:
        """Return when the request is entered: in the trail of the account's clinic, or in the platform's."""
        with self.open_unit(PLATFORM_CLINIC_ID) as unit:
            known = unit.directory.find(normalize_email(request.email))
        entry = known or DirectoryEntry(clinic_id=PLATFORM_CLINIC_ID, user_id=self.new_id())
        caller = Anonymous(clinic_id=entry.clinic_id, origin=origin)
        with self.work(caller, Action.PASSWORD_RESET_REQUEST, resource_id=None if known is None else known.user_id):
            pass  # what is asked for is entered, whether or not anything comes of it
        self.later(partial(self._send, entry))

    def _send(self, entry: DirectoryEntry) -> None:
        """Make the token and send it, if there is an account to reset: one that is active and has been joined."""
        with self.open_unit(entry.clinic_id) as unit:
            user = unit.users.get(entry.user_id)
            if user is None or not user.active or user.password_hash is None:
                return
            secret, expires_at = self.issue(unit, user, Purpose.RESET)
        self.notifier.send(reset_letter(user.email, self.links, secret, expires_at))


@attrs.frozen(kw_only=True)
class ResetPassword:
    """Set a new password, once, with the token that the owner of the account was sent. All its sessions end.

    So does a lock: whoever guessed knows nothing of the new password. A second factor is owed as before.
    """

    redeem: RedeemToken
    tell: TellOfChange

    def __call__(self, redemption: Redemption, origin: Origin) -> None:
        """Return when the password is stored. Raises AccountTokenRefused, InvalidInput for the password, LostUpdate."""
        self.tell(self.redeem(Purpose.RESET, Action.PASSWORD_RESET, redemption, origin))
