"""Tallies in PostgreSQL: counted there by what is stored in plain; what is sealed is opened a few rows at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, Final, LiteralString
from uuid import UUID

import attrs

from mindbridge_core.patients import RiskLevel
from mindbridge_core.phi import ClinicCipher
from mindbridge_core.screening import Person, Profile, UsageRow, UsageScope, Window
from mindbridge_postgres.database import Connection

__all__ = ["PostgresTallies"]

_ROWS: Final = 500
_WINDOW: Final = """
FROM screenings JOIN patients ON patients.clinic_id = screenings.clinic_id AND patients.id = screenings.patient_id
WHERE screenings.clinic_id = %(clinic_id)s AND patients.clinic_id = %(clinic_id)s
    AND screenings.deleted_at IS NULL AND patients.deleted_at IS NULL
    AND screened_at >= %(since)s AND screened_at < %(until)s
"""
_REVIEWED: Final = "review_status <> 'pending_review'"

_PROFILES: Final[LiteralString] = f"""
SELECT count(*), risk_level, rules_level, least(floor(risk_score / 20), 4)::integer AS score_band, rules_version,
    assessor, ai_model, ai_prompt_hash, ai_failure, missing, jsonb_path_query_array(guardrails, '$[*].id') AS guarded,
    {_REVIEWED} AS reviewed, reviewed_level
{_WINDOW}
GROUP BY risk_level, rules_level, score_band, rules_version, assessor, ai_model, ai_prompt_hash, ai_failure, missing,
    guarded, reviewed, reviewed_level
"""

_PEOPLE: Final[LiteralString] = f"""
SELECT patients.id, patients.date_of_birth, count(*) FILTER (WHERE risk_level = 'low'),
    count(*) FILTER (WHERE risk_level = 'medium'), count(*) FILTER (WHERE risk_level = 'high'),
    bool_or(assessor <> 'rules'), bool_or({_REVIEWED})
{_WINDOW}
GROUP BY patients.clinic_id, patients.id
"""

# The last two bytes of an id are random.
_FIRED: Final[LiteralString] = f"""
SELECT screenings.id, screenings.provenance {_WINDOW}
    AND (get_byte(uuid_send(screenings.id), 14) * 256 + get_byte(uuid_send(screenings.id), 15)) %% %(one_in)s = 0
"""

_USAGE: Final = """
SELECT date_trunc(%(step)s::text, screened_at AT TIME ZONE %(zone)s)::date AS period, ai_model, count(*),
    count(ai_failure), count(*) - count(ai_input_tokens), coalesce(sum(ai_input_tokens), 0)::bigint,
    coalesce(sum(ai_output_tokens), 0)::bigint
FROM screenings
WHERE clinic_id = %(clinic_id)s AND deleted_at IS NULL AND assessor <> 'rules'
    AND screened_at >= %(since)s AND screened_at < %(until)s
GROUP BY period, ai_model ORDER BY period, ai_model COLLATE "C" NULLS FIRST
"""
_LEVELS: Final = (RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH)


@attrs.frozen
class PostgresTallies:
    """`Tallies` of the core."""

    connection: Connection
    clinic_id: UUID
    cipher: ClinicCipher

    def profiles(self, window: Window) -> Iterator[Profile]:
        """Return the groups."""
        names = [field.name for field in attrs.fields(Profile)]
        for row in self._rows(_PROFILES, window):
            held = dict(zip(names, row, strict=True))
            reviewed_level = held["reviewed_level"]
            yield Profile(
                **held
                | {
                    "risk_level": RiskLevel(held["risk_level"]),
                    "rules_level": RiskLevel(held["rules_level"]),
                    "missing": tuple(held["missing"]),
                    "guardrails": tuple(held["guardrails"]),
                    "reviewed_level": None if reviewed_level is None else RiskLevel(reviewed_level),
                }
            )

    def people(self, window: Window) -> Iterator[Person]:
        """Return a group for each patient, with the date of birth opened."""
        for patient_id, sealed, *counts, asked, reviewed in self._rows(_PEOPLE, window):
            yield Person(
                born=self._born(patient_id, sealed),
                levels=dict(zip(_LEVELS, counts, strict=True)),
                asked=asked,
                reviewed=reviewed,
            )

    def fired(self, window: Window, one_in: int) -> Iterator[tuple[str, ...]]:
        """Return the rules, out of what is sealed for a replay."""
        for screening_id, sealed in self._rows(_FIRED, window, one_in=one_in):
            provenance = json.loads(self.cipher.decrypt("screenings.provenance", screening_id, sealed))
            yield tuple(rule["id"] for rule in provenance["fired"])

    def usage(self, scope: UsageScope) -> Sequence[UsageRow]:
        """Return the sums."""
        params = attrs.asdict(scope) | {"clinic_id": self.clinic_id}
        names = [field.name for field in attrs.fields(UsageRow)]
        return [UsageRow(**dict(zip(names, row, strict=True))) for row in self.connection.run(_USAGE, params)]

    def _born(self, patient_id: UUID, sealed: bytes | None) -> date | None:
        if sealed is None:
            return None
        return date.fromisoformat(self.cipher.decrypt("patients.date_of_birth", patient_id, sealed))

    def _rows(self, query: LiteralString, window: Window, **more: int) -> Iterator[Sequence[Any]]:
        """Read by a cursor on the server; between its pages the connection is free, for a key that must be read."""
        params = {"clinic_id": self.clinic_id, "since": window.since, "until": window.until} | more
        with self.connection.cursor(name="tally") as cursor:
            cursor.execute(query, params, binary=True)
            while rows := cursor.fetchmany(_ROWS):
                yield from rows
