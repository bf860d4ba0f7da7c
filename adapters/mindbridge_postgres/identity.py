"""Staff, their sessions, and the tables that are asked before the clinic is known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import attrs

from mindbridge_core.access import Role
from mindbridge_core.errors import LostUpdate
from mindbridge_core.identity import DirectoryEntry, LoginAttempts, RefreshToken, Session, SignedIn, User
from mindbridge_core.pagination import Page, page_of
from mindbridge_postgres.database import Connection

__all__ = [
    "PostgresDirectory",
    "PostgresLoginAttempts",
    "PostgresRefreshTokens",
    "PostgresSessions",
    "PostgresUsers",
]

_USER_COLUMNS: Final = (
    "id, email, full_name, role, license_number, password_hash, password_changed_at, mfa_enabled, last_login, version,"
    " created_at, deleted_at"
)

_GET_USER: Final = f"SELECT {_USER_COLUMNS} FROM users WHERE clinic_id = %s AND id = %s"

_LIST_USERS: Final = f"""
SELECT {_USER_COLUMNS} FROM users WHERE clinic_id = %s AND (%s::uuid IS NULL OR id > %s::uuid) ORDER BY id LIMIT %s
"""

_ACTIVE_ADMINS: Final = """
SELECT id FROM users WHERE clinic_id = %s AND role = 'admin' AND deleted_at IS NULL ORDER BY id FOR UPDATE
"""

_ADD_USER: Final = f"""
INSERT INTO users (clinic_id, {_USER_COLUMNS})
VALUES (%(clinic_id)s, %(id)s, %(email)s, %(full_name)s, %(role)s, %(license_number)s, %(password_hash)s,
    %(password_changed_at)s, %(mfa_enabled)s, %(last_login)s, %(version)s, %(created_at)s, %(deleted_at)s)
"""

_SAVE_USER: Final = """
UPDATE users SET
    full_name = %(full_name)s, role = %(role)s, license_number = %(license_number)s,
    password_hash = %(password_hash)s, password_changed_at = %(password_changed_at)s, mfa_enabled = %(mfa_enabled)s,
    last_login = %(last_login)s, version = %(version)s + 1, deleted_at = %(deleted_at)s
WHERE clinic_id = %(clinic_id)s AND id = %(id)s AND version = %(version)s
RETURNING version
"""


class PostgresUsers:
    """`Users` of the core."""

    def __init__(self, connection: Connection, clinic_id: UUID) -> None:
        """Work in the open transaction of `connection`."""
        self._connection = connection
        self._clinic_id = clinic_id

    def add(self, user: User) -> None:
        """Insert the user and the directory's row."""
        self._connection.run(_ADD_USER, attrs.asdict(user, recurse=False) | {"role": user.role.value})
        self._connection.run(
            "INSERT INTO login_directory (email_norm, clinic_id, user_id) VALUES (%s, %s, %s)",
            (user.email, self._clinic_id, user.id),
        )

    def get(self, user_id: UUID) -> User | None:
        """Return the user, deleted or not."""
        row = self._connection.run(_GET_USER, (self._clinic_id, user_id)).fetchone()
        return None if row is None else self._user(row)

    def list(self, after: UUID | None, limit: int) -> Page[User]:
        """Return a keyset page, reading one row more than it shows."""
        rows = self._connection.run(_LIST_USERS, (self._clinic_id, after, after, limit + 1)).fetchall()
        return page_of([(row[0], self._user(row)) for row in rows], limit)

    def active_admins(self) -> frozenset[UUID]:
        """Return the active admins with their rows locked, in one order, so that two who ask take turns."""
        return frozenset(row[0] for row in self._connection.run(_ACTIVE_ADMINS, (self._clinic_id,)).fetchall())

    def _user(self, row: Sequence[Any]) -> User:
        fields: dict[str, Any] = dict(zip(_USER_COLUMNS.split(", "), row, strict=True))
        return User(**fields | {"clinic_id": self._clinic_id, "role": Role(fields["role"])})

    def save(self, user: User) -> User:
        """Update the user if the version is still the one that was read."""
        row = attrs.asdict(user, recurse=False) | {"clinic_id": self._clinic_id, "role": user.role.value}
        saved = self._connection.run(_SAVE_USER, row).fetchone()
        if saved is None:
            raise LostUpdate
        return attrs.evolve(user, version=saved[0])

    def rehash(self, user_id: UUID, old_hash: str | None, new_hash: str | None) -> None:
        """Set the new hash if the old one is still there."""
        self._connection.run(
            "UPDATE users SET password_hash = %s"
            " WHERE clinic_id = %s AND id = %s AND password_hash IS NOT DISTINCT FROM %s::text",
            (new_hash, self._clinic_id, user_id, old_hash),
        )

    def note_login(self, user_id: UUID, at: datetime) -> None:
        """Set the time of the last login."""
        self._connection.run(
            "UPDATE users SET last_login = %s WHERE clinic_id = %s AND id = %s", (at, self._clinic_id, user_id)
        )


class PostgresDirectory:
    """`Directory` of the core."""

    def __init__(self, connection: Connection) -> None:
        """Work in the open transaction of `connection`."""
        self._connection = connection

    def find(self, email: str) -> DirectoryEntry | None:
        """Look the normalised e-mail up, whichever clinic it belongs to."""
        query = "SELECT clinic_id, user_id FROM login_directory WHERE email_norm = %s"
        row = self._connection.run(query, (email,)).fetchone()
        return None if row is None else DirectoryEntry(clinic_id=row[0], user_id=row[1])


_SIGNED_IN: Final = """
SELECT s.user_id, s.created_at, s.last_seen_at, s.expires_at, s.revoked_at, s.ip_address, s.user_agent,
    u.role, u.deleted_at IS NULL, NOT u.mfa_enabled AND (u.mfa_owed OR coalesce(u.role = ANY (p.mfa_roles), false))
FROM sessions s JOIN users u ON u.clinic_id = s.clinic_id AND u.id = s.user_id
    LEFT JOIN clinic_policies p ON p.clinic_id = s.clinic_id
WHERE s.clinic_id = %(clinic_id)s AND u.clinic_id = %(clinic_id)s AND s.id = %(id)s
"""

_ADD_SESSION: Final = """
INSERT INTO sessions
    (clinic_id, id, user_id, created_at, last_seen_at, expires_at, revoked_at, ip_address, user_agent)
VALUES (%(clinic_id)s, %(id)s, %(user_id)s, %(created_at)s, %(last_seen_at)s, %(expires_at)s, %(revoked_at)s,
    %(ip_address)s, %(user_agent)s)
"""

_SESSIONS_OF_USER: Final = """
SELECT user_id, created_at, last_seen_at, expires_at, revoked_at, ip_address, user_agent, id
FROM sessions WHERE clinic_id = %s AND user_id = %s AND revoked_at IS NULL ORDER BY id DESC
"""


def _session(clinic_id: UUID, session_id: UUID, row: Sequence[Any]) -> Session:
    return Session(
        id=session_id,
        clinic_id=clinic_id,
        user_id=row[0],
        created_at=row[1],
        last_seen_at=row[2],
        expires_at=row[3],
        revoked_at=row[4],
        ip_address=row[5],
        user_agent=row[6],
    )


_ROLES: Final = {role.value: role for role in Role}


_FORGET_SESSIONS: Final = """
WITH old AS (
    SELECT id FROM sessions WHERE clinic_id = %(clinic_id)s AND expires_at < %(before)s
    ORDER BY expires_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), tokens AS (
    DELETE FROM refresh_tokens WHERE clinic_id = %(clinic_id)s AND session_id IN (SELECT id FROM old)
)
DELETE FROM sessions WHERE clinic_id = %(clinic_id)s AND id IN (SELECT id FROM old)
"""


class PostgresSessions:
    """`Sessions` of the core."""

    def __init__(self, connection: Connection, clinic_id: UUID) -> None:
        """Work in the open transaction of `connection`."""
        self._connection = connection
        self._clinic_id = clinic_id

    def add(self, session: Session) -> None:
        """Insert the session."""
        self._connection.run(_ADD_SESSION, attrs.asdict(session, recurse=False))

    def signed_in(self, session_id: UUID) -> SignedIn | None:
        """Return session, standing and rule by one primary key each."""
        row = self._connection.run(_SIGNED_IN, {"clinic_id": self._clinic_id, "id": session_id}).fetchone()
        if row is None:
            return None
        session = _session(self._clinic_id, session_id, row)
        return SignedIn(session=session, role=_ROLES[row[7]], user_active=row[8], mfa_owed=row[9])

    def of_user(self, user_id: UUID) -> Sequence[Session]:
        """Return the user's sessions that are not revoked, the newest first."""
        rows = self._connection.run(_SESSIONS_OF_USER, (self._clinic_id, user_id)).fetchall()
        return [_session(self._clinic_id, row[7], row) for row in rows]

    def touch(self, session_id: UUID, at: datetime) -> None:
        """Move `last_seen_at` forward, never back."""
        self._connection.run(
            "UPDATE sessions SET last_seen_at = %(at)s WHERE clinic_id = %(clinic_id)s AND id = %(id)s"
            " AND last_seen_at < %(at)s",
            {"at": at, "clinic_id": self._clinic_id, "id": session_id},
        )

    def end(self, session_id: UUID, at: datetime) -> None:
        """Revoke one session."""
        self._connection.run(
            "UPDATE sessions SET revoked_at = %s WHERE clinic_id = %s AND id = %s AND revoked_at IS NULL",
            (at, self._clinic_id, session_id),
        )

    def end_all(self, user_id: UUID, at: datetime) -> None:
        """Revoke all of a user's sessions."""
        self._connection.run(
            "UPDATE sessions SET revoked_at = %s WHERE clinic_id = %s AND user_id = %s AND revoked_at IS NULL",
            (at, self._clinic_id, user_id),
        )

    def forget(self, before: datetime, limit: int) -> int:
        """Delete old sessions that nobody holds at the moment, and their tokens, in one statement."""
        params = {"clinic_id": self._clinic_id, "before": before, "limit": limit}
        return self._connection.run(_FORGET_SESSIONS, params).rowcount


_ADD_REFRESH: Final = """
INSERT INTO refresh_tokens (clinic_id, id, session_id, token_hash, created_at, used_at)
VALUES (%(clinic_id)s, %(id)s, %(session_id)s, %(token_hash)s, %(created_at)s, %(used_at)s)
"""

_LOCK_REFRESH: Final = """
SELECT id, session_id, created_at, used_at FROM refresh_tokens WHERE clinic_id = %s AND token_hash = %s FOR UPDATE
"""


class PostgresRefreshTokens:
    """`RefreshTokens` of the core."""

    def __init__(self, connection: Connection, clinic_id: UUID) -> None:
        """Work in the open transaction of `connection`."""
        self._connection = connection
        self._clinic_id = clinic_id

    def add(self, token: RefreshToken) -> None:
        """Insert the token's hash."""
        self._connection.run(_ADD_REFRESH, attrs.asdict(token, recurse=False))

    def use(self, token_hash: bytes, at: datetime) -> RefreshToken | None:
        """Use the token up; whoever comes second at the same moment waits and sees it used."""
        row = self._connection.run(_LOCK_REFRESH, (self._clinic_id, token_hash)).fetchone()
        if row is None:
            return None
        token_id, session_id, created_at, used_at = row
        if used_at is None:
            self._connection.run(
                "UPDATE refresh_tokens SET used_at = %s WHERE clinic_id = %s AND id = %s",
                (at, self._clinic_id, token_id),
            )
        return RefreshToken(
            id=token_id,
            clinic_id=self._clinic_id,
            session_id=session_id,
            token_hash=token_hash,
            created_at=created_at,
            used_at=used_at,
        )


class PostgresLoginAttempts:
    """`LoginAttemptLog` of the core: one count for all processes."""

    def __init__(self, connection: Connection) -> None:
        """Work in the open transaction of `connection`."""
        self._connection = connection

    def locked(self, email_digest: bytes) -> LoginAttempts:
        """Return the tries, making the row if need be, and hold it until the transaction ends."""
        row = self._connection.run(
            "INSERT INTO login_attempts (email_digest, failures, updated_at) VALUES (%s, 0, now())"
            " ON CONFLICT (email_digest) DO UPDATE SET updated_at = excluded.updated_at"
            " RETURNING failures, locked_until",
            (email_digest,),
        ).fetchone()
        assert row is not None  # noqa: S101 - an upsert returns its row
        return LoginAttempts(email_digest=email_digest, failures=row[0], locked_until=row[1])

    def save(self, attempts: LoginAttempts) -> None:
        """Store the tries."""
        self._connection.run(
            "UPDATE login_attempts SET failures = %s, locked_until = %s, updated_at = now() WHERE email_digest = %s",
            (attempts.failures, attempts.locked_until, attempts.email_digest),
        )
