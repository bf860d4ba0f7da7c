"""Described cases with the level that they deserve, to hold an assessor against. No case is a person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import attrs

from mindbridge_core.errors import Finding, InvalidInput
from mindbridge_core.patients import Patient, RiskLevel
from mindbridge_core.screening.assessment import AssessmentRequest, request_of
from mindbridge_core.screening.snapshot import RecordSnapshot, snapshot_of
from mindbridge_core.validation import Number, Pattern, Text, checked, parse, ruled

__all__ = ["GoldenSet", "Vignette", "read_golden_set"]

AS_OF: Final = date(2026, 1, 15)
"""The day on which every vignette is read, so that a result does not change with the calendar."""

_NOBODY: Final = UUID(int=0)
_COUNT: Final = ruled(Number(least=0, most=1000))
_DAYS: Final = ruled(Number(least=0, most=3650))
_WORD: Final = ruled(Pattern(regex="[a-z0-9_-]{1,64}", form="small letters, digits, hyphens", most=64))


@attrs.frozen(kw_only=True)
class Vignette:
    """One case. Null is what nobody has recorded; `days_in_care` bounds the contact where there was no appointment."""

    id: str = attrs.field(metadata=_WORD)
    age: int | None = attrs.field(default=None, metadata=ruled(Number(least=0, most=120)))
    diagnosis_code: str | None = attrs.field(default=None, metadata=ruled(Text(least=1, most=10)))
    medication_adherence: Decimal | None = attrs.field(default=None, metadata=ruled(Number(most=100, decimals=2)))
    appointments_missed: int = attrs.field(metadata=_COUNT)
    crisis_calls_30days: int = attrs.field(metadata=_COUNT)
    days_since_last_appointment: int | None = attrs.field(default=None, metadata=_DAYS)
    days_in_care: int = attrs.field(default=365, metadata=_DAYS)
    current_risk_level: RiskLevel | None = None
    manually_escalated: bool = False
    level: RiskLevel
    why: str = attrs.field(default="", metadata=ruled(Text(most=300)))

    __attrs_post_init__ = checked

    def seen(self) -> tuple[RecordSnapshot, AssessmentRequest]:
        """Return the case as the rules see it, and as an assessor is told of it."""
        noon = datetime.combine(AS_OF, time(12), UTC)
        since, age = self.days_since_last_appointment, self.age
        patient = Patient(
            id=_NOBODY,
            clinic_id=_NOBODY,
            name="",
            date_of_birth=None if age is None else date(AS_OF.year - age, 1, 1),
            diagnosis_code=self.diagnosis_code,
            medication_adherence=self.medication_adherence,
            last_appointment=None if since is None else AS_OF - timedelta(days=since),
            appointments_missed=self.appointments_missed,
            crisis_calls_30days=self.crisis_calls_30days,
            current_risk_level=self.current_risk_level,
            manually_escalated=self.manually_escalated,
            admitted_at=noon - timedelta(days=self.days_in_care),
            created_at=noon,
            updated_at=noon,
        )
        record = snapshot_of(patient, noon, UTC)
        return record, request_of(patient, record)


@attrs.frozen(kw_only=True)
class GoldenSet:
    """Vignettes, and what they are: `about` says where they come from, and belongs beside every figure."""

    about: str
    vignettes: tuple[Vignette, ...]


def read_golden_set(content: object) -> GoldenSet:
    """Read `{"about": ..., "vignettes": [...]}`; raise InvalidInput with every finding of every vignette."""
    if not isinstance(content, Mapping) or not isinstance(content.get("vignettes"), list):
        raise InvalidInput([Finding("/vignettes", "missing", "must be a list of vignettes")])
    about, found = content.get("about"), []
    if not isinstance(about, str) or not about:
        found.append(Finding("/about", "missing", "must say where the vignettes come from"))
    read: dict[str, Vignette] = {}
    for number, held in enumerate(content["vignettes"]):
        pointer = f"/vignettes/{number}"
        try:
            vignette = _read(held)
        except InvalidInput as invalid:
            found += [attrs.evolve(one, pointer=pointer + one.pointer) for one in invalid.findings]
            continue
        if vignette.id in read:
            found.append(Finding(f"{pointer}/id", "duplicate", "is another vignette's id"))
        read[vignette.id] = vignette
    if not read and not found:
        found.append(Finding("/vignettes", "missing", "holds none"))
    if found:
        raise InvalidInput(found)
    return GoldenSet(about=str(about), vignettes=tuple(read.values()))


def _read(held: Any) -> Vignette:  # noqa: ANN401 - whatever a file holds
    return parse(Vignette, held)
