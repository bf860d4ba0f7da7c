"""The contract of lists of patients: order, pages, filters, totals."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import attrs

from mindbridge_core.pagination import Page
from mindbridge_core.patients import Patient, PatientFilter, PatientStatus, RiskLevel
from mindbridge_core.testing.records import LATER, a_patient, a_user
from mindbridge_core.testing.store import ContractStore, StoreContract

__all__ = ["PatientListsContract"]


def _listed(store: ContractStore, clinic_id: UUID, only: PatientFilter) -> Page[Patient]:
    with store.open_unit(clinic_id) as unit:
        return unit.patients.list(only)


def _add(store: ContractStore, *patients: Patient) -> list[Patient]:
    """Add the patients of one clinic; return them as a list shows them."""
    with store.open_unit(patients[0].clinic_id) as unit:
        for patient in patients:
            unit.patients.add(patient)
    return sorted(patients, key=lambda patient: patient.id)


def _add_in_order(store: ContractStore, names: Sequence[str]) -> list[Patient]:
    """Add patients of these names, each with a later id than the one before."""
    ids = sorted(a_patient(store.clinic_a).id for _ in names)
    patients = [a_patient(store.clinic_a, id=one, name=name) for one, name in zip(ids, names, strict=True)]
    return _add(store, *patients)


class PatientListsContract(StoreContract):
    """A list is in ascending order of id, cut into pages, and shows the living patients of one clinic."""

    def test_a_clinic_without_patients_has_an_empty_page(self) -> None:
        """Another clinic's patients are not on it."""
        store = self.store()
        _add(store, a_patient(store.clinic_b))
        page = _listed(store, store.clinic_a, PatientFilter(total=True))
        assert page == Page(items=(), after=None, total=0)

    def test_pages_follow_one_another_in_order_of_id(self) -> None:
        """Each names its last id while more follow; the last names none."""
        store = self.store()
        patients = _add(store, *[a_patient(store.clinic_a, name=f"P {place}") for place in range(5)])
        seen: list[Patient] = []
        afters: list[UUID | None] = [None]
        for _ in range(3):
            only = PatientFilter(after=afters[-1], limit=2, total=True)
            page = _listed(store, store.clinic_a, only)
            with store.open_unit(store.clinic_a) as unit:
                ids = unit.patients.ids(only)
            assert ids == Page(items=tuple(one.id for one in page.items), after=page.after, total=page.total)
            seen += page.items
            afters.append(page.after)
        assert seen == patients
        assert afters == [None, patients[1].id, patients[3].id, None]

    def test_a_page_that_holds_exactly_the_rest_is_the_last(self) -> None:
        """No empty page follows it."""
        store = self.store()
        patients = _add(store, *[a_patient(store.clinic_a) for _ in range(4)])
        page = _listed(store, store.clinic_a, PatientFilter(after=patients[1].id, limit=2))
        assert page == Page(items=tuple(patients[2:]), after=None)

    def test_the_total_counts_what_fits_on_whatever_page(self) -> None:
        """It is None when it was not asked for."""
        store = self.store()
        patients = _add(store, *[a_patient(store.clinic_a) for _ in range(5)])
        only = PatientFilter(after=patients[2].id, limit=1, total=True)
        assert _listed(store, store.clinic_a, only) == Page(items=(patients[3],), after=patients[3].id, total=5)
        assert _listed(store, store.clinic_a, PatientFilter(limit=1)).total is None

    def test_each_filter_holds_and_all_hold_together(self) -> None:
        """Risk, status and case manager; patients without a risk level fit no level."""
        store = self.store()
        manager = a_user(store.clinic_a)
        with store.open_unit(store.clinic_a) as unit:
            unit.users.add(manager)
        kinds = [
            (risk, status, who) for risk in (None, *RiskLevel) for status in PatientStatus for who in (None, manager.id)
        ]
        patients = _add(
            store,
            *[
                a_patient(store.clinic_a, current_risk_level=risk, status=status, case_manager_id=who)
                for risk, status, who in kinds
            ],
        )
        for risk, status, who in kinds:
            only = PatientFilter(risk_level=risk, status=status, case_manager_id=who, total=True)
            fitting = [
                one
                for one in patients
                if risk in {None, one.current_risk_level}
                and status == one.status
                and who in {None, one.case_manager_id}
            ]
            page = _listed(store, store.clinic_a, only)
            assert page == Page(items=tuple(fitting), after=None, total=len(fitting))
        assert list(_listed(store, store.clinic_a, PatientFilter()).items) == patients

    def test_a_name_is_found_by_the_beginnings_of_its_words(self) -> None:
        """In any order, case and accent; by every word of the query and no other way."""
        store = self.store()
        names = ("José O'Neill-Wu", "Joanna Neilson", "Łukasz Jo", "王小明")
        jose, joanna, lukasz, wang = _add_in_order(store, names)
        found = {
            "jo": [jose, joanna, lukasz],
            "JOSE": [jose],
            "neil": [jose, joanna],
            "wu jos": [jose],
            "o'neill": [jose],
            "jo nobody": [],
            "ose": [],
            "j": [],
            "王": [wang],
            "王小": [wang],
            "-": [],
        }
        for query, expected in found.items():
            page = _listed(store, store.clinic_a, PatientFilter(query=query, total=True))
            assert page == Page(items=tuple(expected), after=None, total=len(expected)), query
            assert _listed(store, store.clinic_b, PatientFilter(query=query)).items == ()

    def test_a_patient_is_found_by_their_whole_mrn(self) -> None:
        """In any case and spacing; by no part of it."""
        store = self.store()
        (patient,) = _add(store, a_patient(store.clinic_a, mrn="Ab 12-34"))
        assert _listed(store, store.clinic_a, PatientFilter(query=" aB  12-34")).items == (patient,)
        assert _listed(store, store.clinic_a, PatientFilter(query="Ab 12")).items == ()

    def test_a_search_follows_a_change_of_name_and_ends_with_the_record(self) -> None:
        """What was a name is none afterwards."""
        store = self.store()
        user = a_user(store.clinic_a)
        (patient,) = _add(store, a_patient(store.clinic_a, name="Anna Maria Bell"))
        with store.open_unit(store.clinic_a) as unit:
            unit.users.add(user)
            renamed = unit.patients.save(attrs.evolve(patient, name="Anna Maria Cole"))
        assert _listed(store, store.clinic_a, PatientFilter(query="bell")).items == ()
        assert _listed(store, store.clinic_a, PatientFilter(query="cole anna")).items == (renamed,)
        with store.open_unit(store.clinic_a) as unit:
            unit.patients.save(renamed.removed(user.id, LATER))
        assert _listed(store, store.clinic_a, PatientFilter(query="anna")).items == ()

    def test_a_search_is_cut_into_pages_and_holds_with_the_other_filters(self) -> None:
        """As any list."""
        store = self.store()
        patients = _add(store, *[a_patient(store.clinic_a, name=f"Pat Number{place}") for place in range(5)])
        _add(store, a_patient(store.clinic_a, name="Somebody Else"))
        page = _listed(store, store.clinic_a, PatientFilter(query="pat", limit=3))
        assert page == Page(items=tuple(patients[:3]), after=patients[2].id)
        assert _listed(store, store.clinic_a, PatientFilter(query="pat", after=page.after)).items == tuple(patients[3:])
        high = PatientFilter(query="pat", risk_level=RiskLevel.HIGH)
        assert _listed(store, store.clinic_a, high).items == ()

    def test_a_deleted_patient_is_on_no_list(self) -> None:
        """Nor in a total."""
        store = self.store()
        user = a_user(store.clinic_a)
        kept, gone = _add(store, a_patient(store.clinic_a), a_patient(store.clinic_a))
        with store.open_unit(store.clinic_a) as unit:
            unit.users.add(user)
            unit.patients.save(gone.removed(user.id, LATER))
        page = _listed(store, store.clinic_a, PatientFilter(total=True))
        assert page == Page(items=(kept,), after=None, total=1)
