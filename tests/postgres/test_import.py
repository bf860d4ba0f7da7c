"""Imports on the real database: few statements, whole batches or none, and two at once."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import psycopg
import pytest

from mindbridge_core import Operator
from mindbridge_core.errors import AuditUnavailable, DuplicateMrn
from mindbridge_core.patients import PatientFilter
from mindbridge_core.patients.importing import BATCH, ImportedRow, ImportMode, ImportPlan, ImportReport, Layout, Source
from mindbridge_core.testing.store import together
from tests.postgres.test_statements import Counted
from tests.support.postgres import TestDatabase
from tests.support.product import Product

PARTIAL = ImportPlan(mode=ImportMode.PARTIAL)
ALL = ImportPlan()


def source(rows: int, *more: str) -> Source:
    def chunks() -> Iterator[bytes]:
        yield b"name,mrn,date_of_birth\n"
        for number in range(rows):
            yield f"Ada {number},{number},1980-02-29\n".encode()
        yield "\n".join(more).encode()

    return chunks


def total(product: Product, operator: Operator) -> int | None:
    return product.core.list_patients(operator, PatientFilter(limit=1, total=True)).total


def test_a_batch_takes_two_statements_beside_its_entry(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    operator = Operator(clinic_id=product.clinic())
    product.core.import_patients(operator, source(1, "Eve,x,"), PARTIAL)
    counted = Counted(monkeypatch)

    product.core.import_patients(operator, source(0, "Joe,y,", "Max,z,", "Tim,,1970-01-01"), PARTIAL)

    asked, stored, entered = (
        next(place for place, sent in enumerate(counted.sent) if words in sent)
        for words in ("SELECT mrn_index", "INSERT INTO patients", "INSERT INTO audit_logs")
    )
    assert [asked + 1, asked + 2, len(counted.sent) - 2] == [stored, entered, entered]
    assert "COMMIT" == counted.sent[-1]


@pytest.mark.parametrize(("mode", "kept"), [(ImportMode.PARTIAL, BATCH), (ImportMode.ALL_OR_NOTHING, 0)])
def test_batches_before_a_failure_stay_or_go_as_the_mode_says(
    mode: ImportMode, kept: int, product: Product, database: TestDatabase
) -> None:
    operator = Operator(clinic_id=product.clinic())

    class Revoking:
        """Takes the trail away once the first batch is noted."""

        def begin(self, layout: Layout) -> None:
            assert BATCH + 1 == layout.rows

        def note(self, row: ImportedRow) -> None:
            if row.line == BATCH + 1:
                with psycopg.connect(database.superuser_url) as superuser:
                    superuser.execute("REVOKE INSERT ON audit_logs FROM mindbridge_app")

    with pytest.raises(AuditUnavailable):
        product.core.import_patients(operator, source(BATCH + 1), ImportPlan(mode=mode), Revoking())

    with psycopg.connect(database.superuser_url) as superuser:
        superuser.execute("GRANT INSERT ON audit_logs TO mindbridge_app")
        query = (
            "SELECT cardinality(resource_ids) FROM audit_logs WHERE action = 'patient.import' AND outcome = 'success'"
        )
        entered = sum(row[0] for row in superuser.execute(query).fetchall())
    assert (kept, kept) == (total(product, operator), entered)
    again = product.core.import_patients(operator, source(BATCH + 1), PARTIAL)
    assert (kept, BATCH + 1 - kept) == (again.rejected, again.stored)


def test_a_bad_row_rolls_all_back(product: Product) -> None:
    operator = Operator(clinic_id=product.clinic())
    report = product.core.import_patients(operator, source(BATCH + 1, ",x,"), ALL)
    assert (BATCH + 2, 1, 0, 0) == (report.rows, report.rejected, report.stored, total(product, operator))


@pytest.mark.parametrize("plan", [PARTIAL, ALL])
def test_none_of_a_file_is_shown_at_less_than_the_rules_say(
    product: Product, database: TestDatabase, plan: ImportPlan
) -> None:
    operator = Operator(clinic_id=product.clinic())
    levels = ["", "low", "medium", "high"]
    rows = [f"P{n},{n},90,5,{levels[n % 4]}\n" for n in range(BATCH + 4)] + ["Zoë,z,90,3,low\n"]
    text = "".join(["name,mrn,medication_adherence,crisis_calls_30days,current_risk_level\n", *rows]).encode()
    report = product.core.import_patients(operator, lambda: [text], plan)
    with psycopg.connect(database.superuser_url) as superuser:
        shown = superuser.execute(
            "SELECT current_risk_level, count(*), count(DISTINCT screenings.id), count(DISTINCT alerts.id)"
            " FROM patients LEFT JOIN screenings ON patient_id = patients.id AND screening_type = 'record'"
            " LEFT JOIN alerts ON alerts.patient_id = patients.id AND cause_id = COALESCE(screenings.id, alerts.id)"
            " WHERE patients.clinic_id = %s GROUP BY 1 ORDER BY 2",
            [operator.clinic_id],
        ).fetchall()
    highs = (BATCH + 4) * 3 // 4  # the others came as such
    assert highs + 1 == report.screened
    assert [("medium", 1, 1, 0), ("high", BATCH + 4, highs, BATCH + 4)] == shown


def test_two_imports_of_one_file_at_once_store_everybody_once(product: Product) -> None:
    operator, rows = Operator(clinic_id=product.clinic()), 2 * BATCH
    done = together(*[lambda: product.core.import_patients(operator, source(rows), PARTIAL)] * 2)
    reports = [one for one in done if isinstance(one, ImportReport)]
    assert 2 == len(reports), done
    assert rows == sum(report.stored for report in reports) == sum(report.rejected for report in reports)
    assert rows == total(product, operator)


def test_of_two_files_at_once_that_must_be_whole_one_is_stored(product: Product) -> None:
    operator = Operator(clinic_id=product.clinic())
    done = together(*[lambda: product.core.import_patients(operator, source(BATCH), ALL)] * 2)
    stored = [one.stored if isinstance(one, ImportReport) else type(one) for one in done]
    assert BATCH in stored
    assert {0, DuplicateMrn} & set(stored)
    assert BATCH == total(product, operator)


def test_memory_does_not_grow_with_the_rows_but_for_their_marks(product: Product) -> None:
    peaks = []
    for rows in (BATCH, 2 * BATCH, 8 * BATCH):
        operator = Operator(clinic_id=product.clinic(f"Of {rows}"))
        tracemalloc.start()
        product.core.import_patients(operator, source(rows), PARTIAL)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < peaks[1] + 6 * BATCH * 150
