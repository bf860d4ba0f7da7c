"""The blind index of names: keyed hashes in the place of words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final
from uuid import UUID

from mindbridge_core.ids import PLATFORM_CLINIC_ID
from mindbridge_core.patients import name_tokens, person_text
from mindbridge_core.phi import ClinicCipher, ClinicKeys
from mindbridge_postgres.database import Connection, Database, set_clinic
from mindbridge_postgres.errors import translated

__all__ = ["hashed", "index_names", "person_hash", "search_hashes"]

_NAMES: Final = """
SELECT id, name, date_of_birth FROM patients
WHERE clinic_id = %(clinic_id)s AND deleted_at IS NULL AND (%(after)s::uuid IS NULL OR id > %(after)s::uuid)
ORDER BY id LIMIT %(page)s FOR SHARE
"""

_INDEX: Final = """
INSERT INTO patient_search (clinic_id, token, patient_id)
SELECT %(clinic_id)s::uuid, token, patient_id
FROM unnest(%(tokens)s::bytea[], %(patients)s::uuid[]) AS hashed (token, patient_id)
ON CONFLICT DO NOTHING
"""


def hashed(cipher: ClinicCipher, tokens: Iterable[str]) -> list[bytes]:
    """Return the tokens' hashes under the clinic's index key, each once."""
    return sorted({cipher.blind_index("patient_search.token", token) for token in tokens})


def person_hash(cipher: ClinicCipher, name: str, born: date) -> bytes:
    """Return what stands in the index for one name with one date of birth; no beginning of a name has the same."""
    return cipher.blind_index("patient_search.person", person_text(name, born))


def search_hashes(cipher: ClinicCipher, name: str, born: date | None) -> list[bytes]:
    """Return everything by which a patient is found in the index."""
    found = hashed(cipher, name_tokens(name))
    return found if born is None else [*found, person_hash(cipher, name, born)]


def index_names(database: Database, keys: ClinicKeys, *, page: int = 500) -> int:
    """Index every patient of every clinic, and return how many; for records older than the index.

    Online: `page` patients at a time, whose names nobody changes meanwhile. Killed or done again, it loses and
    doubles nothing.
    """
    return sum(_index(database, keys.cipher(clinic_id), clinic_id, page) for clinic_id in _clinics(database))


def _clinics(database: Database) -> list[UUID]:
    with database.connection() as connection, translated():
        rows = connection.run("SELECT id FROM clinics WHERE id <> %s ORDER BY id", (PLATFORM_CLINIC_ID,)).fetchall()
    return [row[0] for row in rows]


def _index(database: Database, cipher: ClinicCipher, clinic_id: UUID, page: int) -> int:
    done, after = 0, None
    while True:
        with database.connection() as connection, translated(), connection.transaction():
            connection.execute(set_clinic(clinic_id), prepare=False)
            params = {"clinic_id": clinic_id, "after": after, "page": page}
            rows = connection.run(_NAMES, params).fetchall()
            _put(connection, clinic_id, [pair for row in rows for pair in _pairs(cipher, *row)])
        if not rows:
            return done
        done, after = done + len(rows), rows[-1][0]


def _pairs(
    cipher: ClinicCipher, patient_id: UUID, sealed: bytes, sealed_birth: bytes | None
) -> Iterator[tuple[bytes, UUID]]:
    name = cipher.decrypt("patients.name", patient_id, sealed)
    born = None
    if sealed_birth is not None:
        born = date.fromisoformat(cipher.decrypt("patients.date_of_birth", patient_id, sealed_birth))
    for token in search_hashes(cipher, name, born):
        yield token, patient_id


def _put(connection: Connection, clinic_id: UUID, pairs: list[tuple[bytes, UUID]]) -> None:
    params = {
        "clinic_id": clinic_id,
        "tokens": [token for token, _ in pairs],
        "patients": [patient_id for _, patient_id in pairs],
    }
    connection.run(_INDEX, params)
