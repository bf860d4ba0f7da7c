"""What the application's role may do to what is the same for every clinic, and what only adds up."""

import pytest
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.exc import DBAPIError

import mindbridge_migrations as migrations
from mindbridge_postgres import schema
from mindbridge_postgres.tenancy import grant_application_role
from tests.schema import records
from tests.schema.conftest import APPLICATION, OWNER, Database, engine
from tests.schema.records import NOW

ADDED_ONLY = ("clinics", "organizations", "login_directory", "clinic_keys")
DIGEST = bytes(32)
ADD_TRIES = insert(schema.login_attempts).values(email_digest=DIGEST, failures=1, updated_at=NOW)
TEMPORARY = "CREATE TEMPORARY TABLE own_notes (id uuid)"


@pytest.fixture
def stocked(application: Connection) -> Connection:
    """The application's role, with a row of its own in each of `ADDED_ONLY` and its tries."""
    ours = records.clinic(application)
    account = {"user_id": records.user(application, ours), "clinic_id": ours, "email_norm": "one@example.org"}
    application.execute(insert(schema.login_directory), account)
    records.key(application, ours)
    application.execute(ADD_TRIES)
    return application


def _refuses(connection: Connection, statement: str) -> None:
    with pytest.raises(DBAPIError) as caught:
        connection.exec_driver_sql(statement)
    assert isinstance(caught.value.orig, InsufficientPrivilege)


@pytest.mark.parametrize("table", ADDED_ONLY)
def test_what_only_adds_up_is_added_and_read(stocked: Connection, table: str) -> None:
    assert (stocked.scalar(select(func.count()).select_from(schema.metadata.tables[table])) or 0) >= 1


@pytest.mark.parametrize("table", ADDED_ONLY)
@pytest.mark.parametrize("change", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
def test_what_only_adds_up_is_neither_changed_nor_removed(stocked: Connection, table: str, change: str) -> None:
    column = next(iter(schema.metadata.tables[table].columns)).name
    _refuses(stocked, change.format(table, column, column))


def test_tries_are_added_held_and_counted(stocked: Connection) -> None:
    held = stocked.execute(
        text("SELECT failures FROM login_attempts WHERE email_digest = :it FOR UPDATE"), {"it": DIGEST}
    )
    assert held.scalars().all() == [1]
    assert stocked.execute(text("UPDATE login_attempts SET failures = 2")).rowcount == 1


def test_tries_can_be_purged(stocked: Connection) -> None:
    assert stocked.execute(text("DELETE FROM login_attempts")).rowcount == 1


def test_a_temporary_table_is_refused_to_the_application_and_not_to_the_owner(
    application: Connection, owner: Connection
) -> None:
    _refuses(application, TEMPORARY)
    owner.exec_driver_sql(TEMPORARY)
    assert owner.execute(text("SELECT FROM own_notes")).rowcount == 0


def test_temporary_tables_given_by_hand_are_taken_away_by_the_next_grant(owner: Connection, database: Database) -> None:
    makes = text("SELECT has_database_privilege('schema_application', current_database(), 'TEMPORARY')")
    owner.exec_driver_sql(f"GRANT TEMPORARY ON DATABASE {database.name} TO PUBLIC, {APPLICATION}")
    assert owner.scalar(makes) is True
    grant_application_role(owner, APPLICATION)
    assert owner.scalar(makes) is False


@pytest.fixture
def anothers_database(empty_database: Database) -> Database:
    """A database whose tables belong to `OWNER`, but which itself does not: what a hosted server may offer."""
    with engine(empty_database.superuser_url).begin() as superuser:
        superuser.exec_driver_sql(f"ALTER DATABASE {empty_database.name} OWNER TO postgres")
        superuser.exec_driver_sql(f"GRANT CREATE ON SCHEMA public TO {OWNER}")
    return empty_database


def test_an_owner_of_the_tables_alone_upgrades_and_leaves_the_databases_rights(anothers_database: Database) -> None:
    migrations.upgrade(anothers_database.owner_url)
    with engine(anothers_database.owner_url).begin() as owner:
        grant_application_role(owner, APPLICATION)
    with engine(anothers_database.application_url).connect() as application:
        records.clinic(application)
        application.exec_driver_sql(TEMPORARY)
        _refuses(application, "UPDATE clinics SET name = name")
