"""Use cases of the second factor: enrol, confirm, disable, renew the recovery codes, reset, demand."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from uuid import UUID

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Caller
from mindbridge_core.clock import Clock
from mindbridge_core.errors import (
    DependencyUnavailable,
    Finding,
    Forbidden,
    InvalidInput,
    MfaNotEnabled,
    MfaOn,
    NotFound,
    WrongCode,
)
from mindbridge_core.identity.entities import User
from mindbridge_core.identity.mfa import (
    RECOVERY_CODES,
    CodeAgain,
    Enrolment,
    MfaPolicy,
    MfaPolicyDraft,
    OneTimeCodes,
    PasswordAgain,
    PasswordAndCode,
    RecoveryCode,
)
from mindbridge_core.identity.passwords import MAX_LENGTH, MIN_LENGTH, normalize_password
from mindbridge_core.identity.ports import IdentityUnit
from mindbridge_core.identity.use_cases.proof import CheckCode, CountTry, ProvePassword
from mindbridge_core.ids import NewId
from mindbridge_core.notices import Message, Notifier
from mindbridge_core.work import Desk, Work, require_version

__all__ = [
    "ChangeMfaPolicy",
    "ConfirmMfa",
    "DisableMfa",
    "EnrollMfa",
    "MakeCodes",
    "RenewRecoveryCodes",
    "ResetMfa",
    "Tell",
    "ViewMfaPolicy",
]


def _end_others(desk: Desk[IdentityUnit], now: datetime) -> None:
    """End all sessions of the caller but the one that asks."""
    for session in desk.unit.sessions.of_user(desk.actor.user_id):
        if session.id != desk.actor.session_id:
            desk.unit.sessions.end(session.id, now)


@attrs.frozen(kw_only=True)
class Tell:
    """Tell somebody what was done to their second factor, so that they notice if it was not them."""

    notifier: Notifier

    def __call__(self, user: User, what: str) -> None:
        """Send the notice; it is done all the same where no message can be sent."""
        text = f"{what}\n\nIf this was neither you nor agreed with you, tell your clinic's administrator at once.\n"
        with suppress(DependencyUnavailable):
            self.notifier.send(Message(to=user.email, subject="Your MindBridge account", text=text))


@attrs.frozen(kw_only=True)
class EnrollMfa:
    """Propose a new secret to the caller's account; nothing asks for its codes before the first was typed."""

    work: Work[IdentityUnit]
    prove: ProvePassword
    codes: OneTimeCodes

    def __call__(self, caller: Caller, again: PasswordAgain) -> Enrolment:
        """Return what the authenticator needs, this once. Raises AuthenticationFailed, AccountLocked, MfaOn."""
        user = self.prove(caller, Action.MFA_ENROLL, again.password)
        secret = self.codes.new_secret()
        with self.work(caller, Action.MFA_ENROLL, resource_id=user.id) as desk:
            self.prove.count.settle(desk, user)
            if not desk.unit.second_factors.propose(user.id, secret):
                desk.refuse(MfaOn())
        return self.codes.enrolment(secret, user.email)


@attrs.frozen(kw_only=True)
class MakeCodes:
    """Make a new set of recovery codes; the earlier ones are void."""

    new_id: NewId
    new_secret: Callable[[], str]
    clock: Clock

    def __call__(self, unit: IdentityUnit, user: User) -> tuple[str, ...]:
        """Return the codes, which are stored as digests only."""
        made = [RecoveryCode.made_of(self.new_secret()) for _ in range(RECOVERY_CODES)]
        digests = [(self.new_id(), code.digest(user.id)) for code in made]
        unit.second_factors.replace_codes(user.id, digests, self.clock())
        return tuple(code.text for code in made)


@attrs.frozen(kw_only=True)
class ConfirmMfa:
    """Turn the second factor on by the first code of the proposed secret, and end the caller's other sessions."""

    work: Work[IdentityUnit]
    count: CountTry
    codes: OneTimeCodes
    make: MakeCodes
    tell: Tell
    clock: Clock

    def __call__(self, caller: Caller, again: CodeAgain) -> tuple[str, ...]:
        """Return the recovery codes, this once. Raises WrongCode, AccountLocked, MfaOn, MfaNotEnabled."""
        user, now = self.count(caller, Action.MFA_CONFIRM), self.clock()
        with self.work(caller, Action.MFA_CONFIRM, resource_id=user.id) as desk:
            self.count.settle(desk, user, proven=False)
            held = desk.unit.second_factors.held(user.id)
            if held is None or held.confirmed:
                desk.refuse(MfaNotEnabled() if held is None else MfaOn())
            step = self.codes.step(held.secret, "".join(again.otp.split()), now)
            if step is None:
                raise WrongCode
            desk.unit.second_factors.enable(user.id, step)
            made = self.make(desk.unit, user)
            _end_others(desk, now)
            desk.changes({"mfa_enabled": True}, plain=frozenset({"mfa_enabled"}))
        self.tell(user, "The second factor of your account was turned on.")
        return made


@attrs.frozen(kw_only=True)
class DisableMfa:
    """Turn the caller's second factor off, and end their other sessions.

    A password that is long enough only with a second factor has to be changed first.
    """

    work: Work[IdentityUnit]
    prove: ProvePassword
    check: CheckCode
    tell: Tell
    clock: Clock

    def __call__(self, caller: Caller, again: PasswordAndCode) -> None:
        """Return when it is off. Raises AuthenticationFailed, WrongCode, AccountLocked, MfaNotEnabled, InvalidInput."""
        user, now = self.prove(caller, Action.MFA_DISABLE, again.password), self.clock()
        with self.work(caller, Action.MFA_DISABLE, resource_id=user.id) as desk:
            current = self.prove.count.settle(desk, user, proven=True)
            if not current.mfa_enabled:
                desk.refuse(MfaNotEnabled())
            self.check(desk.unit, current, again.otp)
            if len(normalize_password(again.password)) < MIN_LENGTH:
                message = f"is long enough only with a second factor: set one of {MIN_LENGTH} to {MAX_LENGTH} first"
                desk.refuse(InvalidInput([Finding("/password", "invalid_length", message)]))
            desk.unit.second_factors.remove(user.id, now)
            _end_others(desk, now)
            desk.changes({"mfa_enabled": False}, plain=frozenset({"mfa_enabled"}))
        self.tell(user, "The second factor of your account was turned off.")


@attrs.frozen(kw_only=True)
class RenewRecoveryCodes:
    """Give the caller new recovery codes; those they had are void."""

    work: Work[IdentityUnit]
    prove: ProvePassword
    make: MakeCodes
    tell: Tell

    def __call__(self, caller: Caller, again: PasswordAgain) -> tuple[str, ...]:
        """Return the codes, this once. Raises AuthenticationFailed, AccountLocked, MfaNotEnabled."""
        user = self.prove(caller, Action.MFA_RENEW_CODES, again.password)
        with self.work(caller, Action.MFA_RENEW_CODES, resource_id=user.id) as desk:
            current = self.prove.count.settle(desk, user)
            if not current.mfa_enabled:
                desk.refuse(MfaNotEnabled())
            made = self.make(desk.unit, current)
        self.tell(user, "New recovery codes were made for your account; the old ones are void.")
        return made


@attrs.frozen(kw_only=True)
class ResetMfa:
    """Take a colleague's second factor away, who has lost it. Their sessions end, and they must enrol anew."""

    work: Work[IdentityUnit]
    tell: Tell
    clock: Clock

    def __call__(self, caller: Caller, user_id: UUID) -> None:
        """Return when it is gone. Raises NotFound, MfaNotEnabled, and Forbidden for one's own."""
        now = self.clock()
        with self.work(caller, Action.MFA_RESET, resource_id=user_id) as desk:
            if desk.principal.user_id == user_id:
                raise Forbidden(reason="own_second_factor")  # that takes password and code: see DisableMfa
            user = desk.unit.users.get(user_id)
            if user is None or not user.active:
                raise NotFound
            if not user.mfa_enabled:
                raise MfaNotEnabled
            desk.unit.second_factors.remove(user_id, now, owed=True)
            desk.unit.sessions.end_all(user_id, now)
            desk.changes({"mfa_enabled": False}, plain=frozenset({"mfa_enabled"}))
        self.tell(user, "An administrator took the second factor of your account away. Log in and set up a new one.")


@attrs.frozen(kw_only=True)
class ViewMfaPolicy:
    """Show of whom the clinic demands a second factor."""

    work: Work[IdentityUnit]

    def __call__(self, caller: Caller) -> MfaPolicy:
        """Return the rule; version 0 as long as the clinic has said nothing."""
        with self.work(caller, Action.MFA_POLICY_VIEW, resource_id=caller.clinic_id) as desk:
            return desk.unit.mfa_policies.get()


@attrs.frozen(kw_only=True)
class ChangeMfaPolicy:
    """Demand a second factor of some roles, or of none. It holds at the next request of each of them."""

    work: Work[IdentityUnit]
    clock: Clock

    def __call__(self, caller: Caller, draft: MfaPolicyDraft, *, version: int | None = None) -> MfaPolicy:
        """Return the stored rule. Raises PreconditionFailed, LostUpdate."""
        with self.work(caller, Action.MFA_POLICY_CHANGE, resource_id=caller.clinic_id) as desk:
            policy = desk.unit.mfa_policies.get()
            require_version(policy, version)
            changed = attrs.evolve(
                policy, roles=draft.roles, updated_at=self.clock(), updated_by=desk.principal.user_id
            )
            roles = ",".join(sorted(draft.roles))
            desk.changes({"roles": roles}, plain=frozenset({"roles"}))
            return desk.unit.mfa_policies.save(changed)
