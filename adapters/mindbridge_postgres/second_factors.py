"""Second factors, recovery codes, and the clinic's rule on them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core.access import Role
from mindbridge_core.errors import LostUpdate
from mindbridge_core.identity import MfaPolicy, SecondFactor
from mindbridge_core.phi import ClinicCipher
from mindbridge_postgres.database import Connection

__all__ = ["PostgresMfaPolicies", "PostgresSecondFactors"]

_SECRET: Final = "users.mfa_secret"  # noqa: S105 - the column's name, to which the secret is bound

_PROPOSE: Final = """
UPDATE users SET mfa_secret = %s, mfa_last_step = NULL WHERE clinic_id = %s AND id = %s AND NOT mfa_enabled
RETURNING id
"""

# NO KEY, or a login at the same moment would wait: its session refers to the user.
_HELD: Final = """
SELECT mfa_secret, mfa_enabled, mfa_last_step FROM users WHERE clinic_id = %s AND id = %s FOR NO KEY UPDATE
"""

_ENABLE: Final = """
UPDATE users SET mfa_enabled = true, mfa_last_step = %s, mfa_owed = false, version = version + 1
WHERE clinic_id = %s AND id = %s
"""

_USE_STEP: Final = """
UPDATE users SET mfa_last_step = %(step)s
WHERE clinic_id = %(clinic_id)s AND id = %(id)s AND mfa_enabled
    AND (mfa_last_step IS NULL OR mfa_last_step < %(step)s::bigint)
RETURNING id
"""

_REMOVE: Final = """
UPDATE users SET mfa_enabled = false, mfa_secret = NULL, mfa_last_step = NULL, mfa_owed = %s, version = version + 1
WHERE clinic_id = %s AND id = %s
"""

_VOID_CODES: Final = """
UPDATE recovery_codes SET used_at = %s WHERE clinic_id = %s AND user_id = %s AND used_at IS NULL
"""

_ADD_CODE: Final = """
INSERT INTO recovery_codes (clinic_id, id, user_id, code_hash, created_at) VALUES (%s, %s, %s, %s, %s)
"""

_USE_CODE: Final = """
UPDATE recovery_codes SET used_at = %s WHERE clinic_id = %s AND user_id = %s AND code_hash = %s AND used_at IS NULL
RETURNING id
"""


class PostgresSecondFactors:
    """`SecondFactors` of the core."""

    def __init__(self, connection: Connection, clinic_id: UUID, cipher: ClinicCipher) -> None:
        """Work in the open transaction of `connection`."""
        self._connection = connection
        self._clinic_id = clinic_id
        self._cipher = cipher

    def propose(self, user_id: UUID, secret: str) -> bool:
        """Store the secret, sealed, unless one is confirmed."""
        sealed = self._cipher.encrypt(_SECRET, user_id, secret)
        return self._connection.run(_PROPOSE, (sealed, self._clinic_id, user_id)).fetchone() is not None

    def held(self, user_id: UUID) -> SecondFactor | None:
        """Return the secret with the user's row locked."""
        row = self._connection.run(_HELD, (self._clinic_id, user_id)).fetchone()
        if row is None or row[0] is None:
            return None
        secret = self._cipher.decrypt(_SECRET, user_id, row[0])
        return SecondFactor(secret=secret, confirmed=row[1], last_step=row[2])

    def enable(self, user_id: UUID, step: int) -> None:
        """Mark the user, and the step as used."""
        self._connection.run(_ENABLE, (step, self._clinic_id, user_id))

    def use_step(self, user_id: UUID, step: int) -> bool:
        """Move the last step forward, if nobody else has."""
        values = {"step": step, "clinic_id": self._clinic_id, "id": user_id}
        return self._connection.run(_USE_STEP, values).fetchone() is not None

    def remove(self, user_id: UUID, at: datetime, *, owed: bool = False) -> None:
        """Forget the secret and void the codes."""
        self._connection.run(_REMOVE, (owed, self._clinic_id, user_id))
        self._connection.run(_VOID_CODES, (at, self._clinic_id, user_id))

    def replace_codes(self, user_id: UUID, digests: Sequence[tuple[UUID, str]], at: datetime) -> None:
        """Void the earlier codes and insert the new ones. Voided ones are kept like used ones: nothing is deleted."""
        self._connection.run(_VOID_CODES, (at, self._clinic_id, user_id))
        for code_id, digest in digests:
            self._connection.run(_ADD_CODE, (self._clinic_id, code_id, user_id, digest, at))

    def use_code(self, user_id: UUID, digest: str, at: datetime) -> bool:
        """Note when the code was used, if nobody else has."""
        return self._connection.run(_USE_CODE, (at, self._clinic_id, user_id, digest)).fetchone() is not None


_GET_POLICY: Final = "SELECT mfa_roles, version, updated_at, updated_by FROM clinic_policies WHERE clinic_id = %s"

_ADD_POLICY: Final = """
INSERT INTO clinic_policies (mfa_roles, version, updated_at, updated_by, clinic_id)
VALUES (%(roles)s, %(version)s + 1, %(updated_at)s, %(updated_by)s, %(clinic_id)s)
ON CONFLICT (clinic_id) DO NOTHING RETURNING version
"""

_SAVE_POLICY: Final = """
UPDATE clinic_policies SET
    mfa_roles = %(roles)s, version = version + 1, updated_at = %(updated_at)s, updated_by = %(updated_by)s
WHERE clinic_id = %(clinic_id)s AND version = %(version)s RETURNING version
"""


class PostgresMfaPolicies:
    """`MfaPolicies` of the core."""

    def __init__(self, connection: Connection, clinic_id: UUID) -> None:
        """Work in the open transaction of `connection`."""
        self._connection = connection
        self._clinic_id = clinic_id

    def get(self) -> MfaPolicy:
        """Return the rule."""
        row = self._connection.run(_GET_POLICY, (self._clinic_id,)).fetchone()
        if row is None:
            return MfaPolicy(clinic_id=self._clinic_id)
        return MfaPolicy(
            clinic_id=self._clinic_id,
            roles=frozenset(map(Role, row[0])),
            version=row[1],
            updated_at=row[2],
            updated_by=row[3],
        )

    def save(self, policy: MfaPolicy) -> MfaPolicy:
        """Insert the first rule, update a later one, if the version is still the one that was read."""
        row = attrs.asdict(policy, recurse=False) | {
            "clinic_id": self._clinic_id,
            "roles": sorted(role.value for role in policy.roles),
        }
        saved = self._connection.run(_SAVE_POLICY if policy.version else _ADD_POLICY, row).fetchone()
        if saved is None:
            raise LostUpdate
        return attrs.evolve(policy, version=saved[0])
