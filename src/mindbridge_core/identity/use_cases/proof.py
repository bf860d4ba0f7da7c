"""Proofs that a caller is who they were at login: the password once more, and codes of the second factor."""

from __future__ import annotations

import re
from typing import Final

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Caller
from mindbridge_core.clock import Clock
from mindbridge_core.errors import AccountLocked, AuthenticationFailed, MindBridgeError, SessionEnded, WrongCode
from mindbridge_core.identity.entities import Lockout, User, email_digest
from mindbridge_core.identity.mfa import OneTimeCodes, RecoveryCode
from mindbridge_core.identity.passwords import normalize_password
from mindbridge_core.identity.ports import IdentityUnit, PasswordHasher
from mindbridge_core.ids import PLATFORM_CLINIC_ID
from mindbridge_core.work import Desk, OpenUnit, Work

__all__ = ["CheckCode", "CountTry", "ProvePassword", "email_digest"]

_TIMED: Final = re.compile(r"[0-9]{6}")


@attrs.frozen(kw_only=True)
class CountTry:
    """Count a try of somebody who is in a session, on the same count as logins and before anything is looked at."""

    open_unit: OpenUnit[IdentityUnit]
    work: Work[IdentityUnit]
    clock: Clock
    lockout: Lockout

    def __call__(self, caller: Caller, action: Action) -> User:
        """Return the caller's account. Raises Forbidden, SessionEnded, AccountLocked."""
        with self.work(caller, action, entered=False) as desk:
            user = desk.unit.users.get(desk.actor.user_id)
            if user is None or not user.active:
                raise SessionEnded
        now, digest = self.clock(), email_digest(user.email)
        with self.open_unit(PLATFORM_CLINIC_ID) as unit:
            before = unit.attempts.locked(digest)
            unit.attempts.save(before.counted(now, self.lockout))
        if before.locked(now):
            self.refuse(caller, action, user, AccountLocked())
        return user

    def refuse(self, caller: Caller, action: Action, user: User, refusal: MindBridgeError) -> None:
        """Raise the refusal, entered; the try stays counted."""
        with self.work(caller, action, resource_id=user.id):
            raise refusal

    def settle(self, desk: Desk[IdentityUnit], user: User, *, proven: bool | None = None) -> User:
        """Return the account as it is now; AuthenticationFailed when it was changed since it was looked at.

        Whoever has `proven` everything that a login asks for clears the count; by default that is whoever has no second
        factor, for a password was asked. Else only this try is taken back, or a password would buy any number of
        guesses at codes, and a session any number of guesses at the password.
        """
        current = desk.unit.users.get(user.id)
        if current is None or not current.active or current.password_changed_at != user.password_changed_at:
            raise AuthenticationFailed
        proven = not current.mfa_enabled if proven is None else proven
        tries = desk.unit.attempts.locked(email_digest(user.email))
        desk.unit.attempts.save(tries.cleared() if proven else tries.uncounted(self.lockout))
        return current


@attrs.frozen(kw_only=True)
class ProvePassword:
    """Ask for the caller's password once more. The slow hash is verified between units, never inside one."""

    count: CountTry
    hasher: PasswordHasher

    def __call__(self, caller: Caller, action: Action, password: str) -> User:
        """Return the caller's account when the password is right; the try stays counted until it is settled.

        Raises Forbidden, SessionEnded, AccountLocked, AuthenticationFailed.
        """
        user = self.count(caller, action)
        if not self.hasher.verify(user.password_hash, normalize_password(password)):
            self.count.refuse(caller, action, user, AuthenticationFailed("The password is wrong."))
        return user


@attrs.frozen(kw_only=True)
class CheckCode:
    """Take a code of the second factor, once: of the authenticator, or one of the recovery codes."""

    codes: OneTimeCodes
    clock: Clock

    def __call__(self, unit: IdentityUnit, user: User, otp: str) -> str:
        """Return which kind of code was used up; raise WrongCode when it is none, or was used before."""
        typed = RecoveryCode.typed(otp)
        if _TIMED.fullmatch(typed.letters):
            held = unit.second_factors.held(user.id)
            step = None if held is None else self.codes.step(held.secret, typed.letters, self.clock())
            if step is not None and unit.second_factors.use_step(user.id, step):
                return "totp"
        elif unit.second_factors.use_code(user.id, typed.digest(user.id), self.clock()):
            return "recovery_code"
        raise WrongCode
