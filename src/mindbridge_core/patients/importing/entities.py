"""What an import is asked for, and what it reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Final, Protocol
from uuid import UUID

import attrs

from mindbridge_core.errors import Finding
from mindbridge_core.patients.importing.table import FINDINGS
from mindbridge_core.spreadsheets import csv_line, restored

__all__ = ["ImportMode", "ImportPlan", "ImportReport", "ImportWatcher", "ImportedRow", "Layout"]

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@unique
class ImportMode(StrEnum):
    """What becomes of the good rows of a file that has bad ones."""

    ALL_OR_NOTHING = "all_or_nothing"
    PARTIAL = "partial"


@attrs.frozen(kw_only=True)
class ImportPlan:
    """How a file is imported. A `dry_run` keeps nothing. `mapping` says which field a column of another name holds."""

    mode: ImportMode = ImportMode.ALL_OR_NOTHING
    dry_run: bool = False
    mapping: Mapping[str, str] = NOTHING


@attrs.frozen(kw_only=True)
class ImportedRow:
    """One row and what was found of it: good unless there are `findings`; `warnings` ask somebody to look."""

    line: int
    cells: Sequence[str] = attrs.field(repr=False)
    findings: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()


@attrs.frozen(kw_only=True)
class Layout:
    """How the file is written, so that rows can be given back to be mended and sent again."""

    header: tuple[str, ...] = attrs.field(repr=False)
    delimiter: str
    given_back: tuple[int, ...]
    rows: int

    def first_line(self) -> str:
        """Return the header of the rows given back: the findings, then the file's own columns."""
        return csv_line([FINDINGS, *(self.header[at] for at in self.given_back)], self.delimiter)

    def line(self, row: ImportedRow) -> str:
        """Return the row as it was sent, harmless to spreadsheets, with its findings before it.

        One with too many or too few cells has as many too many or too few again, so that it is not taken unmended.
        """
        words = "; ".join(f"{found.pointer.removeprefix('/')}: {found.message}".lstrip(": ") for found in row.findings)
        cells = row.cells
        if len(cells) == len(self.header):
            cells = [cells[at] for at in self.given_back]
        else:
            left_out = set(range(len(self.header))) - set(self.given_back)
            cells = [cell for at, cell in enumerate(cells) if at not in left_out]
            cells += [""] * (len(cells) == len(self.given_back))
        return csv_line([words, *map(restored, cells)], self.delimiter)


class ImportWatcher(Protocol):
    """Is told how an import goes."""

    def begin(self, layout: Layout) -> None:
        """The file is sound and will be imported."""

    def note(self, row: ImportedRow) -> None:
        """Take the next row, in the file's order. Nothing of it may be kept that is not meant to be."""


@attrs.frozen(kw_only=True)
class ImportReport:
    """How an import ended: `rows` are `accepted` or `rejected`; `stored` are the patients that are there now.

    Of these, `screened` were screened as they came: the rules said `high` of the row, or more than its level.
    """

    clinic_id: UUID
    mode: ImportMode
    dry_run: bool
    rows: int
    accepted: int
    rejected: int
    warned: int
    stored: int
    screened: int
