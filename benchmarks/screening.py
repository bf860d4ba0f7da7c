"""How fast patients are screened by rules: the pure function alone, and with reading, storing and audit."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from time import perf_counter, process_time, thread_time
from typing import Final
from uuid import UUID, uuid4

import attrs

from benchmarks.composition import product_settings
from benchmarks.rows import Row
from benchmarks.scene import Scene
from mindbridge_cli.compose import Composed, compose
from mindbridge_core import Operator
from mindbridge_core.screening import (
    CURRENT_RULES,
    BatchRequest,
    RecordSnapshot,
    Screening,
    ScreeningFilter,
    screen_by_rules,
)

__all__ = ["rules_rate", "stored_rows"]

TODAY: Final = date(2026, 3, 2)
RECORDS: Final = 2_000
STORED_BOUND: Final = 3_000.0
"""Patients a second: a caseload of 100,000 in little more than half a minute."""
PAGE: Final = 500


def _records() -> list[RecordSnapshot]:
    """Return a caseload in which every rule holds for some: the values are drawn, and the same each time."""
    draw = random.Random(1)  # noqa: S311 - a caseload, no secret
    return [
        RecordSnapshot(
            as_of=TODAY,
            medication_adherence=Decimal(draw.randint(0, 10_000)).scaleb(-2),
            appointments_missed=draw.randint(0, 5),
            crisis_calls_30days=draw.randint(0, 6),
            last_appointment=TODAY - timedelta(days=draw.randint(0, 60)),
            in_care_since=TODAY - timedelta(days=400),
        )
        for _ in range(RECORDS)
    ]


def rules_rate(seconds: float) -> float:
    """Return patients per second of processor time of one thread."""
    records, done = _records(), 0
    end, before = perf_counter() + seconds, thread_time()
    while perf_counter() < end:
        for record in records:
            assert screen_by_rules(CURRENT_RULES, record).score >= 0
        done += len(records)
    return done / (thread_time() - before)


@attrs.frozen(kw_only=True)
class _Rate:
    """Patients per second, and per second of processor time of this process and its connection's server process."""

    wall: float
    processor: float


def stored_rows(scene: Scene, seconds: float) -> Iterator[Row]:
    """Screen the large clinic, or as much of it as there is time for, by each of the two ways."""
    with _composed(scene) as composed:
        clinic_id = scene.large.id
        bare = _measured(composed, _inserting(composed, clinic_id), seconds)
        ways = {
            "a caseload by rules": _measured(composed, _by_pages(composed, clinic_id), seconds),
            "a batch by rules": _measured(composed, _by_pieces(composed, clinic_id), seconds),
        }
    for what, rate in ways.items():
        yield _row(f"{what}, stored", rate.wall, "patients/s", STORED_BOUND, goal=1.0)
        yield _row(f"{what}, by processor time", rate.processor, "patients/s", STORED_BOUND, goal=1.0)
        yield _row(f"{what}, beside storing alone", rate.processor, "screenings/s into the table", bare.processor)


def _row(what: str, figure: float, against: str, bound: float, goal: float | None = None) -> Row:
    return Row(group="screen", what=what, figure=figure, unit="patients/s", against=against, bound=bound, goal=goal)


@contextmanager
def _composed(scene: Scene) -> Iterator[Composed]:
    settings = attrs.evolve(product_settings(scene.application_url, scene.ring_path), pool_max=1)
    composed = compose(settings)
    try:
        yield composed
    finally:
        composed.database.close()


def _by_pages(composed: Composed, clinic_id: UUID) -> Iterator[int]:
    after = None
    while True:
        page = composed.core.screen_caseload(Operator(clinic_id=clinic_id), after=after, limit=PAGE)
        yield len(page.screenings)
        after = page.after


def _by_pieces(composed: Composed, clinic_id: UUID) -> Iterator[int]:
    worker, done = uuid4(), 0
    while True:
        batch = composed.core.run_batch(Operator(clinic_id=clinic_id), worker)
        if batch is None or batch.ended:
            composed.core.order_batch(Operator(clinic_id=clinic_id), BatchRequest())
            yield 0 if batch is None else batch.screened - done
            done = 0
        else:
            yield batch.screened - done
            done = batch.screened


def _inserting(composed: Composed, clinic_id: UUID) -> Iterator[int]:
    """Store screenings that are there already under new ids, and do nothing else."""
    made = _some(composed, clinic_id)
    while True:
        with composed.core.ports.open_unit(clinic_id) as unit:
            unit.screenings.add_many([attrs.evolve(one, id=composed.core.ports.new_id()) for one in made])
        yield len(made)


def _some(composed: Composed, clinic_id: UUID) -> list[Screening]:
    composed.core.screen_caseload(Operator(clinic_id=clinic_id), limit=PAGE)
    with composed.core.ports.open_unit(clinic_id) as unit:
        return list(unit.screenings.list(ScreeningFilter(limit=PAGE)).items)


def _measured(composed: Composed, way: Iterator[int], seconds: float) -> _Rate:
    """Take steps of the way for so long, the first unmeasured."""
    next(way)
    done, clock = 0, _server_clock(composed)
    wall, processor = perf_counter(), process_time() + clock()
    while perf_counter() < wall + seconds:
        done += next(way)
    return _Rate(wall=done / (perf_counter() - wall), processor=done / (process_time() + clock() - processor))


def _server_clock(composed: Composed) -> Callable[[], float]:
    """Return what reads the processor time of the one connection's server process."""
    with composed.database.connection() as connection:
        stat = Path(f"/proc/{connection.info.backend_pid}/stat")

    def clock() -> float:
        fields = stat.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    return clock
