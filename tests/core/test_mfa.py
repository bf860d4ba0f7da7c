"""The second factor: how it is set up, what it asks for, what it ends, and who must have one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import uuid4

import attrs
import pytest

from mindbridge_core import Action, MindBridge, Operator, Role, SessionClaim
from mindbridge_core.access import GRANTS, WITHOUT_SECOND_FACTOR
from mindbridge_core.audit import Outcome
from mindbridge_core.errors import (
    AccountLocked,
    AuthenticationFailed,
    DependencyUnavailable,
    Forbidden,
    InvalidInput,
    LostUpdate,
    MfaEnrolmentRequired,
    MfaNotEnabled,
    MfaOn,
    MfaRequired,
    MindBridgeError,
    NotFound,
    PreconditionFailed,
    SessionEnded,
    WrongCode,
)
from mindbridge_core.identity import (
    PHI_ROLES,
    CodeAgain,
    LoginAttempts,
    MfaPolicyDraft,
    PasswordAgain,
    PasswordAndCode,
    PasswordChange,
    PasswordHasher,
    RecoveryCode,
    RefreshRequest,
    StaffChanges,
    User,
)
from mindbridge_core.notices import Message
from mindbridge_core.patients import PatientFilter
from mindbridge_core.testing.store import together
from mindbridge_memory import StandardCodes
from tests.core.house import LOCKOUT, ORIGIN, PASSWORD, START, House, actor

AGAIN: Final = PasswordAgain(password=PASSWORD)
WRONG: Final = "000000"
SHORT: Final = "plum orbit"


@pytest.fixture
def core(house: House) -> MindBridge:
    return house.core


def refusal(call: Callable[[], object]) -> type[MindBridgeError]:
    with pytest.raises(MindBridgeError) as refused:
        call()
    return refused.type


def enrolled(house: House, claim: SessionClaim) -> tuple[str, tuple[str, ...]]:
    """Set a second factor up; return its secret and the recovery codes."""
    secret = house.core.enroll_mfa(claim, AGAIN).secret
    return secret, house.core.confirm_mfa(claim, CodeAgain(otp=StandardCodes().code(secret, house.clock())))


def test_a_second_factor_is_proposed_confirmed_and_then_asked_for(
    house: House, user: User, claim: SessionClaim
) -> None:
    other = house.claim(house.log_in(user))
    enrolment = house.core.enroll_mfa(claim, AGAIN)
    assert enrolment.secret in enrolment.uri
    assert house.core.view_self(other).mfa_enabled is False
    house.log_in(user)  # what was only proposed is not asked for

    code = StandardCodes().code(enrolment.secret, house.clock())
    codes = house.core.confirm_mfa(claim, CodeAgain(otp=f"{code[:3]} {code[3:]}"))
    assert len(set(codes)) == 10
    assert house.core.view_self(claim).mfa_enabled is True
    assert refusal(lambda: house.core.view_self(other)) is SessionEnded
    assert refusal(lambda: house.log_in(user)) is MfaRequired

    house.clock.forward(seconds=30)
    house.log_in(user, otp=StandardCodes().code(enrolment.secret, house.clock()))
    entry = house.entries()[-1]
    assert (entry.action, entry.outcome, entry.changed_values["second_factor"]) == (
        Action.AUTH_LOGIN, Outcome.SUCCESS, "totp",
    )  # fmt: skip


def test_every_step_is_entered_once_with_who_and_whose(house: House, user: User, claim: SessionClaim) -> None:
    before = len(house.entries())
    secret, _ = enrolled(house, claim)
    house.core.renew_recovery_codes(claim, AGAIN)
    house.clock.forward(seconds=30)
    house.core.disable_mfa(claim, PasswordAndCode(password=PASSWORD, otp=StandardCodes().code(secret, house.clock())))
    written = house.entries()[before:]
    assert [entry.action for entry in written] == [
        Action.MFA_ENROLL, Action.MFA_CONFIRM, Action.MFA_RENEW_CODES, Action.MFA_DISABLE,
    ]  # fmt: skip
    assert {(entry.user_id, entry.resource_id, entry.outcome) for entry in written} == {
        (user.id, user.id, Outcome.SUCCESS)
    }
    assert [entry.changed_values.get("mfa_enabled") for entry in written] == [None, True, None, False]
    assert secret not in repr(written)


def test_a_secret_is_proposed_anew_until_one_is_confirmed(house: House, claim: SessionClaim) -> None:
    first = house.core.enroll_mfa(claim, AGAIN).secret
    second = house.core.enroll_mfa(claim, AGAIN).secret
    assert first != second
    stale = StandardCodes().code(first, house.clock())
    assert refusal(lambda: house.core.confirm_mfa(claim, CodeAgain(otp=stale))) is WrongCode
    house.core.confirm_mfa(claim, CodeAgain(otp=StandardCodes().code(second, house.clock())))
    assert refusal(lambda: house.core.enroll_mfa(claim, AGAIN)) is MfaOn
    assert refusal(lambda: house.core.confirm_mfa(claim, CodeAgain(otp=stale))) is MfaOn


def test_without_a_second_factor_there_is_nothing_to_confirm_disable_or_recover(
    core: MindBridge, claim: SessionClaim
) -> None:
    assert refusal(lambda: core.confirm_mfa(claim, CodeAgain(otp=WRONG))) is MfaNotEnabled
    assert refusal(lambda: core.disable_mfa(claim, PasswordAndCode(password=PASSWORD, otp=WRONG))) is MfaNotEnabled
    assert refusal(lambda: core.renew_recovery_codes(claim, AGAIN)) is MfaNotEnabled


@pytest.mark.parametrize("operation", ["enroll", "renew", "disable"])
def test_a_wrong_password_is_refused_counted_like_a_login_and_entered(
    house: House, user: User, claim: SessionClaim, operation: str
) -> None:
    if operation != "enroll":
        house.give_factor(user)
    calls: dict[str, Callable[[str], object]] = {
        "enroll": lambda password: house.core.enroll_mfa(claim, PasswordAgain(password=password)),
        "renew": lambda password: house.core.renew_recovery_codes(claim, PasswordAgain(password=password)),
        "disable": lambda password: house.core.disable_mfa(claim, PasswordAndCode(password=password, otp=house.code())),
    }
    call = calls[operation]
    assert [refusal(lambda: call("wrong")) for _ in range(6)] == [AuthenticationFailed] * 5 + [AccountLocked]
    assert refusal(lambda: call(PASSWORD)) is AccountLocked
    assert refusal(lambda: house.log_in(user, otp=house.code())) is AccountLocked
    entry = house.entries()[-3]
    assert (entry.user_id, entry.outcome, entry.resource_id) == (user.id, Outcome.DENIED, user.id)
    house.clock.forward(minutes=14)
    house.core.view_self(claim)  # the session itself goes on
    house.clock.forward(minutes=14)
    house.core.view_self(claim)
    house.clock.forward(minutes=2)
    call(PASSWORD)


def test_a_code_works_once(house: House, user: User) -> None:
    house.give_factor(user)
    code = house.code()
    house.log_in(user, otp=code)
    assert refusal(lambda: house.log_in(user, otp=code)) is WrongCode
    entry = house.entries()[-1]
    assert (entry.action, entry.outcome, entry.changed_values) == (
        Action.AUTH_LOGIN, Outcome.DENIED, {"reason": "invalid_code"},
    )  # fmt: skip
    house.log_in(user, otp=house.code(1))


def test_the_code_that_confirmed_does_not_log_in(house: House, user: User, claim: SessionClaim) -> None:
    secret, _ = enrolled(house, claim)
    assert refusal(lambda: house.log_in(user, otp=StandardCodes().code(secret, house.clock()))) is WrongCode
    house.log_in(user, otp=StandardCodes().code(secret, house.clock(), later=1))


def test_after_a_code_no_earlier_one_is_taken(house: House, user: User) -> None:
    house.give_factor(user)
    house.log_in(user, otp=house.code(1))
    assert [refusal(lambda: house.log_in(user, otp=house.code(later))) for later in (0, -1)] == [WrongCode] * 2  # noqa: B023 - called at once


def test_of_two_uses_of_a_code_at_once_one_logs_in(house: House, user: User) -> None:
    house.give_factor(user)
    results = together(*[lambda: house.log_in(user, otp=house.code())] * 2)
    assert sorted(type(result).__name__ for result in results) == ["TokenPair", "WrongCode"]


def test_of_two_uses_of_a_recovery_code_at_once_one_logs_in(house: House, user: User, claim: SessionClaim) -> None:
    _, codes = enrolled(house, claim)
    results = together(*[lambda: house.log_in(user, otp=codes[0])] * 2)
    assert sorted(type(result).__name__ for result in results) == ["TokenPair", "WrongCode"]


def test_of_two_confirmations_at_once_one_turns_it_on(house: House, user: User, claim: SessionClaim) -> None:
    house.give_factor(user, confirmed=False)
    results = together(*[lambda: house.core.confirm_mfa(claim, CodeAgain(otp=house.code()))] * 2)
    assert sorted(type(result).__name__ for result in results) == ["MfaOn", "tuple"]


def test_a_recovery_code_logs_in_once_however_it_is_typed(house: House, user: User, claim: SessionClaim) -> None:
    _, codes = enrolled(house, claim)
    for code, typed in ((codes[0], codes[0]), (codes[1], codes[1].lower()), (codes[2], codes[2].replace("-", " "))):
        house.log_in(user, otp=typed)
        assert house.entries()[-1].changed_values["second_factor"] == "recovery_code"
        assert refusal(lambda: house.log_in(user, otp=code)) is WrongCode  # noqa: B023 - called at once
    assert all(code not in repr(house.snapshot()) for code in codes)


def test_new_recovery_codes_void_the_old_ones(house: House, user: User, claim: SessionClaim) -> None:
    _, old = enrolled(house, claim)
    new = house.core.renew_recovery_codes(claim, AGAIN)
    assert set(old).isdisjoint(new)
    assert refusal(lambda: house.log_in(user, otp=old[0])) is WrongCode
    house.log_in(user, otp=new[0])


def test_a_recovery_code_is_125_bits_of_what_it_was_made_of() -> None:
    assert RecoveryCode.made_of("_" * 42 + "8").text == "77777-77777-77777-77777-77777"
    assert RecoveryCode.made_of("A" * 43).text == "AAAAA-AAAAA-AAAAA-AAAAA-AAAAA"
    assert RecoveryCode.made_of("A" * 43).digest(uuid4()) != RecoveryCode.made_of("A" * 43).digest(uuid4())


def test_wrong_codes_lock_across_logins_and_a_right_password_alone_does_not_clear_them(
    house: House, user: User, claim: SessionClaim
) -> None:
    house.give_factor(user)
    seen = []
    for _ in range(4):
        seen.append(refusal(lambda: house.log_in(user, otp=WRONG)))
        seen.append(refusal(lambda: house.log_in(user)))
        house.core.renew_recovery_codes(claim, AGAIN)
    assert seen == [WrongCode, MfaRequired] * 4
    assert refusal(lambda: house.log_in(user, otp=WRONG)) is WrongCode
    assert refusal(lambda: house.log_in(user, otp=house.code())) is AccountLocked
    house.clock.forward(minutes=30)
    house.log_in(user, otp=house.code())


def test_a_session_alone_clears_no_tries(house: House, user: User, claim: SessionClaim) -> None:
    for _ in range(4):
        assert refusal(lambda: house.core.enroll_mfa(claim, PasswordAgain(password="wrong"))) is AuthenticationFailed
        assert refusal(lambda: house.core.confirm_mfa(claim, CodeAgain(otp=WRONG))) is MfaNotEnabled
    assert refusal(lambda: house.log_in(user, "wrong")) is AuthenticationFailed
    assert refusal(lambda: house.log_in(user)) is AccountLocked


def test_asking_for_the_code_is_no_wrong_try(house: House, user: User) -> None:
    house.give_factor(user)
    assert [refusal(lambda: house.log_in(user)) for _ in range(10)] == [MfaRequired] * 10
    house.log_in(user, otp=house.code())


def test_a_try_taken_back_unlocks_only_what_it_locked() -> None:
    tries = LoginAttempts(email_digest=bytes(32))
    assert tries == tries.uncounted(LOCKOUT)
    four = attrs.evolve(tries, failures=4)
    assert four == four.counted(START, LOCKOUT).uncounted(LOCKOUT)
    six = attrs.evolve(four.counted(START, LOCKOUT), failures=6)
    assert six.uncounted(LOCKOUT).locked(START)


def test_wrong_codes_to_confirm_are_counted_too(house: House, user: User, claim: SessionClaim) -> None:
    house.give_factor(user, confirmed=False)
    seen = [refusal(lambda: house.core.confirm_mfa(claim, CodeAgain(otp=WRONG))) for _ in range(6)]
    assert seen == [WrongCode] * 5 + [AccountLocked]
    house.clock.forward(minutes=14)
    house.core.view_self(claim)
    house.clock.forward(minutes=14)
    house.core.view_self(claim)
    house.clock.forward(minutes=2)
    assert house.core.confirm_mfa(claim, CodeAgain(otp=house.code()))


@pytest.mark.parametrize("by", ["code", "recovery code"])
def test_it_is_turned_off_by_password_and_code_and_other_sessions_end(
    house: House, user: User, claim: SessionClaim, by: str
) -> None:
    secret, codes = enrolled(house, claim)
    other = house.claim(house.log_in(user, otp=codes[1]))
    otp = StandardCodes().code(secret, house.clock(), later=1) if by == "code" else codes[0]
    assert refusal(lambda: house.core.disable_mfa(claim, PasswordAndCode(password=PASSWORD, otp=WRONG))) is WrongCode
    house.core.disable_mfa(claim, PasswordAndCode(password=PASSWORD, otp=otp))
    assert house.core.view_self(claim).mfa_enabled is False
    assert refusal(lambda: house.core.view_self(other)) is SessionEnded
    house.log_in(user)
    enrolled(house, house.claim(house.log_in(user)))
    assert refusal(lambda: house.log_in(user, otp=codes[2])) is WrongCode


def test_a_password_that_is_long_enough_only_with_a_second_factor_keeps_it(
    house: House, user: User, claim: SessionClaim
) -> None:
    house.give_factor(user)
    with house.store.open_unit(user.clinic_id) as unit:
        stored = unit.users.get(user.id)
        assert stored is not None
        unit.users.save(attrs.evolve(stored, password_hash=house.hasher.hash(SHORT)))
    with pytest.raises(InvalidInput) as refused:
        house.core.disable_mfa(claim, PasswordAndCode(password=SHORT, otp=house.code()))
    assert [(one.pointer, one.code) for one in refused.value.findings] == [("/password", "invalid_length")]
    house.log_in(user, SHORT, otp=house.code(1))


def test_an_account_changed_while_its_password_is_asked_for_is_left_alone(
    house: House, user: User, claim: SessionClaim
) -> None:
    for fields in ({"password_changed_at": START.replace(year=2030)}, {"deleted_at": START}):
        count = attrs.evolve(house.core.confirm_mfa.count)
        stale = count(actor(user), Action.MFA_CONFIRM)
        with house.store.open_unit(user.clinic_id) as unit:
            stored = unit.users.get(user.id)
            assert stored is not None
            unit.users.save(attrs.evolve(stored, **fields))  # type: ignore[arg-type]  # any field of the record
        with (
            pytest.raises(AuthenticationFailed),
            house.core.confirm_mfa.work(actor(user), Action.MFA_CONFIRM) as desk,
        ):
            count.settle(desk, stale)
    assert refusal(lambda: house.core.enroll_mfa(actor(user), AGAIN)) is SessionEnded
    assert refusal(lambda: house.core.view_self(claim)) is SessionEnded


def test_nobody_but_staff_has_a_second_factor(core: MindBridge, user: User) -> None:
    assert refusal(lambda: core.enroll_mfa(Operator(clinic_id=user.clinic_id), AGAIN)) is Forbidden


def test_an_actor_without_a_session_ends_all(house: House, user: User, claim: SessionClaim) -> None:
    house.give_factor(user, confirmed=False)
    house.core.confirm_mfa(actor(user), CodeAgain(otp=house.code()))
    assert refusal(lambda: house.core.view_self(claim)) is SessionEnded


def test_whoever_it_is_about_is_told_of_each_change(house: House, user: User, claim: SessionClaim) -> None:
    admin = house.staff(user.clinic_id, Role.ADMIN)
    secret, codes = enrolled(house, claim)
    house.core.renew_recovery_codes(claim, AGAIN)
    code = StandardCodes().code(secret, house.clock(), later=1)
    house.core.disable_mfa(claim, PasswordAndCode(password=PASSWORD, otp=code))
    house.give_factor(user)
    house.core.reset_mfa(actor(admin), user.id)
    sent = house.messages.sent
    assert [message.to for message in sent] == [user.email] * 4
    assert len({message.text for message in sent}) == 4
    assert all(kept not in message.text for message in sent for kept in (secret, *codes, user.full_name))


class DeadNotifier:
    def send(self, _: Message) -> None:
        raise DependencyUnavailable


def test_what_is_done_is_done_where_no_message_can_be_sent(house: House, user: User, claim: SessionClaim) -> None:
    house.give_factor(user, confirmed=False)
    confirm = house.core.confirm_mfa
    confirm = attrs.evolve(confirm, tell=attrs.evolve(confirm.tell, notifier=DeadNotifier()))
    assert confirm(claim, CodeAgain(otp=house.code()))
    assert house.core.view_self(claim).mfa_enabled


@pytest.fixture
def admin(house: House, user: User) -> SessionClaim:
    return house.claim(house.log_in(house.staff(user.clinic_id, Role.ADMIN)))


def test_an_admin_takes_a_colleagues_lost_factor_away_and_a_new_one_is_owed(
    house: House, user: User, admin: SessionClaim
) -> None:
    house.give_factor(user)
    session = house.claim(house.log_in(user, otp=house.code()))
    house.core.reset_mfa(admin, user.id)
    entry = house.entries()[-1]
    assert (entry.action, entry.user_id, entry.resource_id) == (Action.MFA_RESET, admin.user_id, user.id)
    assert refusal(lambda: house.core.view_self(session)) is SessionEnded

    again = house.claim(house.log_in(user))
    assert refusal(lambda: house.core.view_self(again)) is MfaEnrolmentRequired
    enrolled(house, again)
    assert house.core.view_self(again).mfa_enabled


def test_nobodys_factor_is_reset_who_has_none_is_a_stranger_or_is_oneself(
    house: House, user: User, admin: SessionClaim
) -> None:
    stranger = house.staff(house.clinic("South"), Role.READONLY)
    gone = house.staff(user.clinic_id, Role.READONLY)
    house.core.deactivate_staff(admin, gone.id)
    for one in (stranger, gone):
        house.give_factor(one)
    assert refusal(lambda: house.core.reset_mfa(admin, user.id)) is MfaNotEnabled
    for missing in (stranger.id, gone.id, uuid4()):
        assert refusal(lambda: house.core.reset_mfa(admin, missing)) is NotFound  # noqa: B023 - called at once
    assert refusal(lambda: house.core.reset_mfa(admin, admin.user_id)) is Forbidden
    assert house.entries()[-1].changed_values == {"reason": "own_second_factor"}
    house.give_factor(user)
    house.core.reset_mfa(admin, user.id)


def test_a_clinic_demands_it_of_every_role_that_sees_phi_unless_it_says_otherwise(
    house: House, admin: SessionClaim
) -> None:
    assert house.core.view_mfa_policy(admin).roles == frozenset()
    assert PHI_ROLES == frozenset(Role)
    changed = house.core.change_mfa_policy(admin, MfaPolicyDraft(required=True))
    assert (changed.roles, changed.version, changed.updated_by) == (PHI_ROLES, 1, admin.user_id)
    assert house.entries()[-1].changed_values == {"roles": "admin,case_manager,compliance_officer,readonly"}
    enrolled(house, admin)
    some = house.core.change_mfa_policy(admin, MfaPolicyDraft(required=True, admin=False, readonly=False), version=1)
    assert some.roles == {Role.CASE_MANAGER, Role.COMPLIANCE_OFFICER}
    stale = MfaPolicyDraft(required=False)
    assert refusal(lambda: house.core.change_mfa_policy(admin, stale, version=1)) is PreconditionFailed
    assert house.core.change_mfa_policy(admin, stale, version=2).roles == frozenset()


def test_whoever_owes_a_second_factor_can_only_set_it_up_or_leave(
    house: House, user: User, claim: SessionClaim, admin: SessionClaim
) -> None:
    pair = house.log_in(user)
    house.core.list_patients(claim, PatientFilter())
    house.core.change_mfa_policy(admin, MfaPolicyDraft(required=True, admin=False))
    for call in (
        lambda: house.core.list_patients(claim, PatientFilter()),
        lambda: house.core.view_self(claim),
        lambda: house.core.list_sessions(claim),
        lambda: house.core.renew_recovery_codes(claim, AGAIN),
        lambda: house.core.disable_mfa(claim, PasswordAndCode(password=PASSWORD, otp=WRONG)),
    ):
        assert refusal(call) is MfaEnrolmentRequired
        entry = house.entries()[-1]
        assert (entry.outcome, entry.user_id, entry.changed_values) == (
            Outcome.DENIED, user.id, {"reason": "mfa_enrolment_required"},
        )  # fmt: skip
    assert WITHOUT_SECOND_FACTOR == {Action.AUTH_LOGOUT, Action.MFA_CONFIRM, Action.MFA_ENROLL}
    assert not any(GRANTS[action].phi for action in WITHOUT_SECOND_FACTOR)

    house.core.list_patients(admin, PatientFilter())  # of admins it is not demanded
    fresh = house.claim(house.core.refresh_session(RefreshRequest(refresh_token=pair.refresh_token), ORIGIN))
    assert refusal(lambda: house.core.view_self(fresh)) is MfaEnrolmentRequired
    house.core.log_out(fresh)
    enrolled(house, claim)
    house.core.list_patients(claim, PatientFilter())


def test_a_new_role_brings_the_demand_with_it(house: House, user: User, admin: SessionClaim) -> None:
    rule = MfaPolicyDraft(required=True, admin=False, case_manager=False, readonly=False)
    house.core.change_mfa_policy(admin, rule)
    house.core.view_self(house.claim(house.log_in(user)))
    house.core.change_staff(admin, user.id, StaffChanges(role=Role.COMPLIANCE_OFFICER))
    again = house.claim(house.log_in(user))
    assert refusal(lambda: house.core.view_self(again)) is MfaEnrolmentRequired


def test_the_demand_of_one_clinic_is_not_anothers(house: House, admin: SessionClaim) -> None:
    house.core.change_mfa_policy(admin, MfaPolicyDraft(required=True))
    elsewhere = house.claim(house.log_in(house.staff(house.clinic("South"), Role.READONLY)))
    assert house.core.view_self(elsewhere).id == elsewhere.user_id


def test_an_otp_that_nobody_asked_for_is_passed_over(house: House, user: User) -> None:
    house.log_in(user, otp=WRONG)
    assert "second_factor" not in house.entries()[-1].changed_values


def test_what_was_typed_does_not_show() -> None:
    for typed in (AGAIN, CodeAgain(otp="123456"), PasswordAndCode(password=PASSWORD, otp="123456")):
        assert PASSWORD not in repr(typed)
        assert "123456" not in repr(typed)


@attrs.frozen
class Interrupting:
    """A hasher beside whose work something else happens."""

    hasher: PasswordHasher
    meanwhile: Callable[[], None]

    def hash(self, password: str) -> str:
        self.meanwhile()
        return self.hasher.hash(password)

    def verify(self, password_hash: str | None, password: str) -> bool:
        return self.hasher.verify(password_hash, password)

    def outdated(self, password_hash: str) -> bool:
        return self.hasher.outdated(password_hash)


@pytest.mark.parametrize("gone", [False, True])
def test_a_short_password_is_not_kept_when_the_second_factor_goes_meanwhile(
    house: House, user: User, claim: SessionClaim, *, gone: bool
) -> None:
    enrolled(house, claim)

    def meanwhile() -> None:
        if gone:
            with house.store.open_unit(user.clinic_id) as unit:
                unit.second_factors.remove(user.id, house.clock())

    hasher = Interrupting(house.core.ports.password_hasher, meanwhile)
    core = MindBridge.build(attrs.evolve(house.core.ports, password_hasher=hasher))
    change = PasswordChange(current_password=PASSWORD, password=SHORT)
    if gone:
        assert LostUpdate is refusal(lambda: core.change_password(claim, change))
    else:
        core.change_password(claim, change)
    with house.store.open_unit(user.clinic_id) as unit:
        stored = unit.users.get(user.id)
    assert stored is not None
    assert gone is house.hasher.verify(stored.password_hash, PASSWORD)
