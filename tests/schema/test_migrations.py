"""The migrations: reversible, repeatable, safe side by side, and equal to the one description of the schema."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from sqlalchemy import Connection, insert, text

import mindbridge_migrations as migrations
from mindbridge_postgres.schema import batch_patients, batches, metadata
from mindbridge_postgres.tenancy import grant_application_role
from tests.schema.conftest import APPLICATION, Database, engine
from tests.schema.records import NOW, clinic, patient

CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
      AND conrelid NOT IN (SELECT inhrelid FROM pg_inherits) AND conrelid::regclass::text <> 'alembic_version'
"""
INDEXES = """
    SELECT indrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
    WHERE relnamespace = 'public'::regnamespace AND NOT relispartition AND relname <> 'alembic_version'
"""
LEFT_BEHIND = """
    SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
"""


def _rows(connection: Connection, query: str) -> set[tuple[object, ...]]:
    return {tuple(row) for row in connection.execute(text(query))}


def test_an_empty_database_goes_up_and_down_and_up_again_and_equals_the_schema(empty_database: Database) -> None:
    url = empty_database.owner_url
    assert migrations.current(url) is None

    migrations.upgrade(url)
    assert migrations.current(url) == migrations.head()

    migrations.downgrade(url, "base")
    with engine(url).connect() as connection:
        left = {str(name) for (name,) in _rows(connection, LEFT_BEHIND)}
    assert left == {"alembic_version", "alembic_version_pkc"}

    migrations.upgrade(url)
    assert migrations.differences(url) == []


def test_every_revision_can_be_taken_back_alone(empty_database: Database) -> None:
    url = empty_database.owner_url
    migrations.upgrade(url)
    taken_back = 0
    while (before := migrations.current(url)) is not None:
        migrations.downgrade(url, "-1")
        migrations.upgrade(url, "+1")
        assert migrations.current(url) == before
        migrations.downgrade(url, "-1")
        taken_back += 1
    assert taken_back >= 8


def test_migrated_constraints_and_indexes_are_word_for_word_those_of_the_schema(
    database: Database, empty_database: Database
) -> None:
    with engine(empty_database.owner_url).begin() as connection:
        metadata.create_all(connection)
        described = _rows(connection, CONSTRAINTS), _rows(connection, INDEXES)
    with engine(database.owner_url).connect() as connection:
        migrated = _rows(connection, CONSTRAINTS), _rows(connection, INDEXES)
    assert len(described[0]) > 100
    assert migrated == described


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("ALTER TABLE patients DROP CONSTRAINT ck_patients_status", ["add_check patients ck_patients_status"]),
        ("ALTER TABLE patients ADD COLUMN shoe_size text", ["remove_column patients shoe_size"]),
        ("DROP INDEX ix_patients_caseload", ["add_index ix_patients_caseload"]),
        ("CREATE TABLE stray (id uuid)", ["remove_table stray"]),
    ],
)
def test_a_database_changed_by_hand_is_told_from_the_schema(
    empty_database: Database, statement: str, found: list[str]
) -> None:
    migrations.upgrade(empty_database.owner_url)
    with engine(empty_database.owner_url).begin() as connection:
        connection.execute(text(statement))
    assert migrations.differences(empty_database.owner_url) == found


def test_an_empty_database_differs_by_every_table(empty_database: Database) -> None:
    found = migrations.differences(empty_database.owner_url)
    assert {f"add_table {table}" for table in metadata.tables} <= set(found)


def test_two_processes_that_upgrade_at_once_both_end_at_head(empty_database: Database) -> None:
    url = empty_database.owner_url
    with ThreadPoolExecutor(2) as both:
        for done in [both.submit(migrations.upgrade, url) for _ in range(2)]:
            done.result(timeout=300)
    assert migrations.current(url) == migrations.head()
    assert migrations.differences(url) == []


def test_whoever_cannot_have_the_lock_in_time_is_told_so(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "PATIENCE_SECONDS", 0.1)
    with engine(empty_database.owner_url).connect() as holder:
        holder.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": migrations.LOCK})
        with pytest.raises(migrations.MigrationsBusy):
            migrations.upgrade(empty_database.owner_url)
    migrations.upgrade(empty_database.owner_url)
    assert migrations.current(empty_database.owner_url) == migrations.head()


def test_the_application_role_reads_the_revision(database: Database) -> None:
    assert migrations.current(database.application_url) == migrations.head()


def test_a_password_may_hold_a_percent_sign(database: Database) -> None:
    """The first plan's URL went through an ini file's interpolation and failed on one."""
    assert "p%40ss%2Fw%25rd" in database.owner_url
    assert engine(database.owner_url).url.password == "p@ss/w%rd"
    assert migrations.differences(database.owner_url) == []


def test_migrating_does_not_need_the_application_role(empty_database: Database) -> None:
    with engine(empty_database.superuser_url).connect() as connection:
        roles = {str(name) for (name,) in _rows(connection, "SELECT rolname FROM pg_roles")}
    assert "someone_else" not in roles
    migrations.upgrade(empty_database.owner_url)
    with engine(empty_database.owner_url).connect() as connection:
        with pytest.raises(ValueError, match="there is no role 'someone_else'"):
            grant_application_role(connection, "someone_else")
        grant_application_role(connection, APPLICATION)


def test_batches_that_were_there_are_counted_in_every_clinic_and_the_wall_stands_again(
    empty_database: Database,
) -> None:
    migrations.upgrade(empty_database.owner_url, "0050")
    with engine(empty_database.superuser_url).begin() as connection:
        found = [_batch_half_done(connection, failed) for failed in (1, 2)]
    migrations.upgrade(empty_database.owner_url)
    with engine(empty_database.superuser_url).connect() as connection:
        counted = "SELECT clinic_id, total, screened, failed FROM batches"
        assert {(found[0], 3, 0, 1), (found[1], 3, 0, 2)} == _rows(connection, counted)
        forced = (
            "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname IN "
            "('batches', 'batch_patients', 'batch_pieces', 'enquiries', 'questions')"
        )
        assert {True} == {both for _, *flags in _rows(connection, forced) for both in flags}
    migrations.downgrade(empty_database.owner_url, "0050")
    migrations.upgrade(empty_database.owner_url)
    with engine(empty_database.superuser_url).connect() as connection:
        assert {(found[0], 3, 0, 1), (found[1], 3, 0, 2)} == _rows(connection, counted)


def test_a_batch_that_is_prepared_is_cancelled_before_the_version_that_cannot_read_it(empty_database: Database) -> None:
    migrations.upgrade(empty_database.owner_url)
    with engine(empty_database.superuser_url).begin() as connection:
        row = {"clinic_id": clinic(connection), "screening_type": "batch", "created_at": NOW}
        for state in ("preparing", "queued"):
            connection.execute(insert(batches), {**row, "id": uuid4(), "state": state})
    migrations.downgrade(empty_database.owner_url, "0062")
    with engine(empty_database.superuser_url).connect() as connection:
        found = _rows(connection, "SELECT state, reason, ended_at IS NULL FROM batches")
    assert {("cancelled", "version_withdrawn", False), ("queued", None, True)} == found
    migrations.upgrade(empty_database.owner_url)
    assert [] == migrations.differences(empty_database.owner_url)


def _batch_half_done(connection: Connection, failed: int) -> object:
    """Store a batch of three as it was before it counted its progress, of whom so many could not be screened."""
    clinic_id, batch_id = clinic(connection), uuid4()
    row = {"clinic_id": clinic_id, "id": batch_id, "screening_type": "batch", "state": "running", "total": 3}
    connection.execute(insert(batches), {**row, "created_at": NOW})
    for number in range(3):
        one = {"clinic_id": clinic_id, "batch_id": batch_id, "patient_id": patient(connection, clinic_id)}
        connection.execute(insert(batch_patients), {**one, "failure": "not_found" if number < failed else None})
    return clinic_id
