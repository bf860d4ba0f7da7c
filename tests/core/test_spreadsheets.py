"""Cells that no spreadsheet runs, and the way back."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as some

from mindbridge_core.spreadsheets import csv_line, neutral, restored

CELLS = some.text(some.sampled_from("'=+-@\t\r\n \"ab,;\u3000\uff1d"))


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-Ann", "@sum", "\tx", "\rx", "\nx", " =1", "\uff1d1", "'=1", "''=1"])
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(cell: str) -> None:
    assert "'" + cell == neutral(cell)


@pytest.mark.parametrize("cell", ["", "Ann-Marie", "O'Neill", "'quoted'", "a=b", "1", " x"])
def test_anything_else_stays_as_it_is(cell: str) -> None:
    assert cell == neutral(cell) == restored(cell)


@given(CELLS)
def test_no_harmless_cell_begins_like_a_formula(cell: str) -> None:
    assert not neutral(cell).lstrip(" \u3000").startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"))


@given(CELLS)
def test_each_step_out_is_undone_by_one_step_back(cell: str) -> None:
    assert cell == restored(neutral(cell))
    assert neutral(cell) == restored(neutral(neutral(cell)))


@given(some.lists(CELLS, min_size=1), some.sampled_from(",;\t"))
def test_a_line_is_read_as_it_was_written(cells: list[str], delimiter: str) -> None:
    (read,) = csv.reader([csv_line(cells, delimiter)], delimiter=delimiter, strict=True)
    assert cells == [restored(cell) for cell in read]
