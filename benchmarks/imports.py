"""How fast a file of patients is imported, and in how much memory: `python -m benchmarks.imports --patients 100000`.

The bound is measured in the same run: the same rows sealed with bare AES-GCM, hashed with bare HMAC, and copied with
COPY as the superuser, whom row-level security does not bind. Nothing is validated there, nothing looked up or entered.
"""

from __future__ import annotations

import argparse
import hmac
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks.people import COLUMNS, FIRST_NAMES, LAST_NAMES
from benchmarks.rows import Row, table, write_json
from benchmarks.scene import running_scene
from mindbridge_cli.compose import Composed, composed
from mindbridge_cli.settings import Settings, load_settings
from mindbridge_core import Operator
from mindbridge_core.identity import ClinicDraft
from mindbridge_core.patients import Patient, PatientFilter, name_tokens
from mindbridge_core.patients.importing import ImportMode, ImportPlan

GOAL: Final = 0.30
COLUMNS_SENT: Final = (
    "mrn", "name", "date_of_birth", "diagnosis", "diagnosis_code", "medication_adherence", "appointments_missed",
    "crisis_calls_30days", "status",
)  # fmt: skip
SEALED: Final = ("mrn", "name", "date_of_birth", "diagnosis", "diagnosis_code")
PAGE: Final = 100


def write_file(path: Path, count: int) -> None:
    """Write a file of people with names of two words and everything that is usually known."""
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(COLUMNS_SENT) + "\n")
        for number in range(count):
            first, last = FIRST_NAMES[number % len(FIRST_NAMES)], LAST_NAMES[number // 8 % len(LAST_NAMES)]
            born = f"{1940 + number % 60}-{1 + number % 12:02}-{1 + number % 28:02}"
            cells = (
                f"MRN-{number:08}", f"{first} {last}", born, "Bipolar disorder", "F31.9", f"{number % 100}.5",
                str(number % 4), str(number % 3), "active",
            )  # fmt: skip
            file.write(",".join(cells) + "\n")


def imported(product: Composed, clinic_id: UUID, path: Path, mode: ImportMode) -> float:
    """Return the seconds that the import takes."""

    def source() -> Iterator[bytes]:
        with path.open("rb") as file:
            while chunk := file.read(65_536):
                yield chunk

    began = time.perf_counter()
    report = product.core.import_patients(Operator(clinic_id=clinic_id), source, ImportPlan(mode=mode))
    seconds = time.perf_counter() - began
    assert report.rows == report.stored, report
    return seconds


def people(product: Composed, clinic_id: UUID) -> Iterator[Patient]:
    """Yield everybody at the clinic."""
    page = product.core.list_patients(Operator(clinic_id=clinic_id), PatientFilter(limit=PAGE))
    yield from page.items
    while page.after is not None:
        page = product.core.list_patients(Operator(clinic_id=clinic_id), PatientFilter(limit=PAGE, after=page.after))
        yield from page.items


def bare(superuser: str, clinic_id: UUID, patients: list[Patient]) -> float:
    """Return the seconds of sealing, hashing and copying the same rows into the same tables, for another clinic."""
    tokens = [name_tokens(patient.name) for patient in patients]
    seal, key = AESGCM(os.urandom(32)).encrypt, os.urandom(32)
    texts = [[str(getattr(patient, column)).encode() for column in SEALED] for patient in patients]
    names = list(COLUMNS)
    began = time.perf_counter()
    found: list[tuple[UUID, bytes, UUID]] = []
    with psycopg.connect(superuser) as connection:
        statement = f"COPY patients ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)"
        with connection.cursor().copy(statement.encode()) as copy:
            copy.set_types(list(COLUMNS.values()))
            for patient, words, cells in zip(patients, tokens, texts, strict=True):
                row: dict[str, Any] = {name: getattr(patient, name, None) for name in names}
                row["clinic_id"], place = clinic_id, clinic_id.bytes + patient.id.bytes
                for column, text in zip(SEALED, cells, strict=True):
                    nonce = os.urandom(12)
                    row[column] = b"\1\0\1" + nonce + seal(nonce, text, place)
                row["mrn_index"] = hmac.digest(key, cells[0], "sha256")[:16]
                row["status"], row["current_risk_level"] = "active", None
                hashes = [hmac.digest(key, word.encode(), "sha256")[:16] for word in words]
                hashes.append(hmac.digest(key, cells[1] + cells[2], "sha256")[:16])
                found += [(clinic_id, one, patient.id) for one in hashes]
                copy.write_row([row[name] for name in names])
        with connection.cursor().copy(b"COPY patient_search FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["uuid", "bytea", "uuid"])
            for line in found:
                copy.write_row(line)
    return time.perf_counter() - began


def peak_mib(settings: Settings, clinic_id: UUID, path: Path) -> float:
    """Return the peak memory of a process that imports the file, in MiB."""
    environment = {
        **os.environ,
        "MINDBRIDGE_DATABASE_URL": str(settings.database_url),
        "MINDBRIDGE_KEY_RING_FILE": str(settings.key_ring_file),
    }
    command = [sys.executable, "-m", "benchmarks.imports", "--one", str(path), "--clinic", str(clinic_id)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return float(done.stdout)


def import_one(path: Path, clinic_id: UUID) -> None:
    """Import the file in this process and print how much memory that took."""
    with composed(load_settings()) as product:
        imported(product, clinic_id, path, ImportMode.PARTIAL)
    # Not ru_maxrss: a process inherits that of the one that started it.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    print(int(status.partition("VmHWM:")[2].split()[0]) / 1024)


def main() -> None:
    """Import a file in both modes and copy the same rows; print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.imports", description=__doc__)
    parser.add_argument("--patients", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--clinic", type=UUID, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one is not None:
        import_one(asked.one, asked.clinic)
        return
    with tempfile.TemporaryDirectory() as folder, running_scene(Path(folder), 10) as scene:
        small, large = Path(folder) / "small.csv", Path(folder) / "large.csv"
        write_file(small, asked.patients // 10)
        write_file(large, asked.patients)
        settings = Settings(database_url=scene.application_url, key_ring_file=scene.ring_path)
        with composed(settings) as product:
            clinics = iter(range(1000))

            def clinic() -> UUID:
                return product.core.open_clinic(ClinicDraft(organization="Elm", name=f"Import {next(clinics)}"))

            seconds: dict[str, list[float]] = {"partial": [], "all_or_nothing": [], "bare": []}
            for _ in range(asked.rounds):
                into = clinic()
                seconds["partial"].append(imported(product, into, large, ImportMode.PARTIAL))
                seconds["bare"].append(bare(scene.superuser_url, clinic(), list(people(product, into))))
                seconds["all_or_nothing"].append(imported(product, clinic(), large, ImportMode.ALL_OR_NOTHING))
            memory = [peak_mib(settings, clinic(), path) for path in (small, large)]
    bound = asked.patients / min(seconds["bare"])
    rows = [
        Row(
            group="csv", what=f"import, {mode}", figure=asked.patients / min(seconds[mode]), unit="patients/s",
            against="/s bare", bound=bound, goal=GOAL,
        )
        for mode in ("partial", "all_or_nothing")
    ]  # fmt: skip
    rows.append(
        Row(
            group="csv", what=f"peak memory, {asked.patients:,} rows", figure=memory[1], unit="MiB",
            against=f"MiB with {asked.patients // 10:,}", bound=memory[0], goal=1.2, at_most=True,
        )
    )  # fmt: skip
    print(table(rows))
    if asked.json is not None:
        write_json(asked.json, rows, {"patients": asked.patients, "rounds": asked.rounds})


if __name__ == "__main__":
    main()
