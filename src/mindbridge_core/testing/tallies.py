"""The contract of counting screenings."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs

from mindbridge_core.patients import Patient, RiskLevel
from mindbridge_core.screening import (
    Base,
    Confirmed,
    FailureReason,
    FiredRecord,
    Guardrail,
    GuardrailId,
    LoweringProposed,
    Measure,
    Overridden,
    Screening,
    Standing,
    Step,
    Tally,
    Usage,
    UsageRequest,
    Window,
    compared,
    tallied,
)
from mindbridge_core.testing.records import NOW, a_patient, a_user
from mindbridge_core.testing.screenings import a_screening
from mindbridge_core.testing.store import ContractStore, StoreContract

__all__ = ["TalliesContract"]

LOW, MEDIUM, HIGH = RiskLevel
DAY = timedelta(days=1)
WINDOW = Window(since=NOW - 30 * DAY, until=NOW)


class TalliesContract(StoreContract):
    """What is counted is what there is: nothing twice, nothing outside of the days, nothing of another clinic."""

    def test_nothing_is_counted_as_nothing(self) -> None:
        """Of a clinic without screenings."""
        store = self.store()
        found = tally(store, store.clinic_a)
        assert found.screenings[Base.ALL] == 0
        assert found.people[Base.ALL] == 0
        assert not any(found.counts.values())
        assert not found.ages

    def test_a_window_is_counted_whole(self) -> None:
        """Levels, scores, what fired, what was missing, the model, the reviews, the ages."""
        store = self.store()
        settled(store)
        found = tally(store, store.clinic_a)
        assert dict(found.screenings) == {Base.ALL: 6, Base.ASKED: 3, Base.REVIEWED: 4, Base.OPENED: 6}
        assert {base: found.people[base] for base in Base} == {
            Base.ALL: 2,
            Base.ASKED: 1,
            Base.REVIEWED: 2,
            Base.OPENED: 2,
        }
        assert {measure: dict(counted) for measure, counted in found.counts.items() if counted} == {
            Measure.RISK_LEVEL: {LOW: 2, MEDIUM: 2, HIGH: 2},
            Measure.RULES_LEVEL: {LOW: 3, MEDIUM: 2, HIGH: 1},
            Measure.SCORE: {"0-19": 2, "40-59": 2, "60-79": 1, "80-100": 1},
            Measure.FIRED: {"crisis_calls_3": 2, "adherence_below_50": 1},
            Measure.MISSING: {"medication_adherence": 2, "last_appointment": 1},
            Measure.GUARDRAIL: {"raised_by_model": 1, "uncertain_score": 2},
            Measure.ASKED: {"asked": 3, "not asked": 3},
            Measure.ANSWER: {"answered": 2, "timeout": 1},
            Measure.RAISED: {"raised": 1, "not raised": 2},
            Measure.REVIEW: {"confirmed": 1, "raised": 1, "lowered": 1, "kept": 1},
            Measure.RULES_VERSION: {"2026.1": 5, "2026.2": 1},
            Measure.ASSESSOR: {"scripted": 3},
            Measure.MODEL: {"one": 1, "other": 1},
            Measure.PROMPT: {"0" * 64: 2},
        }
        told = {
            band: (age.patients, {level: age.levels.get(level, 0) for level in RiskLevel})
            for band, age in found.ages.items()
        }
        assert told == {"35-44": (1, {LOW: 1, MEDIUM: 1, HIGH: 2}), "unknown": (1, {LOW: 1, MEDIUM: 1, HIGH: 0})}

    def test_a_window_begins_with_its_first_moment_and_ends_before_its_last(self) -> None:
        """So that neighbouring windows count everything once."""
        store = self.store()
        patient = a_patient(store.clinic_a)
        with store.open_unit(store.clinic_a) as unit:
            unit.patients.add(patient)
            for at in (WINDOW.since - timedelta(microseconds=1), WINDOW.since, WINDOW.until):
                unit.screenings.add(a_screening(patient, screened_at=at))
        assert tally(store, store.clinic_a).screenings[Base.ALL] == 1

    def test_another_clinic_and_the_removed_are_not_counted(self) -> None:
        """As if they were not there."""
        store = self.store()
        settled(store)
        gone, user = a_patient(store.clinic_a), a_user(store.clinic_a)
        with store.open_unit(store.clinic_a) as unit:
            unit.users.add(user)
            unit.patients.add(gone)
            unit.screenings.add(a_screening(gone, screened_at=NOW - DAY))
            unit.patients.save(gone.removed(user.id, NOW))
        assert tally(store, store.clinic_a).screenings[Base.ALL] == 6
        assert tally(store, store.clinic_b).screenings[Base.ALL] == 0

    def test_of_many_the_same_sample_is_opened_each_time(self) -> None:
        """One in so many, by the end of the id."""
        store = self.store()
        patient = a_patient(store.clinic_a)
        made = [
            a_screening(
                patient,
                id=UUID(int=(7 << 76) + (1 << 63) + number),
                screened_at=NOW - DAY,
                fired=(FiredRecord(id=f"rule_{number}", saw={}),),
            )
            for number in range(1, 1001)
        ]
        with store.open_unit(store.clinic_a) as unit:
            unit.patients.add(patient)
            unit.screenings.add_many(made)
        for _ in range(2):
            with store.open_unit(store.clinic_a) as unit:
                found = Counter(unit.tallies.fired(WINDOW, 250))
            assert found == Counter((f"rule_{number}",) for number in (250, 500, 750, 1000))

    def test_a_stable_stream_raises_nothing_and_a_planted_drift_is_found(self) -> None:
        """Where every second patient turns `high` and loses a field, just that is told."""
        store = self.store()
        patients = [a_patient(store.clinic_a, date_of_birth=date(1950 + n % 50, 1, 1)) for n in range(150)]
        with store.open_unit(store.clinic_a) as unit:
            unit.patients.add_many(patients)
            for days, drifted in ((100, False), (60, False), (20, True)):
                at = NOW - days * DAY
                unit.screenings.add_many(
                    [streamed(one, place, at, drifted=drifted) for place, one in enumerate(patients)]
                )
        windows = [Window(since=NOW - (days + 30) * DAY, until=NOW - days * DAY) for days in (90, 50, 0)]
        with store.open_unit(store.clinic_a) as unit:
            first, second, third = (tallied(unit.tallies, window) for window in windows)
        assert not compared(store.clinic_a, first, second).found
        found = compared(store.clinic_a, second, third)
        assert found.found
        told = {(one.measure, one.of) for one in found.figures if one.standing is Standing.DRIFTED and not one.ages}
        assert told == {
            (Measure.RISK_LEVEL, None),
            (Measure.RULES_LEVEL, None),
            (Measure.SCORE, None),
            (Measure.FIRED, "crisis_calls_5"),
            (Measure.MISSING, "medication_adherence"),
        }

    def test_what_models_took_is_summed_by_model_and_by_the_clinics_days_or_months(self) -> None:
        """Failures too, and answers of which nobody said what they took; nothing of the rules, or of another clinic."""
        store = self.store()
        patient, gone, user = a_patient(store.clinic_a), a_patient(store.clinic_a), a_user(store.clinic_a)
        # Half past four in the morning of the first is the evening before, where the clinic is.
        night = datetime(2026, 3, 1, 4, 30, tzinfo=UTC)
        small, large = Usage(input_tokens=700, output_tokens=90), Usage(input_tokens=2_147_483_647, output_tokens=1)
        asked: dict[str, Any] = {"assessor": "scripted", "ai_model": "one"}
        made = [
            a_screening(patient, **asked, ai_usage=large, screened_at=night),
            a_screening(patient, **asked, ai_usage=large),
            a_screening(gone, **asked, ai_usage=small, ai_failure=FailureReason.STALE),
            a_screening(patient, **asked | {"ai_model": "B"}),
            a_screening(patient, assessor="scripted", ai_failure=FailureReason.TIMEOUT),
            a_screening(patient),
            a_screening(patient, **asked, ai_usage=small, screened_at=NOW + 2 * DAY),
        ]
        with store.open_unit(store.clinic_a) as unit:
            unit.users.add(user)
            unit.patients.add_many([patient, gone])
            unit.screenings.add_many(made)
            unit.patients.save(gone.removed(user.id, NOW))
        request = UsageRequest(since=date(2026, 2, 1), until=NOW.date())
        february, march = date(2026, 2, 1), date(2026, 3, 1)
        big = large.input_tokens
        assert used(store, store.clinic_a, request) == [
            (february, "one", 1, 0, 0, big, 1),
            (march, None, 1, 1, 1, 0, 0),
            (march, "B", 1, 0, 1, 0, 0),
            (march, "one", 2, 1, 0, big + 700, 91),
        ]
        by_day = UsageRequest(since=date(2026, 2, 28), until=NOW.date(), step=Step.DAY)
        assert [row[0] for row in used(store, store.clinic_a, by_day)] == [date(2026, 2, 28), *3 * [NOW.date()]]
        assert used(store, store.clinic_a, UsageRequest(since=march, until=march)) == []
        assert used(store, store.clinic_b, request) == []


def used(store: ContractStore, clinic_id: UUID, request: UsageRequest) -> list[tuple[object, ...]]:
    """Return the rows of the request, at a clinic where it is five hours earlier."""
    with store.open_unit(clinic_id) as unit:
        return [attrs.astuple(row) for row in unit.tallies.usage(request.scope(ZoneInfo("America/New_York")))]


def streamed(patient: Patient, place: int, at: datetime, *, drifted: bool) -> Screening:
    """Return the patient's screening of a day: one in ten is `high`, or one in two where it drifted."""
    high = place % (2 if drifted else 10) == 0
    level, score = (HIGH, Decimal(85)) if high else (LOW, Decimal(10))
    return a_screening(
        patient,
        risk_level=level,
        rules_level=level,
        risk_score=score,
        missing=("medication_adherence",) if drifted and high else (),
        fired=(FiredRecord(id="crisis_calls_5", saw={}),) if high else (),
        screened_at=at,
    )


def tally(store: ContractStore, clinic_id: UUID) -> Tally:
    """Return what is counted of the clinic's thirty days."""
    with store.open_unit(clinic_id) as unit:
        return tallied(unit.tallies, WINDOW)


def settled(store: ContractStore) -> None:
    """Fill the first clinic: two patients, six screenings within the days, and one before."""
    user, colleague = a_user(store.clinic_a), a_user(store.clinic_a)
    adult = a_patient(store.clinic_a, date_of_birth=date(1986, 1, 1))
    other = a_patient(store.clinic_a)
    calls, adherence = (FiredRecord(id=id_, saw={"fact": None}) for id_ in ("crisis_calls_3", "adherence_below_50"))
    model: dict[str, Any] = {"assessor": "scripted", "screened_at": NOW - DAY}
    seen: dict[str, Any] = {"screened_at": NOW - 2 * DAY}
    medium: dict[str, Any] = {"risk_level": MEDIUM, "rules_level": MEDIUM, "risk_score": Decimal("59.99")}
    uncertain = Guardrail(GuardrailId.UNCERTAIN_SCORE, "the score is one of 40 to 60")
    proposal = LoweringProposed(by=user.id, at=NOW, level=LOW, reason="Seen today")
    made = [
        a_screening(
            adult,
            risk_level=HIGH,
            risk_score=Decimal(100),
            ai_model="one",
            ai_prompt_hash="0" * 64,
            guardrails=(Guardrail(GuardrailId.RAISED_BY_MODEL, "from low to high"),),
            missing=("last_appointment", "medication_adherence"),
            review=Overridden(by=colleague.id, at=NOW, level=LOW, reason="Seen", proposal=proposal),
            **model,
        ),
        a_screening(
            adult,
            risk_level=HIGH,
            rules_level=HIGH,
            risk_score=Decimal(70),
            ai_model="other",
            ai_prompt_hash="0" * 64,
            fired=(calls, adherence),
            review=Confirmed(by=user.id, at=NOW),
            **model,
        ),
        a_screening(adult, ai_failure=FailureReason.TIMEOUT, **model),
        a_screening(
            adult,
            guardrails=(uncertain,),
            review=Overridden(by=user.id, at=NOW, level=HIGH, reason="x"),
            **medium,
            **seen,
        ),
        a_screening(
            other,
            guardrails=(uncertain,),
            missing=("medication_adherence",),
            fired=(calls,),
            review=Overridden(by=user.id, at=NOW, level=MEDIUM, reason="x"),
            rules_version="2026.2",
            **medium,
            **seen,
        ),
        a_screening(other, review=LoweringProposed(by=user.id, at=NOW, level=LOW, reason="x"), **seen),
        a_screening(other, screened_at=NOW - 31 * DAY),
    ]
    with store.open_unit(store.clinic_a) as unit:
        for one in (user, colleague):
            unit.users.add(one)
        unit.patients.add_many([adult, other])
        unit.screenings.add_many(made)
