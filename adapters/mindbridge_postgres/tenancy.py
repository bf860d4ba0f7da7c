"""Who may touch which rows: row-level security, the application role's rights, and the audit trail's partitions.

Plain SQL, one statement per string, for the migrations and the `db` command. A migration that has been released says
what it said: change these statements only in ways that leave databases already upgraded as they are, and bring every
other change by a revision of its own.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from types import MappingProxyType

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

__all__ = [
    "FEW_MONTHS_AHEAD",
    "MONTHS_AHEAD",
    "RIGHTS",
    "UnfitRole",
    "append_only_statements",
    "drop_partitions",
    "grant_application_role",
    "isolation_statements",
    "make_partitions",
    "partition_names",
    "partitions",
]

CLINIC_IS_OURS = "clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid"
"""Nothing set, or set back to the empty string, compares with null: no row is seen and none can be written."""

MONTHS_AHEAD = 12
"""Months after this one that the trail's partitions are made for, whoever makes them."""

FEW_MONTHS_AHEAD = MONTHS_AHEAD // 2
"""Fewer partitions ahead than this are a finding: from then on there is half the time left to make more."""

LOCK = 7_210_426_135
"""The advisory lock of everything here that changes the catalogue, so that two processes can start at once."""

_ADDED = "SELECT, INSERT"
_CHANGED = "SELECT, INSERT, UPDATE"
_LATER = _CHANGED
"""For tables that are there before their use cases, which will correct or close records but delete none.

Nothing writes to them yet.
"""

RIGHTS: Mapping[str, str] = MappingProxyType(
    {
        "account_tokens": _CHANGED,
        "alembic_version": "SELECT",
        "alerts": _CHANGED,
        "appointments": _CHANGED,
        "audit_anchors": _ADDED,
        "audit_chain_heads": _CHANGED,
        "audit_findings": _ADDED,
        "audit_logs": _ADDED,
        "audit_positions": _CHANGED,
        "audit_sinks": _CHANGED,
        "batch_patients": _CHANGED,
        "batch_pieces": f"{_CHANGED}, DELETE",
        "batches": _CHANGED,
        "clinic_keys": _ADDED,
        "clinic_policies": _CHANGED,
        "clinic_settings": _CHANGED,
        "clinics": _ADDED,
        "crisis_events": _CHANGED,
        "disclosures": _ADDED,
        "emergency_accesses": _CHANGED,
        "enquiries": _CHANGED,
        "idempotency_keys": f"{_CHANGED}, DELETE",
        "login_attempts": f"{_CHANGED}, DELETE",
        "login_directory": _ADDED,
        "organizations": _ADDED,
        "patient_consents": _CHANGED,
        "patient_metrics": _ADDED,
        "patient_search": "SELECT, INSERT, DELETE",
        "patients": _CHANGED,
        "questions": _CHANGED,
        "recovery_codes": _CHANGED,
        "refresh_tokens": f"{_CHANGED}, DELETE",
        "reports": _LATER,
        "screenings": _LATER,
        "sessions": f"{_CHANGED}, DELETE",
        "throttle_windows": f"{_CHANGED}, DELETE",
        "users": _CHANGED,
    }
)
"""What the application's role may do, table by table; everything else is refused, the trail's partitions included.

Organizations, clinics and the directory of e-mails are not bound by row-level security, and a key that is overwritten
is lost with all it sealed: whoever takes the application over can add to these, but change nothing that is there.
"""


class UnfitRole(ValueError):
    """The role cannot be the application's: it is missing, or row-level security would not bind it."""


def isolation_statements(table: str) -> tuple[str, ...]:
    """Return the SQL that keeps each clinic to its own rows of `table`, for the table's owner as well."""
    return (
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY clinic_isolation ON {table} USING ({CLINIC_IS_OURS}) WITH CHECK ({CLINIC_IS_OURS})",
    )


def append_only_statements() -> tuple[str, ...]:
    """Return the SQL that has the trail refuse UPDATE, DELETE and TRUNCATE, whoever asks.

    The row trigger is inherited by every partition, present and to come; the statement trigger is not, and is made
    with each partition. An owner can still drop a trigger: that is what the hash chain is for.
    """
    return (
        (
            "CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN"
            " RAISE insufficient_privilege USING MESSAGE = 'the audit trail is append-only: no ' || TG_OP; END$$"
        ),
        (
            "CREATE TRIGGER audit_logs_keep_rows BEFORE UPDATE OR DELETE ON audit_logs"
            " FOR EACH ROW EXECUTE FUNCTION refuse_audit_change()"
        ),
        (
            "CREATE TRIGGER audit_logs_keep_all BEFORE TRUNCATE ON audit_logs"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()"
        ),
    )


def _partition_statements(name: str, bounds: str) -> tuple[str, ...]:
    # Made apart and attached: ATTACH lets requests go on, where CREATE ... PARTITION OF would lock the whole trail.
    return (
        f"CREATE TABLE {name} (LIKE audit_logs INCLUDING ALL)",
        *isolation_statements(name),
        f"REVOKE ALL ON {name} FROM PUBLIC",
        (
            f"CREATE TRIGGER {name}_keep_all BEFORE TRUNCATE ON {name}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()"
        ),
        f"ALTER TABLE audit_logs ATTACH PARTITION {name} {bounds}",
    )


def default_partition_statements() -> tuple[str, ...]:
    """Return the SQL of the partition for times that no month was made for.

    An entry that cannot be written refuses the request it accounts for, so a forgotten partition would close every
    clinic. What lands here stays here: see `make_partitions`.
    """
    return _partition_statements("audit_logs_default", "DEFAULT")


def _month(first: date, later: int) -> date:
    years, month = divmod(first.month - 1 + later, 12)
    return date(first.year + years, month + 1, 1)


def _start(month: date) -> str:
    return datetime(month.year, month.month, 1, tzinfo=UTC).isoformat()


def _take_turns(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})


def partitions(connection: Connection) -> frozenset[str]:
    """Return the names of the trail's partitions; `audit_logs_default` is one of them."""
    query = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_logs'::regclass"
    return frozenset(connection.execute(text(query)).scalars())


def partition_names(first: date, months: int) -> tuple[str, ...]:
    """Return the names of the partitions for `months` months from that of `first`."""
    return tuple(f"audit_logs_y{month:%Y}m{month:%m}" for month in (_month(first, later) for later in range(months)))


def make_partitions(connection: Connection, first: date, months: int) -> tuple[str, ...]:
    """Make the trail's partitions for `months` months (UTC) from that of `first`; return the names of new ones.

    Must run as the owner, inside a transaction; done twice, or by two processes at once, it makes each once. A month
    of which entries already lie in the default partition is left there and not returned: nothing may move them.
    """
    _take_turns(connection)
    present = partitions(connection)
    made: list[str] = []
    for later, name in enumerate(partition_names(first, months)):
        month = _month(first, later)
        if name not in present and _attach(connection, name, month):
            made.append(name)
    return tuple(made)


def drop_partitions(connection: Connection, before: date) -> tuple[str, ...]:
    """Drop the trail's partitions of all months before that of `before`; return their names.

    Must run as the owner, inside a transaction, and only after `RetainTrail` has made every clinic ready.
    """
    _take_turns(connection)
    first = f"audit_logs_y{before:%Y}m{before:%m}"
    old = sorted(name for name in partitions(connection) if name.startswith("audit_logs_y") and name < first)
    for name in old:
        connection.exec_driver_sql(f"DROP TABLE {connection.dialect.identifier_preparer.quote_identifier(name)}")
    return tuple(old)


def _attach(connection: Connection, name: str, month: date) -> bool:
    bounds = f"FOR VALUES FROM ('{_start(month)}') TO ('{_start(_month(month, 1))}')"
    try:
        with connection.begin_nested():
            for statement in _partition_statements(name, bounds):
                connection.exec_driver_sql(statement)
    except IntegrityError:  # only ATTACH can raise it here: the default partition holds rows of the month
        return False
    return True


def grant_application_role(connection: Connection, role: str = "mindbridge_app") -> None:
    """Give `role` exactly `RIGHTS` and take every other right away; for the owner, after each upgrade.

    Temporary tables are refused to everyone but the database's owner, if the connected role acts for that owner or a
    superuser; if it does not, they stay as they were.

    Raises UnfitRole when the role does not exist or is a superuser, has BYPASSRLS, or acts for an owner of tables.
    """
    _take_turns(connection)
    _inspect(connection, role)
    name = connection.dialect.identifier_preparer.quote_identifier(role)
    for statement in (
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        f"REVOKE ALL ON SCHEMA public FROM {name}",
        f"GRANT USAGE ON SCHEMA public TO {name}",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {name}",
        *(f"GRANT {rights} ON {table} TO {name}" for table, rights in RIGHTS.items()),
        *_temporary_statements(connection, name),
    ):
        connection.exec_driver_sql(statement)


def _temporary_statements(connection: Connection, name: str) -> tuple[str, ...]:
    # A temporary table has no policy, and is found before the real one unless search_path puts pg_temp last.
    query = "SELECT current_database(), has_database_privilege(current_database(), 'TEMPORARY WITH GRANT OPTION')"
    found, may_revoke = connection.exec_driver_sql(query).one()
    if not may_revoke:
        return ()
    database = connection.dialect.identifier_preparer.quote_identifier(found)
    return (f"REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC, {name}",)


def _inspect(connection: Connection, role: str) -> None:
    query = """
        SELECT rolsuper, rolbypassrls, EXISTS (
            SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace AND pg_has_role(r.oid, relowner, 'MEMBER')
        ) AS owns
        FROM pg_roles AS r WHERE rolname = :role
    """
    found = connection.execute(text(query), {"role": role}).one_or_none()
    if found is None:
        raise UnfitRole(f"there is no role {role!r}: CREATE ROLE it first, with LOGIN and a password")
    if found.rolsuper or found.rolbypassrls:
        raise UnfitRole(f"role {role!r} is a superuser or has BYPASSRLS: row-level security would not bind it")
    if found.owns:
        raise UnfitRole(f"role {role!r} owns tables, or is a member of a role that does: it could undo its own limits")
