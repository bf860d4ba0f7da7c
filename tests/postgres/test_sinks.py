"""Feeding sinks out of PostgreSQL: late commits, lost holds, walls between clinics."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from mindbridge_core.errors import DependencyUnavailable
from mindbridge_core.oversight import Sent, Shipment, Waiting
from mindbridge_core.testing.records import NOW, an_entry
from mindbridge_memory import KeptEntries
from tests.support.clinics import bare_clinic
from tests.support.postgres import TestDatabase
from tests.support.product import Product

LOCK_HOLDER = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
END_IT = "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory' AND granted"


def bare(product: Product) -> UUID:
    return bare_clinic(product.core.ports.open_unit, product.keys)


def test_an_entry_that_is_committed_late_with_an_early_time_is_not_passed_over(product: Product) -> None:
    clinic_id, ports, sink = bare(product), product.core.ports, KeptEntries()
    shipment = Shipment(clinic_id=clinic_id, trails=ports.trails, sink=sink)
    early = an_entry(clinic_id, created_at=NOW - timedelta(hours=1))
    later = [an_entry(clinic_id, created_at=NOW + timedelta(seconds=one)) for one in range(3)]
    with ports.sink_book.alone("kept") as held:
        assert held is not None
        with ports.open_unit(clinic_id) as slow:
            slow.audit.append(early)
            for entry in later:
                with ports.open_unit(clinic_id) as quick:
                    quick.audit.append(entry)
            assert Sent(3, complete=True) == shipment(held)
        assert Sent(1, complete=True) == shipment(held)
    assert [entry.id for entry in (*later, early)] == [entry.id for entry in sink.arrived]


def test_whoever_has_lost_the_hold_cannot_move_positions_and_the_next_one_can(
    product: Product, database: TestDatabase
) -> None:
    clinic_id, book = bare(product), product.core.ports.sink_book
    with product.core.ports.open_unit(clinic_id) as unit:
        unit.audit.append(an_entry(clinic_id))
    with book.alone("one") as held:
        assert held is not None
        ((lane, _),) = held.waiting(clinic_id).items()
        with psycopg.connect(database.superuser_url) as superuser:
            superuser.execute(END_IT)
        with pytest.raises(DependencyUnavailable):
            held.move(clinic_id, {lane: 1})
        with pytest.raises(DependencyUnavailable):
            held.complete(NOW)
        with book.alone("one") as next_one:
            assert next_one is not None
            assert {lane: Waiting(0, 1)} == next_one.waiting(clinic_id)
            next_one.move(clinic_id, {lane: 1})
            assert {} == next_one.waiting(clinic_id)


def test_a_hold_ends_with_its_block_and_leaves_no_connection_behind(product: Product, database: TestDatabase) -> None:
    with product.core.ports.sink_book.alone("one") as held:
        assert held is not None
    with psycopg.connect(database.superuser_url) as superuser:
        assert [] == superuser.execute(LOCK_HOLDER).fetchall()


def test_positions_of_another_clinic_are_not_to_be_seen(product: Product, database: TestDatabase) -> None:
    here, there = bare(product), bare(product)
    with product.core.ports.sink_book.alone("one") as held:
        assert held is not None
        held.move(there, {0: 5})
    with psycopg.connect(database.application_url) as application:
        application.execute(f"SET LOCAL app.clinic_id = '{here}'".encode())
        assert [] == application.execute("SELECT * FROM audit_positions").fetchall()
        application.execute(f"SET LOCAL app.clinic_id = '{there}'".encode())
        assert [(5,)] == application.execute("SELECT seq FROM audit_positions").fetchall()
