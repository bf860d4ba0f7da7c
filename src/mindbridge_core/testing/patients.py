"""The contract of patients: one record by id, and what two writers may not do to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID, uuid4

import attrs

from mindbridge_core.errors import DuplicateMrn, LostUpdate
from mindbridge_core.patients import Patient, PatientFilter, PatientStatus, RiskLevel
from mindbridge_core.testing.lists import PatientListsContract
from mindbridge_core.testing.records import LATER, SCRIPTS, a_patient, a_user, full_patient
from mindbridge_core.testing.store import ContractStore, raises, together

__all__ = ["PatientsContract"]


def _added(store: ContractStore, patient: Patient) -> Patient:
    with store.open_unit(patient.clinic_id) as unit:
        unit.patients.add(patient)
    return patient


def _added_together(store: ContractStore, clinic_id: UUID, patients: Sequence[Patient]) -> None:
    with store.open_unit(clinic_id) as unit:
        unit.patients.add_many(patients)


def _stored(store: ContractStore, patient: Patient) -> Patient | None:
    with store.open_unit(patient.clinic_id) as unit:
        return unit.patients.get(patient.id)


def _saved(store: ContractStore, patient: Patient) -> Patient:
    with store.open_unit(patient.clinic_id) as unit:
        return unit.patients.save(patient)


def _staff(store: ContractStore, clinic_id: UUID) -> UUID:
    user = a_user(clinic_id)
    with store.open_unit(clinic_id) as unit:
        unit.users.add(user)
    return user.id


class PatientsContract(PatientListsContract):
    """Patients are found in their own clinic and while they are not deleted; no update is lost; MRNs are unique."""

    def test_a_patient_comes_back_as_they_were_added(self) -> None:
        """Every field, with nothing but the needed, with everything at its far end, in any script."""
        store = self.store()
        full = full_patient(store.clinic_a, _staff(store, store.clinic_a))
        named = [a_patient(store.clinic_a, name=name) for name in SCRIPTS]
        for patient in (full, a_patient(store.clinic_a), *named):
            _added(store, patient)
            assert patient == _stored(store, patient)

    def test_many_patients_come_back_as_they_were_added(self) -> None:
        """In every script, full and empty side by side, found by name; none at all is no mistake."""
        store = self.store()
        manager_id = _staff(store, store.clinic_a)
        full = full_patient(store.clinic_a, manager_id)
        named = [a_patient(store.clinic_a, name=name, mrn=f"{n}") for n, name in enumerate(SCRIPTS)]
        patients = [full, a_patient(store.clinic_a, name="Zdenka Quillfeather"), *named]
        _added_together(store, store.clinic_a, [])
        _added_together(store, store.clinic_a, patients)
        for patient in patients:
            assert patient == _stored(store, patient)
        with store.open_unit(store.clinic_a) as unit:
            found = unit.patients.list(PatientFilter(query="quill zde"))
        assert [patient.name for patient in found.items] == ["Zdenka Quillfeather"]

    def test_of_many_patients_all_are_added_or_none(self) -> None:
        """DuplicateMrn among themselves, and with a patient who is there."""
        store = self.store()
        _added(store, a_patient(store.clinic_a, mrn="MRN-1"))
        for mrns in (("MRN-2", "MRN-2"), ("MRN-3", "MRN-1")):
            pair = [a_patient(store.clinic_a, mrn=mrn) for mrn in mrns]
            with raises(DuplicateMrn):
                _added_together(store, store.clinic_a, pair)
            assert [_stored(store, patient) for patient in pair] == [None, None]
        _added_together(store, store.clinic_b, [a_patient(store.clinic_b, mrn=mrn) for mrn in ("MRN-1", "MRN-2")])

    def test_it_is_known_in_whose_caseload_patients_are(self) -> None:
        """In nobody's, too; of those alone who are there."""
        store = self.store()
        manager_id = _staff(store, store.clinic_a)
        own = _added(store, a_patient(store.clinic_a, case_manager_id=manager_id))
        alone, gone = _added(store, a_patient(store.clinic_a)), _added(store, a_patient(store.clinic_a))
        _saved(store, gone.removed(manager_id, LATER))
        foreign = _added(store, a_patient(store.clinic_b))
        with store.open_unit(store.clinic_a) as unit:
            found = unit.patients.managers_of([own.id, alone.id, gone.id, foreign.id, uuid4()])
            assert unit.patients.managers_of([]) == {}
        assert found == {own.id: manager_id, alone.id: None}

    def test_people_are_recognised_by_their_marks(self) -> None:
        """By MRN, and by name with date of birth, however written; not by the other clinic, nor once deleted."""
        store = self.store()
        born, another = date(1980, 2, 29), date(1980, 2, 28)
        ada = a_patient(store.clinic_a, name="Zoë  Åström", date_of_birth=born, mrn="MRN-1")
        gone = a_patient(store.clinic_a, name="Gone", date_of_birth=born, mrn="MRN-2")
        _added_together(store, store.clinic_a, [ada, gone])
        _added(store, a_patient(store.clinic_a, name="Single", date_of_birth=born))
        _saved(store, gone.removed(_staff(store, store.clinic_a), LATER))
        with store.open_unit(store.clinic_a) as unit:
            mark, person = unit.patients.mrn_mark, unit.patients.person_mark
            there = {mark("mrn-1"), person("ZOE ASTROM", born), person("single", born)}
            absent = {mark("MRN-2"), mark("MRN"), person("Gone", born), person("Zoe", born), person("Single", another)}
            mrns = [mark(text) for text in ("mrn-1", "MRN-2", "MRN")]
            people = [person(name, born) for name in ("ZOE ASTROM", "single", "Gone", "Zoe")]
            assert there == unit.patients.known(mrns, [*people, person("Single", another)])
            assert len(there | absent) == len(there) + len(absent)
            assert unit.patients.known([], []) == frozenset()
        with store.open_unit(store.clinic_b) as unit:
            marks = [unit.patients.mrn_mark("MRN-1")], [unit.patients.person_mark("Zoë Åström", born)]
            assert unit.patients.known(*marks) == frozenset()

    def test_an_absent_patient_is_none(self) -> None:
        """So is another clinic's."""
        store = self.store()
        foreign = _added(store, a_patient(store.clinic_b))
        with store.open_unit(store.clinic_a) as unit:
            assert unit.patients.get(uuid4()) is None
            assert unit.patients.get(foreign.id) is None
        assert foreign == _stored(store, foreign)

    def test_a_change_makes_the_next_version(self) -> None:
        """What is returned is what is stored; every field can be filled, and emptied again."""
        store = self.store()
        empty = _added(store, a_patient(store.clinic_a))
        full = attrs.evolve(
            full_patient(store.clinic_a, _staff(store, store.clinic_a)), id=empty.id, created_at=empty.created_at
        )
        for version, wanted in ((1, full), (2, empty)):
            saved = _saved(store, attrs.evolve(wanted, version=version))
            assert saved == attrs.evolve(wanted, version=version + 1)
            assert saved == _stored(store, empty)

    def test_a_stale_version_is_refused(self) -> None:
        """LostUpdate; so it is for a patient whom the clinic does not have."""
        store = self.store()
        patient = _added(store, a_patient(store.clinic_a))
        foreign = _added(store, a_patient(store.clinic_b))
        current = _saved(store, patient)
        for lost in (patient, a_patient(store.clinic_a), attrs.evolve(foreign, clinic_id=store.clinic_a)):
            with raises(LostUpdate):
                _saved(store, lost)
        assert current == _stored(store, patient)
        assert foreign == _stored(store, foreign)

    def test_of_two_writers_at_once_one_loses_and_knows_it(self) -> None:
        """One change is stored, the other raises LostUpdate."""
        store = self.store()
        patient = _added(store, a_patient(store.clinic_a))
        results = together(
            lambda: _saved(store, attrs.evolve(patient, name="First")),
            lambda: _saved(store, attrs.evolve(patient, name="Second")),
        )
        assert sorted(type(result).__name__ for result in results) == ["LostUpdate", "Patient"]
        assert _stored(store, patient) in results

    def test_a_deleted_patient_is_as_if_not_there(self) -> None:
        """Neither found nor changed again."""
        store = self.store()
        patient = _added(store, a_patient(store.clinic_a))
        removed = _saved(store, patient.removed(_staff(store, store.clinic_a), LATER))
        assert _stored(store, patient) is None
        for lost in (removed, attrs.evolve(removed, deleted_at=None, deleted_by=None)):
            with raises(LostUpdate):
                _saved(store, lost)

    def test_an_mrn_belongs_to_one_patient_of_a_clinic(self) -> None:
        """DuplicateMrn for a new patient and for a change; the other clinic and patients without one are free."""
        store = self.store()
        owner = _added(store, a_patient(store.clinic_a, mrn="MRN-1"))
        other = _added(store, a_patient(store.clinic_a))
        _added(store, a_patient(store.clinic_a))
        with raises(DuplicateMrn):
            _added(store, a_patient(store.clinic_a, mrn="MRN-1"))
        with raises(DuplicateMrn):
            _added(store, a_patient(store.clinic_a, mrn=" mrn-1"))
        with raises(DuplicateMrn):
            _saved(store, attrs.evolve(other, mrn="MRN-1"))
        _added(store, a_patient(store.clinic_b, mrn="MRN-1"))
        assert (owner, other) == (_stored(store, owner), _stored(store, other))

    def test_an_mrn_is_free_again_when_it_is_given_up(self) -> None:
        """By a change or by a deletion; its owner may keep it through a change of something else."""
        store = self.store()
        owner = _added(store, a_patient(store.clinic_a, mrn="MRN-1"))
        owner = _saved(store, attrs.evolve(owner, status=PatientStatus.INACTIVE))
        owner = _saved(store, attrs.evolve(owner, mrn="MRN-2"))
        second = _added(store, a_patient(store.clinic_a, mrn="MRN-1"))
        _saved(store, second.removed(_staff(store, store.clinic_a), LATER))
        _added(store, a_patient(store.clinic_a, mrn="MRN-1"))
        with raises(DuplicateMrn):
            _added(store, a_patient(store.clinic_a, mrn="MRN-2"))

    def test_two_patients_added_at_once_do_not_share_an_mrn(self) -> None:
        """One is added, the other refused."""
        store = self.store()
        twins = [a_patient(store.clinic_a, mrn="MRN-1", current_risk_level=RiskLevel.LOW) for _ in range(2)]
        results = together(lambda: _added(store, twins[0]), lambda: _added(store, twins[1]))
        assert sorted(type(result).__name__ for result in results) == ["DuplicateMrn", "Patient"]
        assert [_stored(store, twin) is None for twin in twins].count(True) == 1
