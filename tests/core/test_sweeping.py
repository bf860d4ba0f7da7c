"""Deleting what nothing can use any more, and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mindbridge_core import Action, Operator, Role
from mindbridge_core.errors import IdempotencyKeyReused, SessionEnded
from mindbridge_core.idempotency import IdempotencyKey
from mindbridge_core.identity import RefreshRequest
from mindbridge_core.identity.use_cases.sweeping import SESSIONS_KEPT
from mindbridge_core.patients import PatientDraft
from tests.core.house import ORIGIN, House, actor


def test_sessions_go_a_month_after_their_end_and_leave_one_entry() -> None:
    house = House()
    house.core.prepare_platform()
    clinic, elsewhere = house.clinic("North"), house.clinic("South")
    operator = Operator(clinic_id=clinic)
    pairs = [house.log_in(house.staff(clinic, Role.ADMIN)) for _ in range(3)]
    house.log_in(house.staff(elsewhere, Role.ADMIN))
    house.clock.forward(hours=12)
    house.clock.forward(seconds=SESSIONS_KEPT.total_seconds())
    assert (0, 0, False) == swept(house, operator)
    house.clock.forward(seconds=1)
    house.log_in(house.staff(clinic, Role.ADMIN))
    assert (2, 0, True) == swept(house, operator)
    assert (1, 0, False) == swept(house, operator)
    entries = [entry for entry in house.entries() if entry.action is Action.CLINIC_SWEEP]
    assert [{"sessions": 2, "answers": 0}, {"sessions": 1, "answers": 0}] == [one.changed_values for one in entries]
    assert 2 == len(house.store.tables.sessions.rows()) == len(house.store.tables.refresh_tokens.rows())
    assert (0, 0, False) == swept(house, operator)
    with pytest.raises(SessionEnded):
        house.core.refresh_session(RefreshRequest(refresh_token=pairs[0].refresh_token), ORIGIN)
    assert 0 == house.core.sweep_clinic(operator).sessions
    assert len(entries) + 1 == len([one for one in house.entries() if one.action is Action.CLINIC_SWEEP])


def test_an_answer_goes_after_its_day() -> None:
    house = House()
    house.core.prepare_platform()
    clinic = house.clinic("North")
    operator, admin = Operator(clinic_id=clinic), actor(house.staff(clinic, Role.ADMIN))
    first = house.core.admit_patient(admin, PatientDraft(name="Jane Roe"), once=IdempotencyKey("a", b"1" * 32))
    house.clock.forward(seconds=timedelta(days=1).total_seconds())
    assert (0, 0, False) == swept(house, operator)
    again = house.core.admit_patient(admin, PatientDraft(name="Jane Roe"), once=IdempotencyKey("a", b"1" * 32))
    assert first.id == again.id
    with pytest.raises(IdempotencyKeyReused):
        house.core.admit_patient(admin, PatientDraft(name="Jane Roe"), once=IdempotencyKey("a", b"2" * 32))
    house.clock.forward(seconds=1)
    assert (0, 1, False) == swept(house, operator)
    assert [] == house.store.tables.answers.rows()
    new = house.core.admit_patient(admin, PatientDraft(name="Jane Roe"), once=IdempotencyKey("a", b"2" * 32))
    assert first.id != new.id


def swept(house: House, operator: Operator) -> tuple[int, int, bool]:
    done = house.core.sweep_clinic(operator, limit=2, quiet=True)
    return done.sessions, done.answers, done.more
