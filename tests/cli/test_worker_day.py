"""`mindbridge worker` and a provider that takes its time: killed again and again, it doubles no answer."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import attrs
import psycopg
import pytest

from mindbridge_core import Operator, Role, SessionClaim
from mindbridge_core.privacy import ConsentDraft, ConsentType
from mindbridge_core.screening import Batch, BatchRequest, BatchState
from tests.cli.demos import SECONDS
from tests.cli.test_worker import fill, prepared, stopped, worker
from tests.support.batch_provider import spoken
from tests.support.postgres import TestDatabase
from tests.support.product import Product
from tests.support.provider import GOOD, Provider, provider

CONSENT = ConsentDraft(consent_type=ConsentType.AI_ANALYSIS, consent_form_version="1")
PATIENTS = 80
KILLS = 8
QUICK = ("--chunk", "20", "--look", "0.3")
COUNTS = """
SELECT count(*), count(DISTINCT patient_id), count(*) FILTER (WHERE assessor = 'anthropic'),
    count(DISTINCT patient_id) FILTER (WHERE assessor = 'anthropic'),
    count(*) FILTER (WHERE array_position(ARRAY['low', 'medium', 'high'], risk_level)
        < array_position(ARRAY['low', 'medium', 'high'], rules_level))
FROM screenings WHERE screening_type <> 'record'
"""


@attrs.frozen(kw_only=True)
class Ward:
    """A clinic whose patients all consent, and a provider of batches."""

    product: Product
    admin: SessionClaim
    clinic_id: UUID
    fake: Provider
    settings: dict[str, str]
    database: TestDatabase

    def ordered(self) -> Batch:
        fill(self.product.core, self.clinic_id, PATIENTS)
        with psycopg.connect(self.database.superuser_url) as superuser:
            ids = [row[0] for row in superuser.execute("SELECT id FROM patients").fetchall()]
        for one in ids:
            self.product.core.record_consent(self.admin, one, CONSENT)
        return self.product.core.order_batch(Operator(clinic_id=self.clinic_id), BatchRequest())

    def look(self, batch: Batch) -> Batch:
        return self.product.core.view_task(self.admin, batch.id)

    def counts(self) -> tuple[int, ...]:
        """All screenings, their patients, those that answers made, theirs; and how many are below their rules."""
        with psycopg.connect(self.database.superuser_url) as superuser:
            row = superuser.execute(COUNTS).fetchone()
        assert row is not None
        return tuple(row)


@pytest.fixture
def here(database: TestDatabase, key_ring: Path, served: dict[str, str]) -> Iterator[Ward]:
    product, clinic_id = prepared(database, key_ring)
    with provider() as fake:
        asking = {"ai_api_key": "k", "ai_base_url": fake.url, "ai_retries": "0", "ai_batch_from": "50"}
        # What a killed worker held is its own for three budgets of a question.
        asking |= {"ai_budget_seconds": "2", "ai_timeout_seconds": "2"}
        yield Ward(
            product=product,
            admin=product.session(product.staff(clinic_id, Role.ADMIN)),
            clinic_id=clinic_id,
            fake=fake,
            settings=served | asking,
            database=database,
        )
    product.database.close()


def until_ended(here: Ward, batch: Batch, process: subprocess.Popen[bytes]) -> list[int]:
    seen, deadline = [], time.monotonic() + 240
    while time.monotonic() < deadline:
        told = here.look(batch)
        seen.append(told.screened)
        if told.ended:
            break
        time.sleep(0.1)
    stopped(process)
    return seen


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_worker_killed_at_any_moment_doubles_no_answer_and_loses_none(here: Ward) -> None:
    here.fake.batches.looks = 2
    here.fake.batches.answer = lambda _: spoken(GOOD | {"risk_level": "high", "risk_score": 91})
    batch = here.ordered()
    seen: list[int] = []
    for kill in range(KILLS):
        process = worker(here.settings, *QUICK)
        operations = len(here.fake.batches.operations)
        deadline = time.monotonic() + 60
        while len(here.fake.batches.operations) < operations + 1 + kill % 3 and time.monotonic() < deadline:
            time.sleep(0.01)
            if here.look(batch).ended:
                break
        time.sleep(0.05 * (kill % 4))
        process.send_signal(signal.SIGKILL)
        process.wait(SECONDS)
        seen.append(here.look(batch).screened)
    seen += until_ended(here, batch, worker(here.settings, *QUICK))
    assert sorted(seen) == seen
    done = here.look(batch)
    assert (BatchState.DONE, PATIENTS, 0) == (done.state, done.screened, done.failed)
    assert (2 * PATIENTS, PATIENTS, PATIENTS, PATIENTS, 0) == here.counts()


@pytest.mark.slow
def test_a_worker_that_goes_once_leaves_what_is_not_due_to_the_next(here: Ward) -> None:
    here.fake.batches.looks = 0
    batch = here.ordered()
    assert 0 == worker(here.settings, "--once", "--chunk", "100", "--look", "3600").wait(timeout=120)
    told = here.look(batch)
    assert (BatchState.RUNNING, PATIENTS) == (told.state, told.screened)
    assert (PATIENTS, PATIENTS, 0, 0, 0) == here.counts()
    assert ["POST "] == here.fake.batches.operations
    until_ended(here, batch, _due_now(here))
    assert (2 * PATIENTS, PATIENTS, PATIENTS, PATIENTS, 0) == here.counts()


def _due_now(here: Ward) -> subprocess.Popen[bytes]:
    with psycopg.connect(here.database.superuser_url) as superuser:
        superuser.execute("UPDATE enquiries SET look_at = now()")
    return worker(here.settings, *QUICK)
