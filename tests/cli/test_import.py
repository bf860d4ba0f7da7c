"""`mindbridge import`: what it stores, says and gives back, and how it ends."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from mindbridge_cli.output import ExitCode
from tests.cli.conftest import Run

MIXED = "name,mrn\nAda,1\n,2\nEve,3\n"
NOWHERE = "01a21618-fe62-7ba2-8b32-6ea7508a2774"


@pytest.fixture
def clinic(run: Run, served: dict[str, str]) -> str:
    clinic_id: str = json.loads(run("seed", "--json", **served).stdout)["clinic_id"]
    return clinic_id


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "patients.csv"
    path.write_text(MIXED, encoding="utf-8")
    return path


def test_a_good_file_is_stored_and_once_only(run: Run, served: dict[str, str], clinic: str, file: Path) -> None:
    file.write_text("name,mrn\nAda,1\nZoë,2\n", encoding="utf-8")
    done = run("import", str(file), "--clinic", clinic, **served)
    assert (ExitCode.DONE, "2 rows: 2 good, 0 rejected; 2 stored\n", "") == (done.exit_code, done.stdout, done.stderr)
    again = run("import", str(file), "--clinic", clinic, "--mode", "partial", **served)
    assert ExitCode.CHECK_FOUND == again.exit_code
    assert [
        "line 2: mrn belongs to a patient of this clinic already",
        "line 3: mrn belongs to a patient of this clinic already",
        "2 rows: 0 good, 2 rejected; 0 stored",
    ] == again.stdout.splitlines()


def test_rejected_rows_are_written_mended_and_imported(
    run: Run, served: dict[str, str], clinic: str, file: Path, tmp_path: Path
) -> None:
    rejected = tmp_path / "rejected.csv"
    options = ("--clinic", clinic, "--mode", "partial", "--json", "--rejected", str(rejected))
    done = run("import", str(file), *options, **served)
    shown = json.loads(done.stdout)
    assert ExitCode.CHECK_FOUND == done.exit_code
    assert (3, 2, 1, 2, "partial") == (*(shown[name] for name in ("rows", "accepted", "rejected", "stored", "mode")),)
    assert [(3, False, ["required"])] == [
        (row["line"], row["accepted"], [found["code"] for found in row["findings"]]) for row in shown["remarks"]
    ]
    assert 0o600 == rejected.stat().st_mode & 0o777
    assert ExitCode.WRONG_USAGE == run("import", str(file), *options, **served).exit_code
    rejected.write_text(rejected.read_text("utf-8").replace('"","2"', '"Joe","2"'), encoding="utf-8")
    mended = run("import", str(rejected), "--clinic", clinic, **served)
    assert "1 rows: 1 good, 0 rejected; 1 stored\n" == mended.stdout


def test_a_dry_run_stores_nothing_and_no_file_is_left_where_nothing_is_rejected(
    run: Run, served: dict[str, str], clinic: str, file: Path, tmp_path: Path
) -> None:
    file.write_text("patient;date of birth;shoe\nAda;1980-02-29;38\nADA;1980-02-29;39", encoding="utf-8")
    rejected = tmp_path / "rejected.csv"
    options = ("--clinic", clinic, "--map", "Patient=name", "--map", "shoe=", "--rejected", str(rejected))
    for _ in range(2):
        done = run("import", str(file), *options, "--dry-run", **served)
        assert ExitCode.DONE == done.exit_code
        assert [
            "line 3: warning: name has a namesake, born on the same day",
            "2 rows: 2 good, 0 rejected; 0 stored (dry run: nothing is stored)",
        ] == done.stdout.splitlines()
    assert not rejected.exists()


def test_of_many_rows_the_first_are_shown(run: Run, served: dict[str, str], clinic: str, file: Path) -> None:
    file.write_text("name,mrn\n" + ",1\nEve\n" * 15, encoding="utf-8")
    lines = run("import", str(file), "--clinic", clinic, **served).stdout.splitlines()
    assert "line 3: the row has too few cells" == lines[1]
    assert [
        "... and 10 more rows with remarks",
        "30 rows: 0 good, 30 rejected; 0 stored (all or nothing: nothing is stored)",
    ] == lines[-2:]


BAD = {
    b"name\n\xff": ((), ExitCode.FAILED, "/lines/2: the file is not in UTF-8"),
    b"name,shoe\nAda,1": ((), ExitCode.FAILED, "/header/shoe: column 2"),
    b"name": (("--map", "shoe"), ExitCode.WRONG_USAGE, "--map"),
    b"mrn,name": (("--mode", "most"), ExitCode.WRONG_USAGE, "--mode"),
    b"name\nAda": (("--clinic", NOWHERE), ExitCode.FAILED, "no such record"),
}


@pytest.mark.parametrize("text", BAD)
def test_what_cannot_be_imported_is_told(
    run: Run, served: dict[str, str], clinic: str, file: Path, text: bytes
) -> None:
    options, code, said = BAD[text]
    file.write_bytes(text)
    done = run("import", str(file), "--clinic", clinic, *options, **served)
    assert (code, "") == (done.exit_code, done.stdout)
    assert said in done.stderr


def test_a_terminal_shows_how_far_it_is(served: dict[str, str], clinic: str, file: Path) -> None:
    file.write_text("name\n" + "Ada\n" * 2_000, encoding="utf-8")
    settings = {f"MINDBRIDGE_{name.upper()}": value for name, value in served.items()}
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "mindbridge_cli", "import", str(file), "--clinic", clinic]
    done = subprocess.run(command, env=os.environ | settings, stdout=subprocess.PIPE, stderr=theirs, check=True)
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert b"2000 rows: 2000 good, 0 rejected; 2000 stored\n" == done.stdout
    assert "Importing" in shown
    assert "100%" in shown
