"""The contract of lists of patients: order, pages, filters, totals."""

from __future__ import annotations

from uuid import UUID

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
            page = _listed(store, store.clinic_a, PatientFilter(after=afters[-1], limit=2))
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
