"""The words the tables are written in: one `metadata`, and columns that carry their own named checks.

Every helper that returns a tuple gives the column together with the check that bounds it; spread it into a `Table`.
PHI is never text: it goes in as `ciphertext`, sealed by the application before it reaches the driver.
"""

from collections.abc import Iterable

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    MetaData,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.schema import SchemaItem

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)
"""Every table of the database; the migrations are held against it by a test."""

ALIVE = "deleted_at IS NULL"
"""What the lists ask for: the predicate of their partial indexes."""

SHORT = 4 * 1024
"""Octets of ciphertext that a one-line field (a name, a date, an MRN) may take, envelope included."""

LONG = 1024 * 1024
"""Octets of ciphertext that a field of free text or a model's raw answer may take, envelope included."""

SEALED = "sealed"
"""Marks the columns whose cells are sealed under the clinic's data key."""

MAC_OCTETS = 32
"""Octets of an HMAC-SHA-256 and of a SHA-256 digest."""


def uuid(name: str, *, nullable: bool = False, primary_key: bool = False) -> Column[object]:
    """An id made by the application (UUIDv7); the database never makes one."""
    return Column(name, Uuid, nullable=nullable, primary_key=primary_key)


def tenant_key() -> tuple[SchemaItem, ...]:
    """`clinic_id` and `id`, the primary key of every table below a clinic, in that order."""
    return uuid("clinic_id", primary_key=True), uuid("id", primary_key=True)


def moment(name: str, *, nullable: bool = False) -> Column[object]:
    """An instant, `timestamptz`; the application binds it from its clock, there is no server default."""
    return Column(name, DateTime(timezone=True), nullable=nullable)


def line(
    name: str, longest: int, *, shortest: int = 1, nullable: bool = False, default: str | None = None
) -> tuple[SchemaItem, ...]:
    """Text of `shortest` to `longest` characters that is not PHI."""
    column: Column[str] = Column(name, Text, nullable=nullable, server_default=default)
    return column, CheckConstraint(f"char_length({name}) BETWEEN {shortest} AND {longest}", name=name)


def shaped(name: str, pattern: str, *, nullable: bool = False) -> tuple[SchemaItem, ...]:
    """Text that matches the anchored POSIX regular expression `pattern`."""
    return Column(name, Text, nullable=nullable), CheckConstraint(f"{name} ~ '{pattern}'", name=name)


def one_of(
    name: str,
    words: Iterable[str],
    *,
    nullable: bool = False,
    default: str | None = None,
    primary_key: bool = False,
) -> tuple[SchemaItem, ...]:
    """A word of a closed vocabulary; text and a check, for a word can then be added without rewriting a type."""
    choices = ", ".join(f"'{word}'" for word in words)
    column: Column[str] = Column(name, Text, nullable=nullable, server_default=default, primary_key=primary_key)
    return column, CheckConstraint(f"{name} IN ({choices})", name=name)


def ciphertext(name: str, longest: int, *, nullable: bool = False) -> tuple[SchemaItem, ...]:
    """PHI or a secret, sealed by the application under the clinic's data key; `longest` in octets, envelope included.

    A rotation of that key finds its cells by this mark.
    """
    column: Column[bytes] = Column(name, LargeBinary, nullable=nullable, info={SEALED: True})
    return column, CheckConstraint(f"octet_length({name}) BETWEEN 1 AND {longest}", name=name)


def wrapped(name: str, longest: int) -> tuple[SchemaItem, ...]:
    """A key, encrypted under the master key outside the database; `longest` in octets."""
    column: Column[bytes] = Column(name, LargeBinary, nullable=False)
    return column, CheckConstraint(f"octet_length({name}) BETWEEN 1 AND {longest}", name=name)


def blind_index(name: str, *, nullable: bool = False) -> tuple[SchemaItem, ...]:
    """A clinic-keyed blind index of 16 octets: equal for equal text, and silent about the rest."""
    column: Column[bytes] = Column(name, LargeBinary, nullable=nullable)
    return column, CheckConstraint(f"octet_length({name}) = 16", name=name)


def digest(name: str, *, nullable: bool = False, primary_key: bool = False) -> tuple[SchemaItem, ...]:
    """A SHA-256 digest or HMAC of 32 octets."""
    column: Column[bytes] = Column(name, LargeBinary, nullable=nullable, primary_key=primary_key)
    return column, CheckConstraint(f"octet_length({name}) = {MAC_OCTETS}", name=name)


def count(name: str, *, nullable: bool = False) -> tuple[SchemaItem, ...]:
    """A whole number of things, 0 or more, 0 when nothing is said."""
    column: Column[int] = Column(name, Integer, nullable=nullable, server_default="0")
    return column, CheckConstraint(f"{name} >= 0", name=name)


def version() -> tuple[SchemaItem, ...]:
    """The record's version for optimistic concurrency: 1 when made, one more with every change."""
    return Column("version", Integer, nullable=False, server_default="1"), CheckConstraint(
        "version >= 1", name="version"
    )


def json_object(name: str, *, nullable: bool = False, default: str | None = None) -> tuple[SchemaItem, ...]:
    """A JSON object without PHI."""
    column: Column[object] = Column(name, JSONB, nullable=nullable, server_default=default)
    return column, CheckConstraint(f"jsonb_typeof({name}) = 'object'", name=name)


def deletion() -> tuple[SchemaItem, ...]:
    """`deleted_at` and `deleted_by`, for nothing clinical is ever hard-deleted; both or neither."""
    return (
        moment("deleted_at", nullable=True),
        uuid("deleted_by", nullable=True),
        CheckConstraint("(deleted_at IS NULL) = (deleted_by IS NULL)", name="deletion"),
        within_clinic("deleted_by", "users"),
    )


def of_clinic() -> ForeignKeyConstraint:
    """`clinic_id` names a clinic; needed only where no other key that is never null leads there."""
    return ForeignKeyConstraint(["clinic_id"], ["clinics.id"])


def within_clinic(column: str, parent: str) -> ForeignKeyConstraint:
    """`column` names a row of `parent` in the same clinic: the database itself refuses any other."""
    return ForeignKeyConstraint(["clinic_id", column], [f"{parent}.clinic_id", f"{parent}.id"])
