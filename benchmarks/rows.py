"""The table's rows: a figure, the bound measured beside it, and what their ratio is held against."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from enum import StrEnum, unique
from pathlib import Path

import attrs

__all__ = ["Row", "Verdict", "table", "write_json"]


@unique
class Verdict(StrEnum):
    """How a row stands."""

    GOAL = "goal"
    MUST = "must"
    MISSED = "MISSED"
    SHOWN = "-"


@attrs.frozen(kw_only=True)
class Row:
    """One line of the table. `ratio` is figure over bound; absolute figures mean nothing on another machine.

    `goal` and `must` hold for the ratio: it has to reach them, or to stay under them where `at_most`.
    A row with neither is shown for comparison only.
    """

    group: str
    what: str
    figure: float
    unit: str
    against: str
    bound: float
    goal: float | None = None
    must: float | None = None
    at_most: bool = False

    @property
    def ratio(self) -> float:
        """Figure over bound."""
        return self.figure / self.bound

    def _holds(self, limit: float) -> bool:
        return self.ratio <= limit if self.at_most else self.ratio >= limit

    @property
    def verdict(self) -> Verdict:
        """Whether the ratio holds."""
        if self.goal is None:
            return Verdict.SHOWN
        if self._holds(self.goal):
            return Verdict.GOAL
        return Verdict.MUST if self.must is not None and self._holds(self.must) else Verdict.MISSED

    def as_json(self) -> dict[str, object]:
        """Return the row with what follows from it."""
        return attrs.asdict(self) | {"ratio": self.ratio, "verdict": self.verdict.value}


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits tell enough


def _limit(row: Row, value: float | None) -> str:
    sign = "<=" if row.at_most else ">="
    return "" if value is None else f"{sign} {value:.3g}"


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.group,
        row.what,
        f"{_number(row.figure)} {row.unit}",
        f"{_number(row.bound)} {row.against}",
        f"{row.ratio:.3f}",
        _limit(row, row.goal),
        _limit(row, row.must),
        row.verdict.value,
    )


def table(rows: Iterable[Row]) -> str:
    """Return the rows as aligned columns."""
    lines: list[Sequence[str]] = [("group", "what", "figure", "bound", "ratio", "goal", "must", "holds")]
    lines += [_cells(row) for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def write_json(path: Path, rows: Iterable[Row], settings: dict[str, object]) -> None:
    """Write the rows, and how they were measured."""
    path.write_text(json.dumps({"settings": settings, "rows": [row.as_json() for row in rows]}, indent=2) + "\n")
