"""`mindbridge worker`: killed again and again, and nobody is screened twice or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any
from uuid import UUID

import psycopg
import pytest

from mindbridge_cli import working
from mindbridge_cli.working import work
from mindbridge_core import MindBridge, Operator, Role, SessionClaim
from mindbridge_core.errors import DependencyUnavailable
from mindbridge_core.ids import PLATFORM_CLINIC_ID
from mindbridge_core.patients import AlertFilter, AlertKind, PatientDraft
from mindbridge_core.screening import AsideFilter, Batch, BatchRequest, BatchState, JobLimits
from mindbridge_postgres import PoolSettings
from mindbridge_security import KeyRing
from tests.cli.conftest import Run
from tests.cli.demos import SECONDS, listens, wait_until
from tests.support.postgres import TestDatabase
from tests.support.product import Product, compose

PATIENTS = 1_000
KILLS = 10


def prepared(database: TestDatabase, key_ring: Path) -> tuple[Product, UUID]:
    product = compose(database.application_url, KeyRing.load(key_ring), PoolSettings(most=4))
    product.core.prepare_platform()
    return product, product.clinic()


def fill(core: MindBridge, clinic_id: UUID, patients: int) -> None:
    """Store so many patients whom nobody has looked at, which those of a file would have been."""
    at, new_id = core.ports.clock(), core.ports.new_id
    with core.ports.open_unit(clinic_id) as unit:
        unit.patients.add_many(
            [
                PatientDraft(name="Jane Roe", crisis_calls_30days=number % 7).patient(
                    id=new_id(), clinic_id=clinic_id, case_manager_id=None, at=at
                )
                for number in range(patients)
            ]
        )


def worker(served: dict[str, str], *options: str, script: str | None = None) -> subprocess.Popen[bytes]:
    """Run a worker; with a script, which ends by running the command line, until nothing is left.

    Unless `served` has a time, the day's batch is never ordered.
    """
    given = {"screening_time": "never"} | served
    settings = {f"MINDBRIDGE_{name.upper()}": value for name, value in given.items() if name != "owner_database_url"}
    program = ["-m", "mindbridge_cli", "worker"] if script is None else ["-c", script, "worker", "--once"]
    command = [sys.executable, *program, "--poll", "0.05", "--lease", "0.3", *options]
    return subprocess.Popen(command, env=settings | {"PATH": os.environ["PATH"]}, stderr=subprocess.DEVNULL)


def listening(*workers: subprocess.Popen[bytes]) -> None:
    """Wait until each of them can be told to end."""
    wait_until(lambda: all(listens(one.pid) or one.poll() is not None for one in workers))


def stopped(*workers: subprocess.Popen[bytes]) -> None:
    """Tell workers to end, which all of them do in order, also who was only about to begin."""
    listening(*workers)
    for one in workers:
        one.send_signal(signal.SIGTERM)
    assert [0] * len(workers) == [one.wait(SECONDS) for one in workers]


def settled(database: TestDatabase) -> tuple[int, int]:
    """Return how many screenings batches made, and of how many patients; the import made some on its own."""
    query = "SELECT count(*), count(DISTINCT patient_id) FROM screenings WHERE screening_type <> 'record'"
    with psycopg.connect(database.superuser_url) as superuser:
        row = superuser.execute(query).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_worker_killed_ten_times_screens_everybody_once(
    database: TestDatabase, key_ring: Path, served: dict[str, str]
) -> None:
    product, clinic_id = prepared(database, key_ring)
    core = product.core
    fill(core, clinic_id, PATIENTS)
    admin = product.session(product.staff(clinic_id, Role.ADMIN))
    killed = batches = 0
    # Where this process is held up for long, a worker may be through before it is killed: the next batch has the rest.
    while killed < KILLS:
        batches += 1
        assert batches < KILLS
        killed += killed_while_they_work(core, admin, served, KILLS - killed)
        assert (batches * PATIENTS, PATIENTS) == settled(database)
    assert KILLS == killed
    product.database.close()


def killed_while_they_work(core: MindBridge, admin: SessionClaim, served: dict[str, str], most: int) -> int:
    """Have a batch run by workers of whom so many are killed; return how many were killed before it had ended."""
    batch = core.order_batch(admin, BatchRequest())
    assert batch.total == PATIENTS
    seen: list[int] = []
    killed = 0

    def look() -> Batch:
        found = core.view_task(admin, batch.id)
        seen.append(found.screened)
        assert found.failed == 0
        return found

    while killed < most and not look().ended:
        process, before = worker(served, "--chunk", "7"), look().screened
        wait_until(lambda before=before: look().ended or look().screened >= before + 20)  # type: ignore[misc]  # a default binds it
        process.send_signal(signal.SIGKILL)
        process.wait(SECONDS)
        killed += not look().ended
    last = worker(served)
    wait_until(lambda: look().ended, pause=0.1)
    stopped(last)
    done = look()
    assert (BatchState.DONE, PATIENTS) == (done.state, done.screened)
    assert sorted(seen) == seen
    return killed


def test_a_worker_ends_when_nothing_is_left(
    database: TestDatabase, key_ring: Path, served: dict[str, str], run: Run
) -> None:
    product, clinic_id = prepared(database, key_ring)
    fill(product.core, clinic_id, 12)
    product.core.order_batch(Operator(clinic_id=clinic_id), BatchRequest())
    product.core.order_batch(Operator(clinic_id=clinic_id), BatchRequest())
    answer = run("worker", "--once", "--chunk", "5", screening_time="never", **served)
    assert 0 == answer.exit_code, answer.output
    assert (24, 12) == settled(database)
    product.database.close()


def noon_here(database: TestDatabase) -> str:
    """Move the clinics to where it is about noon, so that no midnight comes between; return their zone."""
    east = 12 - datetime.now(UTC).hour
    zone = f"Etc/GMT{-east:+d}" if east else "Etc/GMT"  # whose signs are turned round
    with psycopg.connect(database.superuser_url) as superuser:
        superuser.execute("UPDATE clinics SET timezone = %s", (zone,))
    return zone


def test_a_clinics_day_is_screened_once_however_many_workers_look(
    database: TestDatabase, key_ring: Path, served: dict[str, str]
) -> None:
    product, clinic_id = prepared(database, key_ring)
    fill(product.core, clinic_id, 30)
    noon_here(database)
    workers = [worker(served | {"screening_time": "00:00"}, "--chunk", "5", "--lease", "60") for _ in range(3)]
    deadline = time.monotonic() + SECONDS
    while settled(database) != (30, 30) and time.monotonic() < deadline:
        assert [None] * 3 == [one.poll() for one in workers]
        time.sleep(0.1)
    listening(*workers)
    time.sleep(1)
    stopped(*workers)
    with psycopg.connect(database.superuser_url) as superuser:
        rows = superuser.execute("SELECT day IS NOT NULL, state, ordered_by, screening_type FROM batches").fetchall()
    assert [(True, "done", None, "daily")] == rows
    assert (30, 30) == settled(database)
    product.database.close()


def test_a_worker_alerts_once_of_what_has_become_overdue(
    database: TestDatabase, key_ring: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "OVERDUE_SECONDS", 0.0)
    product, clinic_id = prepared(database, key_ring)
    fill(product.core, clinic_id, 7)
    admin = product.session(product.staff(clinic_id, Role.ADMIN))
    overdue = AlertFilter(kinds=frozenset({AlertKind.REVIEW_OVERDUE}))
    product.core.order_batch(Operator(clinic_id=clinic_id), BatchRequest())
    work(product.core, Event(), limits=JobLimits(), pause=0, once=True)
    assert () == product.core.list_alerts(admin, overdue).items
    with psycopg.connect(database.superuser_url) as superuser:
        superuser.execute("UPDATE screenings SET screened_at = screened_at - interval '25 hours'")
    for _ in range(2):
        work(product.core, Event(), limits=JobLimits(), pause=0, once=True)
        assert 4 == len(product.core.list_alerts(admin, overdue).items)
    product.database.close()


DYING = """
import os, signal, sys
from mindbridge_postgres.batches import PostgresBatches
whole = PostgresBatches.cover
def cover(batches, batch_id, limit):
    covered = whole(batches, batch_id, limit)
    if covered.total > {most}:
        os.kill(os.getpid(), signal.SIGKILL)
    return covered
PostgresBatches.cover = cover
from mindbridge_cli.__main__ import main
sys.exit(main())
"""


def test_a_worker_killed_while_it_covers_a_batch_leaves_the_rest_to_the_next(
    database: TestDatabase, key_ring: Path, served: dict[str, str]
) -> None:
    patients = 3_500
    product, clinic_id = prepared(database, key_ring)
    fill(product.core, clinic_id, patients)
    admin = product.session(product.staff(clinic_id, Role.ADMIN))
    batch = product.core.order_batch(admin, BatchRequest())
    assert (BatchState.PREPARING, 1_000) == (batch.state, batch.total)
    seen = [batch]
    for most in (1_000, 2_000, 3_000):
        assert -signal.SIGKILL == worker(served, script=DYING.format(most=most)).wait(60)
        seen.append(product.core.view_task(admin, batch.id))
    assert [(BatchState.PREPARING, total) for total in (1_000, 1_000, 2_000, 3_000)] == [
        (one.state, one.total) for one in seen
    ]
    workers = [worker(served, "--once") for _ in range(3)]
    assert [0] * 3 == [one.wait(120) for one in workers]
    done = product.core.view_task(admin, batch.id)
    assert (BatchState.DONE, patients, patients, 0) == (done.state, done.total, done.screened, done.failed)
    assert (patients, patients) == settled(database)
    product.database.close()


DEADLY = """
import os, signal, sys
from uuid import UUID
from mindbridge_core.screening.use_cases import caseloads, screenings
whole = caseloads.made
def made(patient, *rest, **named):
    if patient.id == UUID({patient!r}):
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(patient, *rest, **named)
caseloads.made = screenings.made = made
from mindbridge_cli.__main__ import main
sys.exit(main())
"""


def test_a_record_that_kills_its_worker_is_set_aside_after_the_third(
    database: TestDatabase, key_ring: Path, served: dict[str, str]
) -> None:
    product, clinic_id = prepared(database, key_ring)
    fill(product.core, clinic_id, 40)
    batch = product.core.order_batch(Operator(clinic_id=clinic_id), BatchRequest())
    with psycopg.connect(database.superuser_url) as superuser:
        row = superuser.execute("SELECT patient_id FROM batch_patients ORDER BY patient_id OFFSET 13").fetchone()
    assert row is not None
    deaths = 0
    while (process := worker(served, "--chunk", "10", script=DEADLY.format(patient=str(row[0])))).wait(SECONDS) != 0:
        assert -signal.SIGKILL == process.returncode
        deaths += 1
        time.sleep(0.5)
    done = product.core.view_task(product.session(product.staff(clinic_id, Role.ADMIN)), batch.id)
    assert (BatchState.DONE, 39, 1, 3) == (done.state, done.screened, done.failed, deaths)
    assert (39, 39) == settled(database)
    with psycopg.connect(database.superuser_url) as superuser:
        rows = superuser.execute("SELECT patient_id, failure FROM batch_patients WHERE failure IS NOT NULL").fetchall()
    assert [(row[0], "worker_died")] == rows
    assert [(row[0], batch.id)] == not_screened(product, clinic_id)
    product.database.close()


def not_screened(product: Product, clinic_id: UUID) -> list[tuple[UUID, UUID | None]]:
    """Return whom the clinic's alerts say not to be screened, and by which batch."""
    admin = product.session(product.staff(clinic_id, Role.ADMIN))
    page = product.core.list_alerts(admin, AlertFilter(kinds=frozenset({AlertKind.NOT_SCREENED})))
    return [(one.patient_id, one.batch_id) for one in page.items]


def test_a_damaged_record_is_told_of_and_screened_by_the_next_batch_once_it_is_mended(
    database: TestDatabase, key_ring: Path, served: dict[str, str]
) -> None:
    product, clinic_id = prepared(database, key_ring)
    fill(product.core, clinic_id, 40)
    operator = Operator(clinic_id=clinic_id)
    flip = "UPDATE patients SET name = set_byte(name, 30, get_byte(name, 30) # 1) WHERE id = %s RETURNING id"
    with psycopg.connect(database.superuser_url) as superuser:
        row = superuser.execute("SELECT id FROM patients ORDER BY id OFFSET 13").fetchone()
        assert row is not None
        superuser.execute(flip, row)
    batches = []
    for _ in range(2):
        batches.append(product.core.order_batch(operator, BatchRequest()))
        assert 0 == worker(served, "--once", "--chunk", "10").wait(60)
    admin = product.session(product.staff(clinic_id, Role.ADMIN))
    for batch in batches:
        done = product.core.view_task(admin, batch.id)
        assert (BatchState.DONE, 39, 1) == (done.state, done.screened, done.failed)
        (aside,) = product.core.list_set_aside(admin, AsideFilter(batch_id=batch.id)).items
        assert (row[0], "damaged_record") == (aside.patient_id, aside.reason)
    assert [(row[0], batches[0].id)] == not_screened(product, clinic_id)
    (alert,) = product.core.list_alerts(admin, AlertFilter(kinds=frozenset({AlertKind.NOT_SCREENED}))).items
    assert admin.user_id == product.core.acknowledge_alert(admin, alert.id).acknowledged_by
    with psycopg.connect(database.superuser_url) as superuser:
        superuser.execute(flip, row)
    mended = product.core.order_batch(operator, BatchRequest())
    assert 0 == worker(served, "--once", "--chunk", "10").wait(60)
    assert 40 == product.core.view_task(admin, mended.id).screened
    assert 1 == len(not_screened(product, clinic_id))
    product.database.close()


def test_several_workers_share_one_batch(database: TestDatabase, key_ring: Path, served: dict[str, str]) -> None:
    product, clinic_id = prepared(database, key_ring)
    fill(product.core, clinic_id, 600)
    workers = [worker(served, "--chunk", "10", "--lease", "60") for _ in range(3)]
    listening(*workers)  # so that none comes when the others are through
    batch = product.core.order_batch(Operator(clinic_id=clinic_id), BatchRequest())
    admin = product.session(product.staff(clinic_id, Role.ADMIN))
    deadline, seen = time.monotonic() + SECONDS, [0]
    while not (found := product.core.view_task(admin, batch.id)).ended and time.monotonic() < deadline:
        seen.append(found.screened)
        time.sleep(0.05)
    stopped(*workers)
    assert (BatchState.DONE, 600, 0) == (found.state, found.screened, found.failed)
    assert sorted(seen) == seen
    assert (600, 600) == settled(database)
    product.database.close()


class Lamp:
    """A core that fails as it is told to, for one look."""

    def __init__(self, stop: Event, error: Exception) -> None:
        self.ports, self.trails, self.stop, self.error = self, self, stop, error
        self.order_batch = self.run_batch = self.enquiry = self.escalate_reviews = self.sweep_clinic = self
        self.released = 0

    def clinics(self) -> list[UUID]:
        return [PLATFORM_CLINIC_ID, UUID(int=5)]

    def __call__(self, *_: object, **__: object) -> object:
        self.stop.set()
        raise self.error

    def daily(self, *_: object) -> None:
        """Order nothing."""

    def release(self, *_: object) -> None:
        self.released += 1
        raise self.error


@pytest.mark.parametrize("error", [DependencyUnavailable(), ZeroDivisionError("a name")])
def test_a_worker_outlives_what_fails(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    stop = Event()
    lamp: Any = Lamp(stop, error)
    if isinstance(error, DependencyUnavailable):
        work(lamp, stop, limits=JobLimits(), pause=0)
    else:
        with pytest.raises(ZeroDivisionError):
            work(lamp, stop, limits=JobLimits(), pause=0)
    assert 1 == lamp.released
    assert "a name" not in caplog.text
    assert "waits" in caplog.text or "not there" in caplog.text
