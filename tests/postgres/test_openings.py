"""A clinic opened by several processes at once, and keys that are asked for in the midst of a unit."""

from __future__ import annotations

from functools import partial
from uuid import UUID

import psycopg
import pytest

from mindbridge_core import Operator
from mindbridge_core.errors import DependencyUnavailable
from mindbridge_core.identity import ClinicDraft
from mindbridge_core.patients import PatientDraft, PatientFilter
from mindbridge_core.phi import KeyPurpose
from mindbridge_core.testing.store import together
from mindbridge_postgres import PoolSettings
from mindbridge_security import LocalMasterKey, wrapping_context
from tests.support.postgres import TestDatabase
from tests.support.product import Product, compose

PROCESSES = 4
ROUNDS = 5


def test_a_clinic_opened_by_several_processes_at_once_is_one_clinic(product: Product, database: TestDatabase) -> None:
    others = [compose(database.application_url, product.ring, PoolSettings(most=2)) for _ in range(PROCESSES)]
    try:
        for turn in range(ROUNDS):
            draft = ClinicDraft(organization=f"Oak {turn}", name="North")
            opened = together(*(partial(one.core.open_clinic, draft) for one in others))
            assert 1 == len(set(opened)), opened
            assert isinstance(opened[0], UUID)
            for one in others:
                one.core.admit_patient(Operator(clinic_id=opened[0]), PatientDraft(name="Ada"))
    finally:
        for one in others:
            one.database.close()
    with psycopg.connect(database.superuser_url) as superuser:
        names = superuser.execute("SELECT name FROM organizations WHERE name LIKE 'Oak %'").fetchall()
        clinics = superuser.execute("SELECT count(*) FROM clinics WHERE name = 'North'").fetchone()
        keys = superuser.execute("SELECT count(DISTINCT clinic_id) FROM clinic_keys").fetchone()
    assert ROUNDS == len(names) == len(set(names))
    assert (ROUNDS,) == clinics
    assert (ROUNDS + 1,) == keys  # the platform's


def add_data_key(database: TestDatabase, product: Product, clinic_id: UUID) -> None:
    """Store a second version of the clinic's data key, as another process would."""
    context = wrapping_context(clinic_id, KeyPurpose.DATA, 2)
    wrapped = LocalMasterKey(product.ring).wrap(bytes(range(32)), context)
    with psycopg.connect(database.superuser_url) as superuser:
        superuser.execute(
            "INSERT INTO clinic_keys (clinic_id, id, purpose, version, wrapped_key, master_key_id, created_at)"
            " VALUES (%s, gen_random_uuid(), 'data', 2, %s, %s, now())",
            (clinic_id, wrapped, product.ring.current_master_key),
        )


def test_an_unknown_key_is_read_over_the_units_own_connection(product: Product, database: TestDatabase) -> None:
    clinic_id = product.clinic()
    alone = compose(database.application_url, product.ring, PoolSettings(most=1, wait=0.5))
    try:
        alone.core.list_patients(Operator(clinic_id=clinic_id), PatientFilter())  # loads version 1
        add_data_key(database, product, clinic_id)
        product.keys.forget(clinic_id)
        product.core.admit_patient(Operator(clinic_id=clinic_id), PatientDraft(name="Ada"))
        page = alone.core.list_patients(Operator(clinic_id=clinic_id), PatientFilter())
        assert ["Ada"] == [one.name for one in page.items]
    finally:
        alone.database.close()


def test_a_connection_is_held_for_its_own_clinic_and_database_until_the_unit_ends(
    product: Product, database: TestDatabase
) -> None:
    clinic_id, other = product.clinic(), product.clinic("South")
    elsewhere = compose(database.application_url, product.ring, PoolSettings(most=1))
    try:
        with product.core.ports.open_unit(clinic_id):
            assert product.database.held(clinic_id) is not None
            assert None is product.database.held(other)
            assert None is elsewhere.database.held(clinic_id)
        assert None is product.database.held(clinic_id)
        with pytest.raises(DependencyUnavailable), product.core.ports.open_unit(clinic_id):
            raise psycopg.OperationalError
        assert None is product.database.held(clinic_id)
    finally:
        elsewhere.database.close()
