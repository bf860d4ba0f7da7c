"""The trail only grows, whoever asks; its partitions are as protected as it is, and one is always there to write to."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import DBAPIError

from mindbridge_postgres import schema
from mindbridge_postgres.tenancy import RIGHTS, UnfitRole, grant_application_role, make_partitions, partitions
from tests.schema import records
from tests.schema.conftest import APPLICATION, Database, engine, enter

PLATFORM = UUID("00000000-0000-7000-8000-000000000001")
CHANGES = [
    "UPDATE {table} SET outcome = 'denied'",
    "DELETE FROM {table}",
    "TRUNCATE {table}",
]


def _where(connection: Connection, entry_id: UUID) -> str | None:
    query = "SELECT tableoid::regclass::text FROM audit_logs WHERE id = :id"
    found: str | None = connection.scalar(text(query), {"id": entry_id})
    return found


@pytest.mark.parametrize("role", ["application", "owner", "database_superuser"])
@pytest.mark.parametrize("table", ["audit_logs", "audit_logs_y2026m06", "audit_logs_default"])
@pytest.mark.parametrize("change", CHANGES)
def test_entries_are_neither_changed_nor_removed(
    request: pytest.FixtureRequest, role: str, table: str, change: str
) -> None:
    connection: Connection = request.getfixturevalue(role)
    clinic_id = records.clinic(connection)
    records.entry(connection, clinic_id)
    records.entry(connection, clinic_id, created_at=datetime(2099, 1, 1, tzinfo=UTC))
    with pytest.raises(DBAPIError) as caught:
        connection.execute(text(change.format(table=table)))
    assert isinstance(caught.value.orig, InsufficientPrivilege)


def test_entries_are_added_and_read_through_the_trail_and_never_through_a_partition(application: Connection) -> None:
    clinic_id = records.clinic(application)
    kept = records.entry(application, clinic_id)
    assert application.scalars(select(schema.audit_logs.c.id)).all() == [kept]
    assert _where(application, kept) == "audit_logs_y2026m06"
    with pytest.raises(DBAPIError) as caught:
        application.execute(text("SELECT * FROM audit_logs_y2026m06"))
    assert isinstance(caught.value.orig, InsufficientPrivilege)


def test_a_partition_hides_other_clinics_even_from_its_owner(owner: Connection) -> None:
    records.entry(owner, records.clinic(owner))
    here = text("SELECT count(*) FROM audit_logs_y2026m06")
    assert owner.scalar(here) == 1
    enter(owner, PLATFORM)
    assert owner.scalar(here) == 0


def test_an_entry_may_speak_of_what_does_not_exist(application: Connection) -> None:
    nobody = UUID(int=7)
    clinic_id = records.clinic(application)
    records.entry(application, clinic_id, user_id=nobody, resource_id=nobody, resource_ids=[nobody], session_id=nobody)
    assert application.scalar(select(schema.audit_logs.c.resource_ids)) == [nobody]


def test_months_are_cut_at_midnight_utc(application: Connection) -> None:
    clinic_id = records.clinic(application)
    last = records.entry(application, clinic_id, created_at=datetime(2026, 6, 30, 23, 59, 59, 999999, tzinfo=UTC))
    first = records.entry(application, clinic_id, created_at=datetime(2026, 7, 1, tzinfo=UTC))
    assert [_where(application, last), _where(application, first)] == ["audit_logs_y2026m06", "audit_logs_y2026m07"]


def test_an_entry_beyond_the_last_month_is_kept_all_the_same(application: Connection) -> None:
    clinic_id = records.clinic(application)
    late = records.entry(application, clinic_id, created_at=datetime(2044, 1, 1, tzinfo=UTC))
    assert _where(application, late) == "audit_logs_default"


def test_partitions_are_made_once_across_the_turn_of_a_year(owner: Connection) -> None:
    made = make_partitions(owner, date(2031, 11, 30), 3)
    assert made == ("audit_logs_y2031m11", "audit_logs_y2031m12", "audit_logs_y2032m01")
    assert make_partitions(owner, date(2031, 11, 30), 3) == ()
    assert make_partitions(owner, date(2032, 1, 1), 2) == ("audit_logs_y2032m02",)
    assert set(made) < partitions(owner)
    kept = records.entry(owner, records.clinic(owner), created_at=datetime(2032, 1, 31, tzinfo=UTC))
    assert _where(owner, kept) == "audit_logs_y2032m01"


def test_a_partition_made_later_is_protected_like_the_first(owner: Connection) -> None:
    (name,) = make_partitions(owner, date(2033, 5, 1), 1)
    described = [
        owner.execute(
            text(
                "SELECT relrowsecurity, relforcerowsecurity,"
                " (SELECT count(*) FROM pg_policy WHERE polrelid = c.oid),"
                " (SELECT array_agg(tgtype ORDER BY tgtype) FROM pg_trigger WHERE tgrelid = c.oid),"
                " (SELECT count(*) FROM pg_index WHERE indrelid = c.oid),"
                " has_table_privilege('schema_application', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')"
                " FROM pg_class c WHERE relname = :name"
            ),
            {"name": table},
        ).one()
        for table in (name, "audit_logs_y2026m01")
    ]
    assert described[0] == described[1]
    assert tuple(described[0])[:3] == (True, True, 1)
    assert described[0][5] is False


def test_a_month_that_already_has_entries_in_the_default_partition_stays_there(owner: Connection) -> None:
    early = records.entry(owner, records.clinic(owner), created_at=datetime(2035, 2, 10, tzinfo=UTC))
    made = make_partitions(owner, date(2035, 1, 1), 3)
    assert made == ("audit_logs_y2035m01", "audit_logs_y2035m03")
    assert _where(owner, early) == "audit_logs_default"
    assert owner.scalar(select(func.count()).select_from(schema.audit_logs)) == 1


def test_two_processes_may_make_the_same_partitions(database: Database) -> None:
    def make() -> tuple[str, ...]:
        with engine(database.owner_url).begin() as connection:
            return make_partitions(connection, date(2036, 1, 1), 2)

    with ThreadPoolExecutor(2) as both:
        results = [done.result(timeout=300) for done in [both.submit(make) for _ in range(2)]]
    assert sorted(results) == [(), ("audit_logs_y2036m01", "audit_logs_y2036m02")]


def test_only_the_owner_makes_partitions(application: Connection) -> None:
    with pytest.raises(DBAPIError) as caught:
        make_partitions(application, date(2037, 1, 1), 1)
    assert isinstance(caught.value.orig, InsufficientPrivilege)


@pytest.mark.parametrize(
    ("role", "reason"),
    [
        ("nobody_here", "there is no role"),
        ("postgres", "is a superuser or has BYPASSRLS"),
        ("schema_owner", "owns tables"),
    ],
)
def test_a_role_that_could_escape_is_given_nothing(owner: Connection, role: str, reason: str) -> None:
    with pytest.raises(UnfitRole, match=reason):
        grant_application_role(owner, role)


def test_rights_given_by_hand_are_taken_away_by_the_next_grant(owner: Connection) -> None:
    can_delete = text("SELECT has_table_privilege('schema_application', 'audit_logs', 'DELETE')")
    owner.execute(text("GRANT ALL ON audit_logs TO schema_application"))
    assert owner.scalar(can_delete) is True
    grant_application_role(owner, APPLICATION)
    assert owner.scalar(can_delete) is False
    assert "DELETE" not in RIGHTS["audit_logs"]
