"""`mindbridge ai usage`: what a model took, as it was stored, at the prices that are set."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from mindbridge_core.screening import FailureReason, Usage
from mindbridge_core.testing.records import a_patient
from mindbridge_core.testing.screenings import a_screening
from mindbridge_postgres import PoolSettings
from mindbridge_security import KeyRing, utc_now
from tests.cli.conftest import Run
from tests.support.postgres import TestDatabase
from tests.support.product import Product, compose

PRICES = {"ai_input_price": "3", "ai_output_price": "15"}


@pytest.fixture
def product(database: TestDatabase, key_ring: Path) -> Iterator[Product]:
    product = compose(database.application_url, KeyRing.load(key_ring), PoolSettings())
    product.core.prepare_platform()
    yield product
    product.database.close()


def asked(product: Product) -> UUID:
    """Two answers of a model, one whose cost nobody told, and one failure, all of them today."""
    clinic_id = product.clinic()
    patient = a_patient(clinic_id, name="Zdenka Quillfeather")
    usage = Usage(input_tokens=1_000_000, output_tokens=100_000)
    with product.core.ports.open_unit(clinic_id) as unit:
        unit.patients.add(patient)
        for model, took, failure in (
            ("one", usage, None),
            ("one", usage, None),
            ("other\x1b[2J", None, None),
            (None, None, FailureReason.TIMEOUT),
        ):
            unit.screenings.add(
                a_screening(
                    patient,
                    assessor="scripted",
                    ai_model=model,
                    ai_usage=took,
                    ai_failure=failure,
                    screened_at=utc_now(),
                )
            )
    return clinic_id


def test_requests_failures_tokens_and_cost_are_told_by_model(
    run: Run, served: dict[str, str], product: Product
) -> None:
    clinic_id = asked(product)
    ended = run("ai", "usage", "--json", "--by", "day", **served | PRICES)
    assert 0 == ended.exit_code, ended.output
    (found,) = json.loads(ended.stdout)["clinics"]
    assert (str(clinic_id), 9.0) == (found["clinic_id"], float(found["cost"]))
    assert [(None, 1, 1, 1, 0), ("one", 2, 0, 0, 2_000_000), ("other\x1b[2J", 1, 0, 1, 0)] == [
        (row["model"], row["requests"], row["failures"], row["uncounted"], row["input_tokens"]) for row in found["rows"]
    ]
    told = run("ai", "usage", "--clinic", str(clinic_id), **served | PRICES)
    assert "in all" in told.stdout
    assert told.stdout.splitlines()[-2].endswith("2000000     200000      9.00")
    assert "of 2 requests nobody said what they took" in told.stdout
    assert "other?[2J" in told.stdout
    assert "Quillfeather" not in told.output


def test_without_prices_and_without_requests_that_is_said(run: Run, served: dict[str, str], product: Product) -> None:
    asked(product)
    assert "No prices are set" in run("ai", "usage", **served).stdout
    past = (utc_now() - timedelta(days=9)).date().isoformat()
    assert "no model was asked" in run("ai", "usage", "--from", past, "--to", past, **served).stdout
    priced = run("ai", "usage", "--from", past, "--to", past, **served | PRICES).stdout
    assert "no model was asked" in priced
    assert "No prices" not in priced


def test_days_that_end_before_they_begin_are_refused(run: Run, served: dict[str, str]) -> None:
    ended = run("ai", "usage", "--from", "2026-03-02", "--to", "2026-03-01", **served)
    assert 1 == ended.exit_code
    assert "Traceback" not in ended.output
