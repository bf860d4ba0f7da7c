"""A worker whose database fails it: it goes on by itself, and nobody is set aside, screened twice or left out."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import attrs
import psycopg
import pytest

from mindbridge_cli.working import work
from mindbridge_core import MindBridge, Operator, Role
from mindbridge_core.screening import Batch, BatchRequest, BatchState, JobLimits
from mindbridge_memory import ScriptedAssessor
from mindbridge_postgres import PoolSettings
from mindbridge_security import KeyRing
from tests.cli.demos import SECONDS, wait_until
from tests.cli.test_worker import fill, settled
from tests.support.postgres import TestDatabase
from tests.support.product import Product, compose

SMALL = JobLimits(by_rules=10, at_once=8)
WAITED = "the database is not there"


@attrs.frozen(kw_only=True)
class Ward:
    """A clinic with a batch of its patients."""

    product: Product
    core: MindBridge
    clinic_id: UUID
    batch: Batch

    def ended(self) -> Batch:
        """Return the batch once it has ended."""
        admin = self.product.session(self.product.staff(self.clinic_id, Role.ADMIN))
        deadline = time.monotonic() + 180
        while not (batch := self.core.view_task(admin, self.batch.id)).ended and time.monotonic() < deadline:
            time.sleep(0.05)
        return batch


@contextmanager
def ward(
    database: TestDatabase, key_ring: Path, patients: int, pool: PoolSettings, *, asks: bool = False
) -> Iterator[Ward]:
    product = compose(database.application_url, KeyRing.load(key_ring), pool)
    product.core.prepare_platform()
    clinic_id, core = product.clinic(), product.core
    if asks:
        core = MindBridge.build(attrs.evolve(core.ports, risk_assessor=ScriptedAssessor()))
    fill(core, clinic_id, patients)
    batch = core.order_batch(Operator(clinic_id=clinic_id), BatchRequest())
    yield Ward(product=product, core=core, clinic_id=clinic_id, batch=batch)
    product.database.close()


@contextmanager
def working(core: MindBridge) -> Iterator[None]:
    """Have a worker work for the length of the block."""
    stop = threading.Event()
    thread = threading.Thread(target=work, args=(core, stop), kwargs={"limits": SMALL, "pause": 0.05})
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(SECONDS)
    assert not thread.is_alive()


def test_more_threads_than_connections_wait_for_one_another(database: TestDatabase, key_ring: Path) -> None:
    pool = PoolSettings(most=2, wait=60)
    with ward(database, key_ring, 60, pool, asks=True) as here, working(here.core):
        done = here.ended()
    assert (BatchState.DONE, 60, 0) == (done.state, done.screened, done.failed)
    assert (60, 60) == settled(database)


@pytest.mark.parametrize("asks", [False, True])
def test_connections_that_are_cut_again_and_again(database: TestDatabase, key_ring: Path, *, asks: bool) -> None:
    cut = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename <> current_user"
        " AND datname = current_database() AND state <> 'idle'"
    )
    with ward(database, key_ring, 150, PoolSettings(most=8), asks=asks) as here, working(here.core):
        with psycopg.connect(database.superuser_url, autocommit=True) as superuser:
            for _ in range(10):
                superuser.execute(cut)
                time.sleep(0.05)
        done = here.ended()
    assert (BatchState.DONE, 150, 0) == (done.state, done.screened, done.failed)
    assert (150, 150) == settled(database)


def test_rows_that_somebody_holds_for_long(
    database: TestDatabase, key_ring: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A lock that is not to be had in time is a database that is not there."""
    caplog.set_level(logging.WARNING)
    with ward(database, key_ring, 30, PoolSettings(lock=0.3)) as here:
        with psycopg.connect(database.superuser_url) as holder:
            holder.execute("UPDATE patients SET updated_at = updated_at")
            with working(here.core):
                wait_until(lambda: caplog.text.count(WAITED) >= 2)
            assert (0, 0) == settled(database)
        with working(here.core):
            done = here.ended()
    assert (BatchState.DONE, 30, 0) == (done.state, done.screened, done.failed)


def test_a_statement_that_takes_too_long(
    database: TestDatabase, key_ring: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    slow = (
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(9); RETURN NEW; END'",
        "CREATE TRIGGER dawdle BEFORE INSERT ON screenings FOR EACH STATEMENT EXECUTE FUNCTION dawdle()",
    )
    with ward(database, key_ring, 30, PoolSettings(statement=1.5)) as here:
        with psycopg.connect(database.superuser_url, autocommit=True) as superuser:
            for statement in slow:
                superuser.execute(statement)
            with working(here.core):
                wait_until(lambda: caplog.text.count(WAITED) >= 2)
            assert (0, 0) == settled(database)
            superuser.execute("DROP TRIGGER dawdle ON screenings")
        with working(here.core):
            done = here.ended()
    assert (BatchState.DONE, 30, 0) == (done.state, done.screened, done.failed)


def test_workers_that_stand_in_each_others_way(database: TestDatabase, key_ring: Path) -> None:
    """Batches of the same patients at once: who loses a deadlock or an update is done again."""
    with ward(database, key_ring, 120, PoolSettings(most=8)) as here:
        operator = Operator(clinic_id=here.clinic_id)
        others = [here.core.order_batch(operator, BatchRequest()) for _ in range(3)]
        with working(here.core), working(here.core), working(here.core):
            done = [attrs.evolve(here, batch=batch).ended() for batch in (here.batch, *others)]
    assert [(BatchState.DONE, 120, 0)] * 4 == [(one.state, one.screened, one.failed) for one in done]
    assert (480, 120) == settled(database)
