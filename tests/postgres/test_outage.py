"""What a request sees of a database that closes connections, crashes, or is not there."""

from __future__ import annotations

import os
import signal
import time

import psycopg
import pytest

from mindbridge_core import Actor, Role
from mindbridge_core.errors import DependencyUnavailable
from mindbridge_core.patients import PatientFilter
from mindbridge_postgres import PoolSettings
from mindbridge_security import KeyRing
from tests.support.postgres import TestDatabase
from tests.support.product import Product, compose


def admin_of(product: Product) -> Actor:
    clinic_id = product.clinic()
    return Actor(clinic_id=clinic_id, user_id=product.staff(clinic_id, Role.ADMIN).id, role=Role.ADMIN)


def lists_nobody(product: Product, admin: Actor) -> bool:
    """Whether the list is answered; the only other answer allowed is that the database is away."""
    try:
        listed = product.core.list_patients(admin, PatientFilter())
    except DependencyUnavailable:
        return False
    assert () == listed.items
    return True


def test_connections_closed_by_the_server_are_replaced_unseen(product: Product, database: TestDatabase) -> None:
    admin = admin_of(product)
    with psycopg.connect(database.superuser_url, autocommit=True) as superuser:
        closed = superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = 'mindbridge_app'"
        ).fetchall()
    assert closed
    time.sleep(0.2)

    assert () == product.core.list_patients(admin, PatientFilter()).items


def test_a_crash_of_the_server_is_a_clear_refusal_and_then_over(product: Product, database: TestDatabase) -> None:
    admin = admin_of(product)
    with psycopg.connect(database.superuser_url, autocommit=True) as superuser:
        superuser.execute("CHECKPOINT")  # the tests' server trades durability for speed
    victim = psycopg.connect(database.superuser_url)
    os.kill(victim.info.backend_pid, signal.SIGKILL)  # one backend killed: the server ends all and recovers
    victim.close()

    deadline = time.monotonic() + 120
    while not lists_nobody(product, admin):
        assert time.monotonic() < deadline


def test_no_database_is_a_refusal_in_bounded_time(database: TestDatabase) -> None:
    nowhere = database.application_url.replace(f":{database.server.port}/", ":1/")
    product = compose(nowhere, KeyRing.generate(), PoolSettings(wait=0.5))
    began = time.monotonic()
    try:
        with pytest.raises(DependencyUnavailable):
            product.core.prepare_platform()
        assert not product.database.answers()
    finally:
        product.database.close()
    assert time.monotonic() - began < 20
