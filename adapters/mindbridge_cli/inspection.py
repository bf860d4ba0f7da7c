"""What the database says of itself to the application's role: its version, the role's rights, its walls, its clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, LiteralString

import attrs
import psycopg

from mindbridge_cli.readiness import behind, newest_revision
from mindbridge_postgres.tenancy import FEW_MONTHS_AHEAD, partition_names

__all__ = [
    "Finding",
    "clock_findings",
    "migration_findings",
    "partition_findings",
    "reason",
    "role_findings",
    "version_findings",
]

LEAST_VERSION: Final = 160_000
LONGEST_SKEW: Final = timedelta(seconds=5)
REFERENCE: Final = ("login_directory", "login_attempts")
"""Read before it is known which clinic is asking; they hold no PHI in the clear."""

ROLE: LiteralString = """
SELECT current_user, r.rolsuper, r.rolbypassrls, EXISTS (
    SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace AND pg_has_role(r.oid, relowner, 'MEMBER'))
FROM pg_roles r WHERE r.rolname = current_user
"""
OPEN_TABLES: LiteralString = """
SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'clinic_id'
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT a.attisdropped
    AND NOT (c.relrowsecurity AND c.relforcerowsecurity) AND c.relname <> ALL (%s)
ORDER BY c.relname
"""
PARTITIONS: LiteralString = """
SELECT i.inhrelid::regclass::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhparent
WHERE c.relname = 'audit_logs'
"""
UPGRADE: Final = "run `mindbridge db upgrade`"


@attrs.frozen
class Finding:
    """Something wrong, and how to mend it."""

    wrong: str
    mend: str

    def __str__(self) -> str:
        """Say both."""
        return f"{self.wrong}: {self.mend}"


def reason(error: psycopg.OperationalError) -> str:
    """Return in a line why connecting failed; it names hosts and roles, never the password."""
    return " ".join(line.strip() for line in str(error).splitlines())


def version_findings(connection: psycopg.Connection) -> Iterator[Finding]:
    """Yield a finding when the server is older than the product supports."""
    if connection.info.server_version < LEAST_VERSION:
        yield Finding(f"PostgreSQL {connection.info.server_version // 10_000} is too old", "upgrade it to 16 or later")


def role_findings(connection: psycopg.Connection) -> Iterator[Finding]:
    """Yield why row-level security would not bind the role that is connected, or a table that it does not guard."""
    row = connection.execute(ROLE).fetchone()
    name, superuser, bypasses, owns = row or (connection.info.user, True, True, True)
    create = "connect as a role made with CREATE ROLE mindbridge_app LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD '...'"
    if superuser:
        yield Finding(f"the role {name} is a superuser, whom row-level security does not bind", create)
    if bypasses and not superuser:
        yield Finding(f"the role {name} has BYPASSRLS", f"ALTER ROLE {name} NOBYPASSRLS, or {create}")
    if owns and not superuser:
        yield Finding(f"the role {name} owns tables, or acts for a role that does, and could undo its limits", create)
    for (table,) in connection.execute(OPEN_TABLES, (list(REFERENCE),)).fetchall():
        yield Finding(f"row-level security is not forced on {table}", f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def migration_findings(connection: psycopg.Connection) -> Iterator[Finding]:
    """Yield a finding when the database lacks a migration, or the right to say so."""
    try:
        with connection.transaction():
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except psycopg.errors.UndefinedTable:
        row = None
    except psycopg.errors.InsufficientPrivilege:
        yield Finding(f"the role {connection.info.user} has no rights on the tables", f"{UPGRADE}, which gives them")
        return
    current = row[0] if row else None
    if behind(current):
        yield Finding(f"the database is at revision {current or 'none'}, not {newest_revision()}", UPGRADE)


def clock_findings(connection: psycopg.Connection, now: datetime) -> Iterator[Finding]:
    """Yield a finding when this machine's clock and the database's are apart: tokens and the trail would disagree."""
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    apart = abs(row[0].astimezone(UTC) - now) if row else timedelta.max
    if apart > LONGEST_SKEW:
        yield Finding(f"the clocks are {apart.total_seconds():.0f} s apart", "let both machines follow NTP")


def partition_findings(connection: psycopg.Connection, now: datetime) -> Iterator[Finding]:
    """Yield a finding for each month, from this one on, that the audit trail should by now have a partition for."""
    present = {name for (name,) in connection.execute(PARTITIONS).fetchall()}
    if not present:
        return  # no trail yet: the migrations' finding
    for wanted in partition_names(now.date(), FEW_MONTHS_AHEAD + 1):
        if wanted not in present:
            yield Finding(f"the audit trail has no partition {wanted}", "run `mindbridge db partitions`, monthly")
