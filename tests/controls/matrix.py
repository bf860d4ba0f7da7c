"""Reads the matrix of controls: the tables of docs/controls.md."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs

from tests.support.named_tests import examines, names_a_test

__all__ = ["DUE", "Control", "controls_of", "findings"]

STANDINGS: Final = {"held": True, "partly": True, "due": False, "outside": False}
"""Whether a control of this standing must name a test."""
ROW: Final = re.compile(r"\| *(164\.|170\.|2\.|V\d|P\d)")

DUE: Final = {
    "164.312": (
        "164.312(a)(1)",
        "164.312(a)(2)(i)",
        "164.312(a)(2)(ii)",
        "164.312(a)(2)(iii)",
        "164.312(a)(2)(iv)",
        "164.312(b)",
        "164.312(c)(1)",
        "164.312(c)(2)",
        "164.312(d)",
        "164.312(e)(1)",
        "164.312(e)(2)(i)",
        "164.312(e)(2)(ii)",
    ),
    "164.528": ("164.528(a)(1)", "164.528(a)(2)", "164.528(b)(2)", "164.528(b)(3)"),
    "Part 2": ("2.31(a)", "2.31(c)", "2.32(a)", "2.32(b)"),
    "170.315": ("170.315(b)(11)(iv)(B)(7)", "170.315(b)(11)(iv)(B)(8)"),
    "ASVS 5.0": ("V6", "V7", "V8", "V9", "V16"),
}
"""What the matrix must have a row for: of a chapter of the ASVS, one at least."""


@attrs.frozen
class Control:
    """One row: the control, what it asks, how MindBridge stands to it, and the tests that show it."""

    id: str
    asks: str
    standing: str
    how: str
    tests: tuple[str, ...]


def controls_of(text: str) -> list[Control]:
    """Return the rows of all tables; ValueError for a row that has not five cells."""
    rows = []
    for line in text.splitlines():
        if ROW.match(line):
            id, asks, standing, how, tests = (cell.strip() for cell in line.strip("|").split("|"))
            rows.append(Control(id, asks, standing, how, tuple(re.findall(r"`([^`]+)`", tests))))
    return rows


def findings(rows: Sequence[Control], root: Path) -> list[str]:
    """List what is wrong with the matrix; no rows at all are wrong too."""
    ids = [row.id for row in rows]
    found = [] if rows else ["no rows"]
    found += [f"{due}: no row" for due in _due() if rows and not any(_is(id, due) for id in ids)]
    found += [f"{id}: {ids.count(id)} rows" for id in sorted({*ids}) if ids.count(id) > 1]
    return found + [f"{row.id}: {problem}" for row in rows for problem in _problems(row, root)]


def _due() -> list[str]:
    return [due for group in DUE.values() for due in group]


def _is(id: str, due: str) -> bool:
    return id == due or id.startswith(f"{due}.")


def _problems(row: Control, root: Path) -> Iterator[str]:
    if row.standing not in STANDINGS:
        yield "no standing"
    if not (row.asks and row.how):
        yield "says nothing"
    if STANDINGS.get(row.standing, True) and not row.tests:
        yield "names no test"
    for test in row.tests:
        if not names_a_test(root, test):
            yield f"{test} does not exist"
        elif not examines(root, test):
            yield f"{test} examines nothing"
