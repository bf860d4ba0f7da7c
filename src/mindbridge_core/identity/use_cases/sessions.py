"""Use cases of a session's life: begin by login, go on by refresh, be identified, end."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from mindbridge_core.access import UNATTENDED, WITHOUT_SECOND_FACTOR, Action
from mindbridge_core.actor import Actor, Anonymous, Origin, SessionClaim
from mindbridge_core.clock import Clock
from mindbridge_core.errors import (
    AccountLocked,
    AuthenticationFailed,
    MfaEnrolmentRequired,
    MfaRequired,
    SessionEnded,
    UnknownClinic,
)
from mindbridge_core.identity.entities import (
    DirectoryEntry,
    Lockout,
    RefreshToken,
    Session,
    SessionLimits,
    User,
    normalize_email,
)
from mindbridge_core.identity.inputs import Credentials, RefreshRequest
from mindbridge_core.identity.passwords import normalize_password
from mindbridge_core.identity.ports import AccessTokens, IdentityUnit, PasswordHasher
from mindbridge_core.identity.tokens import RefreshSecret, TokenPair
from mindbridge_core.identity.use_cases.proof import CheckCode, email_digest
from mindbridge_core.ids import PLATFORM_CLINIC_ID, NewId
from mindbridge_core.work import Desk, OpenUnit, Work

__all__ = ["Identify", "IssueTokens", "LogIn", "LogOut", "RefreshSession", "ViewSelf"]


@attrs.frozen(kw_only=True)
class Identify:
    """Turn a token's claim into an actor, by today's standing of session and user; SessionEnded otherwise.

    Whoever owes their clinic a second factor can only set it up: MfaEnrolmentRequired for all else.
    """

    clock: Clock
    limits: SessionLimits

    def __call__(self, unit: IdentityUnit, claim: SessionClaim, action: Action) -> Actor:
        """Look the session up once, and note at most every `limits.touch_every` that it was used.

        What goes on by itself is no use: else a screen that nobody looks at would keep its session for ever.
        """
        now = self.clock()
        found = unit.sessions.signed_in(claim.session_id)
        if found is None or found.session.user_id != claim.user_id:
            raise SessionEnded
        if not found.user_active or not found.session.alive(now, self.limits):
            raise SessionEnded
        if found.mfa_owed and action not in WITHOUT_SECOND_FACTOR:
            raise MfaEnrolmentRequired
        if action not in UNATTENDED and now - found.session.last_seen_at >= self.limits.touch_every:
            unit.sessions.touch(claim.session_id, now)
        return Actor(
            clinic_id=claim.clinic_id,
            user_id=claim.user_id,
            role=found.role,
            session_id=claim.session_id,
            origin=claim.origin,
        )


@attrs.frozen(kw_only=True)
class IssueTokens:
    """Make the two tokens of a session, storing the refresh token's hash."""

    tokens: AccessTokens
    clock: Clock
    new_id: NewId
    new_secret: Callable[[], str]
    limits: SessionLimits

    def __call__(self, unit: IdentityUnit, session: Session) -> TokenPair:
        """Return the pair; the access token never outlives the session."""
        now = self.clock()
        expires_at = min(now + self.limits.access, session.expires_at)
        refresh = RefreshSecret(session.clinic_id, self.new_secret())
        unit.refresh_tokens.add(
            RefreshToken(
                id=self.new_id(),
                clinic_id=session.clinic_id,
                session_id=session.id,
                token_hash=refresh.digest,
                created_at=now,
            )
        )
        claim = SessionClaim(clinic_id=session.clinic_id, user_id=session.user_id, session_id=session.id)
        return TokenPair(
            access_token=self.tokens.issue(claim, now, expires_at),
            refresh_token=refresh.text,
            expires_in=int((expires_at - now).total_seconds()),
        )


@attrs.frozen(kw_only=True)
class LogIn:
    """Begin a session for an e-mail and its password, and a code where the account has a second factor.

    Unknown, wrong and deleted answer alike and take the same time: the same units are opened and one
    hash is verified in every case. The slow hash is verified between units, never inside one.
    """

    open_unit: OpenUnit[IdentityUnit]
    work: Work[IdentityUnit]
    hasher: PasswordHasher
    check: CheckCode
    issue: IssueTokens
    clock: Clock
    new_id: NewId
    lockout: Lockout
    limits: SessionLimits

    def __call__(self, credentials: Credentials, origin: Origin) -> TokenPair:
        """Return the tokens. Raises AuthenticationFailed, AccountLocked, MfaRequired or WrongCode."""
        email = normalize_email(credentials.email)
        digest = email_digest(email)
        entry, locked = self._count_try(email, digest)
        caller = Anonymous(clinic_id=entry.clinic_id, origin=origin)
        known = None if entry.clinic_id == PLATFORM_CLINIC_ID else entry.user_id
        if locked:
            with self.work(caller, Action.AUTH_LOGIN, resource_id=known):
                raise AccountLocked
        user = self._account(entry)
        password = normalize_password(credentials.password)
        fits = self._fits(None if user is None else user.password_hash, password)
        if user is None or not fits:
            with self.work(caller, Action.AUTH_LOGIN, resource_id=known):
                raise AuthenticationFailed
        return self._begin(user, credentials.otp, self._fresh_hash(user, password), caller)

    def _count_try(self, email: str, digest: bytes) -> tuple[DirectoryEntry, bool]:
        now = self.clock()
        with self.open_unit(PLATFORM_CLINIC_ID) as unit:
            before = unit.attempts.locked(digest)
            unit.attempts.save(before.counted(now, self.lockout))
            entry = unit.directory.find(email)
        nobody = DirectoryEntry(clinic_id=PLATFORM_CLINIC_ID, user_id=self.new_id())
        return entry or nobody, before.locked(now)

    def _fits(self, password_hash: str | None, password: str) -> bool:
        """Verify at today's cost in every case: a hash of another cost would tell by its time that it is there."""
        fits = self.hasher.verify(password_hash, password)
        if not fits and password_hash is not None and self.hasher.outdated(password_hash):
            self.hasher.verify(None, password)
        return fits

    def _account(self, entry: DirectoryEntry) -> User | None:
        with self.open_unit(entry.clinic_id) as unit:
            user = unit.users.get(entry.user_id)
        return user if user is not None and user.active else None

    def _fresh_hash(self, user: User, password: str) -> str | None:
        outdated = user.password_hash is not None and self.hasher.outdated(user.password_hash)
        return self.hasher.hash(password) if outdated else user.password_hash

    def _begin(self, user: User, otp: str | None, fresh_hash: str | None, caller: Anonymous) -> TokenPair:
        now = self.clock()
        with self.work(caller, Action.AUTH_LOGIN, resource_id=user.id) as desk:
            factor = self._prove(desk, self._unchanged(desk, user), otp)
            if fresh_hash != user.password_hash:
                desk.unit.users.rehash(user.id, user.password_hash, fresh_hash)
            desk.unit.users.note_login(user.id, now)
            self._unchanged(desk, user)  # the row is held now: a change that was under way was waited for, and is seen
            session = Session(
                id=self.new_id(),
                clinic_id=user.clinic_id,
                user_id=user.id,
                created_at=now,
                last_seen_at=now,
                expires_at=now + self.limits.absolute,
                ip_address=caller.origin.ip_address,
                user_agent=caller.origin.user_agent,
            )
            desk.unit.sessions.add(session)
            desk.changes({"session_id": session.id, **factor}, plain=frozenset({"session_id", *factor}))
            return self.issue(desk.unit, session)

    def _unchanged(self, desk: Desk[IdentityUnit], user: User) -> User:
        """Return the account as it is; AuthenticationFailed when it was changed while the hash was being verified."""
        current = desk.unit.users.get(user.id)
        if current is None or not current.active or current.password_changed_at != user.password_changed_at:
            raise AuthenticationFailed
        return current

    def _prove(self, desk: Desk[IdentityUnit], user: User, otp: str | None) -> dict[str, str]:
        """Clear the count of tries once nothing is owed any more; return the second factor that was shown, if any."""
        tries = desk.unit.attempts.locked(email_digest(user.email))
        if user.mfa_enabled and otp is None:
            desk.unit.attempts.save(tries.uncounted(self.lockout))
            desk.refuse(MfaRequired())
        shown = {"second_factor": self.check(desk.unit, user, otp)} if user.mfa_enabled and otp is not None else {}
        desk.unit.attempts.save(tries.cleared())
        return shown


@attrs.frozen(kw_only=True)
class RefreshSession:
    """Trade a refresh token, once, for new tokens of the same session.

    A token handed in a second time ends the session at once (RFC 9700, 4.14.2): one of the two holders
    stole it, and nobody can tell which. A client that lost the answer logs in again.
    """

    work: Work[IdentityUnit]
    issue: IssueTokens
    clock: Clock
    limits: SessionLimits

    def __call__(self, request: RefreshRequest, origin: Origin) -> TokenPair:
        """Return the new tokens; raises SessionEnded."""
        secret = RefreshSecret.parse(request.refresh_token)
        try:
            return self._trade(secret, Anonymous(clinic_id=secret.clinic_id, origin=origin))
        except UnknownClinic:
            raise SessionEnded from None  # the clinic in a token is the sender's word

    def _trade(self, secret: RefreshSecret, caller: Anonymous) -> TokenPair:
        now = self.clock()
        with self.work(caller, Action.AUTH_REFRESH) as desk:
            token = desk.unit.refresh_tokens.use(secret.digest, now)
            found = None if token is None else desk.unit.sessions.signed_in(token.session_id)
            if token is None or found is None:
                raise SessionEnded
            desk.resource_id = token.session_id
            if not found.user_active or not found.session.alive(now, self.limits):
                raise SessionEnded
            if token.used_at is not None:
                desk.unit.sessions.end(token.session_id, now)
                desk.refuse(SessionEnded(reason="refresh_token_reused"))
            desk.unit.sessions.touch(token.session_id, now)
            return self.issue(desk.unit, found.session)


@attrs.frozen(kw_only=True)
class LogOut:
    """End the caller's session, or all sessions of the caller's account."""

    work: Work[IdentityUnit]
    clock: Clock

    def __call__(self, caller: SessionClaim | Actor, *, everywhere: bool = False) -> None:
        """Return when the end is stored: the next request of the session is refused."""
        with self.work(caller, Action.AUTH_LOGOUT, resource_id=caller.session_id) as desk:
            if everywhere or caller.session_id is None:
                desk.unit.sessions.end_all(desk.actor.user_id, self.clock())
            else:
                desk.unit.sessions.end(caller.session_id, self.clock())
            desk.changes({"everywhere": everywhere}, plain=frozenset({"everywhere"}))


@attrs.frozen(kw_only=True)
class ViewSelf:
    """Show the caller their own account."""

    work: Work[IdentityUnit]

    def __call__(self, caller: SessionClaim | Actor) -> User:
        """Return the account; raises SessionEnded."""
        with self.work(caller, Action.AUTH_ME, resource_id=caller.user_id) as desk:
            user = desk.unit.users.get(caller.user_id)
            if user is None or not user.active:
                raise SessionEnded
            return user
