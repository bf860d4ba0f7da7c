"""What the database refuses becomes the core's error of the right kind."""

from __future__ import annotations

import pytest
from psycopg import errors as pg

from mindbridge_core.errors import Conflict, DependencyUnavailable, LostUpdate, MindBridgeError, UnstorableRecord
from mindbridge_postgres.errors import translate


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (pg.CheckViolation("row (CANARY)"), UnstorableRecord),
        (pg.NotNullViolation("row (CANARY)"), UnstorableRecord),
        (pg.StringDataRightTruncation("CANARY"), UnstorableRecord),
        (pg.NumericValueOutOfRange("CANARY"), UnstorableRecord),
        (pg.UniqueViolation("key (CANARY)"), Conflict),
        (pg.ForeignKeyViolation("key (CANARY)"), Conflict),
        (pg.SerializationFailure("CANARY"), LostUpdate),
        (pg.AdminShutdown("CANARY"), DependencyUnavailable),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_a_broken_check_is_the_programs_fault_and_a_duplicate_a_conflict(
    error: pg.Error, kind: type[MindBridgeError]
) -> None:
    translated = translate(error)
    assert kind is type(translated)
    assert "CANARY" not in str(translated)
