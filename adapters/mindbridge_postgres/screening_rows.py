"""A screening as a row, and back: what was found about the person is sealed here and opened here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import attrs
from cattrs.preconf.json import make_converter

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
    Usage,
)

__all__ = ["COLUMNS", "SEALED", "row_of", "screening_of"]

COLUMNS: Final = (
    "id, patient_id, performed_by, screening_type, risk_level, risk_score, rules_level, rules_version,"
    " primary_risk_factor, contributing_factors, recommended_actions, clinical_notes, flags, missing,"
    " guardrails, assessor, ai_model, ai_prompt_hash, ai_raw_response, ai_failure, ai_input_tokens,"
    " ai_output_tokens, provenance, review_status, reviewed_by, reviewed_at, review_note, reviewed_level,"
    " proposed_by, proposed_at, proposed_level, proposed_reason, duration_ms, screened_at, version"
)
_NAMES: Final = tuple(COLUMNS.split(", "))
SEALED: Final = (
    "primary_risk_factor",
    "contributing_factors",
    "recommended_actions",
    "clinical_notes",
    "ai_raw_response",
    "provenance",
    "review_note",
    "proposed_reason",
)
_PLACES: Final = tuple((name, f"screenings.{name}") for name in SEALED)
_EMPTY: Final[dict[str, Any]] = dict.fromkeys(_NAMES)
_PLAIN: Final = (
    "id", "patient_id", "performed_by", "screening_type", "risk_score", "rules_version", "primary_risk_factor",
    "clinical_notes", "assessor", "ai_model", "ai_prompt_hash", "ai_raw_response", "duration_ms", "screened_at",
    "version",
)  # fmt: skip
_HELD: Final = (*_PLAIN, "risk_level", "rules_level", "ai_failure")


@attrs.frozen(kw_only=True)
class _Provenance:
    """What a replay needs, as one sealed text."""

    record: RecordSnapshot
    fired: tuple[FiredRecord, ...]
    asked: AssessmentRequest | None
    usage: Usage | None = None


_RECORD: Final = tuple(field.name for field in attrs.fields(RecordSnapshot))
_json: Final = make_converter()
_json.register_unstructure_hook(Decimal, str)
_json.register_structure_hook(Decimal, lambda text, _: Decimal(text))


def row_of(screening: Screening, cipher: ClinicCipher) -> dict[str, Any]:
    """Return the row by column but for its clinic; JSON as text."""
    row = _EMPTY | {name: getattr(screening, name) for name in _HELD}
    row |= _review_row(screening.review)
    if (usage := screening.ai_usage) is not None:
        row |= {"ai_input_tokens": usage.input_tokens, "ai_output_tokens": usage.output_tokens}
    row |= {
        "contributing_factors": json.dumps(screening.contributing_factors),
        "recommended_actions": _actions(screening),
        "flags": _words(screening.flags),
        "missing": _words(screening.missing),
        "guardrails": _guardrails(screening.guardrails),
        "provenance": _provenance(screening),
        "review_status": screening.review_status,
    }
    encrypt, row_id = cipher.encrypt, screening.id
    for name, column in _PLACES:
        if row[name] is not None:
            row[name] = encrypt(column, row_id, row[name])
    return row


def screening_of(found: Sequence[Any], clinic_id: UUID, cipher: ClinicCipher) -> Screening:
    """Return the screening whose `COLUMNS` are found."""
    row = dict(zip(_NAMES, found, strict=True))
    decrypt, row_id = cipher.decrypt, row["id"]
    row |= {name: decrypt(f"screenings.{name}", row_id, row[name]) for name in SEALED if row[name] is not None}
    provenance = _json.loads(row["provenance"], _Provenance)
    plain = {name: row[name] for name in _PLAIN}
    return Screening(
        clinic_id=clinic_id,
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


def _provenance(screening: Screening) -> str:
    """Spell what a replay needs; by hand where nobody was asked, which is every time in a large caseload."""
    record, fired, asked, usage = screening.record, screening.fired, screening.asked, screening.ai_usage
    if asked is not None or usage is not None:
        return _json.dumps(_Provenance(record=record, fired=fired, asked=asked, usage=usage))
    plain = {
        "record": {name: getattr(record, name) for name in _RECORD},
        "fired": [{"id": one.id, "saw": one.saw} for one in fired],
        "asked": None,
        "usage": None,
    }
    return json.dumps(plain, default=_json.unstructure)


@lru_cache(maxsize=256)
def _words(words: tuple[str, ...]) -> str:
    """Spell flags, or names of fields, of which there are few."""
    return json.dumps(words)


@lru_cache(maxsize=256)
def _guardrails(guardrails: tuple[Guardrail, ...]) -> str:
    return json.dumps([{"id": one.id, "reason": one.reason} for one in guardrails])


def _actions(screening: Screening) -> str:
    """Spell what is recommended; the rules' own again and again, what a model wrote once, and kept nowhere."""
    actions = screening.recommended_actions
    return _rules_actions(actions) if screening.asked is None else _json.dumps(actions)


@lru_cache(maxsize=256)
def _rules_actions(actions: tuple[RecommendedAction, ...]) -> str:
    return _json.dumps(actions)


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
