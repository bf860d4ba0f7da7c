"""Staff, sessions, tokens and tries in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import attrs

from mindbridge_core.access import Role
from mindbridge_core.errors import DuplicateEmail, LostUpdate
from mindbridge_core.identity import DirectoryEntry, LoginAttempts, RefreshToken, Session, SignedIn, User
from mindbridge_core.pagination import Page, page_of
from mindbridge_memory.tables import Tables

__all__ = ["MemoryDirectory", "MemoryLoginAttempts", "MemoryRefreshTokens", "MemorySessions", "MemoryUsers"]


@attrs.frozen
class MemoryUsers:
    """`Users` of the core."""

    tables: Tables
    clinic_id: UUID

    def add(self, user: User) -> None:
        """Keep the user and their e-mail; DuplicateEmail when any clinic has it."""
        if self.tables.directory.get(user.email) is not None:
            raise DuplicateEmail
        self.tables.directory.put(user.email, DirectoryEntry(clinic_id=self.clinic_id, user_id=user.id))
        self.tables.users.put((self.clinic_id, user.id), user)

    def get(self, user_id: UUID) -> User | None:
        """Return the user, deleted or not."""
        return self.tables.users.get((self.clinic_id, user_id))

    def list(self, after: UUID | None, limit: int) -> Page[User]:
        """Return the page that follows `after`."""
        found = sorted((one.id, one) for one in self.tables.users.rows() if one.clinic_id == self.clinic_id)
        return page_of([row for row in found if after is None or row[0] > after][: limit + 1], limit)

    def active_admins(self) -> frozenset[UUID]:
        """Return the active admins; the open unit itself keeps everybody else out."""
        rows = (one for one in self.tables.users.rows() if one.clinic_id == self.clinic_id)
        return frozenset(one.id for one in rows if one.active and one.role is Role.ADMIN)

    def save(self, user: User) -> User:
        """Keep the changed user if the version is still the one that was read."""
        stored = self.get(user.id)
        if stored is None or stored.version != user.version:
            raise LostUpdate
        saved = attrs.evolve(user, version=user.version + 1)
        self.tables.users.put((self.clinic_id, user.id), saved)
        return saved

    def rehash(self, user_id: UUID, old_hash: str | None, new_hash: str | None) -> None:
        """Keep the new hash if the old one is still there."""
        user = self.get(user_id)
        if user is not None and user.password_hash == old_hash:
            self.tables.users.put((self.clinic_id, user_id), attrs.evolve(user, password_hash=new_hash))

    def note_login(self, user_id: UUID, at: datetime) -> None:
        """Set the time of the last login."""
        user = self.get(user_id)
        if user is not None:
            self.tables.users.put((self.clinic_id, user_id), attrs.evolve(user, last_login=at))


@attrs.frozen
class MemoryDirectory:
    """`Directory` of the core."""

    tables: Tables

    def find(self, email: str) -> DirectoryEntry | None:
        """Look the normalised e-mail up, whichever clinic it belongs to."""
        return self.tables.directory.get(email)


@attrs.frozen
class MemorySessions:
    """`Sessions` of the core."""

    tables: Tables
    clinic_id: UUID

    def add(self, session: Session) -> None:
        """Keep a new session."""
        self._put(session)

    def signed_in(self, session_id: UUID) -> SignedIn | None:
        """Return the session with its user's standing."""
        session = self.tables.sessions.get((self.clinic_id, session_id))
        user = None if session is None else self.tables.users.get((self.clinic_id, session.user_id))
        if session is None or user is None:
            return None
        row = self.tables.second_factors.get((self.clinic_id, user.id))
        policy = self.tables.mfa_policies.get(self.clinic_id)
        demanded = (row is not None and row.owed) or (policy is not None and user.role in policy.roles)
        return SignedIn(
            session=session, role=user.role, user_active=user.active, mfa_owed=demanded and not user.mfa_enabled
        )

    def of_user(self, user_id: UUID) -> Sequence[Session]:
        """Return the user's sessions that are not revoked, the newest first."""
        rows = (one for one in self.tables.sessions.rows() if one.clinic_id == self.clinic_id)
        found = [one for one in rows if one.user_id == user_id and one.revoked_at is None]
        return sorted(found, key=lambda one: one.id, reverse=True)

    def touch(self, session_id: UUID, at: datetime) -> None:
        """Move `last_seen_at` forward, never back."""
        session = self.tables.sessions.get((self.clinic_id, session_id))
        if session is not None and session.last_seen_at < at:
            self._put(attrs.evolve(session, last_seen_at=at))

    def end(self, session_id: UUID, at: datetime) -> None:
        """Revoke one session; one that has ended stays as it is."""
        session = self.tables.sessions.get((self.clinic_id, session_id))
        if session is not None and session.revoked_at is None:
            self._put(attrs.evolve(session, revoked_at=at))

    def end_all(self, user_id: UUID, at: datetime) -> None:
        """Revoke all of a user's sessions."""
        for session in self.tables.sessions.rows():
            if session.clinic_id == self.clinic_id and session.user_id == user_id:
                self.end(session.id, at)

    def forget(self, before: datetime, limit: int) -> int:
        """Remove sessions and their tokens."""
        rows = self.tables.sessions.rows()
        old = {one.id for one in rows if one.clinic_id == self.clinic_id and one.expires_at < before}
        gone = set(sorted(old)[:limit])
        for key, token in self.tables.refresh_tokens.items():
            if key[0] == self.clinic_id and token.session_id in gone:
                self.tables.refresh_tokens.remove(key)
        for session_id in gone:
            self.tables.sessions.remove((self.clinic_id, session_id))
        return len(gone)

    def _put(self, session: Session) -> None:
        self.tables.sessions.put((self.clinic_id, session.id), session)


@attrs.frozen
class MemoryRefreshTokens:
    """`RefreshTokens` of the core."""

    tables: Tables
    clinic_id: UUID

    def add(self, token: RefreshToken) -> None:
        """Keep a new, unused token."""
        self.tables.refresh_tokens.put((self.clinic_id, token.token_hash), token)

    def use(self, token_hash: bytes, at: datetime) -> RefreshToken | None:
        """Use the token up and return it as it was before."""
        token = self.tables.refresh_tokens.get((self.clinic_id, token_hash))
        if token is not None and token.used_at is None:
            self.tables.refresh_tokens.put((self.clinic_id, token_hash), attrs.evolve(token, used_at=at))
        return token


@attrs.frozen
class MemoryLoginAttempts:
    """`LoginAttemptLog` of the core; the open unit itself keeps everybody else out."""

    tables: Tables

    def locked(self, email_digest: bytes) -> LoginAttempts:
        """Return the tries."""
        return self.tables.attempts.get(email_digest) or LoginAttempts(email_digest=email_digest)

    def save(self, attempts: LoginAttempts) -> None:
        """Keep the tries."""
        self.tables.attempts.put(attempts.email_digest, attempts)
