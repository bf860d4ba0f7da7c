"""What the application's role can do with another clinic's rows: nothing; each wall is tried without the other."""

from uuid import UUID, uuid4

import pytest
from psycopg.errors import ForeignKeyViolation, InsufficientPrivilege, UniqueViolation
from sqlalchemy import Connection, Table, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from mindbridge_postgres import schema
from tests.schema import records
from tests.schema.conftest import enter
from tests.schema.records import NOW, SEALED


def _refused(caught: pytest.ExceptionInfo[DBAPIError]) -> type[BaseException]:
    return type(caught.value.orig) if caught.value.orig else type(None)  # type: ignore[return-value]  # never None here


def _count(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0


def test_a_clinic_sees_its_own_rows_and_no_others(application: Connection) -> None:
    ours = records.clinic(application)
    records.patient(application, ours)
    theirs = records.clinic(application)
    assert _count(application, schema.patients) == 0
    records.patient(application, theirs)
    records.patient(application, theirs)
    assert _count(application, schema.patients) == 2
    enter(application, ours)
    assert _count(application, schema.patients) == 1


@pytest.mark.parametrize("setting", ["RESET app.clinic_id", "SET LOCAL app.clinic_id = ''"])
def test_without_a_clinic_there_are_no_rows(application: Connection, setting: str) -> None:
    ours = records.clinic(application)
    records.patient(application, ours)
    records.entry(application, ours)
    application.execute(text(setting))
    assert [_count(application, table) for table in (schema.patients, schema.audit_logs, schema.users)] == [0, 0, 0]


def test_the_owner_is_bound_too(owner: Connection) -> None:
    ours = records.clinic(owner)
    records.patient(owner, ours)
    enter(owner, uuid4())
    assert _count(owner, schema.patients) == 0


def test_a_row_cannot_be_put_into_another_clinic(application: Connection) -> None:
    theirs = records.clinic(application)
    records.clinic(application)
    with pytest.raises(DBAPIError) as caught:
        records.patient(application, theirs)
    assert _refused(caught) is InsufficientPrivilege


def test_a_row_cannot_be_moved_to_another_clinic(application: Connection) -> None:
    theirs = records.clinic(application)
    ours = records.clinic(application)
    records.patient(application, ours)
    with pytest.raises(DBAPIError) as caught:
        application.execute(update(schema.patients).values(clinic_id=theirs))
    assert _refused(caught) is InsufficientPrivilege


def test_another_clinics_rows_are_not_changed(application: Connection) -> None:
    theirs = records.clinic(application)
    hidden = records.patient(application, theirs)
    records.clinic(application)
    changed = application.execute(
        update(schema.patients).where(schema.patients.c.id == hidden).values(status="inactive")
    )
    assert changed.rowcount == 0


def test_a_patient_cannot_have_a_case_manager_of_another_clinic(application: Connection) -> None:
    theirs = records.clinic(application)
    stranger = records.user(application, theirs)
    ours = records.clinic(application)
    colleague = records.user(application, ours)
    records.patient(application, ours, case_manager_id=colleague)
    with pytest.raises(DBAPIError) as caught:
        records.patient(application, ours, case_manager_id=stranger)
    assert _refused(caught) is ForeignKeyViolation


def test_keys_alone_keep_a_child_in_its_parents_clinic(database_superuser: Connection) -> None:
    """Row-level security does not bind a superuser: here only the composite foreign key stands."""
    theirs = records.clinic(database_superuser)
    stranger = records.patient(database_superuser, theirs)
    ours = records.clinic(database_superuser)
    row = {"clinic_id": ours, "id": uuid4(), "patient_id": stranger, "scheduled_at": NOW, "created_at": NOW}
    with pytest.raises(DBAPIError) as caught:
        database_superuser.execute(insert(schema.appointments), row)
    assert _refused(caught) is ForeignKeyViolation


def test_an_email_belongs_to_one_account_across_clinics(application: Connection) -> None:
    def register(clinic_id: UUID, email: str) -> None:
        row = {"clinic_id": clinic_id, "user_id": records.user(application, clinic_id, email=email)}
        application.execute(insert(schema.login_directory), {**row, "email_norm": email})

    register(records.clinic(application), "one@example.org")
    ours = records.clinic(application)
    register(ours, "two@example.org")
    with pytest.raises(DBAPIError) as caught:
        register(ours, "one@example.org")
    assert _refused(caught) is UniqueViolation


def test_an_mrn_is_unique_in_its_clinic_among_patients_not_deleted(application: Connection) -> None:
    mrn = {"mrn": SEALED, "mrn_index": bytes(16)}
    theirs = records.clinic(application)
    records.patient(application, theirs, **mrn)
    ours = records.clinic(application)
    somebody = records.user(application, ours)
    records.patient(application, ours, **mrn, deleted_at=NOW, deleted_by=somebody)
    records.patient(application, ours, **mrn)
    records.patient(application, ours)
    records.patient(application, ours)
    with pytest.raises(DBAPIError) as caught:
        records.patient(application, ours, **mrn)
    assert _refused(caught) is UniqueViolation


@pytest.mark.parametrize("table", ["patients", "users", "screenings", "clinic_keys", "audit_chain_heads"])
def test_the_application_role_deletes_no_record(application: Connection, table: str) -> None:
    with pytest.raises(DBAPIError) as caught:
        application.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - names of tables, written above
    assert _refused(caught) is InsufficientPrivilege


def test_the_application_role_sweeps_answers_to_repeated_requests(application: Connection) -> None:
    assert application.execute(text("DELETE FROM idempotency_keys")).rowcount == 0


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id uuid)",
        "CREATE TEMPORARY TABLE patients (id uuid)",
        "SELECT * INTO TEMPORARY patients FROM clinics",
        "CREATE SCHEMA mine",
        "ALTER TABLE patients DISABLE ROW LEVEL SECURITY",
        "DROP POLICY clinic_isolation ON patients",
        "ALTER TABLE audit_logs DISABLE TRIGGER ALL",
        "SET LOCAL row_security = off; SELECT * FROM patients",
        "UPDATE alembic_version SET version_num = '0001'",
    ],
)
def test_the_application_role_cannot_loosen_its_bonds(application: Connection, statement: str) -> None:
    with pytest.raises(DBAPIError) as caught:
        application.exec_driver_sql(statement)
    assert _refused(caught) is InsufficientPrivilege


def test_the_platform_clinic_is_there_from_the_start(application: Connection) -> None:
    found = application.execute(select(schema.clinics.c.id, schema.clinics.c.organization_id, schema.clinics.c.name))
    assert [tuple(row) for row in found] == [
        (
            UUID("00000000-0000-7000-8000-000000000001"),
            UUID("00000000-0000-7000-8000-000000000000"),
            "MindBridge platform",
        )
    ]
