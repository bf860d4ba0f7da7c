"""Patients from CSV: what refuses a file, what refuses a row, and what becomes of the others."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from mindbridge_core import Action, Operator, Role
from mindbridge_core.audit import AuditEntry, Outcome
from mindbridge_core.errors import Conflict, DuplicateMrn, Forbidden, InvalidInput, LostUpdate
from mindbridge_core.patients import Patient, PatientDraft, PatientFilter, PatientStatus, RiskLevel
from mindbridge_core.patients.importing import (
    BATCH,
    COLUMNS,
    FINDINGS,
    ImportedRow,
    ImportMode,
    ImportPlan,
    ImportReport,
    Layout,
    Source,
)
from mindbridge_core.patients.importing.table import LONGEST, Table
from mindbridge_core.spreadsheets import csv_line, restored
from mindbridge_core.testing.records import SCRIPTS
from mindbridge_memory.patients import MemoryPatients
from tests.core.house import House, actor, settled

PARTIAL = ImportPlan(mode=ImportMode.PARTIAL)
ALL = ImportPlan()


@attrs.define
class Kept:
    """A watcher that keeps what it is told, and writes the rejected rows."""

    rows: list[ImportedRow] = attrs.field(factory=list)
    layout: Layout | None = None
    given_back: str = ""

    def begin(self, layout: Layout) -> None:
        self.layout, self.given_back = layout, layout.first_line()

    def note(self, row: ImportedRow) -> None:
        assert self.layout is not None
        self.rows.append(row)
        if row.findings:
            self.given_back += self.layout.line(row)

    @property
    def codes(self) -> list[tuple[int, str, str]]:
        return [(row.line, found.pointer, found.code) for row in self.rows for found in row.findings]

    @property
    def warnings(self) -> list[tuple[int, str, str]]:
        return [(row.line, found.pointer, found.code) for row in self.rows for found in row.warnings]


@attrs.frozen
class Ward:
    """A clinic to import into."""

    house: House
    operator: Operator

    def send(self, text: str | bytes, plan: ImportPlan = ALL) -> tuple[ImportReport, Kept]:
        kept = Kept()
        return self.house.core.import_patients(self.operator, source(text), plan, kept), kept

    def people(self) -> list[Patient]:
        return list(self.house.core.list_patients(self.operator, PatientFilter(limit=200)).items)

    def names(self) -> list[str]:
        return [patient.name for patient in self.people()]

    def entries(self) -> list[AuditEntry]:
        return [entry for entry in self.house.entries() if entry.action is Action.PATIENT_IMPORT]


def source(text: str | bytes) -> Source:
    data = text.encode() if isinstance(text, str) else text
    return lambda: [data]


@pytest.fixture
def ward() -> Ward:
    return new_ward()


def new_ward() -> Ward:
    house = House()
    house.core.prepare_platform()
    return Ward(house, Operator(clinic_id=house.clinic("North")))


def refusal(ward: Ward, text: str | bytes, plan: ImportPlan = PARTIAL) -> list[tuple[str, str]]:
    """Return pointer and code of what refuses the file, of which nothing is imported."""
    with pytest.raises(InvalidInput) as refused:
        ward.send(text, plan)
    assert [] == ward.names()
    assert [(Outcome.FAILURE, "invalid_input")] == [
        (entry.outcome, entry.changed_values["reason"]) for entry in ward.entries()
    ]
    return [(found.pointer, found.code) for found in refused.value.findings]


# --- the file ---


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        (b"", 1, "no_header"),
        (b"\n \r\n\n", 1, "no_header"),
        (b"\xef\xbb\xbf", 1, "no_header"),
        ("name\nAda".encode("utf-16"), 1, "utf_16"),
        ("name\nAda".encode("utf-16-be"), 1, "nul"),
        (b"name\nAda\nE\0ve\nJoe", 3, "nul"),
        (b"name\nAda\nZo\xeb\nJoe", 3, "not_utf_8"),
        (b"name\nAda\nJoe\nZo\xeb", 4, "not_utf_8"),
        (b"name\nAda\n\xed\xa0\x80\n", 3, "not_utf_8"),
        (b'name\nAda\n"Eve\nJoe', 3, "broken_row"),
        (b'name\nAda\n"Eve"s\nJoe', 3, "broken_row"),
        (b"name\rAda\rEve", 1, "broken_row"),
        (b"name\n" + b"A" * (LONGEST + 1), 2, "row_too_long"),
        (b'name\nAda\n"' + b"A\n" * LONGEST, 3, "row_too_long"),
        (b"name\n" + b"A" * 2_000_000, 2, "row_too_long"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused_by_its_line(ward: Ward, text: bytes, line: int, code: str) -> None:
    assert [(f"/lines/{line}", code)] == refusal(ward, text)


@pytest.mark.parametrize(
    "text",
    [
        b"name\nAda\nEve",
        b"name\r\nAda\r\nEve\r\n",
        b"\xef\xbb\xbfname\nAda\nEve\n",
        b'\n\n"name"\n\n"Ada"\n , \n"Eve"\n',
        b"name,mrn\nAda,1\nEve,2\n",
        b"name;mrn\nAda;1\nEve;2\n",
        b"name\tmrn\nAda\t1\nEve\t2\n",
        b'"name";"mrn"\n"Ada";"1"\nEve;2\n',
        b"name,mrn\nAda,1\n,,,\nEve,2\n",
    ],
)
def test_its_sound_twin_is_taken(ward: Ward, text: bytes) -> None:
    report, _ = ward.send(text)
    assert (2, 2, 2) == (report.rows, report.accepted, report.stored)
    assert ["Ada", "Eve"] == ward.names()


def test_a_file_may_come_in_pieces_of_any_size(ward: Ward) -> None:
    data = '\ufeffname,mrn\r\nZoë,1\n"山田\n太郎",2\n'.encode()
    for size in range(1, 12):
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        report = ward.house.core.import_patients(ward.operator, partial(iter, pieces), ImportPlan(dry_run=True))
        assert (2, 2) == (report.rows, report.accepted)


def test_a_file_of_too_many_rows_is_refused() -> None:
    assert 2 == Table.examine(source("name\nAda\nEve"), most_rows=2).rows
    with pytest.raises(InvalidInput) as refused:
        Table.examine(source("name\nAda\nEve\nJoe"), most_rows=2)
    assert [("/lines/4", "too_many_rows")] == [(one.pointer, one.code) for one in refused.value.findings]


def test_a_file_without_rows_is_imported_and_entered(ward: Ward) -> None:
    for plan in (ALL, PARTIAL):
        report, _ = ward.send("name", plan)
        assert (0, 0, 0, 0) == (report.rows, report.accepted, report.rejected, report.stored)
    assert [Outcome.SUCCESS] * 2 == [entry.outcome for entry in ward.entries()]


# --- its columns ---


def test_columns_are_known_however_they_are_written_and_ordered(ward: Ward) -> None:
    ward.send("Date of  Birth,MRN,  NAME , current-risk-level\n1980-02-29,7,Ada,HIGH\n")
    (patient,) = ward.people()
    expected = ("Ada", "7", date(1980, 2, 29), RiskLevel.HIGH)
    assert expected == (patient.name, patient.mrn, patient.date_of_birth, patient.current_risk_level)


def test_a_mapping_names_columns_of_other_names_and_passes_over_what_is_not_wanted(ward: Ward) -> None:
    plan = ImportPlan(mapping={"Patient": "name", "chart no": "mrn", "Shoe size": ""})
    ward.send("patient,Chart No,shoe size\nAda,7,38\n", plan)
    assert [("Ada", "7")] == [(patient.name, patient.mrn) for patient in ward.people()]


@pytest.mark.parametrize(
    ("header", "mapping", "expected"),
    [
        ("mrn", {}, [("/header/name", "required")]),
        ("name,Shoe/size", {}, [("/header/Shoe~1size", "unknown_column")]),
        ("name,", {}, [("/header/", "unknown_column")]),
        ("name,case_manager_id", {}, [("/header/case_manager_id", "unknown_column")]),
        ("name,mrn,Name,MRN", {}, [("/header/Name", "duplicate_column"), ("/header/MRN", "duplicate_column")]),
        ("name,a", {"a": "name"}, [("/header/a", "duplicate_column")]),
        ("name,a", {"a": "shoes"}, [("/mapping/a", "unknown_field"), ("/header/a", "unknown_column")]),
        ("name", {"a": "mrn"}, [("/mapping/a", "unknown_column")]),
        ("name," + ",".join("x" * 99), {}, [("/header/x", "unknown_column")] * 20),
    ],
)
def test_unknown_missing_and_doubled_columns_are_named(
    ward: Ward, header: str, mapping: dict[str, str], expected: list[tuple[str, str]]
) -> None:
    assert expected == refusal(ward, header + "\nAda", ImportPlan(mapping=mapping))


def test_a_first_row_that_is_no_header_is_not_repeated(ward: Ward) -> None:
    with pytest.raises(InvalidInput) as refused:
        ward.send("Ada Lovelace,1980-02-29\n")
    assert ["no_header"] == [found.code for found in refused.value.findings]
    assert "ovelace" not in str(refused.value)


# --- its rows ---


def test_every_column_is_read_as_its_type(ward: Ward) -> None:
    manager = ward.house.staff(ward.operator.clinic_id, Role.CASE_MANAGER)
    row = {
        "name": "Zoë Åström",
        "mrn": "№ 7",
        "date_of_birth": "1980-02-29",
        "diagnosis": "Bipolar",
        "diagnosis_code": "F31.9",
        "medication_adherence": "72.50",
        "last_appointment": "2026-02-01",
        "appointments_missed": "3",
        "crisis_calls_30days": " 2 ",
        "current_risk_level": "Medium",
        "manually_escalated": "Yes",
        "admitted_at": "2026-01-31T08:30:00+02:00",
        "status": "INACTIVE",
        "case_manager": manager.email.upper(),
    }
    assert set(COLUMNS) == set(row)
    ward.send(csv_line(row) + csv_line(row.values()))
    (patient,) = ward.people()
    expected = PatientDraft(
        name="Zoë Åström",
        mrn="№ 7",
        date_of_birth=date(1980, 2, 29),
        diagnosis="Bipolar",
        diagnosis_code="F31.9",
        medication_adherence=Decimal("72.5"),
        last_appointment=date(2026, 2, 1),
        appointments_missed=3,
        crisis_calls_30days=2,
        current_risk_level=RiskLevel.MEDIUM,
        manually_escalated=True,
        admitted_at=datetime(2026, 1, 31, 6, 30, tzinfo=UTC),
        status=PatientStatus.INACTIVE,
    ).patient(id=patient.id, clinic_id=ward.operator.clinic_id, case_manager_id=manager.id, at=ward.house.clock())
    assert expected == patient


def test_cells_left_empty_are_as_if_not_there(ward: Ward) -> None:
    ward.send(csv_line(COLUMNS) + csv_line("Ada" if name == "name" else " " for name in COLUMNS))
    (patient,) = ward.people()
    assert patient == PatientDraft(name="Ada").patient(
        id=patient.id, clinic_id=patient.clinic_id, case_manager_id=None, at=ward.house.clock()
    )


def test_names_of_any_script_are_kept(ward: Ward) -> None:
    ward.send("name\n" + "".join(csv_line([name]) for name in SCRIPTS))
    assert list(SCRIPTS) == ward.names()


def test_all_that_is_wrong_with_a_row_is_found_at_once_and_not_repeated(ward: Ward) -> None:
    ward.send("name,mrn\nAda,7\n")
    bad = {
        "name": "",
        "mrn": "7",
        "date_of_birth": "2999-01-01",
        "diagnosis_code": "CANARY",
        "medication_adherence": "101",
        "last_appointment": "31/01/CANARY",
        "appointments_missed": "CANARY",
        "crisis_calls_30days": "1.5",
        "manually_escalated": "CANARY",
        "status": "CANARY",
        "case_manager": "CANARY@example.org",
    }
    report, kept = ward.send(csv_line(bad) + csv_line(bad.values()))
    assert (1, 0, 1, 0) == (report.rows, report.accepted, report.rejected, report.stored)
    assert set(bad) == {pointer.removeprefix("/") for _, pointer, _ in kept.codes}
    assert len(bad) == len(kept.codes)
    (row,) = kept.rows
    assert not any("CANARY" in found.message for found in row.findings)
    assert "CANARY" not in repr(row)


def test_a_row_of_too_few_or_too_many_cells_is_refused(ward: Ward) -> None:
    report, kept = ward.send("name,mrn\nAda,1\nEve\nJoe,2,3\nMax,4\n", PARTIAL)
    assert (4, 2, 2, 2) == (report.rows, report.accepted, report.rejected, report.stored)
    assert [(3, "", "wrong_number_of_cells"), (4, "", "wrong_number_of_cells")] == kept.codes
    assert ["Ada", "Max"] == ward.names()


def test_only_a_case_manager_of_the_clinic_is_given_a_patient(ward: Ward) -> None:
    house, clinic_id = ward.house, ward.operator.clinic_id
    own, admin = house.staff(clinic_id, Role.CASE_MANAGER), house.staff(clinic_id, Role.ADMIN)
    foreign = house.staff(house.clinic("South"), Role.CASE_MANAGER)
    emails = [own.email, admin.email, foreign.email, "nobody@example.org"]
    _, kept = ward.send("name,case manager\n" + "".join(f"P{n},{email}\n" for n, email in enumerate(emails)), PARTIAL)
    assert [(line, "/case_manager", "unknown_case_manager") for line in (3, 4, 5)] == kept.codes
    assert [own.id] == [patient.case_manager_id for patient in ward.people()]


# --- duplicates ---


def test_an_mrn_is_refused_that_a_patient_or_an_earlier_row_has(ward: Ward) -> None:
    ward.send("name,mrn\nAda,A-1\n")
    text = "name,mrn\nEve,a-1\nJoe,B-2\nMax,b-2\nSue,C-3\n,D-4\nTim,D-4\n"
    for plan in (attrs.evolve(PARTIAL, dry_run=True), PARTIAL):
        _, kept = ward.send(text, plan)
        assert [
            (2, "/mrn", "duplicate_mrn"),
            (4, "/mrn", "duplicate_row"),
            (6, "/name", "required"),
            (7, "/mrn", "duplicate_row"),
        ] == kept.codes
    assert ["Ada", "Joe", "Sue"] == ward.names()


def test_an_mrn_of_an_earlier_batch_is_known(ward: Ward) -> None:
    rows = [f"P{n},{n}" for n in range(BATCH)]
    text = "\n".join(["name,mrn", *rows, "Eve,7", "Joe,x"])
    for plan, stored in ((ImportPlan(dry_run=True), 0), (ALL, 0), (PARTIAL, BATCH + 1)):
        report, kept = ward.send(text, plan)
        assert [(BATCH + 2, "/mrn", "duplicate_row")] == kept.codes
        assert report.rows == BATCH + 2 == report.accepted + 1
        assert stored == report.stored


def test_a_file_sent_again_doubles_nobody_who_has_an_mrn(ward: Ward) -> None:
    text = "name,mrn\nAda,1\nEve,2\n"
    assert [2, 0] == [ward.send(text, PARTIAL)[0].stored for _ in range(2)]
    assert ["Ada", "Eve"] == ward.names()


def test_a_namesake_of_one_birthday_is_warned_of_where_there_is_no_mrn(ward: Ward) -> None:
    header = "name,date_of_birth,mrn\n"
    ward.send(header + "Zoë Å,1980-02-29,1\nJoe,1970-01-01,\n")
    text = header + "ZOE A,1980-02-29,\nZoe A,1980-02-29,9\nJoe,1970-01-02,\nEve,1990-01-01,8\nEVE,1990-01-01,\nEve,,\n"
    for plan in (attrs.evolve(PARTIAL, dry_run=True), PARTIAL):
        report, kept = ward.send(text, plan)
        assert [(2, "/name", "possible_duplicate"), (6, "/name", "possible_duplicate")] == kept.warnings
        assert (6, 6, 0, 2) == (report.rows, report.accepted, report.rejected, report.warned)


def test_a_rejected_row_is_nobodys_namesake(ward: Ward) -> None:
    text = "name,date of birth,status\nEve,1990-01-01,gone\nEve,1990-01-01,active\n"
    for plan in (attrs.evolve(PARTIAL, dry_run=True), PARTIAL):
        _, kept = ward.send(text, plan)
        assert ([(2, "/status", "invalid_choice")], []) == (kept.codes, kept.warnings)


def test_namesakes_of_earlier_batches_are_warned_of_in_a_dry_run_too(ward: Ward) -> None:
    rows = ["Ada,1980-02-29", *(f"P{n}," for n in range(BATCH)), "ADA,1980-02-29"]
    for plan in (ImportPlan(dry_run=True), ALL):
        _, kept = ward.send("\n".join(["name,date of birth", *rows]), plan)
        assert [(BATCH + 3, "/name", "possible_duplicate")] == kept.warnings


# --- modes ---

MIXED = "name,mrn\nAda,1\n,2\nEve,3\n"


def test_partial_keeps_the_good_rows(ward: Ward) -> None:
    report, _ = ward.send(MIXED, PARTIAL)
    assert (3, 2, 1, 2) == (report.rows, report.accepted, report.rejected, report.stored)
    assert ["Ada", "Eve"] == ward.names()


def test_all_or_nothing_keeps_nothing_of_a_file_with_a_bad_row(ward: Ward) -> None:
    report, _ = ward.send(MIXED)
    assert (3, 2, 1, 0) == (report.rows, report.accepted, report.rejected, report.stored)
    assert [] == ward.names()
    (entry,) = ward.entries()
    assert (Outcome.FAILURE, "import_rejected") == (entry.outcome, entry.changed_values["reason"])


def test_all_or_nothing_drops_the_batches_before_a_bad_row_too(ward: Ward) -> None:
    good = [f"P{n}" for n in range(BATCH + 1)]
    report, _ = ward.send("\n".join(["name,mrn", *(f"{name}," for name in good), "Eve"]))
    assert (BATCH + 2, 1, 0) == (report.rows, report.rejected, report.stored)
    assert [] == ward.names()
    assert BATCH + 1 == ward.send("\n".join(["name", *good]))[0].stored


@pytest.mark.parametrize("mode", ImportMode)
def test_a_dry_run_keeps_nothing_and_finds_the_same(mode: ImportMode) -> None:
    ward, twin = new_ward(), new_ward()
    report, kept = ward.send(MIXED, ImportPlan(mode=mode, dry_run=True))
    meant, really = twin.send(MIXED, ImportPlan(mode=mode))
    assert really.codes == kept.codes
    assert (meant.rows, meant.accepted, meant.rejected) == (report.rows, report.accepted, report.rejected)
    assert 0 == report.stored
    assert [] == ward.names()
    (entry,) = ward.entries()
    assert (Outcome.SUCCESS, (), True) == (entry.outcome, entry.resource_ids, entry.changed_values["dry_run"])


@pytest.mark.parametrize("plan", [ALL, PARTIAL])
def test_every_batch_has_its_entry_with_everybody_in_it(ward: Ward, plan: ImportPlan) -> None:
    ward.send("\n".join(["name,mrn", *(f"P{n},{n}" for n in range(2 * BATCH + 1))]), plan)
    entries = ward.entries()
    assert [BATCH, BATCH, 1] == [len(entry.resource_ids) for entry in entries]
    stored = {patient.id for patient in ward.house.store.tables.patients.rows()}
    assert stored == {one for entry in entries for one in entry.resource_ids}
    for entry in entries:
        assert ("dry_run", "mode", "mrn", "name", "rejected", "rows", "screened") == entry.changed_fields
        assert {"dry_run", "mode", "rejected", "rows", "screened"} == set(entry.changed_values)


def test_only_admins_import() -> None:
    town = settled()
    for role in Role:
        if role is Role.ADMIN:
            assert 1 == town.house.core.import_patients(actor(town.staff[role]), source("name\nAda")).stored
        else:
            for text in ("name\nAda", "no,header"):
                with pytest.raises(Forbidden):
                    town.house.core.import_patients(actor(town.staff[role]), source(text))


# --- others at the same moment ---


class Interfering:
    """Patients of a unit into which somebody else's come before the first `times` batches are stored."""

    def __init__(self, ward: Ward, times: int, error: type[Conflict]) -> None:
        self.ward, self.times, self.error = ward, times, error

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        add_many = MemoryPatients.add_many

        def interfered(held: MemoryPatients, patients: Any) -> None:
            if self.times:
                self.times -= 1
                raise self.error
            add_many(held, patients)

        monkeypatch.setattr(MemoryPatients, "add_many", interfered)


@pytest.mark.parametrize("error", [DuplicateMrn, LostUpdate])
def test_a_batch_that_meets_with_others_is_judged_anew(
    ward: Ward, error: type[Conflict], monkeypatch: pytest.MonkeyPatch
) -> None:
    Interfering(ward, 2, error).install(monkeypatch)
    report, kept = ward.send(MIXED, PARTIAL)
    assert (3, 2, 1, 2) == (report.rows, report.accepted, report.rejected, report.stored)
    assert 1 == len(kept.codes)
    assert [Outcome.FAILURE, Outcome.FAILURE, Outcome.SUCCESS] == [entry.outcome for entry in ward.entries()]


def test_one_that_meets_with_others_again_and_again_is_refused(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    Interfering(ward, 3, DuplicateMrn).install(monkeypatch)
    with pytest.raises(DuplicateMrn):
        ward.send(MIXED, PARTIAL)
    assert [] == ward.names()


def test_all_or_nothing_that_meets_with_others_is_refused(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    Interfering(ward, 1, DuplicateMrn).install(monkeypatch)
    with pytest.raises(DuplicateMrn):
        ward.send("name\nAda")
    assert [] == ward.names()
    assert 1 == ward.send("name\nAda")[0].stored


# --- rows given back ---


def test_rows_given_back_can_be_mended_and_sent_again(ward: Ward) -> None:
    text = "mrn;name;date of birth\n1;-Ann;1980-13-01\n2;Eve;1980-12-01\n3;=HYPERLINK(1);\n;@Joe;x\n"
    _, kept = ward.send(text, PARTIAL)
    given_back = list(csv.reader(kept.given_back.splitlines(), delimiter=";"))
    assert [FINDINGS, "mrn", "name", "date of birth"] == given_back[0]
    assert [["1", "'-Ann", "1980-13-01"], ["", "'@Joe", "x"]] == [row[1:] for row in given_back[1:]]
    assert given_back[1][0].startswith("date_of_birth: must be a date")
    mended = kept.given_back.replace("1980-13-01", "1980-12-01").replace('"x"', '""')
    report, _ = ward.send(mended, PARTIAL)
    assert (2, 2) == (report.rows, report.stored)
    assert ["Eve", "=HYPERLINK(1)", "-Ann", "@Joe"] == ward.names()


def test_rows_given_back_unmended_are_given_back_the_same(ward: Ward) -> None:
    text = 'name,mrn\n,1\nEve\nMax,2,3\nJoe,4\n"=,""\n\'",\n'
    _, first = ward.send(text, PARTIAL)
    _, second = ward.send(first.given_back, PARTIAL)
    assert first.given_back == second.given_back
    assert 3 == len(second.rows)


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("cells", [1, 2, 4])
def test_a_row_of_the_wrong_length_stays_one(ward: Ward, place: int, cells: int) -> None:
    header = ["name", "mrn"]
    header.insert(place, "Import Findings")
    _, first = ward.send(csv_line(header) + csv_line(["Ada"] * cells), PARTIAL)
    _, second = ward.send(first.given_back, PARTIAL)
    assert ["wrong_number_of_cells"] == [code for _, _, code in second.codes]


def test_a_row_as_long_as_can_be_is_taken_when_it_comes_back(ward: Ward) -> None:
    for row in ("," * (LONGEST - 3) + "x", "=," * (LONGEST // 2 - 1), 'a"' * (LONGEST // 2 - 1)):
        _, first = ward.send("name,mrn\n" + row, PARTIAL)
        _, second = ward.send(first.given_back, PARTIAL)
        assert first.given_back == second.given_back


WORDS = some.sampled_from(
    ["name", "mrn", "date_of_birth", "Ada", "-Ann", "'=x", "1980-02-29", "7", "", " ", '"', '""', ",", ";", "\t"]
)
FILES = some.lists(WORDS | some.sampled_from(["\n", "\r\n", "\r", ","]) | some.text(max_size=3)).map("".join)


def lines(data: bytes) -> Iterator[bytes]:
    yield data


@settings(max_examples=300)
@given(text=FILES | some.text() | FILES.map(lambda text: "name,mrn,date_of_birth\n" + text))
def test_any_text_is_refused_or_every_row_of_it_is_accounted_for(text: str) -> None:
    ward = new_ward()
    check(ward, text.encode("utf-8", "surrogatepass"))


@settings(max_examples=100)
@given(some.binary() | some.binary().map(lambda data: b"name,mrn\n" + data))
def test_so_are_any_bytes(data: bytes) -> None:
    check(new_ward(), data)


def check(ward: Ward, data: bytes) -> None:
    kept = Kept()
    try:
        report = ward.house.core.import_patients(ward.operator, lambda: lines(data), PARTIAL, kept)
    except InvalidInput:
        assert [] == ward.people()
        return
    assert kept.layout is not None
    assert report.rows == kept.layout.rows == len(kept.rows) == report.accepted + report.rejected
    assert report.accepted == report.stored == len(ward.people())
    again = Kept()
    second = ward.house.core.import_patients(ward.operator, source(kept.given_back), PARTIAL, again)
    assert report.rejected == second.rows
    rejected = [row for row in kept.rows if row.findings]
    assert [contents(row.cells) for row in rejected] == [contents(row.cells[1:]) for row in again.rows]


def contents(cells: Iterable[str]) -> str:
    return "\n".join(map(restored, cells)).strip()
