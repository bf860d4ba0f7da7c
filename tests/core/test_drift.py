"""Drift: the index by hand and over all histograms, when there are too few to tell, and what is never told."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mindbridge_core import Action, Operator
from mindbridge_core.errors import Forbidden, InvalidInput
from mindbridge_core.patients import RiskLevel
from mindbridge_core.screening import Base, Drift, DriftRequest, Figure, Measure, Standing, Tally, Window, stability
from mindbridge_core.screening.drift import DRIFTED_FROM, chance, compared
from mindbridge_core.screening.tally import Age, score_band
from tests.core.test_screenings import Ward, ward

CLINIC = UUID(int=1)
NOW = datetime(2026, 3, 2, tzinfo=UTC)
WINDOW = Window(since=NOW - timedelta(days=30), until=NOW)
LOW, MEDIUM, HIGH = RiskLevel

BINS = ("a", "b", "c", "d")
HISTOGRAMS = st.fixed_dictionaries({name: st.integers(0, 10_000) for name in BINS}).filter(
    lambda counts: any(counts.values())
)


def test_the_index_is_what_it_comes_to_by_hand() -> None:
    """(0.5 - 0.3) ln(0.5 / 0.3) + (0.3 - 0.3) ln 1 + (0.2 - 0.4) ln(0.2 / 0.4) = 0.10217 + 0 + 0.13863."""
    assert 0.240795 == pytest.approx(stability({"a": 50, "b": 30, "c": 20}, {"a": 300, "b": 300, "c": 400}), abs=5e-6)


def test_an_empty_bin_counts_as_half_a_screening() -> None:
    """(0.005 - 0.1) ln(0.005 / 0.1) + (1 - 0.9) ln(1 / 0.9) = 0.28460 + 0.01053."""
    assert 0.295131 == pytest.approx(stability({"a": 0, "b": 100}, {"a": 10, "b": 90}), abs=5e-6)
    assert 0 == stability({"a": 0, "b": 100}, {"b": 7})


@given(reference=HISTOGRAMS, recent=HISTOGRAMS)
def test_the_index_is_finite_never_negative_and_the_same_either_way(
    reference: dict[str, int], recent: dict[str, int]
) -> None:
    found = stability(reference, recent)
    assert math.isfinite(found)
    assert found >= 0
    assert found == pytest.approx(stability(recent, reference))


@given(counts=HISTOGRAMS, times=st.integers(1, 1000))
def test_the_index_of_equal_shares_is_nought_whatever_their_number(counts: dict[str, int], times: int) -> None:
    assert 0 == pytest.approx(stability(counts, {name: times * count for name, count in counts.items()}), abs=1e-9)


@given(counts=st.fixed_dictionaries({name: st.integers(1, 1000) for name in BINS}), data=st.data())
def test_the_further_the_shift_the_higher_the_index(counts: dict[str, int], data: st.DataObject) -> None:
    moved = [data.draw(st.integers(0, counts["a"])) for _ in range(2)]
    less, more = (counts | {"a": counts["a"] - one, "d": counts["d"] + one} for one in sorted(moved))
    assert stability(counts, less) <= stability(counts, more) + 1e-12


@pytest.mark.parametrize(("reference", "recent"), [({}, {"a": 1}), ({"a": 1}, {}), ({"a": 0}, {"a": 1})])
def test_a_histogram_of_nothing_has_no_index(reference: dict[str, int], recent: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="empty"):
        stability(reference, recent)


@pytest.mark.parametrize(("bins", "published"), [(2, 6.635), (3, 9.210), (5, 13.277), (10, 21.666)])
def test_chance_is_bounded_by_the_published_percentiles(bins: int, published: float) -> None:
    assert published == pytest.approx(chance(bins, (100, 100)) * 50, rel=0.01)
    assert chance(1, (5, 9)) == chance(2, (5, 9))
    assert chance(2, (50, 0)) > DRIFTED_FROM


@pytest.mark.parametrize(("score", "band"), [(0, 0), (19, 0), (20, 1), (39, 1), (40, 2), (79, 3), (80, 4), (100, 4)])
def test_a_score_has_its_band(score: int, band: int) -> None:
    assert band == score_band(Decimal(score))


def a_tally(
    counts: dict[Measure, dict[str, int]], *, patients: int = 1000, ages: dict[str, Age] | None = None
) -> Tally:
    whole = sum(counts.get(Measure.RISK_LEVEL, {}).values())
    return Tally(
        window=WINDOW,
        screenings=dict.fromkeys(Base, whole),
        people=dict.fromkeys(Base, patients),
        counts={measure: counts.get(measure, {}) for measure in Measure},
        ages=ages or {},
    )


def levels(high: int, low: int) -> dict[Measure, dict[str, int]]:
    return {Measure.RISK_LEVEL: {"high": high, "low": low}}


def figure(drift: Drift, measure: Measure, of: str | None = None) -> Figure:
    (found,) = (one for one in drift.figures if (one.measure, one.of, one.ages) == (measure, of, None))
    return found


@pytest.mark.parametrize(
    ("high", "patients", "standing"),
    [
        (100, 1000, Standing.STABLE),
        (160, 1000, Standing.STABLE),
        (220, 1000, Standing.SHIFTED),
        (220, 80, Standing.STABLE),
        (300, 1000, Standing.DRIFTED),
        (300, 60, Standing.DRIFTED),
        (900, 52, Standing.TOO_FEW),
        (100, 0, Standing.TOO_FEW),
    ],
)
def test_a_difference_is_named_where_chance_cannot_explain_it(high: int, patients: int, standing: Standing) -> None:
    before, after = (a_tally(levels(one, 1000 - one), patients=patients) for one in (100, high))
    drift = compared(CLINIC, before, after)
    found = figure(drift, Measure.RISK_LEVEL)
    assert standing is found.standing
    assert (standing is Standing.TOO_FEW) is (found.psi is None)
    assert (standing is Standing.DRIFTED) is drift.found


def test_a_share_is_of_its_base_and_of_what_was_seen_in_either_window() -> None:
    before = a_tally(levels(100, 900) | {Measure.MISSING: {"medication_adherence": 10}})
    after = a_tally(levels(100, 900) | {Measure.FIRED: {"crisis_calls_5": 300}})
    drift = compared(CLINIC, before, after)
    lost, fired = figure(drift, Measure.MISSING, "medication_adherence"), figure(drift, Measure.FIRED, "crisis_calls_5")
    assert ({"no": 990, "yes": 10}, {"no": 1000, "yes": 0}, Standing.STABLE) == (
        lost.reference,
        lost.recent,
        lost.standing,
    )
    assert ({"no": 1000, "yes": 0}, {"no": 700, "yes": 300}, Standing.DRIFTED) == (
        fired.reference,
        fired.recent,
        fired.standing,
    )


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ({"2026.1": 5}, {"2026.1": 9}, False),
        ({"2026.1": 5}, {"2026.2": 9}, True),
        ({"2026.1": 5}, {"2026.1": 9, "2026.2": 1}, True),
        ({"2026.1": 5, "2026.2": 1}, {"2026.2": 9}, True),
        ({}, {"2026.1": 9}, False),
    ],
)
def test_a_mix_or_a_change_of_what_screenings_come_from_is_found(
    before: dict[str, int],
    after: dict[str, int],
    changed: bool,  # noqa: FBT001 - a column of the table
) -> None:
    drift = compared(CLINIC, a_tally({Measure.RULES_VERSION: before}), a_tally({Measure.RULES_VERSION: after}))
    assert changed is drift.found
    assert changed is next(one for one in drift.sources if one.measure is Measure.RULES_VERSION).changed


def aged(patients: int, high: int = 0) -> Age:
    return Age(patients=patients, levels={LOW: 10 * patients - high, HIGH: high})


def test_ages_of_few_patients_are_told_with_their_neighbours_and_never_alone() -> None:
    before = {"13-17": aged(3), "18-24": aged(7), "25-34": aged(200), "35-44": aged(12), "90+": aged(1)}
    after = {"13-17": aged(9), "18-24": aged(9), "25-34": aged(200, 900), "45-54": aged(40), "unknown": aged(4)}
    drift = compared(CLINIC, a_tally({}, ages=before), a_tally({}, ages=after))
    groups = {one.ages: one for one in drift.figures if one.ages is not None}
    assert {
        "13-17, 18-24": (10, 18),
        "25-34": (200, 200),
        "35-44, 45-54, 90+, unknown": (13, 44),
    } == {name: one.patients for name, one in groups.items()}
    told = {name: (one.measure, one.standing) for name, one in groups.items()}
    assert (Measure.RISK_LEVEL, Standing.DRIFTED) == told["25-34"]
    assert (Measure.RISK_LEVEL, Standing.TOO_FEW) == told["13-17, 18-24"]
    assert set(groups) == set(figure(drift, Measure.AGE).recent)
    assert drift.found


def test_where_no_group_is_large_enough_nothing_is_told_of_ages() -> None:
    drift = compared(CLINIC, a_tally({}, ages={"90+": aged(9)}), a_tally({}, ages={"90+": aged(1000)}))
    assert [] == [one for one in drift.figures if one.ages is not None]
    found = figure(drift, Measure.AGE)
    assert ({}, Standing.TOO_FEW) == (found.recent, found.standing)


def watched(here: Ward, **days: int) -> Drift:
    return here.house.core.watch_drift(Operator(clinic_id=here.clinic), DriftRequest(**days))


def test_the_last_days_are_held_against_those_before_and_the_trail_names_no_patient() -> None:
    here = ward(crisis_calls_30days=6)
    here.screen()
    here.house.clock.forward(hours=40 * 24)
    here.screen()
    here.house.clock.forward(seconds=1)
    drift = watched(here)
    assert ((1, 1), (1, 1)) == (drift.screenings, drift.patients)
    assert (timedelta(days=30), timedelta(days=90)) == tuple(
        window.until - window.since for window in (drift.recent, drift.reference)
    )
    assert drift.reference.until == drift.recent.since
    assert {Standing.TOO_FEW} == {one.standing for one in drift.figures}
    assert not drift.found
    assert (0, 2) == watched(here, recent_days=60).screenings
    (entry, _) = here.entries(Action.SCREENING_DRIFT)
    assert ((), None, False) == (entry.resource_ids, entry.resource_id, entry.phi_accessed)


def test_nothing_of_a_person_is_in_the_result() -> None:
    here = ward(crisis_calls_30days=6)
    here.screen()
    assert str(here.patient_id) not in repr(watched(here))


def test_days_out_of_range_are_refused_and_the_furthest_are_not() -> None:
    for days in ({"recent_days": 0}, {"reference_days": 0}, {"recent_days": 367}, {"reference_days": 1831}):
        with pytest.raises(InvalidInput):
            DriftRequest(**days)
    assert (0, 0) == watched(ward(), recent_days=366, reference_days=1830).screenings


def test_admins_and_officers_watch_and_case_managers_do_not() -> None:
    here = ward()
    assert here.clinic == here.house.core.watch_drift(here.admin, DriftRequest()).clinic_id
    with pytest.raises(Forbidden):
        here.house.core.watch_drift(here.manager, DriftRequest())
