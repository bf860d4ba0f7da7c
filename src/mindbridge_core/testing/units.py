"""The contract of units: all or nothing, one clinic, and no change without its entry."""

from __future__ import annotations

from uuid import UUID, uuid4

from mindbridge_core.errors import AuditUnavailable, DuplicateEmail, UnknownClinic
from mindbridge_core.testing.records import a_patient, a_user, an_entry
from mindbridge_core.testing.store import ContractStore, StoreContract, breaks, raises, together

__all__ = ["UnitContract"]


class Interrupted(Exception):
    """Something that no adapter knows."""


def _entries(store: ContractStore, clinic_id: UUID) -> int:
    _, lanes = store.trail(clinic_id)
    return sum(len(entries) for entries in lanes.values())


class UnitContract(StoreContract):
    """A unit keeps everything at a clean exit and nothing at any other; it sees its own changes before that."""

    def test_a_clean_exit_keeps_every_change_and_its_entry(self) -> None:
        """Records and entries are there for the next unit."""
        store = self.store()
        patient, user = a_patient(store.clinic_a), a_user(store.clinic_a)
        with store.open_unit(store.clinic_a) as unit:
            unit.users.add(user)
            unit.patients.add(patient)
            unit.audit.append(an_entry(store.clinic_a))
        with store.open_unit(store.clinic_a) as unit:
            assert patient == unit.patients.get(patient.id)
            assert user == unit.users.get(user.id)
        assert _entries(store, store.clinic_a) == 1

    def test_a_unit_sees_its_own_changes(self) -> None:
        """What was written is read back before the unit ends."""
        store = self.store()
        patient = a_patient(store.clinic_a)
        with store.open_unit(store.clinic_a) as unit:
            unit.patients.add(patient)
            assert patient == unit.patients.get(patient.id)

    def test_an_error_drops_every_change_and_its_entry(self) -> None:
        """The error itself comes through as it was raised."""
        store = self.store()
        patient, user = a_patient(store.clinic_a), a_user(store.clinic_a)
        with store.open_unit(store.clinic_a) as unit:
            unit.audit.append(an_entry(store.clinic_a))
        with raises(Interrupted), store.open_unit(store.clinic_a) as unit:
            unit.users.add(user)
            unit.patients.add(patient)
            unit.audit.append(an_entry(store.clinic_a))
            raise Interrupted
        with store.open_unit(store.clinic_a) as unit:
            assert unit.patients.get(patient.id) is None
            assert unit.users.get(user.id) is None
            assert unit.directory.find(user.email) is None
        assert _entries(store, store.clinic_a) == 1
        assert breaks(store, store.clinic_a) == []

    def test_a_conflict_drops_what_came_before_it(self) -> None:
        """A refused change takes the unit's others with it."""
        store = self.store()
        first, patient = a_user(store.clinic_a), a_patient(store.clinic_a)
        with store.open_unit(store.clinic_a) as unit:
            unit.users.add(first)
        with raises(DuplicateEmail), store.open_unit(store.clinic_a) as unit:
            unit.patients.add(patient)
            unit.users.add(a_user(store.clinic_a, email=first.email))
        with store.open_unit(store.clinic_a) as unit:
            assert unit.patients.get(patient.id) is None

    def test_a_trail_that_cannot_be_written_keeps_nothing(self) -> None:
        """No entry, no change: AuditUnavailable."""
        store = self.store()
        before, patient = an_entry(store.clinic_a), a_patient(store.clinic_a)
        with store.open_unit(store.clinic_a) as unit:
            unit.audit.append(before)
        store.break_trail(store.clinic_a)
        with raises(AuditUnavailable), store.open_unit(store.clinic_a) as unit:
            unit.patients.add(patient)
            unit.audit.append(an_entry(store.clinic_a))
        with store.open_unit(store.clinic_a) as unit:
            assert unit.patients.get(patient.id) is None
        assert _entries(store, store.clinic_a) == 1

    def test_one_broken_trail_leaves_the_other_clinics_alone(self) -> None:
        """The twin of the refusal: another clinic goes on."""
        store = self.store()
        for clinic_id in (store.clinic_a, store.clinic_b):
            with store.open_unit(clinic_id) as unit:
                unit.audit.append(an_entry(clinic_id))
        store.break_trail(store.clinic_a)
        with store.open_unit(store.clinic_b) as unit:
            unit.audit.append(an_entry(store.clinic_b))
        assert _entries(store, store.clinic_b) == 2

    def test_an_unknown_clinic_opens_no_unit(self) -> None:
        """UnknownClinic is raised before the block is entered."""
        store = self.store()
        opening = store.open_unit(uuid4())
        with raises(UnknownClinic):
            opening.__enter__()

    def test_two_units_at_once_both_keep_their_changes(self) -> None:
        """Neither overwrites the other, in one clinic or in two."""
        store = self.store()
        patients = [a_patient(clinic_id) for clinic_id in (store.clinic_a, store.clinic_a, store.clinic_b)]

        def add(place: int) -> None:
            with store.open_unit(patients[place].clinic_id) as unit:
                unit.patients.add(patients[place])
                unit.audit.append(an_entry(patients[place].clinic_id))

        assert together(lambda: add(0), lambda: add(1), lambda: add(2)) == [None, None, None]
        for patient in patients:
            with store.open_unit(patient.clinic_id) as unit:
                assert patient == unit.patients.get(patient.id)
        assert (_entries(store, store.clinic_a), _entries(store, store.clinic_b)) == (2, 1)
