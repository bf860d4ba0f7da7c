"""The contract of the count of login tries."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from mindbridge_core.identity import Lockout, LoginAttempts
from mindbridge_core.testing.records import NOW
from mindbridge_core.testing.store import StoreContract, raises, together

__all__ = ["LoginAttemptsContract"]

DIGEST = hashlib.sha256(b"somebody@example.org").digest()
OTHER = hashlib.sha256(b"somebody.else@example.org").digest()


class LoginAttemptsContract(StoreContract):
    """One count per e-mail, for all clinics and processes; nobody reads it while somebody changes it."""

    def test_an_e_mail_without_tries_has_none(self) -> None:
        """Looking makes no try."""
        store = self.store()
        for _ in range(2):
            with store.open_unit(store.clinic_a) as unit:
                assert LoginAttempts(email_digest=DIGEST) == unit.attempts.locked(DIGEST)

    def test_tries_come_back_as_they_were_saved_from_any_clinic(self) -> None:
        """Count and lock; another e-mail has its own."""
        store = self.store()
        saved = LoginAttempts(email_digest=DIGEST, failures=2_147_483_647, locked_until=NOW + timedelta(minutes=30))
        with store.open_unit(store.clinic_a) as unit:
            unit.attempts.locked(DIGEST)
            unit.attempts.save(saved)
        with store.open_unit(store.clinic_b) as unit:
            assert saved == unit.attempts.locked(DIGEST)
            assert LoginAttempts(email_digest=OTHER) == unit.attempts.locked(OTHER)
            unit.attempts.save(saved.cleared())
        with store.open_unit(store.clinic_a) as unit:
            assert LoginAttempts(email_digest=DIGEST) == unit.attempts.locked(DIGEST)

    def test_a_dropped_unit_counts_nothing(self) -> None:
        """The count is as it was."""
        store = self.store()
        with raises(ValueError), store.open_unit(store.clinic_a) as unit:
            unit.attempts.save(unit.attempts.locked(DIGEST).counted(NOW, Lockout()))
            raise ValueError
        with store.open_unit(store.clinic_a) as unit:
            assert unit.attempts.locked(DIGEST).failures == 0

    def test_ten_tries_at_once_count_ten(self) -> None:
        """None is lost, whichever clinic's unit counts it."""
        store = self.store()

        def count(clinic_place: int) -> None:
            with store.open_unit((store.clinic_a, store.clinic_b)[clinic_place]) as unit:
                unit.attempts.save(unit.attempts.locked(DIGEST).counted(NOW, Lockout(limit=100)))

        assert together(*[lambda: count(0), lambda: count(1)] * 5) == [None] * 10
        with store.open_unit(store.clinic_a) as unit:
            assert unit.attempts.locked(DIGEST).failures == 10
