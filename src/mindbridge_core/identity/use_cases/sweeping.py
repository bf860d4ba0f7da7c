"""Deleting what nothing can use any more."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Protocol
from uuid import UUID

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Caller
from mindbridge_core.clock import Clock
from mindbridge_core.idempotency import ANSWERS_LAST, Answers
from mindbridge_core.identity.ports import Sessions
from mindbridge_core.work import Unit, Work

__all__ = ["SESSIONS_KEPT", "SweepClinic", "SweepUnit", "Swept"]

SESSIONS_KEPT: Final = timedelta(days=30)
"""How long a session is kept after its last moment, with its refresh tokens.

Until then a token that is used again is known, and ends its session; what the trail says of a session stays for good.
"""
AT_ONCE: Final = 1_000


class SweepUnit(Unit, Protocol):
    """A transaction on what a clinic's requests leave behind."""

    @property
    def answers(self) -> Answers:
        """First answers to repeated requests."""

    @property
    def sessions(self) -> Sessions:
        """The clinic's sessions."""


@attrs.frozen(kw_only=True)
class Swept:
    """How many sessions and answers were deleted; there may be `more`."""

    clinic_id: UUID
    sessions: int
    answers: int
    more: bool


@attrs.frozen(kw_only=True)
class SweepClinic:
    """Delete a clinic's sessions that ended long ago, and answers to requests that can be repeated no more."""

    work: Work[SweepUnit]
    clock: Clock

    def __call__(self, caller: Caller, *, limit: int = AT_ONCE, quiet: bool = False) -> Swept:
        """Delete at most `limit` of each. One entry says how many; with `quiet`, only where there were any."""
        with self.work(caller, Action.CLINIC_SWEEP, entered=False) as desk:
            now = self.clock()
            sessions = desk.unit.sessions.forget(now - SESSIONS_KEPT, limit)
            answers = desk.unit.answers.forget(now - ANSWERS_LAST, limit)
            counts = {"sessions": sessions, "answers": answers}
            desk.changes(counts, plain=frozenset(counts))
            if sessions or answers or not quiet:
                desk.enter()
            more = limit in counts.values()
            return Swept(clinic_id=desk.principal.clinic_id, sessions=sessions, answers=answers, more=more)
