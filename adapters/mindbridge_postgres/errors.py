"""The driver's errors in the core's words. What the driver says may quote a row, so only its kind is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import errors as pg

from mindbridge_core.errors import (
    Conflict,
    DependencyUnavailable,
    DuplicateEmail,
    DuplicateMrn,
    LostUpdate,
    MindBridgeError,
    UnstorableRecord,
)

__all__ = ["translate", "translated"]

_UNIQUE: Final[dict[str | None, type[Conflict]]] = {
    "pk_login_directory": DuplicateEmail,
    "uq_users_clinic_id_email": DuplicateEmail,
    "uq_patients_clinic_id_mrn_index": DuplicateMrn,
}


def translate(error: psycopg.Error) -> MindBridgeError:
    """Return the core's error for the driver's: conflicts by constraint, all else as DependencyUnavailable.

    A broken check is no conflict with what is stored: the core's own rules let through what no row may hold.
    """
    if isinstance(error, pg.UniqueViolation):
        return _UNIQUE.get(error.diag.constraint_name, Conflict)()
    if isinstance(error, pg.SerializationFailure | pg.DeadlockDetected):
        return LostUpdate()
    if isinstance(error, pg.CheckViolation | pg.NotNullViolation | psycopg.DataError):
        return UnstorableRecord()
    if isinstance(error, psycopg.IntegrityError):
        return Conflict()
    return DependencyUnavailable()


@contextmanager
def translated() -> Iterator[None]:
    """Raise the core's errors for the driver's, `from` the cause."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(error) from error
