"""Which column of a file is which field, and what its cells say in the words of `PatientDraft`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import attrs

from mindbridge_core.errors import Finding, InvalidInput
from mindbridge_core.patients.entities import PatientChanges, PatientDraft
from mindbridge_core.patients.importing.table import FINDINGS, Record
from mindbridge_core.patients.rules import date_findings
from mindbridge_core.spreadsheets import restored
from mindbridge_core.validation import given, parse, shown

__all__ = ["CASE_MANAGER", "COLUMNS", "Columns", "Reading", "read_header"]

CASE_MANAGER: Final = "case_manager"
"""The column with the e-mail of the patient's case manager."""
NAMED: Final = 20
"""Columns that a refusal names at most."""

_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?")
_TRUTH: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

Reader = Callable[[str], object]


def _reader(annotation: object) -> Reader:
    """Return what turns a cell into what JSON would have held; a cell that cannot be stays text, and is refused."""
    members = set(getattr(annotation, "__args__", (annotation,))) - {type(None)}
    (kind,) = members
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return str.lower
    return _READERS.get(kind, str)


_READERS: Final[Mapping[object, Reader]] = {
    bool: lambda text: _TRUTH.get(text.lower(), text),
    int: lambda text: int(text) if _WHOLE.fullmatch(text) else text,
    Decimal: lambda text: Decimal(text) if _NUMBER.fullmatch(text) else text,
}

COLUMNS: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        field.name: _reader(field.type)
        for field in attrs.fields(attrs.resolve_types(PatientDraft))
        if field.name != "case_manager_id"
    }
    | {CASE_MANAGER: str}
)
"""The columns that a file may have, by name; every one but `name` may be left out, and so may its cells."""


@attrs.frozen(kw_only=True)
class Reading:
    """A row as it was understood: what is sound of it, and all that its cells alone show to be wrong."""

    record: Record = attrs.field(repr=False)
    draft: PatientDraft | None = attrs.field(default=None, repr=False)
    mrn: str | None = attrs.field(default=None, repr=False)
    person: tuple[str, date] | None = attrs.field(default=None, repr=False)
    case_manager: str | None = attrs.field(default=None, repr=False)
    findings: tuple[Finding, ...] = ()


@attrs.frozen(kw_only=True)
class Columns:
    """The columns of one file: where each field stands. `given_back` are the places of all but the findings."""

    places: tuple[tuple[int, str, Reader], ...]
    width: int
    given_back: tuple[int, ...]

    @property
    def names(self) -> frozenset[str]:
        """The fields that the file speaks of."""
        return frozenset(name for _, name, _ in self.places)

    def read(self, record: Record, now: datetime) -> Reading:
        """Understand a row; what is wrong with its cells is found all at once and repeats none of them."""
        if len(record.cells) != self.width:
            message = f"the row has too {'few' if len(record.cells) < self.width else 'many'} cells"
            return Reading(record=record, findings=(Finding("", "wrong_number_of_cells", message),))
        data = self._data(record)
        manager = data.pop(CASE_MANAGER, None)
        draft, sound, findings = _parsed(data)
        findings += date_findings(sound, now)
        sent = given(sound)
        who, born = sent.get("name"), sent.get("date_of_birth")
        return Reading(
            record=record,
            draft=draft,
            mrn=sent.get("mrn"),
            person=None if who is None or born is None else (who, born),
            case_manager=None if manager is None else str(manager),
            findings=tuple(findings),
        )

    def _data(self, record: Record) -> dict[str, object]:
        """Return the cells that are not empty as JSON would have held them, by field."""
        texts = ((name, read, restored(record.cells[at]).strip()) for at, name, read in self.places)
        return {name: read(text) for name, read, text in texts if text}


def _parsed(data: dict[str, object]) -> tuple[PatientDraft | None, PatientDraft | PatientChanges, list[Finding]]:
    """Return the draft if there is one, what is sound of the row, and what is not."""
    try:
        draft = parse(PatientDraft, data)
    except InvalidInput as invalid:
        faulty = {found.pointer.removeprefix("/") for found in invalid.findings}
        sound = parse(PatientChanges, {name: value for name, value in data.items() if name not in faulty})
        return None, sound, list(invalid.findings)
    return draft, draft, []


def _plain(name: str) -> str:
    """Return a column's name as it is compared: case, blanks, hyphens and underscores make no difference."""
    folded = unicodedata.normalize("NFKC", restored(name)).casefold()
    return "_".join(folded.replace("_", " ").replace("-", " ").split())


def read_header(header: Sequence[str], mapping: Mapping[str, str]) -> Columns:
    """Find the fields' columns; raises InvalidInput with every column that is unknown, missing or doubled, by name.

    `mapping` says of columns with other names which field they hold, or by an empty text that they are passed over.
    """
    meant = {_plain(name): field or None for name, field in mapping.items()}
    names = [_plain(name) for name in header]
    fields = [meant.get(name, name) for name in names]
    if not set(fields) & set(COLUMNS):
        # Then the first row is perhaps no header but a patient, of whom nothing may be repeated.
        message = f"the first row names none of the columns {', '.join(COLUMNS)}"
        raise InvalidInput([Finding("/header", "no_header", message)])
    findings = [*_mapping_findings(meant, names), *_field_findings(header, fields)]
    if findings:
        raise InvalidInput(findings)
    return Columns(
        places=tuple((at, str(field), COLUMNS[str(field)]) for at, field in enumerate(fields) if field in COLUMNS),
        width=len(header),
        given_back=tuple(at for at, field in enumerate(fields) if field != FINDINGS),
    )


def _mapping_findings(meant: Mapping[str, str | None], names: Sequence[str]) -> list[Finding]:
    findings = []
    for name, field in list(meant.items())[:NAMED]:
        if name not in names:
            findings.append(Finding(f"/mapping/{shown(name)}", "unknown_column", "is no column of the file"))
        if field is not None and field not in COLUMNS:
            findings.append(Finding(f"/mapping/{shown(name)}", "unknown_field", "is mapped to what is no field"))
    return findings


def _field_findings(header: Sequence[str], fields: Sequence[str | None]) -> list[Finding]:
    findings: list[Finding] = []
    for at, (name, field) in enumerate(zip(header, fields, strict=True)):
        if len(findings) == NAMED or field is None:
            continue
        if field not in COLUMNS and field != FINDINGS:
            message = f"column {at + 1} is none of a patient's; map it to a field, or to nothing"
            findings.append(Finding(f"/header/{shown(name)}", "unknown_column", message))
        elif field in fields[:at]:
            message = f"column {at + 1} is a second one for {field}"
            findings.append(Finding(f"/header/{shown(name)}", "duplicate_column", message))
    if "name" not in fields:
        findings.append(Finding("/header/name", "required", "is required"))
    return findings
