"""Sessions: how long they last, how they go on, how they end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import attrs
import pytest

from mindbridge_core import Action, Role, SessionClaim
from mindbridge_core.audit import Outcome
from mindbridge_core.errors import SessionEnded
from mindbridge_core.identity import RefreshRequest, SessionLimits, TokenPair, User
from mindbridge_core.ids import PLATFORM_CLINIC_ID
from mindbridge_core.testing.store import together
from tests.core.house import ORIGIN, START, House, actor


@pytest.fixture
def pair(house: House, user: User) -> TokenPair:
    return house.log_in(user)


@pytest.fixture
def claim(house: House, pair: TokenPair) -> SessionClaim:
    return house.claim(pair)


def refresh(house: House, pair: TokenPair) -> TokenPair:
    return house.core.refresh_session(RefreshRequest(refresh_token=pair.refresh_token), ORIGIN)


def ended(call: Callable[[], object]) -> bool:
    try:
        call()
    except SessionEnded:
        return True
    return False


def change(house: House, user: User, **fields: object) -> None:
    with house.store.open_unit(user.clinic_id) as unit:
        unit.users.save(attrs.evolve(user, **fields))  # type: ignore[arg-type]  # any field of the record


def test_a_session_ends_when_it_was_idle_for_fifteen_minutes(house: House, claim: SessionClaim) -> None:
    house.clock.forward(minutes=14, seconds=59)
    house.core.view_self(claim)
    house.clock.forward(minutes=14, seconds=59)
    house.core.view_self(claim)
    house.clock.forward(minutes=15)
    assert ended(lambda: house.core.view_self(claim))


def test_a_session_ends_after_twelve_hours_however_busy(house: House, pair: TokenPair, claim: SessionClaim) -> None:
    for _ in range(71):
        house.clock.forward(minutes=10)
        house.core.view_self(claim)
        pair = refresh(house, pair)
    assert pair.expires_in == 600
    house.clock.forward(minutes=10)
    assert ended(lambda: house.core.view_self(claim))
    assert ended(lambda: refresh(house, pair))


def test_use_is_noted_once_a_minute(house: House, claim: SessionClaim) -> None:
    def last_seen() -> timedelta:
        with house.store.open_unit(claim.clinic_id) as unit:
            found = unit.sessions.signed_in(claim.session_id)
        assert found is not None
        return found.session.last_seen_at - START

    seen = []
    for _ in range(3):
        house.clock.forward(seconds=30)
        house.core.view_self(claim)
        seen.append(last_seen().total_seconds())
    assert seen == [0, 60, 60]


@pytest.mark.parametrize(
    "limits",
    [
        {"touch_every": timedelta(0)},
        {"idle": timedelta(minutes=1)},
        {"absolute": timedelta(minutes=1)},
        {"absolute": timedelta(days=8)},
    ],
)
def test_limits_that_are_none_are_refused(limits: dict[str, timedelta]) -> None:
    with pytest.raises(ValueError, match="touch_every"):
        SessionLimits(**limits)
    assert SessionLimits(absolute=timedelta(days=7)).idle == timedelta(minutes=15)


def test_a_refresh_brings_new_tokens_of_the_same_session(house: House, pair: TokenPair, claim: SessionClaim) -> None:
    second = refresh(house, pair)
    assert second.refresh_token != pair.refresh_token
    assert house.claim(second).session_id == claim.session_id
    entry = house.entries()[-1]
    assert (entry.action, entry.outcome, entry.resource_id) == (Action.AUTH_REFRESH, Outcome.SUCCESS, claim.session_id)
    refresh(house, second)


def test_a_refresh_keeps_an_idle_session_alive(house: House, pair: TokenPair, claim: SessionClaim) -> None:
    house.clock.forward(minutes=14)
    refresh(house, pair)
    house.clock.forward(minutes=14)
    assert claim.user_id == house.core.view_self(claim).id


def test_a_refresh_token_handed_in_twice_ends_the_session(house: House, pair: TokenPair, claim: SessionClaim) -> None:
    second = refresh(house, pair)
    house.core.view_self(claim)
    assert ended(lambda: refresh(house, pair))
    entry = house.entries()[-1]
    assert (entry.action, entry.outcome, entry.resource_id) == (Action.AUTH_REFRESH, Outcome.DENIED, claim.session_id)
    assert ended(lambda: house.core.view_self(claim))
    assert ended(lambda: refresh(house, second))


def test_of_two_refreshes_at_once_one_wins(house: House, pair: TokenPair) -> None:
    results = together(*[lambda: refresh(house, pair)] * 2)
    assert sorted(type(result).__name__ for result in results) == ["SessionEnded", "TokenPair"]


@pytest.mark.parametrize("text", ["x", "." * 76, "0" * 32 + "." + "a" * 42, "0" * 32 + "." + "a" * 43 + "\n"])
def test_a_refresh_token_of_another_shape_is_refused(house: House, text: str) -> None:
    with pytest.raises(SessionEnded):
        house.core.refresh_session(RefreshRequest(refresh_token=text), ORIGIN)


def test_an_unknown_refresh_token_is_refused_and_entered(house: House, user: User) -> None:
    for clinic_id, entered in ((user.clinic_id, user.clinic_id), (uuid4(), PLATFORM_CLINIC_ID)):
        token = RefreshRequest(refresh_token=f"{clinic_id.hex}." + "a" * 43)
        with pytest.raises(SessionEnded) as refused:
            house.core.refresh_session(token, ORIGIN)
        assert refused.type is SessionEnded
        entry = house.entries()[-1]
        assert (entry.clinic_id, entry.action, entry.outcome) == (entered, Action.AUTH_REFRESH, Outcome.DENIED)


def test_a_refresh_token_of_another_clinic_is_refused(house: House, pair: TokenPair) -> None:
    other = house.clinic("South")
    moved = RefreshRequest(refresh_token=other.hex + pair.refresh_token[32:])
    assert ended(lambda: house.core.refresh_session(moved, ORIGIN))
    refresh(house, pair)


def test_logging_out_ends_the_session_and_no_other(house: House, user: User, claim: SessionClaim) -> None:
    other = house.claim(house.log_in(user))
    house.core.log_out(claim)
    assert ended(lambda: house.core.view_self(claim))
    house.core.view_self(other)


def test_logging_out_everywhere_ends_all_sessions_of_the_account(house: House, user: User, claim: SessionClaim) -> None:
    other = house.claim(house.log_in(user))
    colleague = house.claim(house.log_in(house.staff(user.clinic_id, Role.ADMIN)))
    house.core.log_out(claim, everywhere=True)
    assert house.entries()[-1].changed_values == {"everywhere": True}
    assert ended(lambda: house.core.view_self(claim))
    assert ended(lambda: house.core.view_self(other))
    house.core.view_self(colleague)


def test_an_actor_without_a_session_logs_out_of_all(house: House, user: User, claim: SessionClaim) -> None:
    house.core.log_out(actor(user))
    assert ended(lambda: house.core.view_self(claim))


def test_a_new_role_holds_at_the_next_request(house: House, user: User, claim: SessionClaim) -> None:
    change(house, user, role=Role.READONLY)
    assert house.core.view_self(claim).role is Role.READONLY


def test_a_retired_user_is_out_at_the_next_request(house: House, user: User, pair: TokenPair) -> None:
    claim = house.claim(pair)
    change(house, user, deleted_at=START)
    assert ended(lambda: house.core.view_self(claim))
    assert ended(lambda: refresh(house, pair))
    entry = house.entries()[-1]
    assert (entry.outcome, entry.resource_id) == (Outcome.DENIED, claim.session_id)


@pytest.mark.parametrize("name", ["user_id", "session_id", "clinic_id"])
def test_a_claim_to_somebody_elses_session_is_refused_and_entered(
    house: House, user: User, claim: SessionClaim, name: str
) -> None:
    stranger = house.claim(house.log_in(house.staff(house.clinic("South"), Role.ADMIN)))
    forged = attrs.evolve(claim, **{name: getattr(stranger, name)})
    with pytest.raises(SessionEnded):
        house.core.view_self(forged)
    entry = house.entries()[-1]
    assert (entry.action, entry.outcome, entry.clinic_id) == (Action.AUTH_ME, Outcome.DENIED, forged.clinic_id)
    assert house.core.view_self(claim).id == user.id


def test_a_session_does_not_carry_a_colleagues_name(house: House, user: User, claim: SessionClaim) -> None:
    colleague = house.staff(user.clinic_id, Role.ADMIN)
    with pytest.raises(SessionEnded):
        house.core.view_self(attrs.evolve(claim, user_id=colleague.id))
    assert house.core.view_self(claim).id == user.id
