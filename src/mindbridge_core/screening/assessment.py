"""What a language model is told, and what it may answer: both in full, and nothing beside.

The request is built from an allow-list. Names, dates, ids, addresses, contact details and everything that a clinician
typed are no fields of it, so they cannot be sent; ages and times since are bands (45 CFR 164.514(b)(2): a day is as
good as a date, and ages above 89 are one).
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum, unique
from typing import Any, Final, NoReturn

import attrs

from mindbridge_core.errors import Finding, InvalidInput
from mindbridge_core.patients import Patient, RiskLevel
from mindbridge_core.screening.actions import RecommendedAction
from mindbridge_core.screening.lattice import usable_score
from mindbridge_core.screening.snapshot import RecordSnapshot
from mindbridge_core.validation import Text, checked, parse, ruled

__all__ = [
    "AGE_BANDS",
    "CONTACT_BANDS",
    "Assessment",
    "AssessmentRequest",
    "AssessorFailure",
    "AssessorReply",
    "FailureReason",
    "Usage",
    "age_band",
    "read_assessment",
    "request_of",
]

UNKNOWN: Final = "unknown"
AGE_BANDS: Final = ("0-12", "13-17", "18-24", "25-34", "35-44", "45-54", "55-64", "65-74", "75-84", "85-89", "90+")
CONTACT_BANDS: Final = ("0-7", "8-14", "15-30", "31-45", "46+")
_AGES: Final = (13, 18, 25, 35, 45, 55, 65, 75, 85, 90)
_DAYS: Final = (8, 15, 31, 46)
_MOST_COUNTED: Final = 20
"""Counts beyond this are told as this: an odd figure could point to a person, and says no more."""
_MOST_TOKENS: Final = 2_147_483_647
_LONGEST: Final = 65_536
MOST_ITEMS: Final = 10
FACTOR_LENGTH: Final = 300
NOTES_LENGTH: Final = 4000


@attrs.frozen(kw_only=True)
class AssessmentRequest:
    """All that an assessor is told of a person. `unknown` and null are what nobody has recorded."""

    age_band: str
    diagnosis_category: str | None
    """The first three characters of the ICD-10-CM code; none for a record under 42 CFR Part 2."""
    medication_adherence_percent: int | None
    appointments_missed: int | None
    crisis_calls_30days: int | None
    days_since_last_appointment: str
    current_risk_level: RiskLevel | None
    manually_escalated: bool

    def content(self) -> dict[str, str | int | bool | None]:
        """Return the request as JSON-like data: what is sent, field by field."""
        return attrs.asdict(self)


def request_of(patient: Patient, record: RecordSnapshot) -> AssessmentRequest:
    """Return what may be told of the patient, as of the day of `record`."""
    code = None if patient.part2 else patient.diagnosis_code
    adherence = usable_score(record.medication_adherence)
    seen = record.last_appointment
    days = None if seen is None or seen > record.as_of else (record.as_of - seen).days
    return AssessmentRequest(
        age_band=age_band(patient.date_of_birth, record.as_of),
        diagnosis_category=code and code[:3],
        medication_adherence_percent=None if adherence is None else int(adherence),
        appointments_missed=_capped(record.appointments_missed),
        crisis_calls_30days=_capped(record.crisis_calls_30days),
        days_since_last_appointment=_band(days, _DAYS, CONTACT_BANDS),
        current_risk_level=record.current_risk_level,
        manually_escalated=record.manually_escalated,
    )


def age_band(born: date | None, day: date) -> str:
    """Return the band of the age on that day; `unknown` for who was not born yet, or nobody knows when."""
    return _band(_age(born, day), _AGES, AGE_BANDS)


def _capped(count: int | None) -> int | None:
    return None if count is None else min(count, _MOST_COUNTED)


def _age(born: date | None, today: date) -> int | None:
    if born is None or born > today:
        return None
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def _band(value: int | None, bounds: tuple[int, ...], bands: tuple[str, ...]) -> str:
    return UNKNOWN if value is None else bands[bisect_right(bounds, value)]


@unique
class FailureReason(StrEnum):
    """Why there is no answer to go by; for `stale`, why it counts only where it raises."""

    DEFERRED = "deferred"
    """Somebody is asked who takes up to a day: if an answer comes, it makes another screening."""
    DISABLED = "disabled"
    MALFORMED = "malformed"
    NO_CONSENT = "no_consent"
    OVERLOADED = "overloaded"
    REFUSED = "refused"
    STALE = "stale"
    TIMEOUT = "timeout"
    TRUNCATED = "truncated"
    UNAVAILABLE = "unavailable"
    UNEXPECTED = "unexpected"


_MODEL: Final = attrs.validators.matches_re(r"[^\x00\ud800-\udfff]{1,100}")
_HASH: Final = attrs.validators.matches_re("[0-9a-f]{64}")
_WHOLE: Final = attrs.validators.instance_of(int)
_TEXT: Final = attrs.validators.instance_of(str)


def _counted(tokens: int) -> int:
    """Return what can be stored: a count beyond all sense must not make a screening fail."""
    return min(max(tokens, 0), _MOST_TOKENS)


@attrs.frozen(kw_only=True)
class Usage:
    """What an answer cost: tokens read and written, as the provider counts them, from 0 to 2,147,483,647."""

    input_tokens: int = attrs.field(converter=_counted, validator=_WHOLE)
    output_tokens: int = attrs.field(converter=_counted, validator=_WHOLE)


_USAGE: Final = attrs.validators.optional(attrs.validators.instance_of(Usage))


@attrs.frozen(kw_only=True)
class AssessorReply:
    """What the model wrote, to the letter: JSON, one would hope. `prompt_hash` is the SHA-256 of the prompt, in hex."""

    text: str = attrs.field(repr=False, validator=_TEXT)
    model: str = attrs.field(validator=_MODEL)
    prompt_hash: str = attrs.field(validator=_HASH)
    usage: Usage | None = attrs.field(default=None, validator=_USAGE)


@attrs.frozen(kw_only=True)
class AssessorFailure:
    """There is no answer to go by; the rules' result stands. `text` is what came instead, if anything did."""

    reason: FailureReason = attrs.field(validator=attrs.validators.instance_of(FailureReason))
    text: str | None = attrs.field(default=None, repr=False, validator=attrs.validators.optional(_TEXT))
    model: str | None = attrs.field(default=None, validator=attrs.validators.optional(_MODEL))
    prompt_hash: str | None = attrs.field(default=None, validator=attrs.validators.optional(_HASH))
    usage: Usage | None = attrs.field(default=None, validator=_USAGE)


@attrs.frozen(kw_only=True)
class Assessment:
    """A model's answer, well formed: its level and score may still contradict one another."""

    risk_level: RiskLevel
    risk_score: Decimal
    primary_risk_factor: str = attrs.field(repr=False)
    contributing_factors: tuple[str, ...] = attrs.field(default=(), repr=False)
    recommended_actions: tuple[RecommendedAction, ...] = attrs.field(default=(), repr=False)
    clinical_notes: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class _Answer:
    """The members of an answer that are no lists."""

    risk_level: RiskLevel
    risk_score: Decimal
    primary_risk_factor: str = attrs.field(metadata=ruled(Text(least=1, most=FACTOR_LENGTH)))
    clinical_notes: str | None = attrs.field(default=None, metadata=ruled(Text(most=NOTES_LENGTH)))

    __attrs_post_init__ = checked


@attrs.frozen(kw_only=True)
class _Factor:
    factor: str = attrs.field(metadata=ruled(Text(least=1, most=FACTOR_LENGTH)))

    __attrs_post_init__ = checked


def read_assessment(text: str) -> Assessment:
    """Read a model's answer, field by field; raise InvalidInput with every finding.

    Nothing is guessed: a member too many or too few, a name given twice, a level by another name, a score that is no
    number from 0 to 100, or text around the JSON, and the answer as a whole is none. Findings quote nothing.
    """
    if len(text) > _LONGEST:
        raise _malformed("is too long")
    try:
        data = json.loads(text, parse_float=Decimal, parse_constant=_no_number, object_pairs_hook=_members)
    except (ValueError, ArithmeticError, RecursionError):
        raise _malformed("is not the JSON that was asked for") from None  # the cause quotes it
    if not isinstance(data, Mapping):
        raise _malformed("must be an object")
    answer = parse(_Answer, {name: held for name, held in data.items() if name not in _LISTS})
    score = usable_score(answer.risk_score)
    if score is None:
        raise InvalidInput([Finding("/risk_score", "out_of_range", "must be from 0 to 100")])
    return Assessment(
        risk_level=answer.risk_level,
        risk_score=score,
        primary_risk_factor=answer.primary_risk_factor,
        contributing_factors=tuple(parse(_Factor, {"factor": one}).factor for one in _listed(data, _LISTS[0])),
        recommended_actions=tuple(parse(RecommendedAction, one) for one in _listed(data, _LISTS[1])),
        clinical_notes=answer.clinical_notes or None,
    )


_LISTS: Final = ("contributing_factors", "recommended_actions")


def _listed(data: Mapping[str, Any], name: str) -> list[Any]:
    held = data.get(name)
    if not isinstance(held, list) or len(held) > MOST_ITEMS:
        raise InvalidInput([Finding(f"/{name}", "invalid_type", f"must be a list of at most {MOST_ITEMS}")])
    return held


def _malformed(message: str) -> InvalidInput:
    return InvalidInput([Finding("", "malformed", message)])


def _no_number(_: str) -> NoReturn:
    raise ValueError


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError
    return dict(pairs)
