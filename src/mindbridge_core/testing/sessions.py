"""The contracts of sessions and of their refresh tokens."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import attrs

from mindbridge_core.access import Role
from mindbridge_core.identity import RefreshToken, Session, SignedIn, User
from mindbridge_core.testing.records import LATER, NOW, a_session, a_token, a_user
from mindbridge_core.testing.store import ContractStore, StoreContract, raises, together

__all__ = ["RefreshTokensContract", "SessionsContract"]

OLD = NOW - timedelta(days=40)


def _user(store: ContractStore, clinic_id: UUID) -> User:
    user = a_user(clinic_id)
    with store.open_unit(clinic_id) as unit:
        unit.users.add(user)
    return user


def _session(store: ContractStore, session: Session) -> Session:
    with store.open_unit(session.clinic_id) as unit:
        unit.sessions.add(session)
    return session


def _stored(store: ContractStore, session: Session) -> SignedIn | None:
    with store.open_unit(session.clinic_id) as unit:
        return unit.sessions.signed_in(session.id)


class SessionsContract(StoreContract):
    """A session is seen in its own clinic only, with its user's standing of now; it ends once and for good."""

    def test_a_session_comes_back_with_its_users_standing(self) -> None:
        """Every field, with nothing but the needed and with everything."""
        store = self.store()
        user = _user(store, store.clinic_a)
        full = a_session(user, revoked_at=LATER, ip_address="f" * 45, user_agent="ü" * 255, last_seen_at=LATER)
        for session in (full, a_session(user)):
            _session(store, session)
            assert SignedIn(session=session, role=user.role, user_active=True) == _stored(store, session)

    def test_an_absent_session_is_none(self) -> None:
        """So is another clinic's."""
        store = self.store()
        foreign = _session(store, a_session(_user(store, store.clinic_b)))
        with store.open_unit(store.clinic_a) as unit:
            assert unit.sessions.signed_in(uuid4()) is None
            assert unit.sessions.signed_in(foreign.id) is None

    def test_a_new_role_and_a_retirement_show_at_the_next_look(self) -> None:
        """Standing is read, not remembered."""
        store = self.store()
        user = _user(store, store.clinic_a)
        session = _session(store, a_session(user))
        with store.open_unit(store.clinic_a) as unit:
            unit.users.save(attrs.evolve(user, role=Role.READONLY, deleted_at=LATER))
        assert SignedIn(session=session, role=Role.READONLY, user_active=False) == _stored(store, session)

    def test_last_seen_moves_forward_only(self) -> None:
        """An earlier touch that arrives late changes nothing."""
        store = self.store()
        session = _session(store, a_session(_user(store, store.clinic_a)))
        for at in (LATER, NOW, LATER - timedelta(microseconds=1)):
            with store.open_unit(store.clinic_a) as unit:
                unit.sessions.touch(session.id, at)
            found = _stored(store, session)
            assert found is not None
            assert found.session == attrs.evolve(session, last_seen_at=LATER)

    def test_a_users_sessions_are_told_newest_first_without_the_revoked(self) -> None:
        """Nobody else's, and none to another clinic."""
        store = self.store()
        user = _user(store, store.clinic_a)
        _session(store, a_session(_user(store, store.clinic_a)))
        _session(store, a_session(user, revoked_at=NOW))
        mine = sorted([_session(store, a_session(user)) for _ in range(3)], key=lambda one: one.id, reverse=True)
        with store.open_unit(store.clinic_a) as unit:
            assert [*unit.sessions.of_user(user.id)] == mine
        with store.open_unit(store.clinic_b) as unit:
            assert [*unit.sessions.of_user(user.id)] == []

    def test_a_session_ends_once(self) -> None:
        """The first end is the one that stays; other sessions go on."""
        store = self.store()
        user = _user(store, store.clinic_a)
        ended, other = _session(store, a_session(user)), _session(store, a_session(user))
        for at in (NOW, LATER):
            with store.open_unit(store.clinic_a) as unit:
                unit.sessions.end(ended.id, at)
        found, untouched = _stored(store, ended), _stored(store, other)
        assert found is not None
        assert found.session.revoked_at == NOW
        assert untouched is not None
        assert untouched.session == other

    def test_all_sessions_of_a_user_end_together(self) -> None:
        """Nobody else's do, and one that had ended keeps its time."""
        store = self.store()
        user, colleague = _user(store, store.clinic_a), _user(store, store.clinic_a)
        early = _session(store, a_session(user, revoked_at=NOW))
        mine = [_session(store, a_session(user)) for _ in range(2)]
        others = _session(store, a_session(colleague))
        with store.open_unit(store.clinic_a) as unit:
            unit.sessions.end_all(user.id, LATER)
        assert [_revoked(store, one) for one in (early, *mine, others)] == [NOW, LATER, LATER, None]

    def test_another_clinic_neither_touches_nor_ends_a_session(self) -> None:
        """Nothing is raised and nothing changes."""
        store = self.store()
        session = _session(store, a_session(_user(store, store.clinic_a)))
        with store.open_unit(store.clinic_b) as unit:
            unit.sessions.touch(session.id, LATER)
            unit.sessions.end(session.id, LATER)
            unit.sessions.end_all(session.user_id, LATER)
        found = _stored(store, session)
        assert found is not None
        assert found.session == session

    def test_sessions_that_ended_before_a_time_are_forgotten_with_their_tokens(self) -> None:
        """As many as asked for, in their clinic alone; those that ended later stay, and so do theirs."""
        store = self.store()
        stays, elsewhere = _token(store, store.clinic_a), _token(store, store.clinic_b)
        old = [_old_token(store, number) for number in range(3)]
        asked = [(OLD, 9), (NOW, 2), (NOW, 2), (NOW, 2)]
        found = []
        for before, limit in asked:
            with store.open_unit(store.clinic_a) as unit:
                found.append(unit.sessions.forget(before, limit))
        assert found == [0, 2, 1, 0]
        assert [_use(store, store.clinic_a, token.token_hash) for token in old] == [None] * 3
        assert stays == _use(store, store.clinic_a, stays.token_hash)
        assert elsewhere == _use(store, store.clinic_b, elsewhere.token_hash)
        with store.open_unit(store.clinic_a) as unit:
            assert [unit.sessions.signed_in(token.session_id) for token in old] == [None] * 3
            assert unit.sessions.signed_in(stays.session_id) is not None


def _old_token(store: ContractStore, number: int) -> RefreshToken:
    """Store a session that ended at `OLD` or hours after, and a token of it."""
    ends = OLD + timedelta(hours=number)
    session = a_session(_user(store, store.clinic_a), created_at=OLD - timedelta(hours=1), expires_at=ends)
    token = a_token(_session(store, session))
    with store.open_unit(store.clinic_a) as unit:
        unit.refresh_tokens.add(token)
    return token


def _revoked(store: ContractStore, session: Session) -> datetime | None:
    found = _stored(store, session)
    assert found is not None
    return found.session.revoked_at


def _token(store: ContractStore, clinic_id: UUID) -> RefreshToken:
    session = _session(store, a_session(_user(store, clinic_id)))
    token = a_token(session)
    with store.open_unit(clinic_id) as unit:
        unit.refresh_tokens.add(token)
    return token


def _use(store: ContractStore, clinic_id: UUID, token_hash: bytes, at: datetime = LATER) -> RefreshToken | None:
    with store.open_unit(clinic_id) as unit:
        return unit.refresh_tokens.use(token_hash, at)


class RefreshTokensContract(StoreContract):
    """A refresh token is unused for exactly one caller."""

    def test_a_token_is_unused_once(self) -> None:
        """Then it says when it was used first."""
        store = self.store()
        token = _token(store, store.clinic_a)
        assert token == _use(store, store.clinic_a, token.token_hash)
        used = attrs.evolve(token, used_at=LATER)
        assert used == _use(store, store.clinic_a, token.token_hash, LATER + timedelta(seconds=1))
        assert used == _use(store, store.clinic_a, token.token_hash)

    def test_an_absent_token_is_none(self) -> None:
        """So is another clinic's, which stays unused."""
        store = self.store()
        foreign = _token(store, store.clinic_b)
        assert _use(store, store.clinic_a, bytes(32)) is None
        assert _use(store, store.clinic_a, foreign.token_hash) is None
        assert foreign == _use(store, store.clinic_b, foreign.token_hash)

    def test_a_dropped_unit_leaves_the_token_unused(self) -> None:
        """Use and what it was used for are kept together or not at all."""
        store = self.store()
        token = _token(store, store.clinic_a)
        with raises(ValueError), store.open_unit(store.clinic_a) as unit:
            unit.refresh_tokens.use(token.token_hash, NOW)
            raise ValueError
        assert token == _use(store, store.clinic_a, token.token_hash)

    def test_of_two_uses_at_once_one_finds_the_token_unused(self) -> None:
        """The other sees that it was used."""
        store = self.store()
        token = _token(store, store.clinic_a)
        results = together(*[lambda: _use(store, store.clinic_a, token.token_hash)] * 2)
        assert sorted(results, key=repr) == sorted([token, attrs.evolve(token, used_at=LATER)], key=repr)
