"""Reads the table of defects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs

from tests.support.named_tests import names_a_test

__all__ = ["DEFECTS", "Row", "findings", "rows_of"]

DEFECTS: Final = range(1, 62)
STANDINGS: Final = {"kept out": True, "partly due": True, "does not apply": False}
"""Whether a row of this standing must name a test."""
ROW: Final = re.compile(r"\| *\d")


@attrs.frozen
class Row:
    """One defect, as the table has it."""

    number: int
    severity: str
    defect: str
    standing: str
    how: str
    tests: tuple[str, ...]


def rows_of(text: str) -> list[Row]:
    """Return the table's rows; ValueError for a row that has not six cells."""
    rows = []
    for line in text.splitlines():
        if ROW.match(line):
            number, severity, defect, standing, how, tests = (cell.strip() for cell in line.strip("|").split("|"))
            rows.append(Row(int(number), severity, defect, standing, how, tuple(re.findall(r"`([^`]+)`", tests))))
    return rows


def findings(rows: Sequence[Row], root: Path) -> list[str]:
    """List what is wrong with the table, each finding by its row's number; no rows at all are wrong too."""
    numbers = [row.number for row in rows]
    found = [] if rows else ["no rows"]
    found += [f"{number}: no row" for number in DEFECTS if rows and number not in numbers]
    found += [f"{number}: {numbers.count(number)} rows" for number in sorted({*numbers}) if numbers.count(number) > 1]
    found += [f"{number}: no such defect" for number in sorted({*numbers} - {*DEFECTS})]
    return found + [f"{row.number}: {problem}" for row in rows for problem in _problems(row, root)]


def _problems(row: Row, root: Path) -> Iterator[str]:
    if row.severity not in {"C", "H", "M", "L"}:
        yield "no severity"
    if row.standing not in STANDINGS:
        yield "no standing"
    if not (row.defect and row.how):
        yield "says nothing"
    if STANDINGS.get(row.standing, True) and not row.tests:
        yield "names no test"
    yield from (f"{test} does not exist" for test in row.tests if not names_a_test(root, test))
