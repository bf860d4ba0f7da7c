"""Consents, disclosures and the trail by patient, in PostgreSQL. PHI leaves and enters as ciphertext only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import attrs

from mindbridge_core.access import Action
from mindbridge_core.audit import AuditEntry, Outcome
from mindbridge_core.errors import LostUpdate
from mindbridge_core.pagination import Page, page_of
from mindbridge_core.phi import ClinicCipher
from mindbridge_core.privacy import AccessPeriod, Consent, ConsentType, Disclosure, DisclosureGround
from mindbridge_postgres.database import Connection

__all__ = ["PostgresAccessHistory", "PostgresConsents", "PostgresDisclosures"]

REASON: Final = "audit_logs.access_reason"

_CONSENT: Final = (
    "id, patient_id, consent_type, granted, granted_at, revoked_at, revoked_by, consent_form_version, recorded_by,"
    " witness_user_id, discloser, information, recipients, purpose, expires_at, expiry_event, right_to_revoke_stated,"
    " signed_name, signed_on, version, created_at"
)
_SEALED_CONSENT: Final = ("discloser", "information", "recipients", "purpose", "expiry_event", "signed_name")

_ADD_CONSENT: Final = f"""
INSERT INTO patient_consents (clinic_id, {_CONSENT})
VALUES (%(clinic_id)s, %(id)s, %(patient_id)s, %(consent_type)s, %(granted)s, %(granted_at)s, %(revoked_at)s,
    %(revoked_by)s, %(consent_form_version)s, %(recorded_by)s, %(witness_user_id)s, %(discloser)s, %(information)s,
    %(recipients)s, %(purpose)s, %(expires_at)s, %(expiry_event)s, %(right_to_revoke_stated)s, %(signed_name)s,
    %(signed_on)s, %(version)s, %(created_at)s)
"""

_GET_CONSENT: Final = f"SELECT {_CONSENT} FROM patient_consents WHERE clinic_id = %s AND id = %s"

_CONSENTS: Final = f"""
SELECT {_CONSENT} FROM patient_consents WHERE clinic_id = %s AND patient_id = %s ORDER BY created_at, id
"""

_HOLD: Final = "SELECT FROM patients WHERE clinic_id = %s AND id = %s FOR NO KEY UPDATE"
"""The patient's row stands for all of their consents, those too that are not yet there."""

_REVOKE: Final = """
UPDATE patient_consents SET revoked_at = %s, revoked_by = %s, version = version + 1
WHERE clinic_id = %s AND id = %s AND version = %s
"""

_DISCLOSURE: Final = (
    "id, patient_id, consent_id, disclosed_by, disclosed_at, ground, part2, recipient, recipient_address, purpose,"
    " description"
)
_SEALED_DISCLOSURE: Final = ("recipient", "recipient_address", "purpose", "description")

_ADD_DISCLOSURE: Final = f"""
INSERT INTO disclosures (clinic_id, {_DISCLOSURE})
VALUES (%(clinic_id)s, %(id)s, %(patient_id)s, %(consent_id)s, %(disclosed_by)s, %(disclosed_at)s, %(ground)s,
    %(part2)s, %(recipient)s, %(recipient_address)s, %(purpose)s, %(description)s)
"""

_DISCLOSURES: Final = f"""
SELECT {_DISCLOSURE} FROM disclosures
WHERE clinic_id = %s AND patient_id = %s AND disclosed_at >= %s ORDER BY disclosed_at, id
"""

# No index holds the lists' members, so the period bounds the scan: the primary key begins with clinic and time.
_ENTRIES: Final = """
SELECT id, created_at, action, outcome, resource_type, resource_id, resource_ids, changes, phi_accessed, user_id,
    session_id, request_id, ip_address, user_agent, access_reason
FROM audit_logs
WHERE clinic_id = %(clinic_id)s AND created_at >= %(since)s AND created_at < %(until)s
    AND (resource_id = %(patient_id)s OR resource_ids @> ARRAY[%(patient_id)s::uuid])
    AND (%(after)s::uuid IS NULL OR id > %(after)s)
ORDER BY id LIMIT %(limit)s
"""

_DISCLOSED: Final = """
SELECT changes #>> '{values,disclosure_id}', created_at FROM audit_logs
WHERE clinic_id = %s AND resource_id = %s AND created_at >= %s AND action = 'disclosure.make' AND outcome = 'success'
"""


def _sealed(cipher: ClinicCipher, table: str, row: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the row with each of `names` as ciphertext."""
    texts = {name: row[name] for name in names if row[name] is not None}
    return row | {name: cipher.encrypt(f"{table}.{name}", row["id"], text) for name, text in texts.items()}


def _opened(cipher: ClinicCipher, table: str, row: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the row with each of `names` in clear."""
    sealed = {name: row[name] for name in names if row[name] is not None}
    return row | {name: cipher.decrypt(f"{table}.{name}", row["id"], held) for name, held in sealed.items()}


def _named(columns: str, row: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(columns.split(", "), row, strict=True))


class PostgresConsents:
    """`Consents` of the core."""

    def __init__(self, connection: Connection, clinic_id: UUID, cipher: ClinicCipher) -> None:
        """Work in the open transaction of `connection`."""
        self._connection = connection
        self._clinic_id = clinic_id
        self._cipher = cipher

    def add(self, consent: Consent) -> None:
        """Insert the consent."""
        row = attrs.asdict(consent, recurse=False) | {"clinic_id": self._clinic_id}
        self._connection.run(_ADD_CONSENT, _sealed(self._cipher, "patient_consents", row, _SEALED_CONSENT))

    def get(self, consent_id: UUID) -> Consent | None:
        """Return the consent."""
        row = self._connection.run(_GET_CONSENT, (self._clinic_id, consent_id)).fetchone()
        return None if row is None else self._consent(row)

    def of_patient(self, patient_id: UUID) -> Sequence[Consent]:
        """Return the patient's consents, oldest first."""
        rows = self._connection.run(_CONSENTS, (self._clinic_id, patient_id)).fetchall()
        return [self._consent(row) for row in rows]

    def held(self, patient_id: UUID) -> Sequence[Consent]:
        """Lock the patient's row, then read: the second statement sees what was committed before the lock was had."""
        self._connection.run(_HOLD, (self._clinic_id, patient_id))
        return self.of_patient(patient_id)

    def save(self, consent: Consent) -> Consent:
        """Update the revocation if the version is still the one that was read."""
        revocation = (consent.revoked_at, consent.revoked_by, self._clinic_id, consent.id, consent.version)
        if self._connection.run(_REVOKE, revocation).rowcount != 1:
            raise LostUpdate
        return attrs.evolve(consent, version=consent.version + 1)

    def _consent(self, row: Sequence[Any]) -> Consent:
        fields = _opened(self._cipher, "patient_consents", _named(_CONSENT, row), _SEALED_CONSENT)
        fields["consent_type"] = ConsentType(fields["consent_type"])
        return Consent(clinic_id=self._clinic_id, **fields)


class PostgresDisclosures:
    """`Disclosures` of the core."""

    def __init__(self, connection: Connection, clinic_id: UUID, cipher: ClinicCipher) -> None:
        """Work in the open transaction of `connection`."""
        self._connection = connection
        self._clinic_id = clinic_id
        self._cipher = cipher

    def add(self, disclosure: Disclosure) -> None:
        """Insert the disclosure."""
        row = attrs.asdict(disclosure, recurse=False) | {"clinic_id": self._clinic_id}
        self._connection.run(_ADD_DISCLOSURE, _sealed(self._cipher, "disclosures", row, _SEALED_DISCLOSURE))

    def of_patient(self, patient_id: UUID, since: datetime) -> Sequence[Disclosure]:
        """Return the patient's disclosures, oldest first."""
        rows = self._connection.run(_DISCLOSURES, (self._clinic_id, patient_id, since)).fetchall()
        return [self._disclosure(row) for row in rows]

    def _disclosure(self, row: Sequence[Any]) -> Disclosure:
        fields = _opened(self._cipher, "disclosures", _named(_DISCLOSURE, row), _SEALED_DISCLOSURE)
        fields["ground"] = DisclosureGround(fields["ground"])
        return Disclosure(clinic_id=self._clinic_id, **fields)


class PostgresAccessHistory:
    """`AccessHistory` of the core."""

    def __init__(self, connection: Connection, clinic_id: UUID, cipher: ClinicCipher) -> None:
        """Work in the open transaction of `connection`."""
        self._connection = connection
        self._clinic_id = clinic_id
        self._cipher = cipher

    def of_patient(self, patient_id: UUID, period: AccessPeriod) -> Page[AuditEntry]:
        """Return a keyset page, reading one row more than it shows."""
        params = {
            "clinic_id": self._clinic_id,
            "patient_id": patient_id,
            "since": period.since,
            "until": period.until,
            "after": period.after,
            "limit": period.limit + 1,
        }
        rows = self._connection.run(_ENTRIES, params).fetchall()
        return page_of([(row[0], self._entry(row)) for row in rows], period.limit)

    def disclosed(self, patient_id: UUID, since: datetime) -> Mapping[UUID, datetime]:
        """Return the disclosures that entries name, and when."""
        rows = self._connection.run(_DISCLOSED, (self._clinic_id, patient_id, since)).fetchall()
        return {UUID(named): made for named, made in rows}

    def _entry(self, row: Sequence[Any]) -> AuditEntry:
        changes, reason = row[7], row[14]
        return AuditEntry(
            id=row[0],
            clinic_id=self._clinic_id,
            created_at=row[1],
            action=Action(row[2]),
            outcome=Outcome(row[3]),
            resource_type=row[4],
            resource_id=row[5],
            resource_ids=tuple(row[6]),
            changed_fields=tuple(changes.get("fields", ())),
            changed_values=changes.get("values", {}),
            phi_accessed=row[8],
            user_id=row[9],
            session_id=row[10],
            request_id=row[11],
            ip_address=row[12],
            user_agent=row[13],
            access_reason=None if reason is None else self._cipher.decrypt(REASON, row[0], bytes(reason)),
        )
