"""The table of defects is complete, and what it names is there."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from tests.defects.table import DEFECTS, Row, findings, rows_of
from tests.support.named_tests import names_a_test

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = "tests/postgres/test_contracts.py::TestPatients::test_an_mrn_belongs_to_one_patient_of_a_clinic"


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return rows_of((ROOT / "docs" / "first-plan-defects.md").read_text(encoding="utf-8"))


def test_every_defect_has_its_row_and_every_named_test_exists(rows: list[Row]) -> None:
    assert [] == findings(rows, ROOT)
    assert list(DEFECTS) == [row.number for row in rows]
    assert len({test for row in rows for test in row.tests}) >= len(DEFECTS)


def test_each_test_written_for_a_defect_is_in_the_table(rows: list[Row]) -> None:
    named = {test for row in rows for test in row.tests}
    written = {
        f"tests/defects/{path.name}::{line.removeprefix('def ').partition('(')[0]}"
        for path in Path(__file__).parent.glob("test_*.py")
        if path.name != Path(__file__).name
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("def test_")
    }
    assert len(written) > 40
    # This one watches the watcher: that a held connection would be seen.
    assert {"tests/defects/test_hashing.py::test_the_watch_sees_a_connection_that_is_held"} == written - named


def test_an_empty_table_is_no_success() -> None:
    assert ["no rows"] == findings(rows_of("# A title\n\n| No | |\n|---|---|\n"), ROOT)


@pytest.mark.parametrize("lost", [1, 30, 61])
def test_a_missing_row_is_found(rows: list[Row], lost: int) -> None:
    assert [f"{lost}: no row"] == findings([row for row in rows if row.number != lost], ROOT)


def test_a_row_too_many_is_found(rows: list[Row]) -> None:
    assert ["61: 2 rows"] == findings([*rows, rows[-1]], ROOT)
    assert ["62: no such defect"] == findings([*rows, attrs.evolve(rows[-1], number=62)], ROOT)


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"tests": ()}, "names no test"),
        ({"tests": (), "standing": "partly due"}, "names no test"),
        ({"standing": "ignored"}, "no standing"),
        ({"severity": "X"}, "no severity"),
        ({"how": ""}, "says nothing"),
        ({"tests": ("tests/http/test_auth.py::test_nothing",)}, "tests/http/test_auth.py::test_nothing does not exist"),
    ],
)
def test_each_fault_planted_in_a_row_is_found(rows: list[Row], changes: dict[str, object], finding: str) -> None:
    planted = attrs.evolve(rows[0], **changes)  # type: ignore[arg-type]  # each case has the field's own type
    assert [f"1: {finding}"] == findings([planted, *rows[1:]], ROOT)


def test_a_row_that_does_not_apply_may_name_no_test(rows: list[Row]) -> None:
    assert [] == findings([attrs.evolve(rows[0], standing="does not apply", tests=()), *rows[1:]], ROOT)


@pytest.mark.parametrize(
    "node_id",
    [
        CONTRACT.replace("test_an_mrn", "test_a_mrn"),
        CONTRACT.replace("TestPatients", "TestUsers"),
        CONTRACT.replace("TestPatients", "TestNobody"),
        CONTRACT.replace("TestPatients::", ""),
        CONTRACT + "::test_more",
        CONTRACT.partition("::")[0],
        "tests/postgres/test_contracts.py::OverPostgres::store",
        "tests/nowhere.py::test_anything",
        "src/mindbridge_core/testing/patients.py::PatientsContract::test_an_mrn_belongs_to_one_patient_of_a_clinic",
        "",
    ],
)
def test_what_is_no_test_does_not_pass_for_one(node_id: str) -> None:
    assert names_a_test(ROOT, CONTRACT)
    assert not names_a_test(ROOT, node_id)
