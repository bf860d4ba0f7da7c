"""The benchmark runs end to end. How fast the product is, it does not judge: other work shares the machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
GROUPS: Final = {
    "import", "view", "rules", "list", "get", "create", "update", "tails", "audit", "encryption", "pages", "clinics",
    "select", "screen", "login", "beside", "memory",
}  # fmt: skip


def run(*arguments: str) -> str:
    command = [sys.executable, "benchmarks/run", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=500).stdout


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    file = tmp_path_factory.mktemp("benchmark") / "figures.json"
    printed = run("--quick", "--json", str(file))
    found: list[dict[str, Any]] = json.loads(file.read_text())["rows"]
    assert all(row["what"] in printed for row in found)
    return found


@pytest.mark.slow
def test_every_group_has_its_rows(rows: list[dict[str, Any]]) -> None:
    assert GROUPS == {row["group"] for row in rows}


@pytest.mark.slow
def test_every_row_has_a_figure_and_a_bound_from_the_same_run(rows: list[dict[str, Any]]) -> None:
    assert [] == [row["what"] for row in rows if not (row["figure"] > 0 and row["bound"] > 0)]


@pytest.mark.slow
def test_no_answer_was_lost(rows: list[dict[str, Any]]) -> None:
    assert [] == [row["what"] for row in rows if row["verdict"] not in {"goal", "must", "MISSED", "-"}]


def test_the_import_of_a_file_is_measured_in_both_modes(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks.imports", "--patients", "1000", "--rounds", "1", "--json", str(file)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=500)
    rows = json.loads(file.read_text())["rows"]
    assert 3 == len(rows)
    assert [] == [row["what"] for row in rows if not (row["figure"] > 0 and row["bound"] > 0)]


def test_one_group_can_be_run_alone() -> None:
    assert "view one patient in memory" in run("--quick", "--only", "view")


def test_the_rules_can_be_measured_alone() -> None:
    assert "screen by rules, pure" in run("--quick", "--only", "rules")
