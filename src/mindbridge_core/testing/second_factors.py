"""The contracts of one-time codes, of the second factors that are made of them, and of the clinic's rule."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

import attrs

from mindbridge_core.access import Role
from mindbridge_core.errors import LostUpdate
from mindbridge_core.identity import MfaPolicy, OneTimeCodes, SecondFactor, SignedIn, User
from mindbridge_core.testing.records import LATER, NOW, a_session, a_user
from mindbridge_core.testing.store import ContractStore, StoreContract, raises, together

__all__ = ["MfaPoliciesContract", "OneTimeCodesContract", "SecondFactorsContract"]

SECRET: Final = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
OTHER: Final = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
VECTORS: Final = {
    59: "287082",
    1111111109: "081804",
    1111111111: "050471",
    1234567890: "005924",
    2000000000: "279037",
    20000000000: "353130",
}
"""RFC 6238, appendix B, in SHA-1, cut to six digits."""


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


class OneTimeCodesContract(ABC):
    """Codes are those that every authenticator shows, and good for three steps."""

    @abstractmethod
    def codes(self) -> OneTimeCodes:
        """Return the codes under test."""

    def test_codes_are_those_of_the_standard(self) -> None:
        """The vectors of RFC 6238; another secret's code is none."""
        codes = self.codes()
        for seconds, code in VECTORS.items():
            assert seconds // 30 == codes.step(SECRET, code, _at(seconds))
            assert codes.step(OTHER, code, _at(seconds)) is None

    def test_a_code_is_good_one_step_early_and_one_step_late(self) -> None:
        """To the second, and no longer."""
        codes, step = self.codes(), 1234567890 // 30
        first, last = (step - 1) * 30, (step + 2) * 30 - 1
        for seconds in (first, step * 30, last):
            assert step == codes.step(SECRET, "005924", _at(seconds))
        for seconds in (first - 1, last + 1):
            assert codes.step(SECRET, "005924", _at(seconds)) is None

    def test_what_is_no_code_is_none(self) -> None:
        """Of any length, in any script; other digits than ASCII are none."""
        codes = self.codes()
        for typed in ("", "28708", "2870822", "abcdef", "\u0662\u0668\u0667\u0660\u0668\u0662", "28 082"):
            assert codes.step(SECRET, typed, _at(59)) is None

    def test_a_new_secret_is_new_long_and_in_base32(self) -> None:
        """160 bits."""
        made = [self.codes().new_secret() for _ in range(20)]
        assert len(set(made)) == 20
        assert all(re.fullmatch("[A-Z2-7]{32,}", secret) for secret in made)

    def test_an_enrolment_says_all_that_an_authenticator_needs(self) -> None:
        """The secret, and its address, which is also in the picture; neither shows in a repr."""
        enrolment = self.codes().enrolment(SECRET, "ada+b@example.org")
        assert enrolment.secret == SECRET
        assert enrolment.uri.startswith("otpauth://totp/MindBridge:ada")
        assert f"secret={SECRET}" in enrolment.uri
        assert enrolment.qr_svg.startswith("<svg")
        assert SECRET not in repr(enrolment)


def _user(store: ContractStore, clinic_id: UUID, **fields: object) -> User:
    user = a_user(clinic_id, **fields)
    with store.open_unit(clinic_id) as unit:
        unit.users.add(user)
    return user


def _enabled(store: ContractStore, user: User, step: int = 7) -> None:
    with store.open_unit(user.clinic_id) as unit:
        assert unit.second_factors.propose(user.id, SECRET)
        unit.second_factors.enable(user.id, step)


def _held(store: ContractStore, user: User) -> SecondFactor | None:
    with store.open_unit(user.clinic_id) as unit:
        return unit.second_factors.held(user.id)


def _stored(store: ContractStore, user: User) -> User | None:
    with store.open_unit(user.clinic_id) as unit:
        return unit.users.get(user.id)


def _use_step(store: ContractStore, user: User, step: int) -> bool:
    with store.open_unit(user.clinic_id) as unit:
        return unit.second_factors.use_step(user.id, step)


def _give_codes(store: ContractStore, user: User, *digests: str) -> None:
    with store.open_unit(user.clinic_id) as unit:
        unit.second_factors.replace_codes(user.id, [(uuid4(), digest) for digest in digests], NOW)


def _use_code(store: ContractStore, user: User, digest: str) -> bool:
    with store.open_unit(user.clinic_id) as unit:
        return unit.second_factors.use_code(user.id, digest, LATER)


def _signed_in(store: ContractStore, user: User) -> SignedIn:
    session = a_session(user)
    with store.open_unit(user.clinic_id) as unit:
        unit.sessions.add(session)
        found = unit.sessions.signed_in(session.id)
    assert found is not None
    return found


class SecondFactorsContract(StoreContract):
    """A secret is proposed, confirmed and forgotten; each code is good for exactly one use."""

    def test_a_proposed_secret_is_not_asked_for_and_gives_way_to_the_next(self) -> None:
        """No step of it can be used; the account's version stays."""
        store = self.store()
        user = _user(store, store.clinic_a)
        assert _held(store, user) is None
        for secret in (SECRET, OTHER):
            with store.open_unit(store.clinic_a) as unit:
                assert unit.second_factors.propose(user.id, secret)
            assert _held(store, user) == SecondFactor(secret=secret, confirmed=False)
        assert not _use_step(store, user, 8)
        assert _stored(store, user) == user

    def test_a_confirmed_secret_stays(self) -> None:
        """The account says so, in its next version; no other secret takes its place."""
        store = self.store()
        user = _user(store, store.clinic_a)
        _enabled(store, user)
        with store.open_unit(store.clinic_a) as unit:
            assert not unit.second_factors.propose(user.id, OTHER)
        assert _held(store, user) == SecondFactor(secret=SECRET, confirmed=True, last_step=7)
        assert _stored(store, user) == attrs.evolve(user, mfa_enabled=True, version=2)

    def test_steps_are_used_once_and_in_order(self) -> None:
        """The one that confirmed is used already; once a later one is, an earlier one is not."""
        store = self.store()
        user = _user(store, store.clinic_a)
        _enabled(store, user, 7)
        used = {step: _use_step(store, user, step) for step in (7, 8, 10, 9, 11)}
        assert used == {7: False, 8: True, 10: True, 9: False, 11: True}
        assert not _use_step(store, user, 11)

    def test_of_two_uses_of_a_step_at_once_one_wins(self) -> None:
        """So it is for one that also holds the secret, as a login does."""
        store = self.store()
        user = _user(store, store.clinic_a)
        _enabled(store, user)

        def use() -> bool:
            with store.open_unit(store.clinic_a) as unit:
                assert unit.second_factors.held(user.id) is not None
                return unit.second_factors.use_step(user.id, 8)

        assert sorted(together(lambda: _use_step(store, user, 8), use), key=str) == [False, True]

    def test_of_two_confirmations_at_once_one_wins(self) -> None:
        """Whoever holds the secret second finds it confirmed."""
        store = self.store()
        user = _user(store, store.clinic_a)
        with store.open_unit(store.clinic_a) as unit:
            unit.second_factors.propose(user.id, SECRET)

        def confirm() -> bool:
            with store.open_unit(store.clinic_a) as unit:
                held = unit.second_factors.held(user.id)
                if held is None or held.confirmed:
                    return False
                unit.second_factors.enable(user.id, 7)
                return True

        assert sorted(together(confirm, confirm), key=str) == [False, True]
        assert _stored(store, user) == attrs.evolve(user, mfa_enabled=True, version=2)

    def test_a_recovery_code_is_used_once(self) -> None:
        """One that there is not is not, nor another user's."""
        store = self.store()
        user, other = _user(store, store.clinic_a), _user(store, store.clinic_a)
        _give_codes(store, user, "one", "two")
        used = [_use_code(store, *asked) for asked in ((other, "one"), (user, "one"), (user, "one"), (user, "three"))]
        assert used == [False, True, False, False]
        assert _use_code(store, user, "two")

    def test_of_two_uses_of_a_recovery_code_at_once_one_wins(self) -> None:
        """The other finds it used."""
        store = self.store()
        user = _user(store, store.clinic_a)
        _give_codes(store, user, "one")
        assert sorted(together(*[lambda: _use_code(store, user, "one")] * 2), key=str) == [False, True]

    def test_new_recovery_codes_void_the_earlier_ones(self) -> None:
        """Used or not; another user's stay."""
        store = self.store()
        user, other = _user(store, store.clinic_a), _user(store, store.clinic_a)
        _give_codes(store, user, "one")
        _give_codes(store, other, "one")
        _give_codes(store, user, "two")
        assert [_use_code(store, *asked) for asked in ((user, "one"), (user, "two"), (other, "one"))] == [
            False,
            True,
            True,
        ]

    def test_a_removed_factor_is_gone_with_its_codes(self) -> None:
        """The account says so in its next version, and may propose a new secret."""
        store = self.store()
        user = _user(store, store.clinic_a)
        _enabled(store, user)
        _give_codes(store, user, "one")
        with store.open_unit(store.clinic_a) as unit:
            unit.second_factors.remove(user.id, LATER)
        assert _held(store, user) is None
        assert not _use_step(store, user, 99)
        assert not _use_code(store, user, "one")
        assert _stored(store, user) == attrs.evolve(user, version=3)
        assert not _signed_in(store, user).mfa_owed
        _enabled(store, user)

    def test_a_factor_taken_away_is_owed_until_the_next_is_confirmed(self) -> None:
        """Sessions know it in the same look-up."""
        store = self.store()
        user = _user(store, store.clinic_a)
        _enabled(store, user)
        with store.open_unit(store.clinic_a) as unit:
            unit.second_factors.remove(user.id, LATER, owed=True)
        assert _signed_in(store, user).mfa_owed
        with store.open_unit(store.clinic_a) as unit:
            unit.second_factors.propose(user.id, OTHER)
        assert _signed_in(store, user).mfa_owed
        with store.open_unit(store.clinic_a) as unit:
            unit.second_factors.enable(user.id, 9)
        assert not _signed_in(store, user).mfa_owed

    def test_another_clinic_reaches_no_factor(self) -> None:
        """Nothing is found and nothing changes."""
        store = self.store()
        user = _user(store, store.clinic_a)
        _enabled(store, user)
        _give_codes(store, user, "one")
        with store.open_unit(store.clinic_b) as unit:
            factors = unit.second_factors
            assert factors.held(user.id) is None
            assert not factors.propose(user.id, OTHER)
            assert not factors.use_step(user.id, 8)
            assert not factors.use_code(user.id, "one", LATER)
            factors.enable(user.id, 99)
            factors.remove(user.id, LATER)
        assert _held(store, user) == SecondFactor(secret=SECRET, confirmed=True, last_step=7)
        assert _use_code(store, user, "one")

    def test_a_dropped_unit_uses_no_code(self) -> None:
        """A code and what it was used for are kept together or not at all."""
        store = self.store()
        user = _user(store, store.clinic_a)
        _enabled(store, user)
        _give_codes(store, user, "one")
        with raises(ValueError), store.open_unit(store.clinic_a) as unit:
            assert unit.second_factors.use_step(user.id, 8)
            assert unit.second_factors.use_code(user.id, "one", LATER)
            raise ValueError
        assert _use_step(store, user, 8)
        assert _use_code(store, user, "one")


class MfaPoliciesContract(StoreContract):
    """A clinic's rule is its own, and no change of it is lost unseen."""

    def test_a_clinic_that_said_nothing_demands_nothing(self) -> None:
        """Its rule is of version 0."""
        store = self.store()
        with store.open_unit(store.clinic_a) as unit:
            assert unit.mfa_policies.get() == MfaPolicy(clinic_id=store.clinic_a)

    def test_a_rule_comes_back_in_its_next_version_and_to_its_clinic_alone(self) -> None:
        """Every field; each save makes the next version."""
        store = self.store()
        admin = _user(store, store.clinic_a, role=Role.ADMIN)
        policy = MfaPolicy(clinic_id=store.clinic_a)
        rules = ((frozenset(Role), admin.id), (frozenset({Role.READONLY}), None), (frozenset[Role](), admin.id))
        for roles, by in rules:
            changed = attrs.evolve(policy, roles=roles, updated_at=LATER, updated_by=by)
            with store.open_unit(store.clinic_a) as unit:
                policy = unit.mfa_policies.save(changed)
            assert policy == attrs.evolve(changed, version=changed.version + 1)
            with store.open_unit(store.clinic_a) as unit:
                assert policy == unit.mfa_policies.get()
        with store.open_unit(store.clinic_b) as unit:
            assert unit.mfa_policies.get() == MfaPolicy(clinic_id=store.clinic_b)

    def test_of_two_rules_at_once_one_loses_and_knows_it(self) -> None:
        """The first as well as a later one."""
        store = self.store()
        policy = MfaPolicy(clinic_id=store.clinic_a, updated_at=NOW)
        for _ in range(2):

            def save(policy: MfaPolicy = policy) -> MfaPolicy:
                with store.open_unit(store.clinic_a) as unit:
                    return unit.mfa_policies.save(policy)

            results = together(save, save)
            assert sorted(type(one).__name__ for one in results) == ["LostUpdate", "MfaPolicy"]
            (policy,) = [one for one in results if isinstance(one, MfaPolicy)]
        with raises(LostUpdate), store.open_unit(store.clinic_a) as unit:
            unit.mfa_policies.save(attrs.evolve(policy, version=1))

    def test_a_demand_is_owed_by_the_roles_it_names_and_paid_by_a_second_factor(self) -> None:
        """Sessions know it in the same look-up."""
        store = self.store()
        manager, reader = _user(store, store.clinic_a), _user(store, store.clinic_a, role=Role.READONLY)
        foreign = _user(store, store.clinic_b)
        with store.open_unit(store.clinic_a) as unit:
            roles = frozenset({Role.CASE_MANAGER, Role.ADMIN})
            unit.mfa_policies.save(MfaPolicy(clinic_id=store.clinic_a, roles=roles, updated_at=NOW))
        assert [_signed_in(store, one).mfa_owed for one in (manager, reader, foreign)] == [True, False, False]
        _enabled(store, manager)
        assert not _signed_in(store, manager).mfa_owed
