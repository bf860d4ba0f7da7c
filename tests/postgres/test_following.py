"""Following alerts while other transactions are open."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import attrs
import psycopg
import pytest

from mindbridge_core import Role
from mindbridge_core.patients import Alert, AlertKind, PatientDraft
from mindbridge_core.patients.following import SETTLES
from mindbridge_postgres import PostgresAlertFeed
from mindbridge_security import utc_now
from tests.support.postgres import TestDatabase
from tests.support.product import Product


def open_since(product: Product, clinic_id: UUID) -> datetime | None:
    with product.core.ports.open_unit(clinic_id) as unit:
        return unit.alerts.open_since()


def test_the_oldest_transaction_that_has_written_is_known(product: Product, database: TestDatabase) -> None:
    here = product.clinic()
    assert open_since(product, here) is None
    with psycopg.connect(database.application_url) as reading:
        reading.execute("SELECT 1")
        assert open_since(product, here) is None
    started = utc_now()
    with psycopg.connect(database.application_url) as writing:
        writing.execute("SELECT pg_current_xact_id()")
        found = open_since(product, here)
        assert found is not None
        assert abs(found - started) < timedelta(minutes=1)
    assert open_since(product, here) is None


@pytest.mark.parametrize("error", [psycopg.OperationalError("password"), ZeroDivisionError("password")])
def test_whatever_stops_the_listening_it_begins_again(
    error: Exception, product: Product, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    connect, tries = vars(PostgresAlertFeed)["_connect"], list[int]()

    def sometimes(feed: PostgresAlertFeed) -> psycopg.Connection:
        tries.append(1)
        if len(tries) < 3:
            raise error
        found: psycopg.Connection = connect(feed)
        return found

    monkeypatch.setattr(PostgresAlertFeed, "_connect", sometimes)
    woken = threading.Event()
    with product.feed.watch(uuid4(), woken.set):
        assert woken.wait(60)
        deadline = time.monotonic() + 60
        while not product.feed.listening and time.monotonic() < deadline:
            time.sleep(0.02)
    assert 3 == len(tries)
    assert 2 == caplog.text.count(f"only looked for: {type(error).__name__}")
    assert "password" not in caplog.text
    product.feed.close()


def test_an_alert_of_a_transaction_that_lasts_long_is_told_when_it_ends(product: Product) -> None:
    """With a clock that runs ahead for whoever follows, as if hours went by."""
    clinic = product.clinic()
    claim = product.session(product.staff(clinic, Role.ADMIN))
    patient = product.core.admit_patient(claim, PatientDraft(name="Ada"))
    late = Alert(
        id=product.core.ports.new_id(),
        clinic_id=clinic,
        kind=AlertKind.HIGH_RISK,
        patient_id=patient.id,
        cause_id=uuid4(),
        created_at=utc_now(),
    )
    follow = attrs.evolve(product.core.follow_alerts, clock=lambda: utc_now() + 3 * SETTLES)
    with product.core.ports.open_unit(clinic) as unit:
        unit.alerts.raise_all([late])
        news = follow(claim)
        for _ in range(2):
            news = follow(claim, news.bookmark)
            assert () == news.alerts
    assert (late.id,) == tuple(alert.id for alert in follow(claim, news.bookmark).alerts)
    passed = follow(claim)
    assert () == follow(claim, passed.bookmark).alerts
