"""`mindbridge import`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Final
from uuid import UUID

import attrs
import click

from mindbridge_cli.compose import composed
from mindbridge_cli.output import as_json, check_found, result
from mindbridge_cli.program import settings_of
from mindbridge_core import Operator
from mindbridge_core.patients.importing import ImportedRow, ImportMode, ImportPlan, ImportReport, Layout, Source

__all__ = ["command"]

CHUNK: Final = 64 * 1024
SHOWN: Final = 20
"""Rows whose findings are shown to people; a file with all of them is what --rejected is for."""
MOST_REMARKS: Final = 1_000
"""Rows whose findings the JSON document names."""


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--clinic", type=click.UUID, required=True, help="The clinic that takes the people into care.")
@click.option(
    "--mode",
    type=click.Choice([str(mode) for mode in ImportMode]),
    default=str(ImportMode.ALL_OR_NOTHING),
    show_default=True,
    help="What becomes of the good rows of a file that has bad ones.",
)
@click.option("--dry-run", is_flag=True, help="Find what is wrong and store nothing.")
@click.option(
    "--map", "mapped", multiple=True, metavar="COLUMN=FIELD", help="What a column of another name holds. Repeatable."
)
@click.option(
    "--rejected",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A new file, mode 0600, for the rejected rows: mend them and import it.",
)
@as_json
@click.pass_context
def command(
    ctx: click.Context,
    *,
    file: Path,
    clinic: UUID,
    mode: str,
    dry_run: bool,
    mapped: tuple[str, ...],
    rejected: Path | None,
    json_: bool,
) -> None:
    """Take the people of a CSV FILE into care. Exit with 3 when rows were rejected.

    The first row names the columns: the fields of a patient, and case_manager for an e-mail; `name` alone is needed.
    UTF-8, with commas, semicolons or tabs; dates such as 2026-01-31. Done again, nobody with an MRN is stored twice.
    """
    plan = ImportPlan(mode=ImportMode(mode), dry_run=dry_run, mapping=_mapping(mapped))
    if rejected is not None and rejected.exists():
        raise click.UsageError(f"--rejected {rejected}: there is such a file already")
    with composed(settings_of(ctx)) as product, ExitStack() as stack:
        watcher = Watcher(stack, rejected)
        source = stack.enter_context(_source(file))
        report = product.core.import_patients(Operator(clinic_id=clinic), source, plan, watcher)
    _tell(report, watcher, json_=json_)


def _mapping(mapped: Sequence[str]) -> dict[str, str]:
    if any("=" not in one for one in mapped):
        raise click.UsageError("--map: give COLUMN=FIELD, or COLUMN= to pass the column over")
    return dict(one.rsplit("=", 1) for one in mapped)


@contextmanager
def _source(file: Path) -> Iterator[Source]:
    """Yield what reads the file from its beginning; it stays the same file, whatever its name is given to meanwhile."""
    with file.open("rb") as opened:

        def chunks() -> Iterator[bytes]:
            opened.seek(0)
            while chunk := opened.read(CHUNK):
                yield chunk

        yield chunks


@attrs.define
class Watcher:
    """Shows how far the import is, keeps what is remarked, and writes the rejected rows."""

    stack: ExitStack
    rejected: Path | None
    remarks: list[ImportedRow] = attrs.field(factory=list)
    layout: Layout | None = None
    bar: Any = None
    write: Callable[[str], object] | None = None

    def begin(self, layout: Layout) -> None:
        """Show a bar, if anybody looks."""
        self.layout = layout
        if sys.stderr.isatty():
            bar = click.progressbar(length=layout.rows, label="Importing", file=sys.stderr, update_min_steps=200)
            self.bar = self.stack.enter_context(bar)

    def note(self, row: ImportedRow) -> None:
        """Take a row."""
        if self.bar is not None:
            self.bar.update(1)
        if (row.findings or row.warnings) and len(self.remarks) < MOST_REMARKS:
            self.remarks.append(row)
        if row.findings and self.rejected is not None and self.layout is not None:
            if self.write is None:
                self.write = self.stack.enter_context(_new_file(self.rejected)).write
                self.write(self.layout.first_line())
            self.write(self.layout.line(row))


def _new_file(path: Path) -> IO[str]:
    """Open a file that was not there, for its owner's eyes alone."""
    return open(path, "x", encoding="utf-8", newline="", opener=lambda name, flags: os.open(name, flags, 0o600))


def _tell(report: ImportReport, watcher: Watcher, *, json_: bool) -> None:
    counts = attrs.asdict(report) | {"clinic_id": str(report.clinic_id), "mode": str(report.mode)}
    remarks = [
        {
            "line": row.line,
            "accepted": not row.findings,
            "findings": [attrs.asdict(found) for found in row.findings],
            "warnings": [attrs.asdict(found) for found in row.warnings],
        }
        for row in watcher.remarks
    ]
    result({**counts, "remarks": remarks}, _lines(report, watcher), json_=json_)
    if report.rejected:
        check_found()


def _why(report: ImportReport) -> str:
    if report.dry_run:
        return " (dry run: nothing is stored)"
    return (
        " (all or nothing: nothing is stored)" if report.rejected and report.mode is ImportMode.ALL_OR_NOTHING else ""
    )


def _lines(report: ImportReport, watcher: Watcher) -> Iterator[str]:
    for row in watcher.remarks[:SHOWN]:
        for kind, found in (("", row.findings), ("warning: ", row.warnings)):
            for one in found:
                yield f"line {row.line}: {kind}{one.pointer.removeprefix('/')} {one.message}".replace(":  ", ": ")
    left = report.rejected + report.warned - min(len(watcher.remarks), SHOWN)
    if left > 0:
        yield f"... and {left} more rows with remarks"
    counted = f"{report.rows} rows: {report.accepted} good, {report.rejected} rejected; {report.stored} stored"
    yield counted + (f", {report.screened} screened at once" if report.screened else _why(report))
    if watcher.write is not None:
        yield f"The rejected rows are in {watcher.rejected}: mend them and import that file."
