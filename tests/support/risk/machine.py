"""A clinic's life at random: everything that can be done, in any order, with everything that can go wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from functools import partial
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from mindbridge_core.care import CrisisEventType
from mindbridge_core.patients import AlertFilter, RiskLevel
from mindbridge_core.screening import (
    BatchRequest,
    BatchState,
    Decision,
    FailureReason,
    ReviewRequest,
    ScreeningRequest,
)
from tests.support.risk.answers import Said, answers, opinion
from tests.support.risk.checks import Word
from tests.support.risk.draws import WELL, changes, deaths, levels, makers, news, some, verdicts, words
from tests.support.risk.reading import ZONE, rank
from tests.support.risk.records import Records, somebody
from tests.support.risk.world import PIECES

DAILY: Final = time(6)


class ClinicLife(Records):
    """Adds to what happens to patients how they are looked at, and that time passes."""

    # --- screening

    @precondition(somebody)
    @rule(who=some, by=some, said=answers, asks=st.booleans(), data=st.data())
    def screen(self, who: int, by: int, said: Said, *, asks: bool, data: st.DataObject) -> None:
        if asks:
            self.consent(who, granted=True)
        known, talker = self.one(who), self.world.talker
        talker.asks, talker.script.said = asks, said
        if asks and known.consents:
            talker.script.meanwhile = partial(data.draw(st.sampled_from(self.others(who))), data)
        request = ScreeningRequest(patient_id=known.patient.id)
        screening = self.world.attempt(self.world.core.screen_patient, self.by(by), request)
        talker.asks, talker.script.meanwhile = False, lambda: None
        if screening is not None and asks and known.consents:
            heard = opinion(said) if isinstance(said, str) else None
            assert (heard is None) == (screening.ai_failure not in {None, FailureReason.STALE})
            assert rank(screening.risk_level) >= (-1 if heard is None else heard)

    def others(self, who: int) -> list[Callable[[st.DataObject], None]]:
        """What others may do with a patient while somebody is asked about them."""
        return [
            lambda _: None,
            lambda data: self.change(who, data.draw(changes), 0),
            lambda _: self.report(who, CrisisEventType.CRISIS_CALL, 0, 1, 3),
            lambda data: self.consent(who, granted=data.draw(st.booleans())),
            lambda data: self.review(data.draw(some), data.draw(some), data.draw(verdicts), of=who),
            lambda data: self.hand_over(who, data.draw(st.integers(0, 1))),
        ]

    def judge(
        self,
        *,
        gravest: bool,
        well: bool,
        made: int | None,
        since: dict[str, Any] | int | None,
        said: list[tuple[int, int, RiskLevel | None]],
    ) -> None:
        """The whole of a review: perhaps all is well again, somebody screens, something happens, several speak."""
        of = (max if gravest else min)(range(len(self.eyes.known)), key=lambda who: self.one(who).level)
        if well:
            self.change(of, WELL, 0)
        if made is not None:
            self.screen_by_rules(of, made)
        if isinstance(since, int):
            self.report(of, CrisisEventType.CRISIS_CALL, 0, 0, since)
        elif since:
            self.change(of, since, 0)
        for by, back, level in said:
            self.nothing_is_hidden()
            self.review(back, by, level, of)

    # A level falls by no other way, so this is tried more often than all else.
    judge_one, judge_another, judge_a_third, judge_a_fourth = (
        precondition(somebody)(rule(gravest=st.booleans(), well=st.booleans(), made=makers, since=news, said=words)(by))
        for by in [judge] * 4
    )

    def screen_by_rules(self, who: int, by: int) -> None:
        """By one of the staff, or beyond them by the clinic's operator."""
        request = ScreeningRequest(patient_id=self.one(who).patient.id)
        caller = self.by(by) if by < len(self.world.clinicians) else self.world.operator
        self.world.attempt(self.world.core.screen_patient, caller, request)

    @precondition(somebody)
    @rule(back=st.sampled_from([0, 0, 0, 1, 2]), by=some, level=verdicts, of=some)
    def review(self, back: int, by: int, level: RiskLevel | None, of: int) -> None:
        known, caller = self.one(of), self.by(by)
        if not known.screenings:
            return
        screening_id = known.screenings[-1 - back % len(known.screenings)]
        request = ReviewRequest(decision=Decision.CONFIRM)
        if level is not None:
            request = ReviewRequest(decision=Decision.OVERRIDE, risk_level=level, reason="Seen today")
        reviewed = self.world.attempt(self.world.core.review_screening, caller, screening_id, request)
        if reviewed is not None:
            self.eyes.words.setdefault(screening_id, []).append(Word(caller.user_id, level))
            self.eyes.spoken.append(screening_id)

    # --- batches

    @precondition(somebody)
    @rule(said=answers, pieces=st.integers(1, 3), by=some)
    def ask_about_all(self, said: Said, pieces: int, by: int) -> None:
        """Everybody consents, and is asked about by the hundred."""
        for who in range(len(self.eyes.known)):
            self.consent(who, granted=True)
        self.order(by, None)
        for _ in range(pieces):
            self.work(0, said, asks=True, hundred=True)
            self.hear(said, odd=False, down=False, asks=True)

    @rule(by=some, level=st.none() | levels)
    def order(self, by: int, level: RiskLevel | None) -> None:
        batch = self.world.attempt(self.world.core.order_batch, self.by(by), BatchRequest(risk_level=level))
        if batch is not None:
            self.eyes.batches[batch.id] = batch

    @rule(worker=st.integers(0, 2), said=answers, asks=st.booleans(), hundred=st.booleans())
    def work(self, worker: int, said: Said, *, asks: bool, hundred: bool) -> None:
        world = self.world
        while len(self.workers) <= worker:
            self.workers.append(world.worker())
        self.ask_about(said, asks=asks, hundred=hundred)
        world.attempt(self.workers[worker])
        world.talker.asks = False

    def ask_about(self, said: Said, *, asks: bool, hundred: bool) -> None:
        world = self.world
        world.talker.asks, world.talker.script.said = asks, said
        world.oracle.asks = hundred
        world.oracle.script = world.talker.script

    @rule(said=answers, odd=st.booleans(), down=st.booleans(), asks=st.booleans())
    def hear(self, said: Said, *, odd: bool, down: bool, asks: bool) -> None:
        oracle = self.world.oracle
        self.ask_about(said, asks=False, hundred=asks)
        oracle.odd, oracle.down = odd, down
        self.world.attempt(self.world.core.run_batch.enquiry, self.world.operator, PIECES)

    @precondition(lambda self: bool(self.eyes.batches))
    @rule(which=some, sure=st.integers(0, 3))
    def cancel(self, which: int, sure: int) -> None:
        if not sure:
            self.world.attempt(
                self.world.core.cancel_task, self.by(0), list(self.eyes.batches)[which % len(self.eyes.batches)]
            )

    @rule(damaged=st.none() | some)
    def look_through(self, damaged: int | None) -> None:
        """The operator has all active patients screened by rules, a page after the other."""
        world, after = self.world, None
        world.damaged = None if damaged is None or not somebody(self) else self.one(damaged).patient.id
        while True:
            page = world.attempt(world.core.screen_caseload, world.operator, after=after, limit=2)
            after = None if page is None else page.after
            if after is None:
                break
        world.damaged = None

    @rule(by=some, many=st.integers(1, 5))
    def acknowledge(self, by: int, many: int) -> None:
        """Somebody presses the buttons."""
        core, only = self.world.core, AlertFilter(acknowledged=False, limit=many)
        self.world.attempt(core.escalate_reviews, self.world.operator)
        for alert in core.list_alerts(self.by(by), only).items:
            core.acknowledge_alert(self.by(by), alert.id)

    # --- time, and fate

    @rule(hours=st.sampled_from([0.05, 1, 5, 24, 30 * 24, 50 * 24, 91 * 24]))
    def wait(self, hours: float) -> None:
        self.world.clock.forward(timedelta(hours=hours))
        self.eyes.time_passed = True

    @precondition(somebody)
    @rule(deaths=deaths, damaged=st.none() | some, asks=st.booleans(), said=answers)
    def morning(self, deaths: list[tuple[int, int]], damaged: int | None, *, asks: bool, said: Said) -> None:
        """The day's batch is ordered and worked off, by workers of whom some die; then every level is right."""
        world = self.world
        world.fate.spared = None
        here = world.clock().astimezone(ZONE)
        at = datetime.combine(here.date() + timedelta(days=here.time() >= DAILY), DAILY, tzinfo=ZONE)
        world.clock.forward(at - here)
        self.eyes.time_passed = True
        batch = world.core.order_batch.daily(world.operator, DAILY)
        assert batch is not None
        self.eyes.batches[batch.id] = batch
        self.ask_about(said, asks=asks, hundred=False)
        world.damaged = None if damaged is None else self.one(damaged).patient.id
        for world.fate.spared, world.fate.phase in deaths:
            world.attempt(world.worker())
            world.clock.forward(PIECES.lease + timedelta(seconds=1))
        worker, pieces = world.worker(), 0
        while worker() is not None:
            pieces += 1
            assert pieces < 1000, "a batch has no end"
        world.talker.asks, world.damaged = False, None
        done = world.core.view_task(self.by(0), batch.id)
        assert (BatchState.DONE, done.total) == (done.state, done.screened + done.failed)
        self.eyes.set_aside = done.failed

    @rule(spared=st.integers(0, 1), phase=st.integers(0, 1), killed=st.booleans())
    def doom(self, spared: int, phase: int, *, killed: bool) -> None:
        """Whatever comes next breaks off."""
        self.world.fate.spared, self.world.fate.phase, self.world.fate.killed = spared, phase, killed

    @invariant()
    def nothing_is_hidden(self) -> None:
        spared, self.world.fate.spared = self.world.fate.spared, None
        self.sound = False
        self.eyes.look()
        self.sound, self.world.fate.spared = True, spared

    def teardown(self) -> None:
        self.world.fate.spared = None
        if self.sound:
            self.eyes.farewell()
