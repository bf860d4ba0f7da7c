"""The contract of users and the directory of their e-mails."""

from __future__ import annotations

from uuid import uuid4

import attrs

from mindbridge_core.access import Role
from mindbridge_core.errors import DuplicateEmail, LostUpdate
from mindbridge_core.identity import DirectoryEntry, User
from mindbridge_core.pagination import Page
from mindbridge_core.testing.records import LATER, NOW, SCRIPTS, a_user
from mindbridge_core.testing.store import ContractStore, StoreContract, raises, together

__all__ = ["UsersContract"]


def _added(store: ContractStore, user: User) -> User:
    with store.open_unit(user.clinic_id) as unit:
        unit.users.add(user)
    return user


class UsersContract(StoreContract):
    """Users are found in their own clinic only; their e-mails are one directory; no update is lost."""

    def test_a_user_comes_back_as_they_were_added(self) -> None:
        """Every field, with nothing but the needed and with everything."""
        store = self.store()
        full = a_user(
            store.clinic_a,
            license_number="№" * 50,
            password_hash="$" * 255,
            password_changed_at=NOW,
            last_login=LATER,
            deleted_at=LATER,
            version=7,
        )
        users = [full, a_user(store.clinic_a)]
        users += [
            a_user(store.clinic_a, full_name=name, role=role) for name, role in zip(SCRIPTS, [*Role] * 3, strict=False)
        ]
        for user in users:
            _added(store, user)
            with store.open_unit(store.clinic_a) as unit:
                assert user == unit.users.get(user.id)

    def test_an_absent_user_is_none(self) -> None:
        """So is another clinic's."""
        store = self.store()
        foreign = _added(store, a_user(store.clinic_b))
        with store.open_unit(store.clinic_a) as unit:
            assert unit.users.get(uuid4()) is None
            assert unit.users.get(foreign.id) is None

    def test_the_directory_knows_every_clinics_e_mails(self) -> None:
        """It is asked from any clinic, and takes the e-mail as it is normalised."""
        store = self.store()
        user = _added(store, a_user(store.clinic_b, email="zoë.мария@bücher.example"))
        with store.open_unit(store.clinic_a) as unit:
            assert DirectoryEntry(clinic_id=store.clinic_b, user_id=user.id) == unit.directory.find(user.email)
            assert unit.directory.find("nobody@example.org") is None
            assert unit.directory.find(user.email.upper()) is None

    def test_an_e_mail_belongs_to_one_account_of_all_clinics(self) -> None:
        """DuplicateEmail; the first owner stays."""
        store = self.store()
        owner = _added(store, a_user(store.clinic_a))
        for clinic_id in (store.clinic_a, store.clinic_b):
            second = a_user(clinic_id, email=owner.email)
            with raises(DuplicateEmail):
                _added(store, second)
            with store.open_unit(clinic_id) as unit:
                assert unit.users.get(second.id) is None
                assert DirectoryEntry(clinic_id=store.clinic_a, user_id=owner.id) == unit.directory.find(owner.email)

    def test_two_accounts_made_at_once_do_not_share_an_e_mail(self) -> None:
        """One is made, the other refused."""
        store = self.store()
        twins = [a_user(store.clinic_a, email="one@example.org"), a_user(store.clinic_b, email="one@example.org")]
        results = together(lambda: _added(store, twins[0]), lambda: _added(store, twins[1]))
        assert sorted(type(result).__name__ for result in results) == ["DuplicateEmail", "User"]

    def test_users_are_listed_in_pages_in_order_of_id(self) -> None:
        """Deactivated ones too; another clinic's are not among them."""
        store = self.store()
        users = sorted(
            [_added(store, a_user(store.clinic_a, deleted_at=at)) for at in (None, LATER, None)], key=lambda one: one.id
        )
        _added(store, a_user(store.clinic_b))
        with store.open_unit(store.clinic_a) as unit:
            assert unit.users.list(None, 2) == Page(items=tuple(users[:2]), after=users[1].id)
            assert unit.users.list(users[1].id, 2) == Page(items=(users[2],), after=None)

    def test_active_admins_are_told(self) -> None:
        """Neither deactivated ones, nor other roles, nor another clinic's."""
        store = self.store()
        admin = _added(store, a_user(store.clinic_a, role=Role.ADMIN))
        _added(store, a_user(store.clinic_a, role=Role.ADMIN, deleted_at=LATER))
        _added(store, a_user(store.clinic_a, role=Role.READONLY))
        _added(store, a_user(store.clinic_b, role=Role.ADMIN))
        with store.open_unit(store.clinic_a) as unit:
            assert unit.users.active_admins() == {admin.id}

    def test_of_two_admins_who_step_down_at_once_one_stays(self) -> None:
        """Whoever asks for the admins second sees what the first has done."""
        store = self.store()
        admins = [_added(store, a_user(store.clinic_a, role=Role.ADMIN)) for _ in range(2)]

        def step_down(which: int) -> bool:
            with store.open_unit(store.clinic_a) as unit:
                if unit.users.active_admins() <= {admins[which].id}:
                    return False
                unit.users.save(attrs.evolve(admins[which], role=Role.READONLY))
                return True

        assert set(together(lambda: step_down(0), lambda: step_down(1))) == {False, True}

    def test_a_change_makes_the_next_version(self) -> None:
        """What is returned is what is stored."""
        store = self.store()
        user = _added(store, a_user(store.clinic_a))
        changed = attrs.evolve(
            user,
            full_name="New Name",
            role=Role.READONLY,
            license_number="LIC-2",
            password_hash="scheme$2",
            password_changed_at=LATER,
            last_login=LATER,
            deleted_at=LATER,
        )
        with store.open_unit(store.clinic_a) as unit:
            saved = unit.users.save(changed)
        assert saved == attrs.evolve(changed, version=2)
        with store.open_unit(store.clinic_a) as unit:
            assert saved == unit.users.get(user.id)

    def test_a_stale_version_is_refused(self) -> None:
        """LostUpdate; so it is for a user whom the clinic does not have."""
        store = self.store()
        user = _added(store, a_user(store.clinic_a))
        foreign = _added(store, a_user(store.clinic_b))
        with store.open_unit(store.clinic_a) as unit:
            unit.users.save(user)
        for lost in (user, a_user(store.clinic_a), attrs.evolve(foreign, clinic_id=store.clinic_a)):
            with raises(LostUpdate), store.open_unit(store.clinic_a) as unit:
                unit.users.save(lost)
        with store.open_unit(store.clinic_b) as unit:
            assert foreign == unit.users.get(foreign.id)

    def test_of_two_writers_at_once_one_loses_and_knows_it(self) -> None:
        """One change is stored, the other raises LostUpdate."""
        store = self.store()
        user = _added(store, a_user(store.clinic_a))

        def rename(name: str) -> str:
            with store.open_unit(store.clinic_a) as unit:
                return unit.users.save(attrs.evolve(user, full_name=name)).full_name

        results = together(lambda: rename("First"), lambda: rename("Second"))
        assert sorted(type(result).__name__ for result in results) == ["LostUpdate", "str"]
        (winner,) = [result for result in results if isinstance(result, str)]
        with store.open_unit(store.clinic_a) as unit:
            assert attrs.evolve(user, full_name=winner, version=2) == unit.users.get(user.id)

    def test_a_new_hash_takes_the_place_of_the_old_one_only(self) -> None:
        """Of two logins that rehash at once both may win; a changed password is never undone. No new version."""
        store = self.store()
        user = _added(store, a_user(store.clinic_a, password_hash="old"))
        for old, new, held in (("old", "new", "new"), ("old", "newer", "new"), (None, "newest", "new")):
            with store.open_unit(store.clinic_a) as unit:
                unit.users.rehash(user.id, old, new)
            with store.open_unit(store.clinic_a) as unit:
                assert attrs.evolve(user, password_hash=held) == unit.users.get(user.id)
        with store.open_unit(store.clinic_b) as unit:
            unit.users.rehash(user.id, "new", "foreign")
        with store.open_unit(store.clinic_a) as unit:
            assert attrs.evolve(user, password_hash="new") == unit.users.get(user.id)

    def test_noting_a_login_makes_no_new_version(self) -> None:
        """Logins at one moment do not collide; of an unknown or foreign user nothing is noted."""
        store = self.store()
        user = _added(store, a_user(store.clinic_a))
        with store.open_unit(store.clinic_b) as unit:
            unit.users.note_login(user.id, NOW)
            unit.users.note_login(uuid4(), NOW)
        with store.open_unit(store.clinic_a) as unit:
            assert user == unit.users.get(user.id)
            unit.users.note_login(user.id, LATER)
        with store.open_unit(store.clinic_a) as unit:
            assert attrs.evolve(user, last_login=LATER) == unit.users.get(user.id)
