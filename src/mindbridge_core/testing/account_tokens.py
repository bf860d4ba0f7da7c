"""The contract of the one-time tokens of accounts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import attrs

from mindbridge_core.identity import AccountToken, Purpose, User
from mindbridge_core.testing.records import LATER, NOW, a_user
from mindbridge_core.testing.store import ContractStore, StoreContract, raises, together

__all__ = ["AccountTokensContract"]


def _user(store: ContractStore, clinic_id: UUID) -> User:
    user = a_user(clinic_id)
    with store.open_unit(clinic_id) as unit:
        unit.users.add(user)
    return user


def _put(store: ContractStore, user: User, **fields: Any) -> AccountToken:  # noqa: ANN401 - any field of the token
    plain: dict[str, Any] = {
        "clinic_id": user.clinic_id,
        "user_id": user.id,
        "purpose": Purpose.INVITATION,
        "token_hash": uuid4().bytes + uuid4().bytes,
        "created_at": NOW,
        "expires_at": LATER,
    }
    token = AccountToken(**plain | fields)
    with store.open_unit(user.clinic_id) as unit:
        unit.account_tokens.put(token)
    return token


def _find(store: ContractStore, token: AccountToken, clinic_id: UUID | None = None) -> AccountToken | None:
    with store.open_unit(clinic_id or token.clinic_id) as unit:
        return unit.account_tokens.find(token.token_hash, token.purpose)


def _use(store: ContractStore, token: AccountToken, clinic_id: UUID | None = None) -> AccountToken | None:
    with store.open_unit(clinic_id or token.clinic_id) as unit:
        return unit.account_tokens.use(token.token_hash, token.purpose, LATER)


class AccountTokensContract(StoreContract):
    """An account has one token for each purpose, and it is unused for exactly one caller."""

    def test_a_token_comes_back_as_it_was_put(self) -> None:
        """Every field, used or not, for each purpose."""
        store = self.store()
        user = _user(store, store.clinic_a)
        for purpose in Purpose:
            for used_at in (None, LATER):
                token = _put(store, user, purpose=purpose, used_at=used_at)
                assert token == _find(store, token)

    def test_a_token_is_unused_once(self) -> None:
        """Then it says when it was used first."""
        store = self.store()
        token = _put(store, _user(store, store.clinic_a))
        assert token == _use(store, token)
        used = attrs.evolve(token, used_at=LATER)
        with store.open_unit(store.clinic_a) as unit:
            later = LATER + timedelta(seconds=1)
            assert used == unit.account_tokens.use(token.token_hash, token.purpose, later)
        assert used == _find(store, token)

    def test_an_absent_token_is_none(self) -> None:
        """So is one for another purpose, and another clinic's, which stays unused."""
        store = self.store()
        foreign = _put(store, _user(store, store.clinic_b))
        absent = attrs.evolve(foreign, token_hash=bytes(32))
        other = attrs.evolve(foreign, purpose=Purpose.RESET)
        assert [_find(store, absent), _use(store, absent)] == [None, None]
        assert [_find(store, other), _use(store, other)] == [None, None]
        assert [_find(store, foreign, store.clinic_a), _use(store, foreign, store.clinic_a)] == [None, None]
        assert foreign == _use(store, foreign)

    def test_a_new_token_takes_the_place_of_the_one_before(self) -> None:
        """Of the same account and purpose alone; used or not, the former is gone."""
        store = self.store()
        user, colleague = _user(store, store.clinic_a), _user(store, store.clinic_a)
        former = _put(store, user)
        others = [_put(store, user, purpose=Purpose.RESET), _put(store, colleague)]
        second = _put(store, user)
        assert [_find(store, former), _use(store, former)] == [None, None]
        assert second == _use(store, second)
        third = _put(store, user)
        assert [third, *others] == [_use(store, token) for token in (third, *others)]

    def test_all_tokens_of_an_account_end_together(self) -> None:
        """Nobody else's do, not even from another clinic, and one that was used keeps its time."""
        store = self.store()
        user, colleague = _user(store, store.clinic_a), _user(store, store.clinic_a)
        used, waiting = _put(store, user, used_at=NOW), _put(store, user, purpose=Purpose.RESET)
        others = _put(store, colleague)
        with store.open_unit(store.clinic_b) as unit:
            unit.account_tokens.end_all(colleague.id, LATER)
        with store.open_unit(store.clinic_a) as unit:
            unit.account_tokens.end_all(user.id, LATER)
        assert used == _find(store, used)
        assert attrs.evolve(waiting, used_at=LATER) == _find(store, waiting)
        assert others == _find(store, others)

    def test_a_dropped_unit_leaves_the_token_unused(self) -> None:
        """Use and what it was used for are kept together or not at all."""
        store = self.store()
        token = _put(store, _user(store, store.clinic_a))
        with raises(ValueError), store.open_unit(store.clinic_a) as unit:
            unit.account_tokens.use(token.token_hash, token.purpose, NOW)
            raise ValueError
        assert token == _use(store, token)

    def test_of_two_uses_at_once_one_finds_the_token_unused(self) -> None:
        """The other sees that it was used: of two who accept one invitation, one does."""
        store = self.store()
        token = _put(store, _user(store, store.clinic_a))
        results = together(*[lambda: _use(store, token)] * 2)
        assert sorted(results, key=repr) == sorted([token, attrs.evolve(token, used_at=LATER)], key=repr)

    def test_of_two_tokens_put_at_once_one_is_left(self) -> None:
        """Whichever came second."""
        store = self.store()
        user = _user(store, store.clinic_a)
        made = together(*[lambda: _put(store, user)] * 2)
        tokens = [token for token in made if isinstance(token, AccountToken)]
        assert len(tokens) == 2
        assert sorted(_find(store, token) is None for token in tokens) == [False, True]
