"""What the clinic's own records say of the rows of a file: duplicates and case managers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core.errors import Finding
from mindbridge_core.identity import normalize_email
from mindbridge_core.ids import NewId
from mindbridge_core.patients.at_once import Found
from mindbridge_core.patients.entities import Patient
from mindbridge_core.patients.importing.columns import Reading
from mindbridge_core.patients.importing.entities import ImportedRow
from mindbridge_core.patients.ports import PatientUnit
from mindbridge_core.patients.reach import manages_cases
from mindbridge_core.work import Desk

__all__ = ["Batch", "Judge", "Seen"]

TAKEN: Final = Finding("/mrn", "duplicate_mrn", "belongs to a patient of this clinic already")
TWICE: Final = Finding("/mrn", "duplicate_row", "stands in an earlier row of this file")
NAMESAKE: Final = Finding("/name", "possible_duplicate", "has a namesake, born on the same day")
UNKNOWN_MANAGER: Final = Finding("/case_manager", "unknown_case_manager", "is no active case manager of this clinic")


@attrs.define
class Seen:
    """By what earlier rows are recognised: eight octets of each mark; of a million rows no two share them by chance."""

    mrns: set[int] = attrs.field(factory=set)
    people: set[int] = attrs.field(factory=set)


def _short(mark: bytes) -> int:
    return int.from_bytes(mark[:8], "big")


@attrs.frozen(kw_only=True)
class Batch:
    """What becomes of some rows: each with its findings, the patients to store, and how to know them again.

    `found` is what the rules said of those that were stored.
    """

    rows: list[ImportedRow] = attrs.field(factory=list)
    patients: list[Patient] = attrs.field(factory=list)
    seen: Seen = attrs.field(factory=Seen)
    found: Found = attrs.field(factory=Found)


@attrs.frozen(kw_only=True)
class Judge:
    """Decides on the rows of one batch, in their order, inside a unit."""

    desk: Desk[PatientUnit]
    before: Seen
    known: frozenset[bytes]
    managers: Mapping[str, UUID | None]
    now: datetime
    new_id: NewId
    batch: Batch = attrs.field(factory=Batch)

    @classmethod
    def of(
        cls, desk: Desk[PatientUnit], readings: Sequence[Reading], before: Seen, now: datetime, new_id: NewId
    ) -> Judge:
        """Ask the store, once for all rows, what it knows of them."""
        patients = desk.unit.patients
        mrns = [patients.mrn_mark(one.mrn) for one in readings if one.mrn is not None]
        people = [patients.person_mark(*one.person) for one in readings if one.person is not None and one.mrn is None]
        return cls(
            desk=desk,
            before=before,
            known=patients.known(mrns, people),
            managers=dict(_managers(desk, {one.case_manager for one in readings if one.case_manager is not None})),
            now=now,
            new_id=new_id,
        )

    def decide(self, reading: Reading) -> None:
        """Put the row, and the patient whom it makes, into the batch."""
        findings = [*reading.findings, *self._of_mrn(reading), *self._of_manager(reading)]
        warnings = tuple(self._of_person(reading, sound=not findings))
        if reading.draft is not None and not findings:
            manager_id = self.managers.get(reading.case_manager or "")
            clinic_id = self.desk.principal.clinic_id
            self.batch.patients.append(
                reading.draft.patient(id=self.new_id(), clinic_id=clinic_id, case_manager_id=manager_id, at=self.now)
            )
        line, cells = reading.record
        self.batch.rows.append(ImportedRow(line=line, cells=cells, findings=tuple(findings), warnings=warnings))

    def _of_mrn(self, reading: Reading) -> Iterator[Finding]:
        if reading.mrn is None:
            return
        mark = self.desk.unit.patients.mrn_mark(reading.mrn)
        if _short(mark) in self.before.mrns or _short(mark) in self.batch.seen.mrns:
            yield TWICE
        elif mark in self.known:
            yield TAKEN
        self.batch.seen.mrns.add(_short(mark))

    def _of_manager(self, reading: Reading) -> Iterator[Finding]:
        if reading.case_manager is not None and self.managers[reading.case_manager] is None:
            yield UNKNOWN_MANAGER

    def _of_person(self, reading: Reading, *, sound: bool) -> Iterator[Finding]:
        """Warn of somebody without an MRN who may be there already; who has one is known by it alone."""
        if reading.person is None:
            return
        mark = self.desk.unit.patients.person_mark(*reading.person)
        met = _short(mark) in self.before.people or _short(mark) in self.batch.seen.people
        if reading.mrn is None and (met or mark in self.known):
            yield NAMESAKE
        if sound:
            self.batch.seen.people.add(_short(mark))


def _managers(desk: Desk[PatientUnit], emails: set[str]) -> Iterator[tuple[str, UUID | None]]:
    """Yield whom each e-mail names; None for whoever is no case manager of the clinic, whatever else they are."""
    for email in emails:
        entry = desk.unit.directory.find(normalize_email(email))
        user = None if entry is None else desk.unit.users.get(entry.user_id)
        yield email, user.id if manages_cases(user) else None
