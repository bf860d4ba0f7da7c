"""One-time tokens, made and traded for a password: the one way in which a password is set without another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Anonymous, Origin
from mindbridge_core.clock import Clock
from mindbridge_core.errors import AccountTokenRefused, LostUpdate, UnknownClinic
from mindbridge_core.identity.account_tokens import AccountLinks, AccountSecret, AccountToken, Purpose
from mindbridge_core.identity.entities import User, email_digest
from mindbridge_core.identity.inputs import Redemption
from mindbridge_core.identity.passwords import accept_password
from mindbridge_core.identity.ports import CommonPasswords, IdentityUnit, PasswordHasher
from mindbridge_core.work import OpenUnit, Work

__all__ = ["IssueToken", "RedeemToken", "related_words", "set_password"]


def related_words(unit: IdentityUnit, user: User) -> list[str]:
    """Return the words that a password of the user may not be built from."""
    clinic = unit.clinics.get()
    return [user.email, user.full_name] + ([] if clinic is None else [clinic.name])


def set_password(unit: IdentityUnit, user: User, password_hash: str, at: datetime, *, mfa: bool) -> User:
    """Store the hash and end all sessions. Raises LostUpdate.

    `mfa` says what the password was held to: one that is long enough only with a second factor is not stored for an
    account whose second factor has gone since.
    The account's one-time tokens and its tries come before: rows are taken in one order everywhere (tokens, tries,
    account, sessions), so that no two units wait for each other.
    """
    if mfa and not user.mfa_enabled:
        raise LostUpdate
    saved = unit.users.save(attrs.evolve(user, password_hash=password_hash, password_changed_at=at))
    unit.sessions.end_all(user.id, at)
    return saved


def _fits(token: AccountToken | None, user: User | None, now: datetime) -> bool:
    """An invitation is for an account that has no password yet, a reset for one that has."""
    if token is None or user is None or not token.good(now) or not user.active:
        return False
    return (user.password_hash is None) is (token.purpose is Purpose.INVITATION)


@attrs.frozen(kw_only=True)
class IssueToken:
    """Make a one-time token for an account, storing its hash."""

    clock: Clock
    new_secret: Callable[[], str]
    links: AccountLinks

    def __call__(self, unit: IdentityUnit, user: User, purpose: Purpose) -> tuple[AccountSecret, datetime]:
        """Return the secret and when it expires; one made before for this purpose is good for nothing from now on."""
        now, secret = self.clock(), AccountSecret(user.clinic_id, self.new_secret())
        token = AccountToken(
            clinic_id=user.clinic_id,
            user_id=user.id,
            purpose=purpose,
            token_hash=secret.digest,
            created_at=now,
            expires_at=now + self.links.lasts(purpose),
        )
        unit.account_tokens.put(token)
        return secret, token.expires_at


@attrs.frozen(kw_only=True)
class RedeemToken:
    """Set a password with a token, exactly once.

    The password is hashed between two units. The first looks whether that is worth its time and holds the password to
    the rules, so that a bad one does not use the token up; the second uses it up and looks at everything again.
    """

    open_unit: OpenUnit[IdentityUnit]
    work: Work[IdentityUnit]
    hasher: PasswordHasher
    common: CommonPasswords
    clock: Clock

    def __call__(self, purpose: Purpose, action: Action, redemption: Redemption, origin: Origin) -> User:
        """Return the account with its new password. Raises AccountTokenRefused, InvalidInput, LostUpdate."""
        secret = AccountSecret.parse(redemption.token)
        caller = Anonymous(clinic_id=secret.clinic_id, origin=origin)
        try:
            accepted = self._accepted(purpose, secret, redemption.password)
            if accepted is None:
                with self.work(caller, action):
                    raise AccountTokenRefused
            password, mfa = accepted
            return self._set(purpose, action, secret, caller, self.hasher.hash(password), mfa=mfa)
        except UnknownClinic:
            raise AccountTokenRefused from None  # the clinic in a token is the sender's word

    def _accepted(self, purpose: Purpose, secret: AccountSecret, password: str) -> tuple[str, bool] | None:
        """Return the password in the form to hash, and whether a second factor counted for it.

        None when the token is good for nothing.
        """
        try:
            with self.open_unit(secret.clinic_id) as unit:
                token = unit.account_tokens.find(secret.digest, purpose)
                user = None if token is None else unit.users.get(token.user_id)
                if user is None or not _fits(token, user, self.clock()):
                    return None
                related = related_words(unit, user)
        except UnknownClinic:
            return None  # the next unit finds the same, and enters it
        return accept_password(password, self.common, related, mfa=user.mfa_enabled), user.mfa_enabled

    def _set(
        self,
        purpose: Purpose,
        action: Action,
        secret: AccountSecret,
        caller: Anonymous,
        password_hash: str,
        *,
        mfa: bool,
    ) -> User:
        now = self.clock()
        with self.work(caller, action) as desk:
            token = desk.unit.account_tokens.use(secret.digest, purpose, now)
            user = None if token is None else desk.unit.users.get(token.user_id)
            if user is None or not _fits(token, user, now):
                raise AccountTokenRefused  # used, replaced or closed while the hash was being made
            desk.resource_id = user.id
            desk.unit.account_tokens.end_all(user.id, now)
            if not user.mfa_enabled:  # a mailbox must not buy any number of guesses at codes
                desk.unit.attempts.save(desk.unit.attempts.locked(email_digest(user.email)).cleared())
            return set_password(desk.unit, user, password_hash, now, mfa=mfa)
