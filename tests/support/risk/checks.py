"""What must hold after every step, on every way in which a level is shown."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

import attrs

from mindbridge_core import Actor
from mindbridge_core.patients import AlertFilter, AlertKind, Patient, PatientFilter, PatientStatus, RiskLevel
from mindbridge_core.screening import Batch, BatchState, FailureReason, ReviewStatus, Screening
from tests.support.risk.answers import opinion
from tests.support.risk.reading import HIGH, ZONE, Facts, Ledger, band, rank, reading
from tests.support.risk.world import World

URGENT = 10
"""So many the dashboard names at most."""


@attrs.define
class Known:
    """A patient as they were seen last, and what is expected of them. `due` is the least level that may be shown."""

    patient: Patient
    facts: Facts
    ledger: Ledger
    due: int = -1
    consents: bool = False
    screenings: list[UUID] = attrs.field(factory=list)
    """All, the oldest first."""

    @property
    def level(self) -> int:
        return rank(self.patient.current_risk_level)

    @property
    def urgent(self) -> bool:
        return self.level == HIGH and self.patient.status is PatientStatus.ACTIVE


@attrs.frozen
class Word:
    """What a clinician said of a screening, and of which level if they named one."""

    by: UUID
    named: RiskLevel | None


@attrs.define
class Lookout:
    """Remembers how all was, and finds what may not be."""

    world: World
    known: dict[UUID, Known] = attrs.field(factory=dict)
    sent: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    """What was given of each patient, by name."""
    words: dict[UUID, list[Word]] = attrs.field(factory=dict)
    """What was said of each screening, in turn."""
    spoken: list[UUID] = attrs.field(factory=list)
    """The screenings that were reviewed in this step."""
    time_passed: bool = False
    set_aside: int | None = None
    """After the day's batch: how many it could not screen."""
    unscreened: list[Patient] = attrs.field(factory=list)
    alerts: dict[UUID, UUID | None] = attrs.field(factory=dict)
    """The id of the last alert that each member of staff has been shown."""
    batches: dict[UUID, Batch] = attrs.field(factory=dict)

    def look(self) -> None:
        """Look at everything, and remember it."""
        admin = self.world.admins[0]
        shown = {one.id: one for one in self._list(admin)}
        alerted = {by.user_id: self._alerted(by) for by in (admin, *self.world.managers)}
        self.unscreened = []
        for gone in self.known.keys() - shown.keys():
            del self.known[gone]
        for patient in shown.values():
            self._meet(patient)
            self._look_at(patient, alerted)
        self._compare(admin, shown.values())
        for manager in self.world.managers:
            own = [one for one in shown.values() if one.case_manager_id == manager.user_id]
            assert own == self._list(manager)
            self._compare(manager, own)
        self._look_at_batches()
        self._look_at_who_was_set_aside()
        self.spoken, self.time_passed, self.set_aside = [], False, None

    def _list(self, by: Actor, **only: Any) -> list[Patient]:
        return list(self.world.core.list_patients(by, PatientFilter(limit=200, **only)).items)

    def _alerted(self, by: Actor) -> set[UUID]:
        """Return of whom a new alert of a high risk is shown."""
        only = AlertFilter(kinds=frozenset({AlertKind.HIGH_RISK}), after=self.alerts.get(by.user_id), limit=200)
        new = self.world.core.list_alerts(by, only).items
        if new:
            self.alerts[by.user_id] = new[-1].id
        return {one.patient_id for one in new}

    def _meet(self, patient: Patient) -> None:
        if patient.id not in self.known:
            ledger = Ledger.begun(self.sent[patient.name], patient.created_at)
            unknown = attrs.evolve(patient, current_risk_level=None, status=PatientStatus.INACTIVE)
            self.known[patient.id] = Known(unknown, Facts.of(unknown, patient.created_at), ledger)

    def _look_at(self, patient: Patient, alerted: dict[UUID, set[UUID]]) -> None:
        core, now, before = self.world.core, self.world.clock(), self.known[patient.id]
        today, level, facts = now.astimezone(ZONE).date(), rank(patient.current_risk_level), Facts.of(patient, now)
        assert patient == core.view_patient(self.world.officer, patient.id)
        before.ledger.check(patient, now)
        new = self._new_screenings(patient, before)
        if level < before.level:
            self._check_fall(patient, before, facts)
            before.due = min(before.due, level)
        found = reading(facts, level, today)
        if new or (facts != before.facts and not self.time_passed and self._at_once(patient, before, found)):
            before.due = found
        before.due = min(before.due, found) if facts != before.facts else before.due
        if facts.active:
            self.unscreened += [] if new else [patient]
            assert level >= before.due, f"{patient.current_risk_level} is shown, the rules say {before.due}"
        after = attrs.evolve(before, patient=patient, facts=facts)
        if after.urgent and not before.urgent:
            assert patient.id in alerted[self.world.admins[0].user_id], "nobody was told of a new high"
            assert patient.case_manager_id is None or patient.id in alerted[patient.case_manager_id]
        self.known[patient.id] = after

    def _at_once(self, patient: Patient, before: Known, found: int) -> bool:
        """Whether the product promises to look at this change of the record at once."""
        if patient.current_risk_level is None:
            return found == HIGH
        return not self._judged(patient, before)

    def _judged(self, patient: Patient, before: Known) -> bool:
        """Whether a clinician put a level in place of the last one that was found, of a record that was no better."""
        if not before.screenings:
            return False
        last = self.world.core.view_screening(self.world.admins[0], before.screenings[-1])
        now, then = Facts.of(patient, self.world.clock()), Facts.screened(last.record)
        today = self.world.clock().astimezone(ZONE).date()
        worse = now.worse_than(then) or now.gone(today) > then.gone(last.record.as_of)
        return last.review_status is ReviewStatus.OVERRIDDEN and not worse

    def _new_screenings(self, patient: Patient, before: Known) -> list[Screening]:
        page = self.world.core.list_screenings(self.world.admins[0], patient.id, limit=20).items
        new = [one for one in reversed(page) if one.id not in before.screenings]
        assert [one.id for one in reversed(page)][: -len(new) or None] == before.screenings[len(new) - len(page) :][
            : len(page) - len(new)
        ]
        for screening in new:
            self.check_screening(screening)
            before.screenings.append(screening.id)
        return new

    def check_screening(self, screening: Screening) -> None:
        """It says no less than the rules of its own record, nor than the answer that it took, and can be replayed."""
        record = screening.record
        rules = reading(Facts.screened(record), rank(record.current_risk_level), record.as_of)
        assert screening.screened_at.astimezone(ZONE).date() == record.as_of
        assert rules == rank(screening.rules_level)
        least = rules
        if screening.ai_raw_response is not None and screening.ai_failure in {None, FailureReason.STALE}:
            said = opinion(screening.ai_raw_response)
            assert said is not None
            least = max(rules, said)
        assert least == rank(screening.risk_level) == band(float(screening.risk_score))
        replay = self.world.core.replay_screening(self.world.officer, screening.id)
        assert replay.same

    def _check_fall(self, patient: Patient, before: Known, facts: Facts) -> None:
        """A level falls by the review of the last screening of a record that is no worse now, a high by two."""
        now, admin = self.world.clock(), self.world.admins[0]
        (reviewed,) = {one for one in self.spoken if one in before.screenings}
        assert before.screenings[-1] == reviewed, "an older screening lowered a level"
        screening = self.world.core.view_screening(admin, reviewed)
        words = self.words[reviewed]
        assert patient.current_risk_level is screening.effective_level
        assert not patient.manually_escalated
        then = Facts.screened(screening.record)
        assert reading(facts, before.level, now.astimezone(ZONE).date()) <= rank(screening.rules_level)
        assert not facts.worse_than(then), "what came after the screening was lowered with it"
        if before.level == HIGH:
            hands = {word.by for word in words} | {screening.performed_by}
            assert len(hands - {None}) > 1, "one clinician lowered a high"
            named = [rank(word.named) for word in words if word.named is not None]
            assert (
                max(named, default=-1) <= rank(screening.effective_level)
                or screening.review_status is ReviewStatus.CONFIRMED
            )

    def _compare(self, by: Actor, shown: Collection[Patient]) -> None:
        """Every way in which levels are shown says the same."""
        for level in RiskLevel:
            expected = [one for one in shown if one.current_risk_level is level]
            assert expected == self._list(by, risk_level=level)
        for one in list(shown)[:2]:
            assert [one] == self._list(by, query=one.name)
        active = [one for one in shown if one.status is PatientStatus.ACTIVE]
        overview = self.world.core.show_dashboard(by)
        counted = {level: sum(one.current_risk_level is level for one in active) for level in RiskLevel}
        assert counted == dict(overview.levels)
        assert overview.unscreened == len(active) - sum(counted.values())
        assert overview.active == len(active)
        high = {one.id for one in active if one.current_risk_level is RiskLevel.HIGH}
        urgent = [one.patient_id for one in overview.urgent]
        assert len(urgent) == len(set(urgent)) == min(len(high), URGENT)
        assert high.issuperset(urgent)
        assert sum(one.high for one in overview.caseloads) == len(high)

    def _look_at_batches(self) -> None:
        for batch_id, before in self.batches.items():
            batch = self.world.core.view_task(self.world.admins[0], batch_id)
            assert batch.total >= batch.screened + batch.failed
            assert batch.total == before.total or before.state is BatchState.PREPARING
            assert all(getattr(batch, count) >= getattr(before, count) for count in ("total", "screened", "failed"))
            self.batches[batch_id] = batch

    def _look_at_who_was_set_aside(self) -> None:
        """After the day's batch all in care were screened, or whoever is to see to them is told who was not."""
        if self.set_aside is None:
            return
        assert len(self.unscreened) <= self.set_aside
        only = AlertFilter(kinds=frozenset({AlertKind.NOT_SCREENED}), acknowledged=False, limit=200)
        for by in (self.world.admins[0], *self.world.managers):
            told = {one.patient_id for one in self.world.core.list_alerts(by, only).items}
            own = [one for one in self.unscreened if by is self.world.admins[0] or one.case_manager_id == by.user_id]
            assert told.issuperset(one.id for one in own), "nobody was told of who was not screened"

    def farewell(self) -> None:
        """At the end: nothing that was ever found is gone, and all of it can be replayed."""
        for patient_id, one in self.known.items():
            history, after = list[UUID](), None
            while True:
                page = self.world.core.list_screenings(self.world.admins[0], patient_id, after=after, limit=200)
                history += [screening.id for screening in page.items]
                for screening in page.items:
                    self.check_screening(screening)
                after = page.after
                if after is None:
                    break
            assert one.screenings == history[::-1][: len(one.screenings)]
