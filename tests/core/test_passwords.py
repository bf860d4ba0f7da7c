"""Passwords changed by those who know them and replaced by those who lost them."""

from __future__ import annotations

from uuid import uuid4

import attrs
import pytest

from mindbridge_core import Role
from mindbridge_core.errors import (
    AccountLocked,
    AccountTokenRefused,
    AuthenticationFailed,
    InvalidInput,
    MfaRequired,
    MindBridgeError,
    NotFound,
    SessionEnded,
)
from mindbridge_core.identity import PasswordChange, Purpose, Redemption, ResetRequest, User
from mindbridge_core.ids import PLATFORM_CLINIC_ID
from mindbridge_core.testing.store import together
from mindbridge_memory import ScryptHasher
from tests.core.house import CHEAPEST, ORIGIN, PASSWORD, AnyCaller, Town, actor, token_in

NEW = "another lantern over other rivers"


def change(town: Town, caller: AnyCaller, current: str = PASSWORD, new: str = NEW) -> None:
    town.house.core.change_password(caller, PasswordChange(current_password=current, password=new))


def refused_change(town: Town, current: str, caller: AnyCaller = None) -> type[Exception]:
    with pytest.raises(MindBridgeError) as raised:
        change(town, caller or town.caller(Role.READONLY), current)
    return raised.type


def ask(town: Town, email: str) -> None:
    town.house.core.request_password_reset(ResetRequest(email=email), ORIGIN)


def reset(town: Town, token: str, password: str = NEW) -> None:
    town.house.core.reset_password(Redemption(token=token, password=password), ORIGIN)


def edit(town: Town, user: User, **fields: object) -> None:
    with town.house.store.open_unit(user.clinic_id) as unit:
        current = unit.users.get(user.id)
        assert current is not None
        unit.users.save(attrs.evolve(current, **fields))  # type: ignore[arg-type]  # any field of the record


def test_a_changed_password_holds_at_once_and_ends_all_sessions(town: Town) -> None:
    user = town.staff[Role.READONLY]
    first, second = town.caller(Role.READONLY), town.house.claim(town.house.log_in(user))
    change(town, first)
    for ended in (first, second):
        with pytest.raises(SessionEnded):
            town.house.core.view_self(ended)
    with pytest.raises(AuthenticationFailed):
        town.house.log_in(user)
    assert user.id == town.house.core.view_self(town.house.claim(town.house.log_in(user, NEW))).id
    assert [(user.email, "Your MindBridge password was changed")] == [(one.to, one.subject) for one in town.outbox]
    assert town.staff[Role.ADMIN].id == town.house.core.view_self(town.caller(Role.ADMIN)).id


def test_the_password_asked_for_counts_as_a_try_until_the_e_mail_is_locked(town: Town) -> None:
    user = town.staff[Role.READONLY]
    assert [AuthenticationFailed] * 5 + [AccountLocked] == [refused_change(town, "wrong") for _ in range(6)]
    assert AccountLocked is refused_change(town, PASSWORD)
    with pytest.raises(AccountLocked):
        town.house.log_in(user)
    assert user.id == town.house.core.view_self(town.caller(Role.READONLY)).id
    assert [] == town.outbox
    reasons = [one.changed_values.get("reason") for one in town.house.entries() if one.action == "password.change"]
    assert ["invalid_credentials"] * 5 + ["account_locked"] * 2 == reasons


def test_a_right_password_clears_the_count(town: Town) -> None:
    user = town.staff[Role.READONLY]
    assert [AuthenticationFailed] * 4 == [refused_change(town, "wrong") for _ in range(4)]
    change(town, town.caller(Role.READONLY))
    again = town.house.claim(town.house.log_in(user, NEW))
    assert [AuthenticationFailed] * 4 == [refused_change(town, "wrong", again) for _ in range(4)]


def test_an_ended_session_asks_for_nothing_and_counts_nothing(town: Town) -> None:
    caller = town.caller(Role.READONLY)
    town.house.core.log_out(caller)
    before = town.house.store.tables.attempts.rows()
    assert SessionEnded is refused_change(town, PASSWORD, caller)
    assert before == town.house.store.tables.attempts.rows()
    assert "invalid_token" == town.house.entries()[-1].changed_values["reason"]


def test_an_account_that_is_gone_changes_nothing(town: Town) -> None:
    user = town.staff[Role.READONLY]
    edit(town, user, deleted_at=town.house.clock())
    assert SessionEnded is refused_change(town, PASSWORD, actor(user))


@pytest.mark.parametrize("password", ["short", "passwordpassword", "Some Body Some Body", "x" * 129])
def test_a_weak_password_is_refused_and_is_no_try(town: Town, password: str) -> None:
    before = town.house.store.tables.attempts.rows()
    with pytest.raises(InvalidInput) as raised:
        change(town, town.caller(Role.READONLY), new=password)
    assert ["/password"] == [found.pointer for found in raised.value.findings]
    assert before == town.house.store.tables.attempts.rows()
    change(town, town.caller(Role.READONLY))


def test_a_password_changed_meanwhile_is_not_overwritten(town: Town) -> None:
    user = town.staff[Role.READONLY]

    class SlowHasher(ScryptHasher):
        def hash(self, password: str) -> str:
            edit(town, user, password_changed_at=town.house.clock.now.replace(year=2030))
            return CHEAPEST.hash(password)

    change_password = town.house.core.change_password
    slow = attrs.evolve(change_password, prove=attrs.evolve(change_password.prove, hasher=SlowHasher(cost=2)))
    with pytest.raises(AuthenticationFailed):
        slow(town.caller(Role.READONLY), PasswordChange(current_password=PASSWORD, password=NEW))


def test_a_lost_password_is_replaced_by_mail(town: Town) -> None:
    user, caller = town.staff[Role.ADMIN], town.caller(Role.ADMIN)
    ask(town, f"  {user.email.upper()} ")
    (message,) = town.outbox
    assert user.email == message.to
    assert user.id == town.house.core.view_self(caller).id  # nothing ends before the token is used

    reset(town, token_in(message))

    with pytest.raises(SessionEnded):
        town.house.core.view_self(caller)
    with pytest.raises(AuthenticationFailed):
        town.house.log_in(user)
    assert town.house.log_in(user, NEW).access_token
    assert "Your MindBridge password was changed" == town.outbox[-1].subject


def test_who_has_no_password_to_lose_is_sent_nothing_and_told_the_same(town: Town) -> None:
    retired = town.house.staff(town.clinic, Role.READONLY)
    town.house.core.deactivate_staff(town.caller(Role.ADMIN), retired.id)
    before = len(town.house.entries())
    for email in ("nobody@example.org", "no e-mail at all", town.guest.email, retired.email):
        ask(town, email)
    assert [] == town.outbox
    entries = town.house.entries()[before:]
    platform = (PLATFORM_CLINIC_ID, None, "success")
    known = [(town.clinic, one.id, "success") for one in (town.guest, retired)]
    assert [platform, platform, *known] == [(one.clinic_id, one.resource_id, one.outcome) for one in entries]
    rows = town.house.store.tables.account_tokens.rows()
    assert {town.guest.id, town.staff[Role.READONLY].id} == {one.user_id for one in rows}


def test_expired_used_replaced_and_foreign_tokens_answer_alike(town: Town) -> None:
    user = town.staff[Role.CASE_MANAGER]
    ask(town, user.email)
    ask(town, user.email)
    replaced, used = (token_in(message) for message in town.outbox)
    reset(town, used)
    town.house.clock.forward(minutes=30)
    answers = set()
    for token in (replaced, used, town.reset, town.invitation):
        with pytest.raises(AccountTokenRefused) as raised:
            reset(town, token)
        answers.add(str(raised.value))
    assert 1 == len(answers)
    assert [] == [one for one in town.house.entries()[-4:] if one.changed_values["reason"] != "invalid_account_token"]
    with pytest.raises(AccountTokenRefused):
        town.house.core.accept_invitation(Redemption(token=town.reset, password=NEW), ORIGIN)


def test_the_last_moment_of_a_token_is_good(town: Town) -> None:
    town.house.clock.forward(minutes=29, seconds=59)
    reset(town, town.reset)
    assert town.house.log_in(town.staff[Role.READONLY], NEW).access_token


def test_of_two_resets_at_once_with_one_token_one_counts(town: Town) -> None:
    passwords = ["one lantern over nine quiet rivers", "two lanterns over nine quiet rivers"]
    results = together(*[lambda given=given: reset(town, town.reset, given) for given in passwords])
    assert ["AccountTokenRefused", "NoneType"] == sorted(type(result).__name__ for result in results)
    assert town.house.log_in(town.staff[Role.READONLY], passwords[results.index(None)]).access_token


def test_a_changed_password_makes_a_token_that_was_asked_for_good_for_nothing(town: Town) -> None:
    change(town, town.caller(Role.READONLY))
    with pytest.raises(AccountTokenRefused):
        reset(town, town.reset)


def test_a_reset_ends_a_lock_and_a_second_factor_is_owed_as_before(town: Town) -> None:
    user = town.staff[Role.READONLY]
    for _ in range(6):
        with pytest.raises(MindBridgeError):
            town.house.log_in(user, "wrong")
    reset(town, town.reset)
    assert town.house.log_in(user, NEW).access_token

    edit(town, user, mfa_enabled=True)
    with town.house.store.open_unit(town.clinic) as unit:
        current = unit.users.get(user.id)
        assert current is not None
        second, _ = town.house.core.request_password_reset.issue(unit, current, Purpose.RESET)
    reset(town, second.text, "eight 8c")  # as short as it may be with a second factor
    with pytest.raises(MfaRequired):
        town.house.log_in(user, "eight 8c")


def test_a_reset_buys_no_guesses_at_codes_of_a_second_factor(town: Town) -> None:
    user = town.staff[Role.READONLY]
    edit(town, user, mfa_enabled=True)
    for _ in range(6):
        with pytest.raises(MindBridgeError):
            town.house.log_in(user, "wrong")
    reset(town, town.reset)
    with pytest.raises(AccountLocked):
        town.house.log_in(user, NEW)
    town.house.clock.forward(minutes=30)
    with pytest.raises(MfaRequired):
        town.house.log_in(user, NEW)


def test_an_admin_ends_a_lock_of_their_own_clinics_staff(town: Town) -> None:
    user, admin = town.staff[Role.READONLY], town.caller(Role.ADMIN)
    for _ in range(6):
        with pytest.raises(MindBridgeError):
            town.house.log_in(user, "wrong")
    with pytest.raises(AccountLocked):
        town.house.log_in(user)
    town.house.core.unlock_staff(admin, user.id)
    assert town.house.log_in(user).access_token
    stranger = town.house.staff(town.house.clinic("West"), Role.READONLY)
    for user_id in (stranger.id, uuid4()):
        with pytest.raises(NotFound):
            town.house.core.unlock_staff(admin, user_id)


def test_inputs_show_no_secret() -> None:
    shown = (PasswordChange(current_password=PASSWORD, password=NEW), ResetRequest(email="canary@example.org"))
    assert "(PasswordChange(), ResetRequest())" == repr(shown)
