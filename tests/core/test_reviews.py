"""Review: who may do what, in which order, and what the patient's level becomes."""

from __future__ import annotations

import inspect
from typing import Any
from uuid import UUID, uuid4

import attrs
import pytest

from mindbridge_core import Action, Actor, MindBridge, Operator, Role
from mindbridge_core.errors import AlreadyReviewed, InvalidInput, NotFound, SecondClinicianRequired
from mindbridge_core.patients import RiskLevel
from mindbridge_core.screening import (
    Confirmed,
    Decision,
    LoweringProposed,
    Overridden,
    Pending,
    ReviewRequest,
    ReviewStatus,
    RulesOnly,
    Screening,
    ScreeningFilter,
    ScreeningRequest,
)
from mindbridge_memory import ScriptedAssessor, scripted_answer
from tests.core.house import START, actor
from tests.core.test_screenings import Ward, answering, ward

LOW, MEDIUM, HIGH = RiskLevel


def review(here: Ward, screening: Screening, by: Actor | None = None, **sent: Any) -> Screening:
    request = ReviewRequest(**{"decision": Decision.CONFIRM, **sent})
    return here.house.core.review_screening(by or here.manager, screening.id, request)


def override(here: Ward, screening: Screening, level: RiskLevel, by: Actor | None = None) -> Screening:
    return review(here, screening, by, decision=Decision.OVERRIDE, risk_level=level, reason="Seen today")


def level(here: Ward) -> RiskLevel | None:
    return here.patient().current_risk_level


def colleague(here: Ward) -> Actor:
    return actor(here.house.staff(here.clinic, Role.ADMIN))


def test_a_confirmation_lets_the_level_stand() -> None:
    here = ward(crisis_calls_30days=3)
    reviewed = review(here, here.screen(), reason="As I see it")
    assert Confirmed(by=here.manager.user_id, at=START, note="As I see it") == reviewed.review
    assert (ReviewStatus.CONFIRMED, MEDIUM, 2) == (reviewed.review_status, reviewed.effective_level, reviewed.version)
    assert MEDIUM is level(here)


@pytest.mark.parametrize(("calls", "to"), [(0, MEDIUM), (0, HIGH), (3, LOW), (3, HIGH)])
def test_one_clinician_overrides_what_is_not_high(calls: int, to: RiskLevel) -> None:
    here = ward(crisis_calls_30days=calls)
    screening = here.screen()
    reviewed = override(here, screening, to)
    assert Overridden(by=here.manager.user_id, at=START, level=to, reason="Seen today") == reviewed.review
    assert (ReviewStatus.OVERRIDDEN, to, screening.risk_level) == (
        reviewed.review_status,
        reviewed.effective_level,
        reviewed.risk_level,
    )
    assert to is level(here)


def test_one_clinician_alone_only_proposes_to_lower_a_high() -> None:
    here = ward(crisis_calls_30days=6)
    screening = here.screen()
    reviewed = override(here, screening, LOW)
    assert isinstance(reviewed.review, LoweringProposed)
    assert (ReviewStatus.PENDING_REVIEW, HIGH, HIGH) == (reviewed.review_status, reviewed.effective_level, level(here))
    with pytest.raises(SecondClinicianRequired):
        override(here, screening, LOW)
    assert HIGH is level(here)


@pytest.mark.parametrize(("first", "second", "final"), [(LOW, LOW, LOW), (LOW, MEDIUM, MEDIUM), (MEDIUM, LOW, MEDIUM)])
def test_two_clinicians_lower_a_high_to_the_higher_of_their_levels(
    first: RiskLevel, second: RiskLevel, final: RiskLevel
) -> None:
    here = ward(crisis_calls_30days=6)
    screening = here.screen()
    override(here, screening, first)
    reviewed = override(here, screening, second, by=here.admin)
    assert (ReviewStatus.OVERRIDDEN, final, final) == (reviewed.review_status, reviewed.effective_level, level(here))
    assert isinstance(reviewed.review, Overridden)
    assert reviewed.review.proposal is not None
    assert here.manager.user_id == reviewed.review.proposal.by


@pytest.mark.parametrize("same", [True, False])
def test_a_proposed_lowering_falls_with_a_confirmation_of_anybody(same: bool) -> None:  # noqa: FBT001 - a case
    here = ward(crisis_calls_30days=6)
    screening = here.screen()
    override(here, screening, LOW)
    reviewed = review(here, screening, here.manager if same else here.admin)
    assert (ReviewStatus.CONFIRMED, HIGH) == (reviewed.review_status, level(here))


def test_a_model_that_raised_is_overruled_by_two_as_well() -> None:
    here = ward(answering("high", 90))
    screening = here.screen()
    assert isinstance(override(here, screening, LOW).review, LoweringProposed)
    assert LOW is override(here, screening, LOW, by=here.admin).effective_level


@pytest.mark.parametrize("decided", [Decision.CONFIRM, Decision.OVERRIDE])
def test_a_review_is_final(decided: Decision) -> None:
    here = ward(crisis_calls_30days=3)
    screening = here.screen()
    if decided is Decision.CONFIRM:
        review(here, screening)
    else:
        override(here, screening, LOW)
    before = level(here)
    with pytest.raises(AlreadyReviewed):
        review(here, screening, here.admin)
    with pytest.raises(AlreadyReviewed):
        override(here, screening, HIGH, here.admin)
    assert before is level(here)


def test_what_was_decided_has_no_transitions() -> None:
    steps = {
        kind: {name for name, _ in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}
        for kind in (Pending, LoweringProposed, Confirmed, Overridden)
    }
    assert {Pending: {"confirm", "override"}, LoweringProposed: {"confirm", "override"}} == {
        kind: names for kind, names in steps.items() if names
    }


@pytest.mark.parametrize(
    ("sent", "findings"),
    [
        ({"decision": Decision.OVERRIDE}, {("/risk_level", "required"), ("/reason", "required")}),
        ({"decision": Decision.OVERRIDE, "risk_level": LOW}, {("/reason", "required")}),
        ({"decision": Decision.OVERRIDE, "risk_level": MEDIUM, "reason": "So"}, {("/risk_level", "unchanged")}),
        ({"decision": Decision.CONFIRM, "risk_level": MEDIUM}, {("/risk_level", "not_wanted")}),
    ],
)
def test_a_review_that_says_too_little_or_too_much_is_refused(
    sent: dict[str, Any], findings: set[tuple[str, str]]
) -> None:
    here = ward(crisis_calls_30days=3)
    with pytest.raises(InvalidInput) as refused:
        review(here, here.screen(), **sent)
    assert findings == {(found.pointer, found.code) for found in refused.value.findings}


# --- the level that was shown -----------------------------------------------------------------------------------------


def recovered() -> tuple[Ward, Screening]:
    """A patient whose confirmed high is followed by a screening that finds nothing."""
    here = ward(crisis_calls_30days=6)
    review(here, here.screen())
    here.change(crisis_calls_30days=0)
    return here, here.screen()


def test_a_high_falls_when_another_clinician_confirms_the_lower_screening() -> None:
    here, screening = recovered()
    assert (LOW, HIGH) == (screening.risk_level, level(here))
    review(here, screening, here.admin)
    assert LOW is level(here)


def test_a_high_does_not_fall_by_whoever_screened_alone() -> None:
    here, screening = recovered()
    with pytest.raises(SecondClinicianRequired):
        review(here, screening)
    assert HIGH is level(here)
    assert ReviewStatus.PENDING_REVIEW is here.house.core.view_screening(here.admin, screening.id).review_status


def test_nor_by_one_override_of_a_lower_screening() -> None:
    here, screening = recovered()
    assert isinstance(override(here, screening, MEDIUM, here.admin).review, LoweringProposed)
    assert HIGH is level(here)
    override(here, screening, MEDIUM)
    assert MEDIUM is level(here)


def test_a_second_clinician_may_think_that_it_is_high() -> None:
    here, screening = recovered()
    override(here, screening, MEDIUM, here.admin)
    reviewed = override(here, screening, HIGH, here.admin)
    assert (HIGH, HIGH) == (reviewed.effective_level, level(here))


def of_the_day() -> tuple[Ward, Screening]:
    """A patient whose confirmed high is followed by a screening that nobody of the staff made."""
    here, _ = recovered()
    return here, here.screen(Operator(clinic_id=here.clinic))


def test_a_high_does_not_fall_by_one_confirmation_of_what_nobody_made() -> None:
    here, screening = of_the_day()
    with pytest.raises(SecondClinicianRequired):
        review(here, screening, here.admin)
    assert HIGH is level(here)


def test_two_clinicians_agree_on_the_level_that_was_found() -> None:
    here, screening = of_the_day()
    assert isinstance(override(here, screening, LOW, here.admin).review, LoweringProposed)
    with pytest.raises(SecondClinicianRequired):
        override(here, screening, LOW, here.admin)
    with pytest.raises(SecondClinicianRequired):
        review(here, screening, here.admin)
    assert HIGH is level(here)
    assert ReviewStatus.OVERRIDDEN is override(here, screening, LOW).review_status
    assert LOW is level(here)


def test_or_the_second_one_confirms_it() -> None:
    here, screening = of_the_day()
    override(here, screening, LOW, here.admin)
    assert ReviewStatus.CONFIRMED is review(here, screening).review_status
    assert LOW is level(here)


def test_a_screening_older_than_a_crisis_lowers_nothing() -> None:
    here, screening = recovered()
    here.change(crisis_calls_30days=5)
    reviewed = review(here, screening, here.admin)
    assert (ReviewStatus.CONFIRMED, HIGH) == (reviewed.review_status, level(here))


def test_nor_does_its_override_by_two() -> None:
    here = ward(crisis_calls_30days=3, current_risk_level=HIGH)
    screening = here.screen()
    here.change(crisis_calls_30days=5)
    override(here, screening, LOW)
    assert LOW is override(here, screening, LOW, here.admin).effective_level
    assert HIGH is level(here)


def test_the_screening_that_was_stored_last_is_the_latest_however_long_its_model_thought() -> None:
    between: list[Screening] = []
    here = ward(ScriptedAssessor(lambda _: slowly()))

    def slowly() -> str:
        between.append(quick(here))
        return scripted_answer("high", 90)

    here.change(current_risk_level=HIGH)
    slow = here.screen()
    assert (LOW, HIGH) == (between[0].risk_level, slow.risk_level)
    review(here, between[0], here.admin)
    assert HIGH is level(here)


def quick(here: Ward) -> Screening:
    """Screen by rules while another screening waits for its model."""
    alone = MindBridge.build(attrs.evolve(here.house.core.ports, risk_assessor=RulesOnly()))
    return alone.screen_patient(here.manager, ScreeningRequest(patient_id=here.patient_id))


def test_an_escalation_by_hand_holds_whatever_is_reviewed() -> None:
    here, screening = recovered()
    here.change(manually_escalated=True)
    review(here, screening, here.admin)
    assert HIGH is level(here)


def test_a_patient_who_was_raised_since_stays_so() -> None:
    here = ward(crisis_calls_30days=3)
    screening = here.screen()
    here.change(current_risk_level=HIGH)
    override(here, screening, LOW)
    assert HIGH is level(here)


def test_a_review_of_an_older_screening_lowers_nothing_and_a_clinicians_raise_counts() -> None:
    here = ward(crisis_calls_30days=3)
    first, second, last = (here.screen() for _ in range(3))
    override(here, first, LOW)
    assert MEDIUM is level(here)
    override(here, second, HIGH)
    assert HIGH is level(here)
    review(here, last)
    assert HIGH is level(here)


def test_the_entry_says_what_was_decided_and_not_why() -> None:
    here = ward(crisis_calls_30days=6)
    screening = here.screen()
    override(here, screening, LOW)
    (entry,) = here.entries(Action.SCREENING_REVIEW)
    assert here.patient_id == entry.resource_id
    assert {
        "screening_id": str(screening.id),
        "review_status": "pending_review",
        "risk_level": "high",
        "current_risk_level": "high",
        "lowering_proposed": True,
    } == entry.changed_values


def test_a_screening_of_another_caseload_is_reviewed_by_nobody_else() -> None:
    here = ward()
    screening = here.screen()
    other = actor(here.house.staff(here.clinic, Role.CASE_MANAGER))
    with pytest.raises(NotFound):
        review(here, screening, other)
    with pytest.raises(NotFound):
        here.house.core.review_screening(here.admin, uuid4(), ReviewRequest(decision=Decision.CONFIRM))


# --- the queue --------------------------------------------------------------------------------------------------------


def queue(here: Ward, by: Actor, *, overdue: bool = False, **only: Any) -> list[UUID]:
    page = here.house.core.list_reviews(by, ScreeningFilter(**only), overdue=overdue)
    return [one.id for one in page.items]


def test_the_queue_holds_what_is_unreviewed_the_oldest_first() -> None:
    here = ward()
    first, second, third = (here.screen() for _ in range(3))
    review(here, second)
    pending = ReviewStatus.PENDING_REVIEW
    assert [first.id, third.id] == queue(here, here.manager, review_status=pending)
    assert [first.id, second.id, third.id] == queue(here, here.admin)
    entry = here.entries(Action.SCREENING_QUEUE)[0]
    assert (here.patient_id,) == entry.resource_ids


def test_a_proposed_lowering_waits_in_the_queue() -> None:
    here = ward(crisis_calls_30days=6)
    screening = here.screen()
    override(here, screening, LOW)
    assert [screening.id] == queue(here, here.admin, review_status=ReviewStatus.PENDING_REVIEW)


def test_a_case_managers_queue_is_their_caseload() -> None:
    here = ward()
    other = actor(here.house.staff(here.clinic, Role.CASE_MANAGER))
    screening = here.screen()
    assert [screening.id] == queue(here, here.manager)
    assert [] == queue(here, other)
    assert [] == queue(here, other, case_manager_id=here.manager.user_id)
    assert [screening.id] == queue(here, here.admin, case_manager_id=here.manager.user_id)


def test_a_high_that_waits_too_long_is_overdue() -> None:
    here = ward(crisis_calls_30days=6)
    screening = here.screen()
    here.house.clock.forward(hours=24)
    assert [] == queue(here, colleague(here), overdue=True)
    here.house.clock.forward(seconds=1)
    assert [screening.id] == queue(here, colleague(here), overdue=True)
    review(here, screening)
    assert [] == queue(here, here.admin, overdue=True)
