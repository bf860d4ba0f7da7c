"""A clinic's life at random: everything that can be done, in any order, with everything that can go wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from functools import partial
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from mindbridge_core.care import CrisisEventType
from mindbridge_core.patients import RiskLevel
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
from tests.support.risk.draws import WELL, changes, levels, some, verdicts
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

    @precondition(somebody)
    @rule(who=some, by=some, drawn=changes)
    def recover(self, who: int, by: int, drawn: dict[str, Any]) -> None:
        """All is well with a patient, or all but something, and somebody looks at them."""
        self.change(who, WELL | drawn, by)
        self.screen_by_rules(who, by)

    def screen_by_rules(self, who: int, by: int) -> None:
        request = ScreeningRequest(patient_id=self.one(who).patient.id)
        self.world.attempt(self.world.core.screen_patient, self.by(by), request)

    @precondition(somebody)
    @rule(said=st.lists(st.tuples(st.integers(0, 3), verdicts), min_size=1, max_size=3), fresh=st.booleans())
    def settle(self, said: list[tuple[int, RiskLevel | None]], *, fresh: bool) -> None:
        """Several speak of the newest screening of whoever is at the highest level, one after the other."""
        of = max(range(len(self.eyes.known)), key=lambda who: self.one(who).level)
        if fresh:
            self.screen_by_rules(of, said[0][0])
            self.nothing_is_hidden()
        for by, level in said:
            self.review(0, by, level, of)

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

    # --- time, and fate

    @rule(hours=st.sampled_from([0.05, 1, 5, 24, 30 * 24, 50 * 24, 91 * 24]))
    def wait(self, hours: float) -> None:
        self.world.clock.forward(timedelta(hours=hours))
        self.eyes.time_passed = True

    @rule(deaths=st.integers(0, 2), spared=st.integers(0, 4), phase=st.integers(0, 2), asks=st.booleans(), said=answers)
    def morning(self, deaths: int, spared: int, phase: int, *, asks: bool, said: Said) -> None:
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
        for _ in range(deaths):
            world.fate.spared, world.fate.phase = spared, phase
            world.attempt(world.worker())
            world.clock.forward(PIECES.lease + timedelta(seconds=1))
        worker = world.worker()
        while worker() is not None:
            pass
        world.talker.asks = False
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
