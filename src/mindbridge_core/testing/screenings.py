"""The contract of stored screenings and their reviews."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import attrs

from mindbridge_core.errors import LostUpdate
from mindbridge_core.patients import Patient, RiskLevel
from mindbridge_core.screening import (
    AssessmentRequest,
    Assignee,
    Confirmed,
    FailureReason,
    FiredRecord,
    Flag,
    Guardrail,
    GuardrailId,
    LoweringProposed,
    Overridden,
    RecommendedAction,
    RecordSnapshot,
    Review,
    ReviewStatus,
    Screening,
    ScreeningFilter,
    ScreeningRef,
    Urgency,
    Usage,
)
from mindbridge_core.testing.records import LATER, NOW, SCRIPTS, a_patient, a_user
from mindbridge_core.testing.store import ContractStore, StoreContract, raises, together

__all__ = ["ScreeningsContract", "a_screening"]


def a_screening(patient: Patient, **fields: Any) -> Screening:  # noqa: ANN401 - any field of the record
    """Return a new screening of the patient that says as little as one can."""
    plain: dict[str, Any] = {
        "id": uuid4(),
        "clinic_id": patient.clinic_id,
        "patient_id": patient.id,
        "performed_by": None,
        "screening_type": "manual",
        "risk_level": RiskLevel.LOW,
        "risk_score": Decimal(10),
        "rules_level": RiskLevel.LOW,
        "rules_version": "2026.1",
        "record": RecordSnapshot(
            as_of=NOW.date(),
            medication_adherence=None,
            appointments_missed=0,
            crisis_calls_30days=0,
            last_appointment=None,
            in_care_since=None,
        ),
        "assessor": "rules",
        "duration_ms": 0,
        "screened_at": NOW,
    }
    return Screening(**plain | fields)


def full_screening(patient: Patient, user_id: UUID) -> Screening:
    """Return a screening with every field at its far end."""
    return a_screening(
        patient,
        performed_by=user_id,
        screening_type="z" * 50,
        risk_level=RiskLevel.HIGH,
        risk_score=Decimal("99.99"),
        rules_level=RiskLevel.MEDIUM,
        rules_version="v" * 100,
        primary_risk_factor=SCRIPTS[-1],
        contributing_factors=SCRIPTS,
        recommended_actions=(
            RecommendedAction(action="δ" * 300, urgency=Urgency.IMMEDIATE, assigned_to=Assignee.CRISIS_TEAM),
            RecommendedAction(action="x", urgency=Urgency.ROUTINE, assigned_to=Assignee.PSYCHIATRIST),
        ),
        clinical_notes="δ" * 4000,
        flags=(Flag.IMMEDIATE_OUTREACH,),
        missing=("last_appointment", "medication_adherence"),
        guardrails=(Guardrail(GuardrailId.RAISED_BY_MODEL, "from medium to high"),),
        record=RecordSnapshot(
            as_of=date(9999, 12, 31),
            medication_adherence=Decimal("99.99"),
            appointments_missed=2_147_483_647,
            crisis_calls_30days=2_147_483_647,
            last_appointment=date(1, 1, 1),
            in_care_since=date(1970, 1, 1),
            current_risk_level=RiskLevel.LOW,
            manually_escalated=True,
        ),
        fired=(FiredRecord(id="crisis_calls_5", saw={"crisis_calls_30days": "6", "medication_adherence": None}),),
        assessor="scripted",
        asked=AssessmentRequest(
            age_band="90+",
            diagnosis_category="F31",
            medication_adherence_percent=99,
            appointments_missed=20,
            crisis_calls_30days=None,
            days_since_last_appointment="46+",
            current_risk_level=RiskLevel.LOW,
            manually_escalated=True,
        ),
        ai_model="m" * 100,
        ai_prompt_hash="0123456789abcdef" * 4,
        ai_raw_response='{"risk_level": "high", "note": "δ"}',
        ai_failure=FailureReason.STALE,
        ai_usage=Usage(input_tokens=900, output_tokens=2_147_483_647),
        duration_ms=2_147_483_647,
        screened_at=LATER,
    )


@attrs.frozen
class Ground:
    """A store with two members of staff and a patient of the first."""

    store: ContractStore
    manager_id: UUID
    colleague_id: UUID
    patient: Patient

    @classmethod
    def of(cls, store: ContractStore) -> Ground:
        """Add all to the first clinic."""
        manager, colleague = a_user(store.clinic_a), a_user(store.clinic_a)
        patient = a_patient(store.clinic_a, case_manager_id=manager.id)
        with store.open_unit(store.clinic_a) as unit:
            unit.users.add(manager)
            unit.users.add(colleague)
            unit.patients.add(patient)
        return cls(store, manager.id, colleague.id, patient)

    def added(self, *screenings: Screening) -> None:
        """Store the screenings."""
        with self.store.open_unit(self.store.clinic_a) as unit:
            for screening in screenings:
                unit.screenings.add(screening)

    def stored(self, screening_id: UUID) -> Screening | None:
        """Return the screening as it is stored."""
        with self.store.open_unit(self.store.clinic_a) as unit:
            return unit.screenings.get(screening_id)

    def listed(self, **only: Any) -> list[UUID]:  # noqa: ANN401 - any condition of the filter
        """Return the ids that a list shows."""
        with self.store.open_unit(self.store.clinic_a) as unit:
            page = unit.screenings.list(ScreeningFilter(**only))
            refs = unit.screenings.refs(ScreeningFilter(**only))
        wanted = [ScreeningRef(id=one.id, clinic_id=one.clinic_id, patient_id=one.patient_id) for one in page.items]
        assert (list(refs.items), refs.after) == (wanted, page.after)
        return [one.id for one in page.items]

    def reviews(self) -> list[Review]:
        """Return a review of each kind."""
        proposal = LoweringProposed(by=self.manager_id, at=NOW, level=RiskLevel.LOW, reason=SCRIPTS[0])
        colleague = self.colleague_id
        return [
            proposal,
            Confirmed(by=self.manager_id, at=NOW),
            Confirmed(by=self.manager_id, at=LATER, note=SCRIPTS[-1]),
            Overridden(by=self.manager_id, at=NOW, level=RiskLevel.MEDIUM, reason="δ" * 2000),
            Overridden(by=colleague, at=LATER, level=RiskLevel.LOW, reason=SCRIPTS[1], proposal=proposal),
        ]


class ScreeningsContract(StoreContract):
    """Screenings are added and reviewed; nothing of them is lost, and nothing but the review changes."""

    def test_a_screening_comes_back_as_it_was_added(self) -> None:
        """Every field, with the least and with everything."""
        ground = Ground.of(self.store())
        full, bare = full_screening(ground.patient, ground.manager_id), a_screening(ground.patient)
        ground.added(full, bare)
        assert full == ground.stored(full.id)
        assert bare == ground.stored(bare.id)
        assert ground.stored(uuid4()) is None

    def test_many_screenings_are_stored_as_one_is(self) -> None:
        """Every field of each, of a thousand as of none."""
        ground = Ground.of(self.store())
        made = [full_screening(ground.patient, ground.manager_id), a_screening(ground.patient)]
        odd = 'NULL, {"\\"} \\x00 δ'
        reason = Guardrail(GuardrailId.NO_ANSWER, odd)
        made += [a_screening(ground.patient, rules_version=text, guardrails=(reason,)) for text in (odd, "NULL", "\\")]
        made += [a_screening(ground.patient) for _ in range(995)]
        made += [a_screening(ground.patient, review=review) for review in ground.reviews()]
        with ground.store.open_unit(ground.store.clinic_a) as unit:
            unit.screenings.add_many([])
            unit.screenings.add_many(made)
        for screening in (*made[:6], *made[-5:]):
            assert screening == ground.stored(screening.id)
        assert sorted(one.id for one in made)[:100] == ground.listed(limit=100)

    def test_levels_of_many_patients_are_stored_together_or_not_at_all(self) -> None:
        """Nothing but the level and the time, each as the next version; a stale one keeps all as they were."""
        store = self.store()
        one, other = a_patient(store.clinic_a), a_patient(store.clinic_a, name="Ann Other")
        with store.open_unit(store.clinic_a) as unit:
            unit.patients.add_many([one, other])
        raised = [
            attrs.evolve(patient, current_risk_level=RiskLevel.HIGH, updated_at=LATER, name="Forged")
            for patient in (one, other)
        ]
        with store.open_unit(store.clinic_a) as unit:
            unit.patients.save_levels([])
            unit.patients.hold([])
            unit.patients.hold([one, other])
            unit.patients.save_levels(raised)
        expected = [
            attrs.evolve(patient, current_risk_level=RiskLevel.HIGH, updated_at=LATER, version=2)
            for patient in (one, other)
        ]
        stale = [attrs.evolve(expected[0], current_risk_level=RiskLevel.LOW), raised[1]]
        for clinic_id, levels in ((store.clinic_a, stale), (store.clinic_b, expected)):
            with raises(LostUpdate), store.open_unit(clinic_id) as unit:
                unit.patients.save_levels(levels)
            with raises(LostUpdate), store.open_unit(clinic_id) as unit:
                unit.patients.hold(levels)
        with store.open_unit(store.clinic_a) as unit:
            kept = [unit.patients.get(patient.id) for patient in (one, other)]
        assert kept == expected
        # The numbers were given when they were given: a level says nothing of them.
        assert [None if patient is None else patient.given for patient in kept] == [one.given, other.given]

    def test_screenings_of_another_clinic_are_not_there(self) -> None:
        """Neither by id, nor in a list, nor as the latest, and they cannot be reviewed."""
        store = self.store()
        ground = Ground.of(store)
        screening = a_screening(ground.patient)
        ground.added(screening)
        with store.open_unit(store.clinic_b) as unit:
            assert unit.screenings.get(screening.id) is None
            assert unit.screenings.list(ScreeningFilter()).items == ()
            assert unit.screenings.list(ScreeningFilter(patient_id=ground.patient.id)).items == ()
            assert unit.screenings.latest(ground.patient.id) is None
        with raises(LostUpdate), store.open_unit(store.clinic_b) as unit:
            unit.screenings.save(screening)

    def test_every_kind_of_review_comes_back_and_nothing_else_changes(self) -> None:
        """The next version; what was found stays, whatever the caller hands in."""
        ground = Ground.of(self.store())
        for review in ground.reviews():
            screening = a_screening(ground.patient)
            ground.added(screening)
            changed = attrs.evolve(screening, review=review, risk_score=Decimal(39), assessor="forged")
            with ground.store.open_unit(ground.store.clinic_a) as unit:
                saved = unit.screenings.save(changed)
            assert attrs.evolve(screening, review=review, version=2) == saved == ground.stored(screening.id)

    def test_a_stale_version_is_refused(self) -> None:
        """And keeps what is stored."""
        ground = Ground.of(self.store())
        screening = a_screening(ground.patient)
        ground.added(screening)
        confirmed = attrs.evolve(screening, review=ground.reviews()[1])
        with ground.store.open_unit(ground.store.clinic_a) as unit:
            unit.screenings.save(confirmed)
        with raises(LostUpdate), ground.store.open_unit(ground.store.clinic_a) as unit:
            unit.screenings.save(attrs.evolve(screening, review=ground.reviews()[3]))
        assert attrs.evolve(confirmed, version=2) == ground.stored(screening.id)

    def test_of_two_reviews_at_once_one_loses_and_knows_it(self) -> None:
        """Whichever is second."""
        ground = Ground.of(self.store())
        screening = a_screening(ground.patient)
        ground.added(screening)

        def review(with_: Review) -> Screening:
            with ground.store.open_unit(ground.store.clinic_a) as unit:
                return unit.screenings.save(attrs.evolve(screening, review=with_))

        results = together(lambda: review(ground.reviews()[1]), lambda: review(ground.reviews()[3]))
        assert [LostUpdate] == [type(one) for one in results if not isinstance(one, Screening)]
        assert ground.stored(screening.id) in results

    def test_lists_show_what_was_asked_for(self) -> None:
        """All conditions together, and never of a patient who was removed."""
        ground = Ground.of(self.store())
        other = a_patient(ground.store.clinic_a)
        high = a_screening(ground.patient, risk_level=RiskLevel.HIGH, risk_score=Decimal(90))
        late = a_screening(ground.patient, screened_at=LATER)
        done = a_screening(ground.patient, review=ground.reviews()[1])
        foreign = a_screening(other)
        with ground.store.open_unit(ground.store.clinic_a) as unit:
            unit.patients.add(other)
        ground.added(high, late, done, foreign)
        pending = ReviewStatus.PENDING_REVIEW
        for only, expected in (
            ({}, {high, late, done, foreign}),
            ({"patient_id": ground.patient.id}, {high, late, done}),
            ({"case_manager_id": ground.manager_id}, {high, late, done}),
            ({"case_manager_id": ground.colleague_id}, set()),
            ({"risk_level": RiskLevel.HIGH}, {high}),
            ({"review_status": pending}, {high, late, foreign}),
            ({"review_status": ReviewStatus.CONFIRMED}, {done}),
            ({"screened_before": LATER}, {high, done, foreign}),
            ({"review_status": pending, "screened_before": LATER, "patient_id": ground.patient.id}, {high}),
        ):
            assert sorted(one.id for one in expected) == ground.listed(**only)
        with ground.store.open_unit(ground.store.clinic_a) as unit:
            unit.patients.save(other.removed(ground.manager_id, LATER))
        assert foreign.id not in ground.listed()

    def test_pages_follow_one_another_either_way(self) -> None:
        """Nothing twice, nothing left out; the latest is the last id."""
        ground = Ground.of(self.store())
        made = [a_screening(ground.patient, screened_at=NOW + timedelta(minutes=one)) for one in range(5)]
        ground.added(*made)
        ids = sorted(one.id for one in made)
        for newest_first, expected in ((False, ids), (True, ids[::-1])):
            found: list[UUID] = []
            after: UUID | None = None
            while len(found) < len(ids):
                with ground.store.open_unit(ground.store.clinic_a) as unit:
                    page = unit.screenings.list(ScreeningFilter(newest_first=newest_first, after=after, limit=2))
                found += [one.id for one in page.items]
                after = page.after
            assert expected == found
            assert after is None
        with ground.store.open_unit(ground.store.clinic_a) as unit:
            assert unit.screenings.latest(ground.patient.id) == ids[-1]
            assert unit.screenings.latest(uuid4()) is None

    def test_a_dropped_unit_leaves_no_screening(self) -> None:
        """All or nothing."""
        ground = Ground.of(self.store())
        screening = a_screening(ground.patient)
        with raises(ZeroDivisionError), ground.store.open_unit(ground.store.clinic_a) as unit:
            unit.screenings.add(screening)
            raise ZeroDivisionError
        assert ground.stored(screening.id) is None
