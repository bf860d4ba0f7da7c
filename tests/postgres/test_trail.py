"""The audit trail under concurrency, and what happens to a lane that was tampered with."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psycopg

from mindbridge_core import Actor, Role
from mindbridge_core.compliance import ChainBreak
from mindbridge_core.patients import PatientDraft, PatientFilter
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
