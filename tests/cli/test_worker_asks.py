"""`mindbridge worker` and a model over HTTP: what it says may raise, what it fails to say may not hold up a batch."""

from __future__ import annotations

import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import attrs
import psycopg
import pytest

from mindbridge_core import Operator, Role, SessionClaim
from mindbridge_core.patients import RiskLevel
from mindbridge_core.privacy import ConsentDraft, ConsentType
from mindbridge_core.screening import Batch, BatchRequest, BatchState
from tests.cli.demos import SECONDS
from tests.cli.test_worker import fill, prepared, worker
from tests.support.postgres import TestDatabase
from tests.support.product import Product
from tests.support.provider import GOOD, Provider, Sent, message, provider

CONSENT = ConsentDraft(consent_type=ConsentType.AI_ANALYSIS, consent_form_version="1")
AT_ONCE = 4
BUDGET = 2.0
ENDS_WITHIN = 90.0
"""Seconds in which 200 patients are done without an answer, on a machine that others use too."""
LEVELS = """
SELECT rules_level, risk_level, current_risk_level, ai_failure, count(*) FROM screenings
JOIN patients ON patients.clinic_id = screenings.clinic_id AND patients.id = screenings.patient_id
WHERE screening_type <> 'record'
GROUP BY rules_level, risk_level, current_risk_level, ai_failure
"""


@attrs.frozen(kw_only=True)
class Ward:
    """A clinic whose patients all consent, a provider, and how a worker is told of both."""

    product: Product
    admin: SessionClaim
    clinic_id: UUID
    fake: Provider
    settings: dict[str, str]
    database: TestDatabase

    def filled(self, patients: int) -> Batch:
        """Order a batch of so many patients, each of whom consents."""
        fill(self.product.core, self.clinic_id, patients)
        with psycopg.connect(self.database.superuser_url) as superuser:
            ids = [row[0] for row in superuser.execute("SELECT id FROM patients").fetchall()]
        for one in ids:
            self.product.core.record_consent(self.admin, one, CONSENT)
        return self.product.core.order_batch(Operator(clinic_id=self.clinic_id), BatchRequest())

    def run(self, budget: float = 60) -> float:
        """Run a worker until nothing is left; return how long it took."""
        begun = time.monotonic()
        hurry = {"ai_budget_seconds": str(budget), "ai_timeout_seconds": str(budget)}
        process = worker(self.settings | hurry, "--once", "--lease", "60")
        try:
            assert 0 == process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            raise
        return time.monotonic() - begun

    def found(self) -> Counter[tuple[str | None, ...]]:
        """Count by the rules' level, the screening's, the patient's, and why there is no answer."""
        with psycopg.connect(self.database.superuser_url) as superuser:
            return Counter({tuple(row[:4]): row[4] for row in superuser.execute(LEVELS).fetchall()})


@pytest.fixture
def here(database: TestDatabase, key_ring: Path, served: dict[str, str]) -> Iterator[Ward]:
    product, clinic_id = prepared(database, key_ring)
    with provider() as fake:
        asking = {
            "ai_api_key": "k",
            "ai_base_url": fake.url,
            "ai_retries": "0",
            "ai_at_once": str(AT_ONCE),
            "ai_per_minute": "6000",
        }
        yield Ward(
            product=product,
            admin=product.session(product.staff(clinic_id, Role.ADMIN)),
            clinic_id=clinic_id,
            fake=fake,
            settings=served | asking,
            database=database,
        )
    product.database.close()


def done(here: Ward, batch: Batch) -> tuple[BatchState, int, int]:
    told = here.product.core.view_task(here.admin, batch.id)
    return told.state, told.screened, told.failed


@pytest.mark.slow
def test_a_model_that_says_low_of_everybody_lowers_nobody(here: Ward) -> None:
    batch = here.filled(28)
    here.fake.always(message(GOOD))
    here.run()
    assert (BatchState.DONE, 28, 0) == done(here, batch)
    assert 28 == len(here.fake.requests)
    assert AT_ONCE >= here.fake.most_under_way
    found = here.found()
    assert {"low", "medium", "high"} >= {one[0] for one in found} >= {"medium", "high"}
    assert [] == [one for one in found if not one[0] == one[1] == one[2]]
    assert {None} == {one[3] for one in found}


@pytest.mark.slow
def test_a_model_that_says_high_of_everybody_raises_everybody(here: Ward) -> None:
    batch = here.filled(28)
    here.fake.always(message(GOOD | {"risk_level": "high", "risk_score": 91}))
    here.run()
    assert (BatchState.DONE, 28, 0) == done(here, batch)
    found = here.found()
    assert len({one[0] for one in found}) > 1
    assert {("high", "high", None)} == {one[1:] for one in found}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sent", "first", "patients"),
    [(Sent(delay=30), "timeout", 200), (Sent(hangs_up=True), "unavailable", 60)],
    ids=["hangs", "is down"],
)
def test_a_provider_that_is_gone_leaves_everybody_the_rules_result_in_time(
    here: Ward, sent: Sent, first: str, patients: int
) -> None:
    """The breaker opens after five failures in a row, so that no more are waited for than were under way by then."""
    batch = here.filled(patients)
    here.fake.always(sent)
    took = here.run(BUDGET)
    assert (BatchState.DONE, patients, 0) == done(here, batch)
    assert took < ENDS_WITHIN
    waited_for = 5 - 1 + AT_ONCE + ENDS_WITHIN // 60
    assert 1 <= len(here.fake.requests) <= waited_for
    found = here.found()
    assert [] == [one for one in found if not one[0] == one[1] == one[2]]
    assert RiskLevel.HIGH.value in {one[1] for one in found}
    reasons = Counter[str | None]()
    for one, number in found.items():
        reasons[one[3]] += number
    assert patients == sum(reasons.values())
    assert first in reasons
    assert {first, "unavailable", "unexpected"} >= set(reasons)  # the last where the machine has no time to ask
    assert reasons["unavailable"] >= patients - waited_for
