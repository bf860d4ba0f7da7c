"""The matrix of controls is complete, and what it names is there and examines something."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from tests.controls.matrix import Control, controls_of, findings
from tests.support.named_tests import examines, names_a_test

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "controls.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def rows() -> list[Control]:
    return controls_of(TEXT)


def test_every_control_has_its_row_and_every_test_it_names_examines_something(rows: list[Control]) -> None:
    assert [] == findings(rows, ROOT)
    assert len({test for row in rows for test in row.tests}) >= len(rows)


def test_it_claims_no_certification() -> None:
    assert "claims no certification" in TEXT
    assert "complian" not in TEXT.lower().replace("compliance officer", "").replace("compliance_officer", "")


def test_an_empty_matrix_is_no_success() -> None:
    assert ["no rows"] == findings(controls_of("# A title\n\n| Control | |\n|---|---|\n"), ROOT)


@pytest.mark.parametrize("lost", ["164.312(b)", "164.312(d)", "164.528(a)(1)", "2.32(a)"])
def test_a_missing_control_is_found(rows: list[Control], lost: str) -> None:
    assert [f"{lost}: no row"] == findings([row for row in rows if row.id != lost], ROOT)


def test_a_chapter_without_any_row_is_found(rows: list[Control]) -> None:
    assert ["V9: no row"] == findings([row for row in rows if not row.id.startswith("V9.")], ROOT)


def test_a_control_with_two_rows_is_found(rows: list[Control]) -> None:
    assert [f"{rows[0].id}: 2 rows"] == findings([*rows, rows[0]], ROOT)


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"tests": ()}, "names no test"),
        ({"standing": "fine"}, "no standing"),
        ({"asks": ""}, "says nothing"),
        ({"tests": ("tests/http/test_auth.py::test_no",)}, "tests/http/test_auth.py::test_no does not exist"),
    ],
)
def test_each_fault_planted_in_a_row_is_found(rows: list[Control], changes: dict[str, object], finding: str) -> None:
    planted = attrs.evolve(rows[0], **changes)  # type: ignore[arg-type]  # each case has the field's own type
    assert [f"{rows[0].id}: {finding}"] == findings([planted, *rows[1:]], ROOT)


def test_an_assertion_is_found_where_a_test_has_it_done() -> None:
    own = "tests/controls/test_controls.py::test_it_claims_no_certification"
    contract = "tests/memory/test_contracts.py::TestPatients::test_an_mrn_belongs_to_one_patient_of_a_clinic"
    assert all(names_a_test(ROOT, test) and examines(ROOT, test) for test in (own, contract))


SAMPLE = """
def test_it_asserts():
    assert 1 + 1 == 2

def test_it_has_it_asserted():
    look()

def look():
    with pytest.raises(ValueError):
        int("")

def test_of_nothing():
    len("it runs, and that is all")

@pytest.mark.skip(reason="not today")
def test_that_is_skipped():
    assert 1 + 1 == 2

def test_that_skips_itself():
    pytest.skip("not today")
    assert 1 + 1 == 2
"""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("test_it_asserts", True),
        ("test_it_has_it_asserted", True),
        ("test_of_nothing", False),
        ("test_that_is_skipped", False),
        ("test_that_skips_itself", False),
    ],
)
def test_a_test_that_examines_nothing_does_not_count(tmp_path: Path, name: str, *, expected: bool) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_sample.py").write_text(SAMPLE)
    node_id = f"tests/test_sample.py::{name}"
    row = Control("164.312(b)", "asks", "held", "how", (node_id,))
    assert names_a_test(tmp_path, node_id)
    assert expected is examines(tmp_path, node_id)
    assert expected is (f"164.312(b): {node_id} examines nothing" not in findings([row], tmp_path))
