"""Two walls between clinics: the statements' own filter and row-level security. Either one alone must hold."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import attrs
import psycopg
import pytest

from mindbridge_core import Actor, Role
from mindbridge_core.errors import NotFound
from mindbridge_core.patients import Patient, PatientChanges, PatientDraft, PatientFilter, PatientStatus
from mindbridge_postgres import patients
from tests.support.postgres import TestDatabase
from tests.support.product import Product

CHANGE = PatientChanges(status=PatientStatus.DISCHARGED)


@attrs.frozen
class TwoClinics:
    """An admin here, a patient of theirs, and a patient of another clinic."""

    admin: Actor
    own: Patient
    foreign: Patient


@pytest.fixture
def clinics(product: Product) -> TwoClinics:
    def admin(name: str) -> Actor:
        clinic_id = product.clinic(name)
        return Actor(clinic_id=clinic_id, user_id=product.staff(clinic_id, Role.ADMIN).id, role=Role.ADMIN)

    here, there = admin("North"), admin("South")
    return TwoClinics(
        here,
        product.core.admit_patient(here, PatientDraft(name="Own")),
        product.core.admit_patient(there, PatientDraft(name="Foreign")),
    )


@pytest.fixture(params=["both walls", "no filter in the statements", "no row-level security"])
def walls(
    request: pytest.FixtureRequest, database: TestDatabase, clinics: TwoClinics, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Take one wall away, once the records are there."""
    del clinics
    if request.param == "no filter in the statements":
        for name in ("_GET", "_UPDATE", "_ALL"):
            statement = getattr(patients, name)
            filtered = "clinic_id = %s" if "clinic_id = %s" in statement else "clinic_id = %(clinic_id)s"
            assert filtered in statement
            anything = filtered.replace("clinic_id = ", "") + "::uuid IS NOT NULL"
            monkeypatch.setattr(patients, name, statement.replace(filtered, anything))
    if request.param == "no row-level security":
        with psycopg.connect(database.superuser_url) as superuser:
            tables = superuser.execute("SELECT relname FROM pg_class WHERE relrowsecurity").fetchall()
            assert tables
            for (table,) in tables:
                superuser.execute(f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY'.encode())
    return str(request.param)


def test_own_records_are_reached(walls: str, product: Product, clinics: TwoClinics) -> None:
    assert clinics.own == product.core.view_patient(clinics.admin, clinics.own.id), walls
    assert [clinics.own] == list(product.core.list_patients(clinics.admin, PatientFilter()).items)
    assert 2 == product.core.change_patient(clinics.admin, clinics.own.id, CHANGE).version


REACHES: dict[str, Callable[[Product, Actor, UUID], object]] = {
    "view": lambda product, admin, patient_id: product.core.view_patient(admin, patient_id),
    "change": lambda product, admin, patient_id: product.core.change_patient(admin, patient_id, CHANGE),
    "remove": lambda product, admin, patient_id: product.core.remove_patient(admin, patient_id),
}


@pytest.mark.parametrize("reach", REACHES)
def test_records_of_another_clinic_are_as_if_missing(
    reach: str, walls: str, product: Product, clinics: TwoClinics
) -> None:
    with pytest.raises(NotFound):
        REACHES[reach](product, clinics.admin, clinics.foreign.id)

    assert walls
    listed = product.core.list_patients(clinics.admin, PatientFilter(total=True))
    assert (clinics.own.id,) == tuple(patient.id for patient in listed.items)
    assert 1 == listed.total
