"""Organizations, clinics, and the clinics' wrapped keys."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import time
from typing import Any, Final
from uuid import UUID

import attrs

from mindbridge_core.errors import DamagedRecord, LostUpdate
from mindbridge_core.identity import Clinic, Organization
from mindbridge_core.ids import PLATFORM_CLINIC_ID, PLATFORM_ORGANIZATION_ID
from mindbridge_core.phi import ClinicCipher, KeyPurpose, WrappedKey
from mindbridge_postgres.audit import lay_lanes
from mindbridge_postgres.database import Connection, Database, set_clinic
from mindbridge_postgres.errors import translated

__all__ = ["PostgresClinics", "PostgresWrappedKeys", "add_key", "keys_of"]

OPENING: Final = 7_210_426_136
"""The advisory lock of whoever opens a clinic."""

_ORGANIZATION_COLUMNS: Final = (
    "id, name, subscription_tier, hipaa_baa_signed, hipaa_baa_date, settings, created_at, updated_at"
)
_CLINIC_COLUMNS: Final = "id, organization_id, name, address, phone, npi_number, timezone, created_at"
_KEY_COLUMNS: Final = "id, purpose, version, wrapped_key, master_key_id, created_at, retired_at"

_ADD_ORGANIZATION: Final = f"""
INSERT INTO organizations ({_ORGANIZATION_COLUMNS})
VALUES (%(id)s, %(name)s, %(subscription_tier)s, %(hipaa_baa_signed)s, %(hipaa_baa_date)s, %(settings)s::jsonb,
    %(created_at)s, %(updated_at)s)
"""

_ADD_CLINIC: Final = f"""
INSERT INTO clinics ({_CLINIC_COLUMNS})
VALUES (%(id)s, %(organization_id)s, %(name)s, %(address)s, %(phone)s, %(npi_number)s, %(timezone)s, %(created_at)s)
"""

_GET_CLINIC: Final = """
SELECT c.id, c.organization_id, c.name, c.address, c.phone, c.npi_number, COALESCE(s.timezone, c.timezone) AS timezone,
    s.screening_time, COALESCE(s.version, 1) AS version, c.created_at, s.updated_at
FROM clinics c LEFT JOIN clinic_settings s ON s.clinic_id = %(clinic_id)s AND s.clinic_id = c.id
WHERE c.id = %(clinic_id)s
"""
_GOT: Final = f"{_CLINIC_COLUMNS.removesuffix('created_at')}screening_time, version, created_at, updated_at"

# As it was opened a clinic is of version 1, and has no row.
_FIRST_CHANGE: Final = """
INSERT INTO clinic_settings (clinic_id, timezone, screening_time, version, updated_at)
VALUES (%(clinic_id)s, %(timezone)s, %(screening_time)s, %(version)s + 1, %(updated_at)s)
ON CONFLICT (clinic_id) DO NOTHING RETURNING version
"""

_CHANGE: Final = """
UPDATE clinic_settings SET
    timezone = %(timezone)s, screening_time = %(screening_time)s, version = version + 1, updated_at = %(updated_at)s
WHERE clinic_id = %(clinic_id)s AND version = %(version)s RETURNING version
"""

_ADD_KEY: Final = f"""
INSERT INTO clinic_keys (clinic_id, {_KEY_COLUMNS})
VALUES (%(clinic_id)s, %(id)s, %(purpose)s, %(version)s, %(wrapped)s, %(master_key_id)s, %(created_at)s,
    %(retired_at)s)
"""


class PostgresClinics:
    """`Clinics` of the core."""

    def __init__(self, connection: Connection, clinic_id: UUID, cipher: ClinicCipher) -> None:
        """Work in the open transaction of `connection`."""
        self._connection = connection
        self._clinic_id = clinic_id
        self._cipher = cipher

    def take_turns(self) -> None:
        """Hold an advisory lock until the transaction ends: no constraint could refuse the names of older databases."""
        self._connection.run("SELECT pg_advisory_xact_lock(%s)", (OPENING,))

    def add_organization(self, organization: Organization) -> None:
        """Insert the organization."""
        row = attrs.asdict(organization, recurse=False) | {"settings": json.dumps(dict(organization.settings))}
        self._connection.run(_ADD_ORGANIZATION, row)

    def find_organization(self, name: str) -> Organization | None:
        """Return the oldest organization of this name; the reserved one is never found."""
        query = f"SELECT {_ORGANIZATION_COLUMNS} FROM organizations WHERE name = %s AND id <> %s ORDER BY id LIMIT 1"
        row = self._connection.run(query, (name, PLATFORM_ORGANIZATION_ID)).fetchone()
        return None if row is None else Organization(**_named(_ORGANIZATION_COLUMNS, row))

    def add(self, clinic: Clinic, keys: Sequence[WrappedKey]) -> None:
        """Insert the clinic, unless it is the reserved one, and its keys."""
        if clinic.id != PLATFORM_CLINIC_ID:
            address = clinic.address and self._cipher.encrypt("clinics.address", clinic.id, clinic.address)
            self._connection.run(_ADD_CLINIC, attrs.asdict(clinic, recurse=False) | {"address": address})
        for key in keys:
            add_key(self._connection, key)
        lay_lanes(self._connection, self._clinic_id, self._cipher.audit_key, clinic.created_at)

    def get(self) -> Clinic | None:
        """Return the unit's own clinic; without an address that cannot be read, since every screening asks for this."""
        row = self._connection.run(_GET_CLINIC, {"clinic_id": self._clinic_id}).fetchone()
        if row is None:
            return None
        fields = _named(_GOT, row)
        fields["address"] = self._address(fields["address"])
        if fields["screening_time"] is not None:
            fields["screening_time"] = time.fromisoformat(fields["screening_time"])
        return Clinic(**fields)

    def _address(self, sealed: bytes | None) -> str | None:
        try:
            return None if sealed is None else self._cipher.decrypt("clinics.address", self._clinic_id, sealed)
        except DamagedRecord:
            return None

    def save(self, clinic: Clinic) -> Clinic:
        """Insert the first change, update a later one, if the version is still the one that was read."""
        at = clinic.screening_time and f"{clinic.screening_time:%H:%M}"
        row = attrs.asdict(clinic, recurse=False) | {"clinic_id": self._clinic_id, "screening_time": at}
        saved = self._connection.run(_FIRST_CHANGE if clinic.version == 1 else _CHANGE, row).fetchone()
        if saved is None:
            raise LostUpdate
        return attrs.evolve(clinic, version=saved[0])

    def find(self, organization_id: UUID, name: str) -> UUID | None:
        """Return the id of the oldest clinic of this name."""
        query = "SELECT id FROM clinics WHERE organization_id = %s AND name = %s ORDER BY id LIMIT 1"
        row = self._connection.run(query, (organization_id, name)).fetchone()
        return None if row is None else UUID(int=row[0].int)


@attrs.frozen
class PostgresWrappedKeys:
    """`WrappedKeys` of the core, read before any unit opens, or in the unit that is open on the clinic here."""

    database: Database

    def of_clinic(self, clinic_id: UUID) -> Sequence[WrappedKey]:
        """Return the clinic's keys, oldest version first."""
        held = self.database.held(clinic_id)
        if held is not None:
            with translated():
                return keys_of(held, clinic_id)
        with self.database.connection() as connection, translated(), connection.transaction():
            connection.execute(set_clinic(clinic_id), prepare=False)
            return keys_of(connection, clinic_id)


def add_key(connection: Connection, key: WrappedKey) -> None:
    """Insert a wrapped key."""
    row = attrs.asdict(key, recurse=False) | {"purpose": key.purpose.value}
    connection.run(_ADD_KEY, row)


def keys_of(connection: Connection, clinic_id: UUID) -> Sequence[WrappedKey]:
    """Return the clinic's keys, oldest version first, in the open transaction of `connection`."""
    query = f"SELECT {_KEY_COLUMNS} FROM clinic_keys WHERE clinic_id = %s ORDER BY version, purpose"
    rows = connection.run(query, (clinic_id,)).fetchall()
    return [_wrapped_key(clinic_id, _named(_KEY_COLUMNS, row)) for row in rows]


def _wrapped_key(clinic_id: UUID, row: dict[str, Any]) -> WrappedKey:
    wrapped = row.pop("wrapped_key")
    return WrappedKey(**row | {"clinic_id": clinic_id, "purpose": KeyPurpose(row["purpose"]), "wrapped": wrapped})


def _named(columns: str, row: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(columns.split(", "), row, strict=True))
