"""A daily screening that does not happen is told by the server and the doctor, with no worker anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
import psycopg
import pytest
from werkzeug.test import TestResponse

from mindbridge_cli import readiness
from mindbridge_cli.compose import composed, web_application
from mindbridge_cli.settings import Settings, load_settings
from mindbridge_core import MindBridge, Operator, Role
from mindbridge_core.patients.importing import ImportPlan
from mindbridge_core.screening import DailyStanding
from tests.cli.conftest import Run
from tests.cli.demos import SECONDS, wait_until
from tests.cli.test_doctor import wrong
from tests.cli.test_worker import noon_here, prepared, worker
from tests.support.postgres import TestDatabase
from tests.support.product import Product


def opened_long_ago(database: TestDatabase, clinic_id: UUID) -> None:
    with psycopg.connect(database.superuser_url) as superuser:
        change = "UPDATE clinics SET created_at = created_at - interval '9 days' WHERE id = %s"
        superuser.execute(change, (clinic_id,))


@attrs.frozen(kw_only=True)
class Clinic:
    """A clinic of twelve patients who were never screened, where it is about noon, and its database's settings."""

    product: Product
    id: UUID
    zone: ZoneInfo
    served: dict[str, str]
    config: Path

    def due(self, minutes_ago: int) -> str:
        """Return that time of day, as the clinic's clock shows it; it is of the same day."""
        return f"{datetime.now(self.zone) - timedelta(minutes=minutes_ago):%H:%M}"

    def settings(self, screening_time: str) -> Settings:
        lines = [f'{name} = "{value}"\n' for name, value in (self.served | {"screening_time": screening_time}).items()]
        self.config.write_text("".join(lines) + "screening_late_hours = 0.1\n")
        return load_settings(self.config)

    def dashboard(self) -> tuple[DailyStanding, int]:
        """Return what an admin is shown of it, by a core that the settings made."""
        settings = load_settings(self.config)
        admin = self.product.session(self.product.staff(self.id, Role.ADMIN))
        with composed(settings) as made:
            shown = made.core.show_dashboard(admin)
        assert shown.daily is not None
        return shown.daily, shown.missed

    def screen(self, at: str) -> None:
        """Run a worker until nothing is left."""
        assert 0 == worker(self.served | {"screening_time": at}, "--once").wait(SECONDS)


@pytest.fixture
def clinic(database: TestDatabase, key_ring: Path, served: dict[str, str], tmp_path: Path) -> Iterator[Clinic]:
    product, clinic_id = prepared(database, key_ring)
    text = "name,crisis_calls_30days\n" + "Jane Roe,0\n" * 12
    product.core.import_patients(Operator(clinic_id=clinic_id), lambda: [text.encode()], ImportPlan())
    opened_long_ago(database, clinic_id)
    zone = ZoneInfo(noon_here(database))
    yield Clinic(product=product, id=clinic_id, zone=zone, served=served, config=tmp_path / "settings.toml")
    product.database.close()


def ready(client: Any) -> tuple[int, str]:
    answer: TestResponse = client.get("/api/ready")
    return answer.status_code, answer.get_json()["checks"]["daily_screening"]


def test_without_a_worker_it_is_late_everywhere_and_with_one_it_is_not(
    clinic: Clinic, run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(readiness, "LOOK_SECONDS", 0.0)
    at = clinic.due(minutes_ago=30)
    settings, late = clinic.settings(at), {"screening_time": at, "screening_late_hours": "0.1"}
    with composed(settings) as made:
        client = web_application(made, settings).test_client()
        assert ready(client) == (200, "lagging")
        assert "lagging: daily_screening" in caplog.text
        assert str(clinic.id) not in client.get("/api/ready").text + caplog.text
        daily, missed = clinic.dashboard()
        assert (True, None, 12) == (daily.late, daily.last_ended_at, missed)
        found = wrong(run, **clinic.served, **late)
        assert ["daily screening"] == list(found)
        (said,) = found["daily screening"]
        assert (True, True) == (str(clinic.id) in said, "run `mindbridge worker`" in said)
        clinic.screen(at)
        assert ready(client) == (200, "ok")
    daily, missed = clinic.dashboard()
    assert (False, True, 0) == (daily.late, daily.last_ended_at is not None, missed)
    assert {} == wrong(run, **clinic.served, **late)


def test_what_is_never_due_is_not_late_and_coverage_tells_all_the_same(clinic: Clinic) -> None:
    settings = clinic.settings("never")
    with composed(settings) as made:
        assert ready(web_application(made, settings).test_client()) == (200, "ok")
    daily, missed = clinic.dashboard()
    assert (False, None, 12) == (daily.late, daily.due_at, missed)


def test_the_clinics_are_looked_at_once_a_minute(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "LOOK_SECONDS", 10 * readiness.LOOK_SECONDS)  # the worker may take a minute here
    at = clinic.due(minutes_ago=30)
    settings = clinic.settings(at)
    with composed(settings) as made:
        client = web_application(made, settings).test_client()
        assert ready(client) == (200, "lagging")
        clinic.screen(at)
        assert ready(client) == (200, "lagging")


def test_while_somebody_looks_others_are_told_what_was_found_before(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "LOOK_SECONDS", 0.0)
    looks, go_on, standing = list[int](), Event(), DailyStanding(clinic_id=clinic.id, late=True)

    def late(_: MindBridge) -> Iterator[DailyStanding]:
        looks.append(len(looks))
        assert len(looks) == 1 or go_on.wait(SECONDS)
        yield from [standing][: len(looks) % 2]

    monkeypatch.setattr(readiness, "late_clinics", late)
    watch = readiness.daily_watch(clinic.product.core)["daily_screening"]
    assert watch() is not None
    with ThreadPoolExecutor(1) as aside:
        slow = aside.submit(watch)
        try:
            wait_until(lambda: 2 == len(looks))
            assert watch() is not None
            assert not slow.done()
        finally:
            go_on.set()
        assert slow.result(SECONDS) is None
    assert [0, 1] == looks
