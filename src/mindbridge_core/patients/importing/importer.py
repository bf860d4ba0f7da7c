"""The import of patients from a CSV file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Caller
from mindbridge_core.clock import Clock
from mindbridge_core.errors import Conflict, InvalidInput, MindBridgeError
from mindbridge_core.ids import NewId
from mindbridge_core.patients.at_once import Arrivals, Found
from mindbridge_core.patients.entities import Patient
from mindbridge_core.patients.importing.columns import Columns, Reading, read_header
from mindbridge_core.patients.importing.entities import (
    ImportedRow,
    ImportMode,
    ImportPlan,
    ImportReport,
    ImportWatcher,
    Layout,
)
from mindbridge_core.patients.importing.judging import Batch, Judge, Seen
from mindbridge_core.patients.importing.table import Source, Table
from mindbridge_core.patients.ports import PatientUnit
from mindbridge_core.patients.raising import at_high, raise_given
from mindbridge_core.work import Desk, Work

__all__ = ["BATCH", "ImportPatients"]

BATCH: Final = 500
"""Rows that are checked and stored at once."""
TRIES: Final = 3
"""How often a batch is begun whose rows others were storing at the same moment."""

DEFAULT: Final = ImportPlan()


class ImportRejectedError(MindBridgeError):
    """On its way through the unit, so that nothing of the import is kept; the caller gets a report."""

    code = "import_rejected"
    text = "Rows of the file cannot be imported, so none was."


@attrs.frozen
class Unwatched:
    """Tells nobody."""

    def begin(self, layout: Layout) -> None:
        """Pass it over."""

    def note(self, row: ImportedRow) -> None:
        """Pass it over."""


NOBODY: Final = Unwatched()


@attrs.define(kw_only=True)
class Tally:
    """The counts of a running import."""

    watcher: ImportWatcher
    rows: int = 0
    rejected: int = 0
    warned: int = 0
    stored: int = 0
    found: Found = attrs.field(factory=Found)

    def note(self, rows: Iterable[ImportedRow]) -> None:
        """Count the rows and pass them on."""
        for row in rows:
            self.rows += 1
            self.rejected += bool(row.findings)
            self.warned += bool(row.warnings)
            self.watcher.note(row)

    def keep(self, stored: int, found: Found) -> None:
        """Count whom a unit has stored, now that it has closed."""
        self.stored += stored
        self.found += found


@attrs.frozen(kw_only=True)
class ImportPatients:
    """Take the people of a CSV file into care. None of them is shown at less than the rules say of their row."""

    work: Work[PatientUnit]
    clock: Clock
    new_id: NewId
    arrivals: Arrivals

    def __call__(
        self, caller: Caller, source: Source, plan: ImportPlan = DEFAULT, watcher: ImportWatcher = NOBODY
    ) -> ImportReport:
        """Return the counts; `watcher` gets each row with what is wrong with it.

        `source` is read twice, once to find it sound and once to import it. InvalidInput, which names lines and
        columns, refuses the file as a whole; a row that is refused refuses itself (`partial`) or all
        (`all_or_nothing`).
        `partial` stores batch by batch, each with its entry: what breaks an import off leaves the batches before
        it. Sent again, a file does not double who has an MRN.
        """
        with self.work(caller, Action.PATIENT_IMPORT, entered=False):
            pass  # whoever may not import learns that, and has no file read
        try:
            table = Table.examine(source)
            columns = read_header(table.header, plan.mapping)
        except InvalidInput as unread:
            with self.work(caller, Action.PATIENT_IMPORT):
                raise unread from None
        tally, now = Tally(watcher=watcher), self.clock()
        watcher.begin(
            Layout(header=table.header, delimiter=table.delimiter, given_back=columns.given_back, rows=table.rows)
        )
        batches = _batches(columns.read(record, now) for record in table.records())
        run = Run(importing=self, caller=caller, plan=plan, columns=columns, tally=tally)
        try:
            if plan.mode is ImportMode.PARTIAL or plan.dry_run:
                run.one_by_one(batches)
            else:
                run.together(batches)
        finally:
            self.arrivals.notify(tally.found)
        return ImportReport(
            clinic_id=caller.clinic_id,
            mode=plan.mode,
            dry_run=plan.dry_run,
            rows=tally.rows,
            accepted=tally.rows - tally.rejected,
            rejected=tally.rejected,
            warned=tally.warned,
            stored=tally.stored,
            screened=tally.found.screened,
        )


def _batches(readings: Iterator[Reading]) -> Iterator[list[Reading]]:
    """Yield the rows in batches; one without rows for a file without any, so that it too leaves its entry."""
    batch = list(islice(readings, BATCH))
    yield batch
    while batch := list(islice(readings, BATCH)):
        yield batch


@attrs.frozen(kw_only=True)
class Run:
    """One import under way."""

    importing: ImportPatients
    caller: Caller
    plan: ImportPlan
    columns: Columns
    tally: Tally
    seen: Seen = attrs.field(factory=Seen)

    def one_by_one(self, batches: Iterator[list[Reading]]) -> None:
        """Give each batch a unit of its own."""
        for readings in batches:
            done = self._tried(readings)
            self._remember(done)
            self.tally.keep(len(done.patients), done.found)
            self.tally.note(done.rows)

    def _tried(self, readings: list[Reading]) -> Batch:
        """Store a batch; one that met with others storing the same patients is judged anew."""
        for _ in range(TRIES - 1):
            try:
                return self._alone(readings)
            except Conflict:
                continue
        return self._alone(readings)

    def _alone(self, readings: list[Reading]) -> Batch:
        with self.importing.work(self.caller, Action.PATIENT_IMPORT) as desk:
            return self._store(desk, readings)

    def together(self, batches: Iterator[list[Reading]]) -> None:
        """Give all batches one unit, and keep it if no row was refused."""
        stored, found = 0, Found()
        try:
            with self.importing.work(self.caller, Action.PATIENT_IMPORT) as desk:
                for number, readings in enumerate(batches):
                    if number:
                        desk.enter()
                    done = self._store(desk, readings)
                    self._remember(done)
                    self.tally.note(done.rows)
                    stored += len(done.patients)
                    found += done.found
                self._keep_if_all_are_good()
        except ImportRejectedError:
            return
        self.tally.keep(stored, found)

    def _keep_if_all_are_good(self) -> None:
        if self.tally.rejected:
            raise ImportRejectedError

    def _store(self, desk: Desk[PatientUnit], readings: list[Reading]) -> Batch:
        """Judge the rows and store the good ones, unless nothing can come of it; note what the entry is to say."""
        judged = self._judged(desk, readings)
        rejected = sum(bool(row.findings) for row in judged.rows)
        hopeless = self.plan.mode is ImportMode.ALL_OR_NOTHING and rejected + self.tally.rejected > 0
        if self.plan.dry_run or hopeless:
            judged.patients.clear()
        elif judged.patients:
            judged = attrs.evolve(judged, found=self._admitted(desk, judged.patients))
        desk.returns(patient.id for patient in judged.patients)
        said = {"mode": self.plan.mode, "dry_run": self.plan.dry_run, "rows": len(judged.rows), "rejected": rejected}
        said["screened"] = judged.found.screened
        desk.changes({**dict.fromkeys(self.columns.names), **said}, plain=frozenset(said))
        return judged

    def _admitted(self, desk: Desk[PatientUnit], patients: list[Patient]) -> Found:
        """Store the patients, with a screening of each of whom the rules say more than the file."""
        found = self.importing.arrivals(desk, patients)
        given = [patient.id for patient in patients if at_high(patient)]
        raise_given(desk, self.importing.new_id, given, self.importing.clock())
        return found

    def _judged(self, desk: Desk[PatientUnit], readings: list[Reading]) -> Batch:
        judge = Judge.of(desk, readings, self.seen, self.importing.clock(), self.importing.new_id)
        for reading in readings:
            judge.decide(reading)
        return judge.batch

    def _remember(self, done: Batch) -> None:
        """Know the batch's rows again; whom it stored, the store knows."""
        self.seen.mrns.update(done.seen.mrns)
        if not done.patients:
            self.seen.people.update(done.seen.people)
