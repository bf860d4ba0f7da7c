"""`mindbridge drift`: what is planted is found and ends with 3; nothing of a person is told."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import attrs
import psycopg
import pytest

from mindbridge_cli.output import printable
from mindbridge_core import Operator
from mindbridge_core.patients import Patient, PatientFilter, RiskLevel
from mindbridge_core.screening import DriftRequest, FiredRecord, Screening
from mindbridge_core.testing.records import a_patient
from mindbridge_core.testing.screenings import a_screening
from mindbridge_postgres import PoolSettings
from mindbridge_security import KeyRing, utc_now
from tests.cli.conftest import Run
from tests.support.postgres import TestDatabase
from tests.support.product import Product, compose

PATIENTS = 150
SECONDS = 60
"""Many times what it takes when nothing else runs: 100,000 are compared, not opened one by one."""


@pytest.fixture
def product(database: TestDatabase, key_ring: Path) -> Iterator[Product]:
    product = compose(database.application_url, KeyRing.load(key_ring), PoolSettings())
    product.core.prepare_platform()
    yield product
    product.database.close()


def streamed(product: Product, days: dict[int, bool], patients: int = PATIENTS) -> UUID:
    """Screen each patient once on each day before today: one in ten is high, or on a day that drifted one in two."""
    clinic_id = product.clinic()
    people = [
        a_patient(
            clinic_id,
            id=product.core.ports.new_id(),
            name="Zdenka Quillfeather",
            date_of_birth=date(1940 + place % 60, 1, 1),
        )
        for place in range(patients)
    ]
    with product.core.ports.open_unit(clinic_id) as unit:
        unit.patients.add_many(people)
    for day, drifted in days.items():
        made = [screening(product, one, place, day, drifted=drifted) for place, one in enumerate(people)]
        with product.core.ports.open_unit(clinic_id) as unit:
            unit.screenings.add_many(made)
    return clinic_id


def screening(product: Product, patient: Patient, place: int, day: int, *, drifted: bool) -> Screening:
    high = place % (2 if drifted else 10) == 0
    level = RiskLevel.HIGH if high else RiskLevel.LOW
    return a_screening(
        patient,
        id=product.core.ports.new_id(),
        risk_level=level,
        rules_level=level,
        risk_score=Decimal(85 if high else 10),
        fired=(FiredRecord(id="crisis_calls_5", saw={}),) if high else (),
        screened_at=utc_now() - timedelta(days=day),
    )


def test_what_is_planted_is_found_and_ends_with_three(run: Run, served: dict[str, str], product: Product) -> None:
    clinic_id = streamed(product, {60: False, 5: True})
    ended = run("drift", "--json", **served)
    (found,) = json.loads(ended.stdout)["clinics"]
    assert (3, True, str(clinic_id)) == (ended.exit_code, found["found"], found["clinic_id"])
    assert {"risk_level", "rules_level", "risk_score", "rule_fired"} == {
        one["measure"] for one in found["figures"] if one["standing"] == "drifted" and one["ages"] is None
    }
    assert (PATIENTS, PATIENTS) == (found["reference"]["screenings"], found["recent"]["patients"])
    told = run("drift", "--clinic", str(clinic_id), **served)
    assert 3 == told.exit_code
    assert told.stdout.splitlines()[-1].startswith("  Drift: risk_level; rules_level; risk_score; rule_fired")
    assert "Quillfeather" not in ended.output + told.output


def test_a_stable_stream_ends_with_nought(run: Run, served: dict[str, str], product: Product) -> None:
    streamed(product, {60: False, 5: False})
    ended = run("drift", **served)
    assert 0 == ended.exit_code
    assert ended.stdout.splitlines()[-1] == "  Drift: none found"
    assert "Too few to tell: model_answer" in ended.stdout


def test_the_days_are_chosen(run: Run, served: dict[str, str], product: Product) -> None:
    streamed(product, {60: False, 20: False, 5: True})
    assert 3 == run("drift", "--recent-days", "10", "--reference-days", "20", **served).exit_code
    assert 0 == run("drift", "--recent-days", "40", "--reference-days", "10", **served).exit_code
    assert 2 == run("drift", "--recent-days", "0", **served).exit_code


def test_a_handful_of_patients_is_too_few_to_tell(run: Run, served: dict[str, str], product: Product) -> None:
    streamed(product, {60: False, 5: True}, patients=10)
    ended = run("drift", **served)
    assert 0 == ended.exit_code
    assert "Too few to tell: risk_level; rules_level; risk_score" in ended.stdout
    assert "PSI" not in ended.stdout


def test_another_version_of_the_rules_is_found_however_few_there_are(
    run: Run, served: dict[str, str], product: Product
) -> None:
    clinic_id = streamed(product, {60: False}, patients=1)
    with product.core.ports.open_unit(clinic_id) as unit:
        (one,) = unit.patients.list(PatientFilter()).items
        changed = screening(product, one, 1, 1, drifted=False)
        unit.screenings.add(attrs.evolve(changed, rules_version="2027.1\x1b[2J"))
    ended = run("drift", **served)
    assert 3 == ended.exit_code
    assert ended.stdout.splitlines()[-1] == "  Drift: change of rules_version"
    assert "2027.1?[2J" in ended.stdout
    assert "a?b?" == printable("a\nb\x1b")


@pytest.mark.slow
def test_a_hundred_thousand_screenings_are_compared_in_a_few_seconds(product: Product, database: TestDatabase) -> None:
    clinic_id = streamed(product, {day: day <= 30 for day in range(1, 101)}, patients=1000)
    with psycopg.connect(database.superuser_url) as superuser:
        superuser.execute("ANALYZE")  # as the server does by itself within a minute
    began = time.perf_counter()
    drift = product.core.watch_drift(Operator(clinic_id=clinic_id), DriftRequest())
    took = time.perf_counter() - began
    assert drift.found
    assert 100_000 == sum(drift.screenings)
    assert 25_000 < sum(drift.opened) < 45_000
    assert took < SECONDS
