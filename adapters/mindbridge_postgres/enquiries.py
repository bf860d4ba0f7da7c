"""Enquiries in PostgreSQL. What is told of a patient leaves and enters this file as ciphertext only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import attrs
from cattrs.preconf.json import make_converter

from mindbridge_core.errors import LostUpdate
from mindbridge_core.phi import ClinicCipher
from mindbridge_core.screening import AssessmentRequest, Enquiry, Question, Submission
from mindbridge_postgres.database import Connection

__all__ = ["PostgresEnquiries"]

_COLUMNS: Final = (
    "id, batch_id, created_at, look_at, tries, handle, model, prompt_hash, submitted_at, stopped, ended_at"
)

_ADD: Final = f"""
INSERT INTO enquiries (clinic_id, {_COLUMNS})
VALUES (%(clinic_id)s, %(id)s, %(batch_id)s, %(created_at)s, %(look_at)s, %(tries)s, %(handle)s, %(model)s,
    %(prompt_hash)s, %(submitted_at)s, %(stopped)s, %(ended_at)s)
"""

_ADD_QUESTIONS: Final = """
INSERT INTO questions (clinic_id, id, enquiry_id, batch_id, patient_id, custom_id)
SELECT %(clinic_id)s::uuid, id, %(enquiry_id)s::uuid, %(batch_id)s::uuid, patient_id, custom_id
FROM unnest(%(ids)s::uuid[], %(patients)s::uuid[], %(custom_ids)s::text[]) AS sent (id, patient_id, custom_id)
"""

_CLAIM: Final = f"""
UPDATE enquiries SET look_at = %(until)s, tries = tries + 1
WHERE clinic_id = %(clinic_id)s AND id = (
    SELECT id FROM enquiries WHERE clinic_id = %(clinic_id)s AND ended_at IS NULL AND look_at <= %(now)s
    ORDER BY look_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING {_COLUMNS}
"""

_SAVE: Final = """
UPDATE enquiries SET look_at = %(look_at)s, handle = %(handle)s, model = %(model)s, prompt_hash = %(prompt_hash)s,
    submitted_at = %(submitted_at)s, stopped = %(stopped)s, ended_at = %(ended_at)s
WHERE clinic_id = %(clinic_id)s AND id = %(id)s AND tries = %(tries)s AND ended_at IS NULL
"""

_QUESTIONS: Final = """
SELECT id, patient_id, custom_id, asked FROM questions
WHERE clinic_id = %s AND enquiry_id = %s AND outcome IS NULL ORDER BY patient_id
"""

_ASK: Final = """
UPDATE questions SET asked = sent.asked
FROM unnest(%(ids)s::uuid[], %(asked)s::bytea[]) AS sent (id, asked)
WHERE questions.clinic_id = %(clinic_id)s AND questions.id = sent.id
"""

_SETTLE: Final = """
UPDATE questions SET outcome = %s, screening_id = %s WHERE clinic_id = %s AND id = %s AND outcome IS NULL
"""

_SETTLE_REST: Final = "UPDATE questions SET outcome = %s WHERE clinic_id = %s AND enquiry_id = %s AND outcome IS NULL"

_OUTCOMES: Final = """
SELECT outcome, count(*) FROM questions
WHERE clinic_id = %s AND enquiry_id = %s AND outcome IS NOT NULL GROUP BY outcome
"""

_WANTED: Final = "SELECT FROM batches WHERE clinic_id = %s AND id = %s AND state <> 'cancelled'"

_WAITS: Final = "SELECT FROM questions WHERE clinic_id = %s AND batch_id = %s AND outcome IS NULL LIMIT 1"

_json: Final = make_converter()


class PostgresEnquiries:
    """`Enquiries` of the core."""

    def __init__(self, connection: Connection, clinic_id: UUID, cipher: ClinicCipher) -> None:
        """Work in the open transaction of `connection`."""
        self._connection = connection
        self._clinic_id = clinic_id
        self._cipher = cipher

    def add(self, enquiry: Enquiry, questions: Sequence[Question]) -> None:
        """Insert both, in two statements however many there are."""
        self._connection.run(_ADD, self._row(enquiry))
        params = {
            "clinic_id": self._clinic_id,
            "enquiry_id": enquiry.id,
            "batch_id": enquiry.batch_id,
            "ids": [one.id for one in questions],
            "patients": [one.patient_id for one in questions],
            "custom_ids": [one.custom_id for one in questions],
        }
        self._connection.run(_ADD_QUESTIONS, params)

    def claim(self, now: datetime, until: datetime) -> Enquiry | None:
        """Update the try; an enquiry that another worker is claiming is passed over."""
        params = {"clinic_id": self._clinic_id, "now": now, "until": until}
        row = self._connection.run(_CLAIM, params).fetchone()
        if row is None:
            return None
        held = dict(zip(_COLUMNS.split(", "), row, strict=True))
        parts = {name: held.pop(name) for name in ("handle", "model", "prompt_hash")}
        return Enquiry(
            clinic_id=self._clinic_id, submission=None if parts["handle"] is None else Submission(**parts), **held
        )

    def save(self, enquiry: Enquiry) -> bool:
        """Update it, if it is still the same try."""
        return self._connection.run(_SAVE, self._row(enquiry)).rowcount == 1

    def questions(self, enquiry_id: UUID) -> Sequence[Question]:
        """Return those without an outcome."""
        rows = self._connection.run(_QUESTIONS, (self._clinic_id, enquiry_id)).fetchall()
        return [self._question(*row) for row in rows]

    def ask(self, questions: Sequence[Question]) -> None:
        """Update what is told, sealed, in one statement."""
        encrypt = self._cipher.encrypt
        params = {
            "clinic_id": self._clinic_id,
            "ids": [one.id for one in questions],
            "asked": [encrypt("questions.asked", one.id, _json.dumps(one.asked)) for one in questions],
        }
        self._connection.run(_ASK, params)

    def settle(self, question_id: UUID, outcome: str, screening_id: UUID | None = None) -> None:
        """Update the row, which waits for whoever is settling it."""
        params = (outcome, screening_id, self._clinic_id, question_id)
        if self._connection.run(_SETTLE, params).rowcount != 1:
            raise LostUpdate

    def settle_rest(self, enquiry_id: UUID, outcome: str) -> int:
        """Update the rows."""
        return self._connection.run(_SETTLE_REST, (outcome, self._clinic_id, enquiry_id)).rowcount

    def outcomes(self, enquiry_id: UUID) -> Mapping[str, int]:
        """Count."""
        return dict(self._connection.run(_OUTCOMES, (self._clinic_id, enquiry_id)).fetchall())

    def wanted(self, batch_id: UUID) -> bool:
        """Look at the batch."""
        return self._connection.run(_WANTED, (self._clinic_id, batch_id)).rowcount == 1

    def waits(self, batch_id: UUID) -> bool:
        """Look for one without an outcome."""
        return self._connection.run(_WAITS, (self._clinic_id, batch_id)).rowcount == 1

    def _row(self, enquiry: Enquiry) -> dict[str, Any]:
        held = attrs.asdict(enquiry, recurse=False) | {"clinic_id": self._clinic_id}
        sent = held.pop("submission")
        parts = ("handle", "model", "prompt_hash")
        return held | {name: None if sent is None else getattr(sent, name) for name in parts}

    def _question(self, question_id: UUID, patient_id: UUID, custom_id: str, asked: bytes | None) -> Question:
        told = None if asked is None else self._cipher.decrypt("questions.asked", question_id, asked)
        return Question(
            id=question_id,
            patient_id=patient_id,
            custom_id=custom_id,
            asked=None if told is None else _json.loads(told, AssessmentRequest),
        )
