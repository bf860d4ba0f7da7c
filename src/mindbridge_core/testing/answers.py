"""The contract of first answers to repeated requests."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from uuid import UUID

from mindbridge_core.errors import IdempotencyKeyReused
from mindbridge_core.idempotency import IdempotencyKey
from mindbridge_core.patients import PatientFilter
from mindbridge_core.testing.records import SCRIPTS, a_patient, a_user
from mindbridge_core.testing.store import ContractStore, StoreContract, raises, together

__all__ = ["AnswersContract"]

AGES_AGO, FAR = (datetime(year, 1, 1, tzinfo=UTC) for year in (2000, 9000))
FINGERPRINT = hashlib.sha256(b"what was asked").digest()
KEY = IdempotencyKey("any text at all \ud800", FINGERPRINT)


def _staff(store: ContractStore, clinic_id: UUID) -> UUID:
    user = a_user(clinic_id)
    with store.open_unit(clinic_id) as unit:
        unit.users.add(user)
    return user.id


def _forgotten(store: ContractStore, before: datetime, limit: int) -> int:
    with store.open_unit(store.clinic_a) as unit:
        return unit.answers.forget(before, limit)


def _once(store: ContractStore, clinic_id: UUID, user_id: UUID, key: IdempotencyKey, answer: str) -> str | None:
    """Ask for the first answer, and give one if there is none; return what was found."""
    with store.open_unit(clinic_id) as unit:
        found = unit.answers.first(user_id, key)
        if found is None:
            unit.answers.keep(user_id, key, answer)
    return found


class AnswersContract(StoreContract):
    """A key is claimed once by each user; who comes second is told what the first was told."""

    def test_a_key_is_free_once_and_then_has_its_answer(self) -> None:
        """The first answer stays, in any script."""
        store = self.store()
        user_id = _staff(store, store.clinic_a)
        for text in SCRIPTS:
            key = IdempotencyKey(text, FINGERPRINT)
            assert _once(store, store.clinic_a, user_id, key, text * 20) is None
            assert text * 20 == _once(store, store.clinic_a, user_id, key, "second")

    def test_a_key_with_another_question_is_refused(self) -> None:
        """IdempotencyKeyReused; the first answer stays."""
        store = self.store()
        user_id = _staff(store, store.clinic_a)
        _once(store, store.clinic_a, user_id, KEY, "first")
        with raises(IdempotencyKeyReused):
            _once(store, store.clinic_a, user_id, IdempotencyKey(KEY.key, bytes(32)), "second")
        assert _once(store, store.clinic_a, user_id, KEY, "third") == "first"

    def test_keys_of_two_users_and_of_two_clinics_do_not_meet(self) -> None:
        """Each has keys of their own."""
        store = self.store()
        places = [
            (clinic_id, _staff(store, clinic_id)) for clinic_id in (store.clinic_a, store.clinic_a, store.clinic_b)
        ]
        assert [_once(store, *place, KEY, str(place)) for place in places] == [None, None, None]
        assert [_once(store, *place, KEY, "second") for place in places] == [str(place) for place in places]

    def test_a_dropped_unit_leaves_the_key_free(self) -> None:
        """Claim, change and answer are kept together or not at all."""
        store = self.store()
        user_id = _staff(store, store.clinic_a)
        with raises(ValueError), store.open_unit(store.clinic_a) as unit:
            unit.answers.first(user_id, KEY)
            unit.answers.keep(user_id, KEY, "dropped")
            raise ValueError
        assert _once(store, store.clinic_a, user_id, KEY, "kept") is None

    def test_old_keys_are_forgotten_in_their_clinic_alone_and_as_many_as_asked_for(self) -> None:
        """With their answers: the key is free again."""
        store = self.store()
        here, there = (_staff(store, clinic_id) for clinic_id in (store.clinic_a, store.clinic_b))
        keys = [IdempotencyKey(str(number), FINGERPRINT) for number in range(3)]
        for key in keys:
            _once(store, store.clinic_a, here, key, "kept")
        _once(store, store.clinic_b, there, KEY, "kept")
        assert [_forgotten(store, before, 2) for before in (AGES_AGO, FAR, FAR, FAR)] == [0, 2, 1, 0]
        assert [_once(store, store.clinic_a, here, key, "new") for key in keys] == [None] * 3
        assert _once(store, store.clinic_b, there, KEY, "new") == "kept"

    def test_two_requests_at_once_with_one_key_make_one_record(self) -> None:
        """The second waits for the first and gets its answer."""
        store = self.store()
        user_id = _staff(store, store.clinic_a)

        def admit(name: str) -> tuple[str, str]:
            with store.open_unit(store.clinic_a) as unit:
                found = unit.answers.first(user_id, KEY)
                if found is not None:
                    return "repeated", found
                unit.patients.add(a_patient(store.clinic_a, name=name))
                unit.answers.keep(user_id, KEY, name)
            return "admitted", name

        results = together(lambda: admit("First"), lambda: admit("Second"))
        with store.open_unit(store.clinic_a) as unit:
            names = [patient.name for patient in unit.patients.list(PatientFilter()).items]
        assert len(names) == 1
        assert sorted(results, key=repr) == [("admitted", names[0]), ("repeated", names[0])]
