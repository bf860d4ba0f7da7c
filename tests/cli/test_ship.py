"""`mindbridge audit ship`: once, for good, killed at any moment."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from mindbridge_cli.compose import composed, web_application
from mindbridge_cli.settings import load_settings
from mindbridge_core import Operator
from mindbridge_core.patients import PatientDraft
from mindbridge_postgres import PoolSettings
from mindbridge_security import KeyRing, utc_now
from tests.cli.conftest import Run
from tests.cli.demos import SECONDS, wait_until
from tests.support.postgres import TestDatabase
from tests.support.product import Product, compose
from tests.support.trail import entries

KILLS = 8
LEAST = 100
"""How many entries each writer makes, however slow the machine: those of four fill two files."""
Settings = dict[str, str]


@pytest.fixture
def shipped(served: Settings, tmp_path: Path) -> Settings:
    """Settings with a file for a sink."""
    return {**served, "audit_sinks": "file", "audit_file": str(tmp_path / "audit.jsonl"), "audit_ship_seconds": "0.1"}


@pytest.fixture
def product(database: TestDatabase, served: Settings) -> Any:
    made = compose(database.application_url, KeyRing.load(Path(served["key_ring_file"])), PoolSettings(most=4))
    try:
        made.core.prepare_platform()
        yield made
    finally:
        made.database.close()


def lines(settings: Settings) -> list[dict[str, Any]]:
    """Return what the files hold, oldest first, a line that is being written left out."""
    path = Path(settings["audit_file"])
    rotated = sorted(path.parent.glob(path.name + ".*"), key=lambda one: -int(one.suffix[1:]))
    texts = []
    for one in (*rotated, path):
        with suppress(FileNotFoundError):  # it is not there yet, or was turned over in this moment
            texts.append(one.read_text())
    return [json.loads(line) for text in texts for line in text[: text.rfind("\n") + 1].splitlines()]


def in_order(found: list[dict[str, Any]]) -> dict[tuple[str, int], int]:
    """Check of each lane that no entry comes before the one that precedes it; return the number each ends with."""
    reached: dict[tuple[str, int], int] = defaultdict(int)
    for line in found:
        lane = line["clinic_id"], line["lane"]
        assert line["seq"] <= reached[lane] + 1, f"{lane} goes from {reached[lane]} to {line['seq']}"
        reached[lane] = max(reached[lane], line["seq"])
    return reached


def started(settings: Settings, *arguments: str) -> subprocess.Popen[bytes]:
    environment = {f"MINDBRIDGE_{name.upper()}": value for name, value in settings.items()}
    return subprocess.Popen(
        [sys.executable, "-m", "mindbridge_cli", "audit", "ship", *arguments],
        env={**environment, "PATH": os.environ["PATH"]},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def test_a_run_sends_what_waits_and_the_next_goes_on(run: Run, shipped: Settings, product: Product) -> None:
    clinic_id = product.clinic()
    first = run("audit", "ship", "--json", **shipped)
    assert 0 == first.exit_code
    sent = json.loads(first.stdout)["sinks"]
    assert [{"sink": "file", "entries": len(lines(shipped)), "wrong": None}] == sent
    assert [{"sink": "file", "entries": 0, "wrong": None}] == json.loads(
        run("audit", "ship", "--json", **shipped).stdout
    )["sinks"]
    product.core.admit_patient(Operator(clinic_id=clinic_id), PatientDraft(name="CANARY Roe"))
    assert "file: 2 entries sent\n" == run("audit", "ship", **shipped).stdout  # it, and that a run began
    found = lines(shipped)
    assert ["clinic.open", "audit.ship", "patient.create", "audit.ship"] == [
        line["action"] for line in found if line["clinic_id"] == str(clinic_id)
    ]
    assert "CANARY" not in json.dumps(found)


def test_a_sink_that_is_down_fails_the_run_and_the_other_is_fed_all_the_same(
    run: Run, shipped: Settings, product: Product
) -> None:
    product.clinic()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    both = {**shipped, "audit_sinks": "syslog,file", "audit_syslog": f"tcp://127.0.0.1:{port}"}
    ended = run("audit", "ship", "--json", **both)
    down, fed = json.loads(ended.stdout)["sinks"]
    assert (1, 0, None) == (ended.exit_code, down["entries"], fed["wrong"])
    assert len(lines(shipped)) == fed["entries"] > 0
    assert f"syslog: 127.0.0.1:{port}: " in ended.stderr


def test_one_process_feeds_a_sink_at_a_time(run: Run, shipped: Settings, product: Product) -> None:
    with product.core.ports.sink_book.alone("file"):
        ended = run("audit", "ship", **shipped)
    assert (1, True) == (ended.exit_code, "file: another process feeds it" in ended.stderr)
    assert 0 == run("audit", "ship", **shipped).exit_code


def test_without_a_sink_there_is_nothing_to_do(run: Run, served: Settings) -> None:
    ended = run("audit", "ship", **served)
    assert (2, True) == (ended.exit_code, "MINDBRIDGE_AUDIT_SINKS" in ended.stderr)
    assert 2 == run("audit", "ship", **served, audit_sinks="file").exit_code
    assert 2 == run("audit", "ship", **served, audit_sinks="syslog").exit_code
    assert 2 == run("audit", "ship", "--follow", "--json", **served).exit_code


def test_ready_tells_of_a_sink_that_lags_and_stays_ready(shipped: Settings, run: Run, product: Product) -> None:
    config = Path(shipped["audit_file"]).with_name("lag.toml")
    config.write_text("".join(f'{name} = "{value}"\n' for name, value in shipped.items()) + "audit_lag_seconds = 60\n")
    settings = load_settings(config)
    with composed(settings) as made:
        client = web_application(made, settings).test_client()
        before = client.get("/api/ready")
        assert (200, "lagging") == (before.status_code, before.get_json()["checks"]["audit_sink_file"])
        assert 0 == run("audit", "ship", **shipped).exit_code
        after = client.get("/api/ready")
        assert (200, "ok") == (after.status_code, after.get_json()["checks"]["audit_sink_file"])
        with product.core.ports.sink_book.alone("file") as held:
            assert held is not None
            held.complete(utc_now() - timedelta(seconds=61))
        late = client.get("/api/ready")
        assert (200, "lagging") == (late.status_code, late.get_json()["checks"]["audit_sink_file"])


def test_figures_tell_of_sinks_and_of_nobody(shipped: Settings, run: Run, product: Product) -> None:
    clinic_id = product.clinic("CANARY")
    config = Path(shipped["audit_file"]).with_name("figures.toml")
    config.write_text("".join(f'{name} = "{value}"\n' for name, value in shipped.items()) + "metrics = true\n")
    settings = load_settings(config)
    with composed(settings) as made:
        client = web_application(made, settings).test_client()
        before = client.get("/api/metrics").text.splitlines()
        assert 'mindbridge_audit_sink_lag_seconds{sink="file"} +Inf' in before
        assert 0 == run("audit", "ship", **shipped).exit_code
        answer = client.get("/api/metrics")
        assert answer.content_type.startswith("text/plain")
        (lag,) = [
            float(one.split()[-1]) for one in answer.text.splitlines() if one.startswith("mindbridge_audit_sink_lag")
        ]
        assert 0 <= lag < 60
        assert {'mindbridge_audit_sink_failing{sink="file"} 0.0', 'mindbridge_ready{check="database"} 1.0'} <= set(
            answer.text.splitlines()
        )
        assert [word for word in ("CANARY", str(clinic_id), clinic_id.hex, "@") if word in answer.text] == []


def test_following_goes_on_after_the_place_was_away_and_ends_with_a_signal(
    shipped: Settings, product: Product, tmp_path: Path
) -> None:
    clinic_id = product.clinic()
    folder = tmp_path / "place"
    settings = {**shipped, "audit_file": str(folder / "audit.jsonl")}  # the folder is not there yet
    process = started(settings, "--follow")
    try:
        wait_until(lambda: product.core.ports.sink_book.standings().get("file") is not None)
        assert product.core.ports.sink_book.standings()["file"].failing_since is not None
        product.core.admit_patient(Operator(clinic_id=clinic_id), PatientDraft(name="Jane Roe"))
        folder.mkdir()
        wait_until(lambda: "patient.create" in [line["action"] for line in lines(settings)])
        wait_until(lambda: product.core.ports.sink_book.standings()["file"].failing_since is None)
    finally:
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=SECONDS)
    assert 0 == process.returncode
    assert b"the sink file waits" in told
    assert b"Jane" not in told


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_shipper_killed_at_any_moment_loses_no_entry_and_keeps_their_order(
    shipped: Settings, product: Product, database: TestDatabase, run: Run
) -> None:
    clinics = [product.clinic(name) for name in ("North", "South")]
    settings = {**shipped, "audit_file_bytes": "65536", "audit_file_kept": "1000"}
    done = threading.Event()

    def write(clinic_id: UUID) -> None:
        written = 0
        while not done.is_set() or written < LEAST:
            product.core.admit_patient(Operator(clinic_id=clinic_id), PatientDraft(name="Jane Roe"))
            written += 1

    writers = [threading.Thread(target=write, args=(clinic_id,)) for clinic_id in (*clinics, *clinics)]
    for writer in writers:
        writer.start()
    killed_at = []
    try:
        for _ in range(KILLS):
            before = len(lines(settings))
            process = started(settings, "--follow")
            wait_until(lambda before=before: len(lines(settings)) > before)  # type: ignore[misc]  # a default binds it
            time.sleep(random.uniform(0, 0.4))  # noqa: S311 - a moment, not a secret
            process.kill()
            process.communicate(timeout=SECONDS)
            killed_at.append(len(lines(settings)))
    finally:
        done.set()
        for writer in writers:
            writer.join()
    assert 0 == run("audit", "ship", **settings).exit_code

    found = lines(settings)
    reached = in_order(found)
    assert sorted(set(killed_at)) == killed_at
    for clinic_id in clinics:
        stored = {
            str(entry.id) for entry in entries(database.application_url, clinic_id, product.keys.cipher(clinic_id))
        }
        assert stored == {line["id"] for line in found if line["clinic_id"] == str(clinic_id)}
        assert len(stored) == sum(seq for (clinic, _), seq in reached.items() if clinic == str(clinic_id))
    assert len(list(Path(settings["audit_file"]).parent.glob("audit.jsonl.*"))) >= 2
