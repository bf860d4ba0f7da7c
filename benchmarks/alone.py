"""What is measured without a server: importing the core, a use case in memory, and the bounds of database and hash."""

from __future__ import annotations

import statistics
import subprocess
import sys
import threading
from time import perf_counter, thread_time
from typing import Final

import psycopg

from benchmarks.load import Sample, sample_of
from benchmarks.scene import PASSWORD, Scene
from mindbridge_core import Actor, MindBridge, Operator, Role
from mindbridge_core.identity import ClinicDraft
from mindbridge_core.patients import PatientDraft
from mindbridge_memory import memory_ports
from mindbridge_security import Argon2Hasher, Argon2Settings

__all__ = ["hash_rate", "import_seconds", "select_rate", "view_seconds"]

BATCH: Final = 50

SCRIPT: Final = """
import time
start = time.process_time()
import {modules}
print(time.process_time() - start)
"""

SELECT: Final = """
SELECT id, case_manager_id, mrn, name, date_of_birth, diagnosis, diagnosis_code, medication_adherence,
    last_appointment, appointments_missed, crisis_calls_30days, current_risk_level, manually_escalated, admitted_at,
    status, version, created_at, updated_at
FROM patients WHERE clinic_id = %s AND deleted_at IS NULL ORDER BY id LIMIT 51
"""


def import_seconds(module: str, times: int) -> tuple[float, float]:
    """Return the processor time of importing the module, and of importing attrs and cattrs, in fresh processes."""
    taken: dict[str, list[float]] = {module: [], "attrs, cattrs": []}
    for _ in range(times):
        for modules, seconds in taken.items():
            command = [sys.executable, "-I", "-c", SCRIPT.format(modules=modules)]
            seconds.append(float(subprocess.run(command, check=True, capture_output=True).stdout))
    return statistics.median(taken[module]), statistics.median(taken["attrs, cattrs"])


def view_seconds(seconds: float) -> float:
    """Return the median processor time of viewing one patient in memory, entry in the trail included.

    The least of many batches' medians would flatter; their median does not. Units are of `BATCH` views, because
    the clock itself takes a part of a microsecond.
    """
    core = MindBridge.build(memory_ports())
    core.prepare_platform()
    clinic_id = core.open_clinic(ClinicDraft(organization="Oak", name="North"))
    caller = Actor(clinic_id=clinic_id, user_id=core.ports.new_id(), role=Role.ADMIN)
    patient = core.admit_patient(Operator(clinic_id=clinic_id), PatientDraft(name="Ada Abernathy"))
    taken: list[float] = []
    end = perf_counter() + seconds
    while perf_counter() < end:
        before = thread_time()
        for _ in range(BATCH):
            core.view_patient(caller, patient.id)
        taken.append((thread_time() - before) / BATCH)
    return statistics.median(taken)


def select_rate(scene: Scene, seconds: float) -> Sample:
    """Read the rows of a list's page again and again on one connection, as tuples."""
    taken: list[float] = []
    with psycopg.connect(scene.application_url, autocommit=True) as connection:
        connection.execute(f"SET app.clinic_id = '{scene.large.id}'".encode())
        cursor = connection.cursor(binary=True)
        start = now = perf_counter()
        while now < start + seconds:
            before = now
            cursor.execute(SELECT, (scene.large.id,), prepare=True)
            assert cursor.fetchall()
            now = perf_counter()
            taken.append(now - before)
    return sample_of(taken, now - start)


def hash_rate(seconds: float, threads: int) -> float:
    """Return argon2id verifications per second at the default cost, by as many threads as there are cores."""
    hasher = Argon2Hasher(Argon2Settings())
    stored = hasher.hash(PASSWORD)
    counts: list[int] = []
    start = perf_counter()

    def verify() -> None:
        done = 0
        while perf_counter() < start + seconds:
            assert hasher.verify(stored, PASSWORD)
            done += 1
        counts.append(done)

    crowd = [threading.Thread(target=verify) for _ in range(threads)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    return sum(counts) / (perf_counter() - start)
