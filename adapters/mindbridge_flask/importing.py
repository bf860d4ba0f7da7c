"""What an import answers: counts, what was remarked row by row, and the rejected rows to be mended."""

from __future__ import annotations

from typing import Final

import attrs
import msgspec

from mindbridge_core.patients.importing import ImportedRow, ImportMode, ImportReport, Layout
from mindbridge_flask.problems import FindingResource

__all__ = ["ImportResource", "RowResource", "Told"]

MOST_REMARKS: Final = 1_000
"""Rows whose findings an answer names."""
LONGEST_CSV: Final = 1024 * 1024
"""Characters of rejected rows that an answer in JSON holds."""


class RowResource(msgspec.Struct, frozen=True):
    """A row about which something is to be said. `line` is the one on which it begins; the header's is 1."""

    line: int
    accepted: bool
    findings: list[FindingResource]
    warnings: list[FindingResource]


class ImportResource(msgspec.Struct, frozen=True, kw_only=True):
    """How an import ended. `rows` are `accepted` or `rejected`; `stored` are the patients that are there now.

    Of these, `screened` were screened as they came: the rules said `high` of the row, or more than its level.
    `remarks` are of the first 1,000 rows with findings or warnings. `rejected_csv` is cut at a row when it grows beyond
    1 MiB, and then not `complete`; ask for text/csv to have all.
    """

    mode: ImportMode
    dry_run: bool
    rows: int
    accepted: int
    rejected: int
    warned: int
    stored: int
    screened: int
    remarks: list[RowResource]
    rejected_csv: str | None
    rejected_csv_complete: bool


@attrs.define
class Told:
    """Keeps what an import tells; of rejected rows no more than `longest` characters."""

    longest: int | None = LONGEST_CSV
    remarks: list[RowResource] = attrs.field(factory=list, repr=False)
    lines: list[str] = attrs.field(factory=list, repr=False)
    length: int = 0
    complete: bool = True
    layout: Layout | None = attrs.field(default=None, repr=False)

    def begin(self, layout: Layout) -> None:
        """Start the rejected rows with their header."""
        self.layout, self.lines = layout, [layout.first_line()]

    def note(self, row: ImportedRow) -> None:
        """Keep a row if something is to be said of it."""
        if (row.findings or row.warnings) and len(self.remarks) < MOST_REMARKS:
            findings, warnings = (
                [FindingResource(one.pointer, one.code, one.message) for one in found]
                for found in (row.findings, row.warnings)
            )
            self.remarks.append(RowResource(row.line, not findings, findings, warnings))
        if row.findings and self.layout is not None and self.complete:
            self._give_back(self.layout.line(row))

    def _give_back(self, line: str) -> None:
        self.length += len(line)
        self.complete = self.longest is None or self.length <= self.longest
        if self.complete:
            self.lines.append(line)

    def resource(self, report: ImportReport) -> ImportResource:
        """Show all of it."""
        return ImportResource(
            mode=report.mode,
            dry_run=report.dry_run,
            rows=report.rows,
            accepted=report.accepted,
            rejected=report.rejected,
            warned=report.warned,
            stored=report.stored,
            screened=report.screened,
            remarks=self.remarks,
            rejected_csv="".join(self.lines) if report.rejected else None,
            rejected_csv_complete=self.complete,
        )
