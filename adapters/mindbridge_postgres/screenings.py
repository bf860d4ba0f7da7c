"""Screenings in PostgreSQL. What was found about the person leaves and enters this file as ciphertext only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, LiteralString
from uuid import UUID

import attrs

from mindbridge_core.errors import LostUpdate
from mindbridge_core.pagination import Page, page_of
from mindbridge_core.phi import ClinicCipher
from mindbridge_core.screening import Screening, ScreeningFilter, ScreeningRef
from mindbridge_postgres.bulk import as_array
from mindbridge_postgres.database import Connection
from mindbridge_postgres.screening_rows import COLUMNS, SEALED, row_of, screening_of

__all__ = ["PostgresScreenings"]

_NAMES: Final = tuple(COLUMNS.split(", "))
_VALUES: Final = ", ".join(f"%({name})s" for name in _NAMES)

_ADD: Final = f"INSERT INTO screenings (clinic_id, {COLUMNS}) VALUES (%(clinic_id)s, {_VALUES})"

_TYPES: Final[Mapping[str, LiteralString]] = {
    **dict.fromkeys(_NAMES, "text"),
    **dict.fromkeys(("id", "patient_id", "performed_by", "reviewed_by", "proposed_by"), "uuid"),
    **dict.fromkeys(SEALED, "bytea"),
    **dict.fromkeys(("flags", "missing", "guardrails"), "jsonb"),
    **dict.fromkeys(("reviewed_at", "proposed_at", "screened_at"), "timestamptz"),
    **dict.fromkeys(("duration_ms", "version", "ai_input_tokens", "ai_output_tokens"), "integer"),
    "risk_score": "numeric",
}
_ARRAYS: Final[LiteralString] = ", ".join(f"%({name})s::{kind}[]" for name, kind in _TYPES.items())

_ADD_MANY: Final[LiteralString] = f"""
INSERT INTO screenings (clinic_id, {COLUMNS})
SELECT %(clinic_id)s::uuid, {COLUMNS} FROM unnest({_ARRAYS}) AS sent ({COLUMNS})
"""

_GET: Final = f"SELECT {COLUMNS} FROM screenings WHERE clinic_id = %s AND id = %s AND deleted_at IS NULL"

_LATEST: Final = """
SELECT id FROM screenings WHERE clinic_id = %s AND patient_id = %s AND deleted_at IS NULL ORDER BY id DESC LIMIT 1
"""

_REVIEW: Final = """
UPDATE screenings SET
    review_status = %(review_status)s, reviewed_by = %(reviewed_by)s, reviewed_at = %(reviewed_at)s,
    review_note = %(review_note)s, reviewed_level = %(reviewed_level)s, proposed_by = %(proposed_by)s,
    proposed_at = %(proposed_at)s, proposed_level = %(proposed_level)s, proposed_reason = %(proposed_reason)s,
    version = version + 1
WHERE clinic_id = %(clinic_id)s AND id = %(id)s AND version = %(version)s AND deleted_at IS NULL
RETURNING version
"""

_LISTED: Final = """
FROM screenings
WHERE clinic_id = %(clinic_id)s AND deleted_at IS NULL AND EXISTS (
    SELECT FROM patients
    WHERE patients.clinic_id = %(clinic_id)s AND patients.id = screenings.patient_id AND patients.deleted_at IS NULL"""

_OF_MANAGER: Final = " AND patients.case_manager_id = %(case_manager_id)s"
_CONDITIONS: Final[Mapping[str, LiteralString]] = {
    "patient_id": " AND patient_id = %(patient_id)s",
    "risk_level": " AND risk_level = %(risk_level)s",
    "review_status": " AND review_status = %(review_status)s",
    "screened_before": " AND screened_at < %(screened_before)s",
}


class PostgresScreenings:
    """`Screenings` of the core."""

    def __init__(self, connection: Connection, clinic_id: UUID, cipher: ClinicCipher) -> None:
        """Work in the open transaction of `connection`."""
        self._connection = connection
        self._clinic_id = clinic_id
        self._cipher = cipher

    def add(self, screening: Screening) -> None:
        """Insert the screening."""
        self._connection.run(_ADD, self._row(screening))

    def add_many(self, screenings: Sequence[Screening]) -> None:
        """Insert the screenings in one statement."""
        if screenings:
            rows = [row_of(screening, self._cipher) for screening in screenings]
            columns = {name: as_array([row[name] for row in rows], kind) for name, kind in _TYPES.items()}
            self._connection.run(_ADD_MANY, columns | {"clinic_id": self._clinic_id})

    def get(self, screening_id: UUID) -> Screening | None:
        """Return the screening."""
        row = self._connection.run(_GET, (self._clinic_id, screening_id)).fetchone()
        return None if row is None else screening_of(row, self._clinic_id, self._cipher)

    def list(self, only: ScreeningFilter) -> Page[Screening]:
        """Return a keyset page, reading one row more than it shows."""
        rows = self._page(COLUMNS, only)
        return page_of([(row[0], screening_of(row, self._clinic_id, self._cipher)) for row in rows], only.limit)

    def refs(self, only: ScreeningFilter) -> Page[ScreeningRef]:
        """Return the page's ids, which are all that is read."""
        rows = self._page("id, patient_id", only)
        refs = [(row[0], ScreeningRef(id=row[0], clinic_id=self._clinic_id, patient_id=row[1])) for row in rows]
        return page_of(refs, only.limit)

    def _page(self, columns: LiteralString, only: ScreeningFilter) -> Sequence[Any]:
        params = attrs.asdict(only, recurse=False) | {"clinic_id": self._clinic_id}
        query: LiteralString = f"SELECT {columns} {_LISTED}" + (_OF_MANAGER if only.case_manager_id else "") + ")"
        for name, condition in _CONDITIONS.items():
            query += condition if params[name] is not None else ""
        if only.after is not None:
            query += " AND id < %(after)s" if only.newest_first else " AND id > %(after)s"
        order: LiteralString = " ORDER BY id DESC" if only.newest_first else " ORDER BY id"
        # The limit stands in the text, as in the list of patients.
        return self._connection.run(f"{query}{order} LIMIT {int(only.limit) + 1}", params).fetchall()

    def latest(self, patient_id: UUID) -> UUID | None:
        """Return the id of the patient's last screening."""
        row = self._connection.run(_LATEST, (self._clinic_id, patient_id)).fetchone()
        return None if row is None else row[0]

    def save(self, screening: Screening) -> Screening:
        """Update the review if the version is still the one that was read, and return what is stored."""
        saved = self._connection.run(_REVIEW, self._row(screening)).fetchone()
        stored = None if saved is None else self.get(screening.id)
        if stored is None:
            raise LostUpdate
        return stored

    def _row(self, screening: Screening) -> dict[str, Any]:
        return row_of(screening, self._cipher) | {"clinic_id": self._clinic_id}
