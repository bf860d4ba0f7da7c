"""`mindbridge audit retain` on real partitions: what is old enough and covered goes, and the rest verifies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import psycopg
import pytest
from sqlalchemy import NullPool, create_engine, make_url

from mindbridge_core import Operator
from mindbridge_core.patients import PatientDraft
from mindbridge_core.testing.records import an_entry
from mindbridge_postgres import PoolSettings
from mindbridge_postgres.tenancy import make_partitions
from mindbridge_security import KeyRing
from tests.cli.conftest import Run
from tests.support.clinics import bare_clinic
from tests.support.postgres import TestDatabase
from tests.support.product import Product, compose

OLD = datetime(2018, 3, 5, tzinfo=UTC)
MONTHS = {"audit_logs_y2018m03", "audit_logs_y2018m04"}


@attrs.frozen
class Place:
    """A clinic with entries of March and April 2018 and of today, under a checkpoint."""

    product: Product
    settings: dict[str, str]
    lines: Path
    database: TestDatabase

    def partitions(self) -> set[str]:
        query = (
            "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' AND relname LIKE 'audit_logs_y2018%'"
        )
        with psycopg.connect(self.database.superuser_url) as superuser:
            return {name for (name,) in superuser.execute(query).fetchall()}


@pytest.fixture
def place(database: TestDatabase, served: dict[str, str], tmp_path: Path, run: Run) -> Iterator[Place]:
    owner = make_url(database.owner_url).set(drivername="postgresql+psycopg")
    with create_engine(owner, poolclass=NullPool).begin() as connection:
        make_partitions(connection, date(2018, 3, 1), 2)
    product = compose(database.application_url, KeyRing.load(Path(served["key_ring_file"])), PoolSettings(most=2))
    try:
        product.core.prepare_platform()
        clinic_id = bare_clinic(product.core.ports.open_unit, product.keys)
        for days in (0, 1, 30, 31):
            with product.core.ports.open_unit(clinic_id) as unit:
                unit.audit.append(an_entry(clinic_id, created_at=OLD + timedelta(days=days)))
        product.core.admit_patient(Operator(clinic_id=clinic_id), PatientDraft(name="Jane Roe"))
        settings = {**served, "checkpoint_key_file": str(tmp_path / "checkpoint.pem")}
        assert 0 == run("audit", "checkpoint-key", "--out", settings["checkpoint_key_file"]).exit_code
        lines = tmp_path / "checkpoints"
        assert 0 == run("audit", "checkpoint", "--out", str(lines), **settings).exit_code
        yield Place(product, settings, lines, database)
    finally:
        product.database.close()


def retain(run: Run, place: Place, before: str, *more: str) -> tuple[int, dict[str, Any]]:
    lines = str(place.lines)
    asked = ("audit", "retain", "--json", "--before", before, "--checkpoints", lines, "--out", lines, *more)
    ended = run(*asked, **place.settings)
    return ended.exit_code, json.loads(ended.stdout or "{}")


def test_old_months_go_and_the_rest_verifies_and_says_from_where(run: Run, place: Place) -> None:
    told = {"before": "2018-05-01", "entries": 4, "dropped": [], "dry_run": True}
    assert (0, told) == retain(run, place, "2018-05-31", "--dry-run")
    assert place.partitions() == MONTHS
    code, document = retain(run, place, "2018-05-31")
    assert (0, told | {"dropped": sorted(MONTHS), "dry_run": False}) == (code, document)
    assert place.partitions() == set()

    verified = run("audit", "verify", "--json", "--checkpoints", str(place.lines), **place.settings)
    assert 0 == verified.exit_code
    begins = [one["begins"] for one in json.loads(verified.stdout)["clinics"] if one["begins"]]
    assert [[5]] == [list(one.values()) for one in begins]
    assert "begins with number 5: older ones were dropped" in run("audit", "verify", **place.settings).stdout
    assert 3 == len(place.lines.read_text().splitlines())
    code, document = retain(run, place, "2018-05-01")
    assert (0, 0) == (code, document["entries"])


def test_one_month_may_go_and_the_next_later(run: Run, place: Place) -> None:
    code, document = retain(run, place, "2018-04-30")
    assert (0, ["audit_logs_y2018m03"]) == (code, document["dropped"])
    assert place.partitions() == {"audit_logs_y2018m04"}
    assert 0 == run("audit", "verify", "--checkpoints", str(place.lines), **place.settings).exit_code
    code, document = retain(run, place, "2018-05-01")
    assert (0, ["audit_logs_y2018m04"]) == (code, document["dropped"])
    assert 0 == run("audit", "verify", "--checkpoints", str(place.lines), **place.settings).exit_code


def test_what_is_younger_than_six_years_or_not_covered_stays(run: Run, place: Place) -> None:
    now = datetime.now(UTC)
    young = now.replace(year=now.year - 6, day=1) + timedelta(days=32)
    assert 1 == retain(run, place, young.date().isoformat())[0]
    covered = place.lines.read_text().splitlines()
    place.lines.write_text(covered[0] + "\n")  # the platform's alone
    assert 1 == retain(run, place, "2018-05-01")[0]
    assert place.partitions() == MONTHS
    assert 0 == run("audit", "verify", **place.settings).exit_code
    place.lines.write_text("\n".join(covered) + "\n")
    assert 0 == retain(run, place, "2018-05-01")[0]


def test_a_partition_that_is_dropped_without_leave_is_missed(run: Run, place: Place) -> None:
    with psycopg.connect(place.database.superuser_url) as attacker:
        attacker.execute("DROP TABLE audit_logs_y2018m03")
    ended = run("audit", "verify", "--json", **place.settings)
    kinds = [broken["kind"] for one in json.loads(ended.stdout)["clinics"] for broken in one["breaks"]]
    assert (3, ["missing"]) == (ended.exit_code, kinds)
