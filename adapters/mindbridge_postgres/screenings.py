"""Screenings in PostgreSQL. What was found about the person leaves and enters this file as ciphertext only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, LiteralString
from uuid import UUID

import attrs
from cattrs.preconf.json import make_converter
from psycopg.types.json import Jsonb

from mindbridge_core.errors import LostUpdate
from mindbridge_core.pagination import Page, page_of
from mindbridge_core.patients import RiskLevel
from mindbridge_core.phi import ClinicCipher
from mindbridge_core.screening import (
    AssessmentRequest,
    Confirmed,
    FailureReason,
    FiredRecord,
    Flag,
    Guardrail,
    LoweringProposed,
    Overridden,
    Pending,
    RecommendedAction,
    RecordSnapshot,
    Review,
    Screening,
    ScreeningFilter,
    Usage,
)
from mindbridge_postgres.database import Connection

__all__ = ["PostgresScreenings"]

_COLUMNS: Final = (
    "id, patient_id, performed_by, screening_type, risk_level, risk_score, rules_level, rules_version,"
    " primary_risk_factor, contributing_factors, recommended_actions, clinical_notes, flags, missing, guardrails,"
    " assessor, ai_model, ai_prompt_hash, ai_raw_response, ai_failure, provenance, review_status, reviewed_by,"
    " reviewed_at, review_note, reviewed_level, proposed_by, proposed_at, proposed_level, proposed_reason, duration_ms,"
    " screened_at, version"
)
_NAMES: Final = tuple(_COLUMNS.split(", "))
_SEALED: Final = (
    "primary_risk_factor",
    "contributing_factors",
    "recommended_actions",
    "clinical_notes",
    "ai_raw_response",
    "provenance",
    "review_note",
    "proposed_reason",
)
_VALUES: Final = ", ".join(f"%({name})s" for name in _NAMES)

_ADD: Final = f"INSERT INTO screenings (clinic_id, {_COLUMNS}) VALUES (%(clinic_id)s, {_VALUES})"

_TYPES: Final[Mapping[str, LiteralString]] = {
    **dict.fromkeys(_NAMES, "text"),
    **dict.fromkeys(("id", "patient_id", "performed_by", "reviewed_by", "proposed_by"), "uuid"),
    **dict.fromkeys(_SEALED, "bytea"),
    **dict.fromkeys(("flags", "missing", "guardrails"), "jsonb"),
    **dict.fromkeys(("reviewed_at", "proposed_at", "screened_at"), "timestamptz"),
    **dict.fromkeys(("duration_ms", "version"), "integer"),
    "risk_score": "numeric",
}
_ARRAYS: Final[LiteralString] = ", ".join(f"%({name})s::{kind}[]" for name, kind in _TYPES.items())

_ADD_MANY: Final[LiteralString] = f"""
INSERT INTO screenings (clinic_id, {_COLUMNS})
SELECT %(clinic_id)s::uuid, {_COLUMNS} FROM unnest({_ARRAYS}) AS sent ({_COLUMNS})
"""

_GET: Final = f"SELECT {_COLUMNS} FROM screenings WHERE clinic_id = %s AND id = %s AND deleted_at IS NULL"

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

_LIST: Final = f"""
SELECT {_COLUMNS} FROM screenings
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


@attrs.frozen(kw_only=True)
class _Provenance:
    """What a replay needs, as one sealed text."""

    record: RecordSnapshot
    fired: tuple[FiredRecord, ...]
    asked: AssessmentRequest | None
    usage: Usage | None = None


_json: Final = make_converter()


_json.register_unstructure_hook(Decimal, str)
_json.register_structure_hook(Decimal, lambda text, _: Decimal(text))


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
            rows = [self._row(screening) for screening in screenings]
            columns = {name: [row[name] for row in rows] for name in _NAMES}
            self._connection.run(_ADD_MANY, columns | {"clinic_id": self._clinic_id})

    def get(self, screening_id: UUID) -> Screening | None:
        """Return the screening."""
        row = self._connection.run(_GET, (self._clinic_id, screening_id)).fetchone()
        return None if row is None else self._screening(row)

    def list(self, only: ScreeningFilter) -> Page[Screening]:
        """Return a keyset page, reading one row more than it shows."""
        params = attrs.asdict(only, recurse=False) | {"clinic_id": self._clinic_id}
        query: LiteralString = _LIST + (_OF_MANAGER if only.case_manager_id else "") + ")"
        for name, condition in _CONDITIONS.items():
            query += condition if params[name] is not None else ""
        if only.after is not None:
            query += " AND id < %(after)s" if only.newest_first else " AND id > %(after)s"
        order: LiteralString = " ORDER BY id DESC" if only.newest_first else " ORDER BY id"
        # The limit stands in the text, as in the list of patients.
        rows = self._connection.run(f"{query}{order} LIMIT {int(only.limit) + 1}", params).fetchall()
        return page_of([(row[0], self._screening(row)) for row in rows], only.limit)

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
        held = attrs.asdict(screening, recurse=False)
        provenance = _Provenance(
            record=screening.record, fired=screening.fired, asked=screening.asked, usage=screening.ai_usage
        )
        row: dict[str, Any] = {name: held.get(name) for name in _NAMES} | _review_row(screening.review)
        row |= {
            "clinic_id": self._clinic_id,
            "contributing_factors": json.dumps(screening.contributing_factors),
            "recommended_actions": _json.dumps(screening.recommended_actions),
            "flags": Jsonb(list(screening.flags)),
            "missing": Jsonb(list(screening.missing)),
            "guardrails": Jsonb([{"id": one.id, "reason": one.reason} for one in screening.guardrails]),
            "provenance": _json.dumps(provenance),
            "review_status": screening.review_status,
        }
        texts: dict[str, str] = {name: row[name] for name in _SEALED if row[name] is not None}
        encrypt = self._cipher.encrypt
        return row | {name: encrypt(f"screenings.{name}", screening.id, text) for name, text in texts.items()}

    def _screening(self, found: Sequence[Any]) -> Screening:
        row = dict(zip(_NAMES, found, strict=True))
        decrypt, row_id = self._cipher.decrypt, row["id"]
        row |= {name: decrypt(f"screenings.{name}", row_id, row[name]) for name in _SEALED if row[name] is not None}
        provenance = _json.loads(row["provenance"], _Provenance)
        plain = {name: row[name] for name in _NAMES if name in _PLAIN}
        return Screening(
            clinic_id=self._clinic_id,
            risk_level=RiskLevel(row["risk_level"]),
            rules_level=RiskLevel(row["rules_level"]),
            contributing_factors=tuple(json.loads(row["contributing_factors"])),
            recommended_actions=_json.loads(row["recommended_actions"], tuple[RecommendedAction, ...]),
            flags=tuple(Flag(flag) for flag in row["flags"]),
            missing=tuple(row["missing"]),
            guardrails=_json.structure(row["guardrails"], tuple[Guardrail, ...]),
            ai_failure=None if row["ai_failure"] is None else FailureReason(row["ai_failure"]),
            record=provenance.record,
            fired=provenance.fired,
            asked=provenance.asked,
            ai_usage=provenance.usage,
            review=_review(row),
            **plain,
        )


_PLAIN: Final = {
    "id", "patient_id", "performed_by", "screening_type", "risk_score", "rules_version", "primary_risk_factor",
    "clinical_notes", "assessor", "ai_model", "ai_prompt_hash", "ai_raw_response", "duration_ms", "screened_at",
    "version",
}  # fmt: skip


def _review_row(review: Review) -> dict[str, object]:
    """Return the review's columns but for its status."""
    match review:
        case Pending():
            return {}
        case LoweringProposed():
            return _proposal_row(review)
        case Confirmed():
            return {"reviewed_by": review.by, "reviewed_at": review.at, "review_note": review.note}
        case Overridden():
            decided = {"reviewed_by": review.by, "reviewed_at": review.at, "review_note": review.reason}
            decided |= {"reviewed_level": review.level}
            return decided if review.proposal is None else decided | _proposal_row(review.proposal)


def _proposal_row(proposal: LoweringProposed) -> dict[str, object]:
    return {
        "proposed_by": proposal.by,
        "proposed_at": proposal.at,
        "proposed_level": proposal.level,
        "proposed_reason": proposal.reason,
    }


def _review(row: Mapping[str, Any]) -> Review:
    proposal = None
    if row["proposed_by"] is not None:
        proposal = LoweringProposed(
            by=row["proposed_by"],
            at=row["proposed_at"],
            level=RiskLevel(row["proposed_level"]),
            reason=row["proposed_reason"],
        )
    by, at, note = row["reviewed_by"], row["reviewed_at"], row["review_note"]
    if by is None:
        return proposal or Pending()
    if row["reviewed_level"] is None:
        return Confirmed(by=by, at=at, note=note)
    return Overridden(by=by, at=at, level=RiskLevel(row["reviewed_level"]), reason=note, proposal=proposal)
