"""Logging in: what is said, what is counted, what is locked and for how long."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

import attrs
import pytest

from mindbridge_core import Action, Operator, Role
from mindbridge_core.audit import Outcome
from mindbridge_core.errors import (
    AccountLocked,
    AuthenticationFailed,
    InvalidInput,
    MfaRequired,
    MindBridgeError,
)
from mindbridge_core.identity import Credentials, Lockout, LoginAttempts, StaffDraft, User, normalize_email
from mindbridge_core.ids import PLATFORM_CLINIC_ID
from mindbridge_core.testing.store import together
from mindbridge_memory import ScryptHasher
from tests.core.house import LOCKOUT, ORIGIN, PASSWORD, START, House, actor

NOBODY: Final = "nobody@example.org"


@pytest.fixture
def user(house: House) -> User:
    return house.staff(house.clinic("North"), Role.ADMIN)


def refusal(house: House, email: str, password: str = "wrong") -> type[MindBridgeError]:
    with pytest.raises(MindBridgeError) as refused:
        house.core.log_in(Credentials(email=email, password=password), ORIGIN)
    return refused.type


def fail(house: House, email: str, times: int) -> list[type[MindBridgeError]]:
    return [refusal(house, email) for _ in range(times)]


def change(house: House, user: User, **fields: object) -> None:
    with house.store.open_unit(user.clinic_id) as unit:
        current = unit.users.get(user.id)
        assert current is not None
        unit.users.save(attrs.evolve(current, **fields))  # type: ignore[arg-type]  # any field of the record


def test_the_right_password_begins_a_session(house: House, user: User) -> None:
    pair = house.log_in(user)
    assert (pair.token_type, pair.expires_in) == ("bearer", 1800)
    claim = house.claim(pair)
    assert (claim.clinic_id, claim.user_id, claim.origin) == (user.clinic_id, user.id, ORIGIN)
    assert house.core.view_self(claim) == attrs.evolve(user, last_login=START)
    entry = house.entries()[-1]
    assert (entry.action, entry.outcome, entry.resource_id) == (Action.AUTH_LOGIN, Outcome.SUCCESS, user.id)


@pytest.mark.parametrize("spelling", [str.upper, str.title, lambda email: f"  {email} "])
def test_an_e_mail_is_known_in_any_spelling(house: House, user: User, spelling: Callable[[str], str]) -> None:
    house.core.log_in(Credentials(email=spelling(user.email), password=PASSWORD), ORIGIN)


def test_credentials_do_not_show_whose_they_are() -> None:
    assert repr(Credentials(email="canary@example.org", password=PASSWORD, otp="123456")) == "Credentials()"


def test_normalising_an_e_mail_twice_changes_nothing_more() -> None:
    assert normalize_email(" \uff21lice@Example.ORG") == "alice@example.org"
    assert normalize_email(normalize_email("STRASSE@ß.example")) == "strasse@ss.example"


def test_one_password_typed_on_two_keyboards_is_one_password(house: House) -> None:
    clinic = house.clinic("North")
    draft = StaffDraft(email="zoe@example.org", full_name="Z", role=Role.READONLY)
    user = house.core.register_staff(Operator(clinic_id=clinic), draft, password="Åström over the hill")
    pair = house.core.log_in(Credentials(email=draft.email, password="A\u030astro\u0308m over the hill"), ORIGIN)
    assert user.id == house.claim(pair).user_id


def test_unknown_wrong_deleted_and_passwordless_answer_alike(house: House, user: User) -> None:
    retired, invited = house.staff(user.clinic_id, Role.ADMIN), house.staff(user.clinic_id, Role.ADMIN, password=None)
    change(house, retired, deleted_at=START)
    answers = {refusal(house, user.email), refusal(house, NOBODY), refusal(house, retired.email, PASSWORD)}
    assert answers | {refusal(house, invited.email, PASSWORD)} == {AuthenticationFailed}


def test_a_refused_login_is_entered_where_the_account_lies(house: House, user: User) -> None:
    for email, clinic_id, known in ((user.email, user.clinic_id, user.id), (NOBODY, PLATFORM_CLINIC_ID, None)):
        refusal(house, email)
        entry = house.entries()[-1]
        assert (entry.clinic_id, entry.resource_id, entry.user_id) == (clinic_id, known, None)
        assert (entry.outcome, entry.request_id) == (Outcome.DENIED, ORIGIN.request_id)


@pytest.mark.parametrize("known", [True, False])
def test_the_fifth_failure_locks_known_and_unknown_alike(house: House, user: User, known: bool) -> None:  # noqa: FBT001 - the case
    email = user.email if known else NOBODY
    assert fail(house, email, 6) == [AuthenticationFailed] * 5 + [AccountLocked]
    assert house.entries()[-1].outcome == Outcome.DENIED


def test_the_right_password_is_refused_while_locked_and_taken_after(house: House, user: User) -> None:
    fail(house, user.email, 5)
    house.clock.forward(minutes=29, seconds=59)
    assert refusal(house, user.email, PASSWORD) is AccountLocked
    house.clock.forward(seconds=1)
    house.log_in(user)


def test_tries_do_not_prolong_a_lock(house: House, user: User) -> None:
    fail(house, user.email, 5)
    house.clock.forward(minutes=20)
    assert fail(house, user.email, 10) == [AccountLocked] * 10
    house.clock.forward(minutes=10)
    house.log_in(user)


def test_a_lock_that_has_ended_starts_a_new_row_of_tries(house: House, user: User) -> None:
    fail(house, user.email, 5)
    house.clock.forward(minutes=30)
    assert fail(house, user.email, 6) == [AuthenticationFailed] * 5 + [AccountLocked]


def test_a_login_clears_the_count(house: House, user: User) -> None:
    for _ in range(3):
        assert fail(house, user.email, 4) == [AuthenticationFailed] * 4
        house.log_in(user)


def test_the_right_password_is_taken_at_the_fifth_try(house: House, user: User) -> None:
    fail(house, user.email, 4)
    house.log_in(user)
    assert fail(house, user.email, 4) == [AuthenticationFailed] * 4


def test_one_lock_leaves_other_e_mails_alone(house: House, user: User) -> None:
    fail(house, NOBODY, 5)
    house.log_in(user)


def test_ten_tries_at_once_pass_the_limit_no_more_than_five_times(house: House, user: User) -> None:
    results = together(*[lambda: refusal(house, user.email)] * 10)
    assert results.count(AuthenticationFailed) == 5
    assert results.count(AccountLocked) == 5


def test_a_count_below_the_limit_locks_nothing() -> None:
    tries = LoginAttempts(email_digest=bytes(32))
    for failures in range(1, LOCKOUT.limit):
        tries = tries.counted(START, LOCKOUT)
        assert (tries.failures, tries.locked(START)) == (failures, False)
    locked = tries.counted(START, LOCKOUT)
    assert locked.locked_until == START + timedelta(minutes=30)
    assert locked is locked.counted(START + timedelta(minutes=29), Lockout())


def test_a_second_factor_is_owed_after_the_right_password_only(house: House, user: User) -> None:
    house.give_factor(user)
    assert refusal(house, user.email, PASSWORD) is MfaRequired
    assert refusal(house, user.email) is AuthenticationFailed


def test_a_hash_of_another_cost_is_renewed_by_a_login() -> None:
    house = House(hasher=ScryptHasher(cost=4))
    house.core.prepare_platform()
    user = house.staff(house.clinic("North"), Role.ADMIN)
    change(house, user, password_hash=ScryptHasher(cost=2).hash(PASSWORD))
    claim = house.claim(house.log_in(user))
    renewed = house.core.view_self(claim).password_hash
    assert renewed is not None
    assert not house.hasher.outdated(renewed)
    house.log_in(user)


@attrs.frozen
class MeddlingHasher:
    """A hasher during whose work somebody changes the account."""

    meddle: Callable[[], None]
    inner: ScryptHasher = attrs.field(factory=lambda: ScryptHasher(cost=2))

    def hash(self, password: str) -> str:
        return self.inner.hash(password)

    def verify(self, password_hash: str | None, password: str) -> bool:
        self.meddle()
        return self.inner.verify(password_hash, password)

    def outdated(self, password_hash: str) -> bool:
        return self.inner.outdated(password_hash)


@pytest.mark.parametrize("fields", [{"deleted_at": START}, {"password_changed_at": START + timedelta(1)}])
def test_an_account_changed_while_its_password_is_checked_is_not_entered(
    house: House, user: User, fields: dict[str, object]
) -> None:
    meddling = MeddlingHasher(lambda: change(house, user, **fields))
    log_in = attrs.evolve(house.core.log_in, hasher=meddling)
    with pytest.raises(AuthenticationFailed):
        log_in(Credentials(email=user.email, password=PASSWORD), ORIGIN)


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("x y z 1 2 3 4 5", None),
        ("fourteen chars", "invalid_length"),
        ("long " * 26, "invalid_length"),
        ("correct horse battery staple", "common_password"),
        ("oakwood north wing", None),
        ("north north north", "common_password"),
    ],
)
def test_a_first_password_is_long_and_not_common(house: House, password: str, code: str | None) -> None:
    clinic = house.clinic("North")
    draft = StaffDraft(email="new@example.org", full_name="New Body", role=Role.READONLY)
    if code is None:
        assert house.core.register_staff(Operator(clinic_id=clinic), draft, password=password).password_changed_at
        return
    with pytest.raises(InvalidInput) as refused:
        house.core.register_staff(Operator(clinic_id=clinic), draft, password=password)
    assert [(found.pointer, found.code) for found in refused.value.findings] == [("/password", code)]
    assert password not in str(refused.value)


def test_an_actor_without_an_account_sees_no_account(house: House, user: User) -> None:
    assert user == house.core.view_self(actor(user))
    change(house, user, deleted_at=START)
    with pytest.raises(MindBridgeError):
        house.core.view_self(actor(user))


def test_a_wrong_password_costs_todays_hash_whatever_the_stored_one_cost(house: House, user: User) -> None:
    verified: list[str | None] = []

    class Dearer(MeddlingHasher):
        def verify(self, password_hash: str | None, password: str) -> bool:
            verified.append(password_hash)
            return super().verify(password_hash, password)

        def outdated(self, password_hash: str) -> bool:
            return bool(password_hash)

    log_in = attrs.evolve(house.core.log_in, hasher=Dearer(lambda: None))
    with pytest.raises(AuthenticationFailed):
        log_in(Credentials(email=user.email, password="wrong"), ORIGIN)
    with pytest.raises(AuthenticationFailed):
        log_in(Credentials(email="nobody@example.org", password="wrong"), ORIGIN)
    assert [user.password_hash, None, None] == verified
    assert log_in(Credentials(email=user.email, password=PASSWORD), ORIGIN).access_token
