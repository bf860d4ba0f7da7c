"""`mindbridge admin clinic`: by which clock a clinic goes, and when the worker has its patients screened."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from threading import Event
from uuid import uuid4

import psycopg
import pytest

from mindbridge_cli.working import work
from mindbridge_core.screening import JobLimits
from tests.cli.conftest import Run
from tests.cli.test_worker import fill, prepared
from tests.support.postgres import TestDatabase


def test_a_clinics_clock_is_shown_changed_and_left_to_the_installation_again(
    database: TestDatabase, key_ring: Path, served: dict[str, str], run: Run
) -> None:
    product, clinic_id = prepared(database, key_ring)
    product.database.close()
    of = ("admin", "clinic", "--clinic", str(clinic_id))

    zone = "North: time zone America/New_York"
    shown = run(*of, **served)
    assert 0 == shown.exit_code, shown.output
    assert f"{zone}, screened every day at 06:00 (MINDBRIDGE_SCREENING_TIME)\n" == shown.stdout
    never = run(*of, **served, screening_time="never")
    assert f"{zone}, not screened every day (MINDBRIDGE_SCREENING_TIME)\n" == never.stdout
    changed = run(*of, "--timezone", "Asia/Tokyo", "--screening-time", "05:30", "--json", **served)
    expected = {"clinic_id": str(clinic_id), "name": "North", "timezone": "Asia/Tokyo", "screening_time": "05:30"}
    assert expected == json.loads(changed.stdout)
    assert "North: time zone Asia/Tokyo, screened every day at 05:30\n" == run(*of, **served).stdout
    back = run(*of, "--screening-time", "default", "--json", **served)
    assert expected | {"screening_time": None} == json.loads(back.stdout)


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (("--timezone", "Mars/Olympus"), "--timezone is not an IANA time zone"),
        (("--screening-time", "25:00"), "--screening-time must be an hour of the day, HH:MM"),
        (("--timezone", "default"), "--timezone is not an IANA time zone"),
        (
            ("--timezone", "localtime", "--screening-time", "never"),
            "--timezone is not an IANA time zone; --screening-time must be an hour of the day, HH:MM",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_opened(sent: tuple[str, ...], says: str, run: Run) -> None:
    refused = run("admin", "clinic", "--clinic", str(uuid4()), *sent)
    assert 2 == refused.exit_code
    assert says in refused.stderr


def test_a_clinic_that_there_is_not_is_not_shown(
    database: TestDatabase, key_ring: Path, served: dict[str, str], run: Run
) -> None:
    product, _ = prepared(database, key_ring)
    product.database.close()
    refused = run("admin", "clinic", "--clinic", str(uuid4()), **served)
    assert 1 == refused.exit_code
    assert "Traceback" not in refused.output


def test_the_worker_orders_the_day_of_a_clinic_that_has_a_time_of_its_own(
    database: TestDatabase, key_ring: Path, served: dict[str, str], run: Run
) -> None:
    product, own = prepared(database, key_ring)
    other = product.clinic("South")
    for clinic_id in (own, other):
        fill(product.core, clinic_id, 3)
    changed = run("admin", "clinic", "--clinic", str(own), "--screening-time", "00:00", **served)
    assert 0 == changed.exit_code, changed.output
    for _ in range(2):
        work(product.core, Event(), limits=JobLimits(), pause=0, once=True, daily=None)
    with psycopg.connect(database.superuser_url) as superuser:
        rows = superuser.execute("SELECT clinic_id, day, state, screened FROM batches").fetchall()
    ((clinic_id, day, state, screened),) = rows
    assert (own, "done", 3) == (clinic_id, state, screened)
    assert isinstance(day, date)
    product.database.close()
