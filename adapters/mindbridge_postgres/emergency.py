"""Emergency accesses in PostgreSQL. Reason and note leave and enter as ciphertext only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import attrs

from mindbridge_core.errors import LostUpdate
from mindbridge_core.pagination import Page, page_of
from mindbridge_core.patients import BreakGlass, BreakGlassFilter, ReviewOutcome, ReviewStatus
from mindbridge_core.phi import ClinicCipher
from mindbridge_postgres.database import Connection

__all__ = ["PostgresEmergencyAccesses"]

_COLUMNS: Final = (
    "id, user_id, patient_id, access_reason, granted_at, expires_at, reviewed_at, reviewed_by, outcome, note, version"
)
_SEALED: Final = ("access_reason", "note")

_HOLD: Final = "SELECT FROM users WHERE clinic_id = %s AND id = %s FOR NO KEY UPDATE"
"""The user's row stands for all of their accesses, those too that are not yet there."""

_ADD: Final = f"""
INSERT INTO emergency_accesses (clinic_id, {_COLUMNS})
VALUES (%(clinic_id)s, %(id)s, %(user_id)s, %(patient_id)s, %(access_reason)s, %(granted_at)s, %(expires_at)s,
    %(reviewed_at)s, %(reviewed_by)s, %(outcome)s, %(note)s, %(version)s)
"""

_GET: Final = f"SELECT {_COLUMNS} FROM emergency_accesses WHERE clinic_id = %s AND id = %s"

_STANDING: Final = f"""
SELECT {_COLUMNS} FROM emergency_accesses
WHERE clinic_id = %s AND patient_id = %s AND user_id = %s AND expires_at > %s
ORDER BY expires_at DESC, id DESC LIMIT 1
"""

_WAITING: Final = """
SELECT min(granted_at) FROM emergency_accesses WHERE clinic_id = %s AND user_id = %s AND reviewed_at IS NULL
"""

_LIST: Final = f"""
SELECT {_COLUMNS} FROM emergency_accesses
WHERE clinic_id = %(clinic_id)s AND (%(after)s::uuid IS NULL OR id > %(after)s)
    AND (%(reviewed)s::boolean IS NULL OR (reviewed_at IS NOT NULL) = %(reviewed)s)
ORDER BY id LIMIT %(limit)s
"""

_SAVE: Final = """
UPDATE emergency_accesses
SET expires_at = %(expires_at)s, reviewed_at = %(reviewed_at)s, reviewed_by = %(reviewed_by)s,
    outcome = %(outcome)s, note = %(note)s, version = version + 1
WHERE clinic_id = %(clinic_id)s AND id = %(id)s AND version = %(version)s
"""


class PostgresEmergencyAccesses:
    """`EmergencyAccesses` of the core."""

    def __init__(self, connection: Connection, clinic_id: UUID, cipher: ClinicCipher) -> None:
        """Work in the open transaction of `connection`."""
        self._connection = connection
        self._clinic_id = clinic_id
        self._cipher = cipher

    def hold(self, user_id: UUID) -> None:
        """Lock the user's row: statements after this see what was committed before the lock was had."""
        self._connection.run(_HOLD, (self._clinic_id, user_id))

    def add(self, access: BreakGlass) -> None:
        """Insert the access."""
        self._connection.run(_ADD, self._row(access))

    def get(self, access_id: UUID) -> BreakGlass | None:
        """Return the access."""
        row = self._connection.run(_GET, (self._clinic_id, access_id)).fetchone()
        return None if row is None else self._access(row)

    def standing(self, user_id: UUID, patient_id: UUID, now: datetime) -> BreakGlass | None:
        """Return the access that ends last."""
        row = self._connection.run(_STANDING, (self._clinic_id, patient_id, user_id, now)).fetchone()
        return None if row is None else self._access(row)

    def waiting_since(self, user_id: UUID) -> datetime | None:
        """Return when the oldest access without a review was granted."""
        row = self._connection.run(_WAITING, (self._clinic_id, user_id)).fetchone()
        return None if row is None else row[0]

    def list(self, only: BreakGlassFilter) -> Page[BreakGlass]:
        """Return a keyset page, reading one row more than it shows."""
        params = {
            "clinic_id": self._clinic_id,
            "after": only.after,
            "reviewed": None if only.status is None else only.status is ReviewStatus.REVIEWED,
            "limit": only.limit + 1,
        }
        rows = self._connection.run(_LIST, params).fetchall()
        return page_of([(row[0], self._access(row)) for row in rows], only.limit)

    def save(self, access: BreakGlass) -> BreakGlass:
        """Update review and end if the version is still the one that was read."""
        if self._connection.run(_SAVE, self._row(access)).rowcount != 1:
            raise LostUpdate
        return attrs.evolve(access, version=access.version + 1)

    def _row(self, access: BreakGlass) -> dict[str, Any]:
        row = attrs.asdict(access, recurse=False)
        texts = {name: row[name] for name in _SEALED if row[name] is not None}
        row |= {
            name: self._cipher.encrypt(f"emergency_accesses.{name}", access.id, text) for name, text in texts.items()
        }
        return row | {"clinic_id": self._clinic_id}

    def _access(self, row: Sequence[Any]) -> BreakGlass:
        fields = dict(zip(_COLUMNS.split(", "), row, strict=True))
        for name in _SEALED:
            if fields[name] is not None:
                fields[name] = self._cipher.decrypt(f"emergency_accesses.{name}", fields["id"], fields[name])
        fields["outcome"] = None if fields["outcome"] is None else ReviewOutcome(fields["outcome"])
        return BreakGlass(clinic_id=self._clinic_id, **fields)
