"""The audit trail under concurrency, and what happens to a lane that was tampered with."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psycopg
import pytest

from mindbridge_core import Actor, Role
from mindbridge_core.compliance import LANES, ChainBreak
from mindbridge_core.errors import AuditUnavailable
from mindbridge_core.patients import PatientDraft, PatientFilter
from mindbridge_postgres import database as connections
from tests.support.postgres import TestDatabase
from tests.support.product import Product, running_product
from tests.support.trail import breaks, entries, read_trail


def actor(product: Product, clinic_id: UUID) -> Actor:
    user = product.staff(clinic_id, Role.ADMIN)
    return Actor(clinic_id=clinic_id, user_id=user.id, role=user.role)


def test_many_writers_to_one_clinic_never_fork_its_chain(product: Product, database: TestDatabase) -> None:
    clinic_id = product.clinic()
    admin = actor(product, clinic_id)
    together = threading.Barrier(8)

    def write(number: int) -> None:
        together.wait()
        for turn in range(10):
            product.core.admit_patient(admin, PatientDraft(name=f"{number} {turn}"))

    before = len(entries(database.application_url, clinic_id, product.keys.cipher(clinic_id)))
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(8)))

    assert [] == breaks(database.application_url, clinic_id, product.keys.cipher(clinic_id))
    assert before + 80 == len(entries(database.application_url, clinic_id, product.keys.cipher(clinic_id)))


def test_a_connection_goes_on_with_its_lane(database: TestDatabase) -> None:
    with running_product(database, connections=1) as product:
        clinic_id = product.clinic()
        admin = actor(product, clinic_id)
        for _ in range(20):
            product.core.list_patients(admin, PatientFilter())

    _, lanes = read_trail(database.application_url, clinic_id, product.keys.cipher(clinic_id))
    assert [22] == [len(lane) for lane in lanes.values()]


def test_a_connection_remembers_few_clinics_and_goes_on_rightly_with_the_forgotten(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEADS_KEPT", 2)
    with running_product(database, connections=1) as product:
        admins = [actor(product, product.clinic(name)) for name in ("North", "East", "South", "West")]
        for turn in range(3):
            for admin in admins[turn:] + admins[:turn]:
                product.core.list_patients(admin, PatientFilter())
        product.core.list_patients(admins[0], PatientFilter())  # remembered: it goes before the one used last
        product.core.list_patients(admins[3], PatientFilter())
        with product.database.connection() as connection:
            remembered = list(connection.heads)

    assert [admins[0].clinic_id, admins[3].clinic_id] == remembered
    for admin, written in zip(admins, (6, 5, 5, 6), strict=True):
        cipher = product.keys.cipher(admin.clinic_id)
        assert [] == breaks(database.application_url, admin.clinic_id, cipher)
        assert written == len(entries(database.application_url, admin.clinic_id, cipher))


def test_a_lane_whose_head_was_put_back_is_shunned_and_reported(product: Product, database: TestDatabase) -> None:
    clinic_id = product.clinic()
    admin = actor(product, clinic_id)
    product.core.list_patients(admin, PatientFilter())
    heads, lanes = read_trail(database.application_url, clinic_id, product.keys.cipher(clinic_id))
    lane = max(lanes, key=lambda one: len(lanes[one]))
    with psycopg.connect(database.superuser_url) as attacker:
        attacker.execute("ALTER TABLE audit_logs DISABLE TRIGGER USER")
        attacker.execute(
            "DELETE FROM audit_logs WHERE clinic_id = %s AND lane = %s AND seq = %s", (clinic_id, lane, heads[lane].seq)
        )
        attacker.execute(
            "UPDATE audit_chain_heads SET seq = seq - 1, entry_mac = %s, mac = %s, updated_at = '2001-01-01'"
            " WHERE clinic_id = %s AND lane = %s",
            (lanes[lane][-1].prev_mac, bytes(32), clinic_id, lane),
        )

    product.core.list_patients(admin, PatientFilter())

    found = breaks(database.application_url, clinic_id, product.keys.cipher(clinic_id))
    assert [ChainBreak(lane=lane, seq=heads[lane].seq, kind="truncated")] == found


def test_a_trail_that_was_erased_with_its_heads_is_not_begun_anew(product: Product, database: TestDatabase) -> None:
    clinic_id = product.clinic()
    admin = actor(product, clinic_id)
    with psycopg.connect(database.superuser_url) as attacker:
        attacker.execute("ALTER TABLE audit_logs DISABLE TRIGGER USER")
        attacker.execute("DELETE FROM audit_logs WHERE clinic_id = %s", (clinic_id,))
        attacker.execute("DELETE FROM audit_chain_heads WHERE clinic_id = %s", (clinic_id,))

    with pytest.raises(AuditUnavailable):
        product.core.list_patients(admin, PatientFilter())

    found = breaks(database.application_url, clinic_id, product.keys.cipher(clinic_id))
    assert [ChainBreak(lane=lane, seq=0, kind="headless") for lane in range(LANES)] == found


def test_a_lane_that_was_erased_with_its_head_stays_missing(product: Product, database: TestDatabase) -> None:
    clinic_id = product.clinic()
    admin = actor(product, clinic_id)
    cipher = product.keys.cipher(clinic_id)
    _, lanes = read_trail(database.application_url, clinic_id, cipher)
    lane = max(lanes)
    with psycopg.connect(database.superuser_url) as attacker:
        attacker.execute("ALTER TABLE audit_logs DISABLE TRIGGER USER")
        attacker.execute("DELETE FROM audit_logs WHERE clinic_id = %s AND lane = %s", (clinic_id, lane))
        attacker.execute("DELETE FROM audit_chain_heads WHERE clinic_id = %s AND lane = %s", (clinic_id, lane))

    product.core.list_patients(admin, PatientFilter())

    assert [ChainBreak(lane=lane, seq=0, kind="headless")] == breaks(database.application_url, clinic_id, cipher)


def test_an_entry_waits_for_nobody_while_a_lane_is_free(database: TestDatabase) -> None:
    with running_product(database, connections=1) as product:
        clinic_id = product.clinic()
        admin = actor(product, clinic_id)
        with psycopg.connect(database.superuser_url) as frozen:
            frozen.execute("SELECT FROM audit_chain_heads WHERE clinic_id = %s AND seq > 0 FOR UPDATE", (clinic_id,))
            began = time.monotonic()
            product.core.list_patients(admin, PatientFilter())
            assert 4.5 > time.monotonic() - began  # a statement waits five seconds for a lock
        assert [] == breaks(database.application_url, clinic_id, product.keys.cipher(clinic_id))
