"""Overviews in PostgreSQL: counted where the rows are; of names only those of the most urgent are opened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import attrs

from mindbridge_core.errors import DamagedRecord
from mindbridge_core.patients import RiskLevel
from mindbridge_core.phi import ClinicCipher
from mindbridge_core.screening import Overview, OverviewScope, ReviewStatus, UrgentPatient
from mindbridge_core.screening.overview import URGENT, assembled
from mindbridge_postgres.database import Connection

__all__ = ["PostgresOverviews"]

_OWN: Final = "(%(case_manager_id)s::uuid IS NULL OR patients.case_manager_id = %(case_manager_id)s)"
_SEEN: Final = f"patients.clinic_id = %(clinic_id)s AND patients.deleted_at IS NULL AND {_OWN}"
_JOINED: Final = f"""
FROM screenings JOIN patients ON patients.clinic_id = screenings.clinic_id AND patients.id = screenings.patient_id
WHERE screenings.clinic_id = %(clinic_id)s AND screenings.deleted_at IS NULL AND {_SEEN}
"""

_PATIENTS: Final = f"""
SELECT case_manager_id, current_risk_level, count(*) FROM patients
WHERE {_SEEN} AND status = 'active' GROUP BY case_manager_id, current_risk_level
"""

_TREND: Final = f"""
SELECT (screened_at AT TIME ZONE %(zone)s)::date AS day, risk_level, count(*) {_JOINED}
    AND screened_at >= %(trend_from)s GROUP BY day, risk_level
"""

_COVERED: Final = f"""
SELECT count(*) FROM patients WHERE {_SEEN} AND status = 'active' AND EXISTS (
    SELECT FROM screenings WHERE screenings.clinic_id = %(clinic_id)s AND screenings.patient_id = patients.id
        AND screenings.deleted_at IS NULL AND screened_at >= %(since)s)
"""

_PENDING: Final = f"""
SELECT count(*), count(*) FILTER (WHERE risk_level = 'high' AND screened_at < %(overdue_before)s) {_JOINED}
    AND review_status = 'pending_review'
"""

_URGENT: Final[LiteralString] = f"""
SELECT patients.id, patients.case_manager_id, patients.name, last.risk_score, last.screened_at, last.review_status
FROM patients LEFT JOIN LATERAL (
    SELECT risk_score, screened_at, review_status FROM screenings
    WHERE screenings.clinic_id = %(clinic_id)s AND screenings.patient_id = patients.id
        AND screenings.deleted_at IS NULL
    ORDER BY screenings.id DESC LIMIT 1
) AS last ON true
WHERE {_SEEN} AND status = 'active' AND current_risk_level = 'high'
ORDER BY last.risk_score DESC NULLS FIRST, patients.id LIMIT {URGENT}
"""


@attrs.frozen
class PostgresOverviews:
    """`Overviews` of the core."""

    connection: Connection
    clinic_id: UUID
    cipher: ClinicCipher

    def of(self, scope: OverviewScope) -> Overview:
        """Count."""
        params = attrs.asdict(scope) | {"clinic_id": self.clinic_id}
        params |= {"trend_from": scope.trend_from}

        def rows(statement: LiteralString, **more: datetime) -> list[Any]:
            return self.connection.run(statement, params | more).fetchall()

        ((covered,),) = rows(_COVERED, since=scope.covered_from)
        ((recent,),) = rows(_COVERED, since=scope.missed_before)
        ((pending, overdue),) = rows(_PENDING)
        return assembled(
            self.clinic_id,
            {(manager, _level(level)): count for manager, level, count in rows(_PATIENTS)},
            {(day, RiskLevel(level)): count for day, level, count in rows(_TREND)},
            covered=covered,
            recent=recent,
            pending=pending,
            overdue=overdue,
            urgent=tuple(self._urgent(row) for row in rows(_URGENT)),
        )

    def _urgent(self, row: Sequence[Any]) -> UrgentPatient:
        return UrgentPatient(
            patient_id=row[0],
            case_manager_id=row[1],
            name=self._name(row[0], row[2]),
            risk_score=row[3],
            screened_at=row[4],
            review_status=None if row[5] is None else ReviewStatus(row[5]),
        )

    def _name(self, patient_id: UUID, sealed: bytes) -> str | None:
        try:
            return self.cipher.decrypt("patients.name", patient_id, sealed)
        except DamagedRecord:
            return None


def _level(word: str | None) -> RiskLevel | None:
    return None if word is None else RiskLevel(word)
