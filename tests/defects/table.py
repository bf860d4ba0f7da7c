"""Reads the table of defects, and finds tests by reading the files that should hold them; nothing is imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import attrs

__all__ = ["DEFECTS", "Row", "findings", "names_a_test", "rows_of"]

DEFECTS: Final = range(1, 62)
STANDINGS: Final = {"kept out": True, "partly due": True, "does not apply": False}
"""Whether a row of this standing must name a test."""
ROW: Final = re.compile(r"\| *\d")
CONTRACTS: Final = "src/mindbridge_core/testing"


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


def names_a_test(root: Path, node_id: str) -> bool:
    """Whether `file::function` or `file::Class::method` is a test there; a method may come from a contract suite."""
    path, *names = node_id.split("::")
    if not ((root / path).is_file() and path.startswith("tests/") and names and names[-1].startswith("test_")):
        return False
    if len(names) == 1:
        return any(names[0] == node.name for node in _functions(_parsed(root / path)))
    return len(names) == 2 and _has_method(root, root / path, names[0], names[1])


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _functions(body: ast.Module | ast.ClassDef) -> list[ast.FunctionDef]:
    return [node for node in body.body if isinstance(node, ast.FunctionDef)]


def _class(path: Path, name: str) -> ast.ClassDef | None:
    found = (node for node in _parsed(path).body if isinstance(node, ast.ClassDef))
    return next((node for node in found if node.name == name), None)


def _has_method(root: Path, path: Path, cls: str, method: str) -> bool:
    made = _class(path, cls)
    if made is None:
        return False
    if any(method == node.name for node in _functions(made)):
        return True
    suites = sorted((root / CONTRACTS).glob("*.py"))
    bases = [ast.unparse(base).rpartition(".")[2] for base in made.bases]
    return any(_has_method(root, where, base, method) for base in bases for where in (path, *suites))
