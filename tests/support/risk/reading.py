"""What a record says of a patient, read a second time: the table of rules and the numbers, without the product's code.

Levels are ranks here: 0 is low, 1 medium, 2 high, and -1 no level at all.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs

from mindbridge_core.patients import Patient, PatientStatus, RiskLevel
from mindbridge_core.screening import RecordSnapshot

ZONE = ZoneInfo("America/New_York")
HIGH = 2
LEVELS = ("low", "medium", "high")
SCORES = (0, 40, 70)
"""From which score on each level begins."""


def rank(level: RiskLevel | None) -> int:
    return -1 if level is None else LEVELS.index(level)


def band(score: float) -> int:
    """The rank of the level in whose band the score lies."""
    return sum(score >= begins for begins in SCORES[1:])


@attrs.frozen(kw_only=True)
class Facts:
    """What the rules look at."""

    adherence: Decimal | None
    missed: int
    calls: int
    seen: date | None
    since: date
    escalated: bool
    active: bool = True

    @classmethod
    def of(cls, patient: Patient, now: datetime) -> Facts:
        admitted = patient.admitted_at
        begun = patient.created_at if admitted is None or admitted > now else admitted
        return cls(
            adherence=patient.medication_adherence,
            missed=patient.appointments_missed,
            calls=patient.crisis_calls_30days,
            seen=patient.last_appointment,
            since=begun.astimezone(ZONE).date(),
            escalated=patient.manually_escalated,
            active=patient.status is PatientStatus.ACTIVE,
        )

    @classmethod
    def screened(cls, record: RecordSnapshot) -> Facts:
        assert record.appointments_missed is not None
        assert record.crisis_calls_30days is not None
        assert record.in_care_since is not None
        return cls(
            adherence=record.medication_adherence,
            missed=record.appointments_missed,
            calls=record.crisis_calls_30days,
            seen=record.last_appointment,
            since=record.in_care_since,
            escalated=record.manually_escalated,
        )

    def gone(self, today: date) -> bool:
        """Whether nobody has seen them for too long."""
        seen = self.since if self.seen is None or self.seen > today else self.seen
        return (today - seen).days > 45

    def worse_than(self, other: Facts) -> bool:
        """Whether a number by which a rule holds says more than the other's, whatever else has become better."""
        poor = self.adherence is None or self.adherence < 50
        poorer = other.adherence is not None and (self.adherence is None or self.adherence < other.adherence)
        return (poor and poorer) or self.missed > max(other.missed, 2) or self.calls > max(other.calls, 2)


def reading(facts: Facts, shown: int, today: date) -> int:
    """What the rules say of the facts on a day, of somebody who is shown at a level. What is unknown counts as bad."""
    poor = facts.adherence is None or facts.adherence < 50
    level = int(facts.calls >= 3 or poor or facts.gone(today))
    if facts.calls >= 5 or (facts.calls >= 3 and poor):
        level = HIGH
    if facts.missed >= 3:
        level = min(level + 1, HIGH)
    if facts.escalated:
        level = max(level, HIGH if shown < 0 else shown)
    return level


@attrs.define
class Ledger:
    """What was told of a patient, and when: what the product's numbers must not fall short of."""

    missed: tuple[int, datetime]
    calls: tuple[int, datetime]
    seen: date | None
    stated: list[tuple[datetime, Decimal | None]]
    """What was said of the medication that is taken: when it held, and None where nobody knows any more."""
    rang: list[datetime] = attrs.field(factory=list)
    visits: dict[UUID, tuple[datetime, str]] = attrs.field(factory=dict)

    @classmethod
    def begun(cls, given: dict[str, Any], at: datetime) -> Ledger:
        adherence = given.get("medication_adherence")
        return cls(
            missed=(given.get("appointments_missed", 0), at),
            calls=(given.get("crisis_calls_30days", 0), at),
            seen=given.get("last_appointment"),
            stated=[] if adherence is None else [(at, adherence)],
        )

    def give(self, sent: dict[str, Any], at: datetime) -> None:
        """Somebody says what holds now."""
        if "appointments_missed" in sent:
            self.missed = sent["appointments_missed"], at
        if "crisis_calls_30days" in sent:
            self.calls = sent["crisis_calls_30days"], at
        if "last_appointment" in sent:
            self.seen = sent["last_appointment"]
        if "medication_adherence" in sent:
            self.stated.append((at, sent["medication_adherence"]))

    def check(self, patient: Patient, now: datetime) -> None:
        """The patient's numbers are no better than what was told."""
        missed = [at for at, status in self.visits.values() if status == "missed"]
        assert _least(self.missed, missed, now, timedelta(days=90)) <= patient.appointments_missed
        assert _least(self.calls, self.rang, now, timedelta(days=30)) <= patient.crisis_calls_30days
        kept = {at.astimezone(ZONE).date() for at, status in self.visits.values() if status == "completed"}
        assert patient.last_appointment in kept | {self.seen, None}
        self._check_adherence(patient.medication_adherence)

    def _check_adherence(self, shown: Decimal | None) -> None:
        if shown is None:
            return
        newest = max(at for at, _ in self.stated)
        last = [value for at, value in self.stated if at == newest]
        assert any(value is not None and shown <= value for value in last)


def _least(given: tuple[int, datetime], happened: list[datetime], now: datetime, window: timedelta) -> int:
    """The least that a count may show: what happened, and a number that was given less than a window ago."""
    number, at = given
    recent = [one for one in happened if one >= now - window]
    if now - at >= window:
        return len(recent)
    return max(len(recent), number + sum(one > at for one in recent))
