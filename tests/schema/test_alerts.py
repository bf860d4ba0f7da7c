"""What the database itself holds alerts to."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from psycopg.errors import CheckViolation, ForeignKeyViolation, InsufficientPrivilege, UniqueViolation
from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import DBAPIError

from mindbridge_postgres import schema
from tests.schema import records
from tests.schema.conftest import enter
from tests.schema.records import NOW

ALERTS = schema.alerts


def alert(connection: Connection, clinic_id: UUID, patient_id: UUID, **fields: object) -> UUID:
    """Store an alert."""
    alert_id = uuid4()
    row = {
        "clinic_id": clinic_id,
        "id": alert_id,
        "kind": "high_risk",
        "patient_id": patient_id,
        "cause_id": uuid4(),
        "created_at": NOW,
    }
    connection.execute(insert(ALERTS), {**row, **fields})
    return alert_id


def refusal(caught: pytest.ExceptionInfo[DBAPIError]) -> tuple[type[BaseException], str | None]:
    error = caught.value.orig
    assert isinstance(error, CheckViolation | ForeignKeyViolation | InsufficientPrivilege | UniqueViolation)
    return type(error), error.diag.constraint_name


@pytest.mark.parametrize("kind", ["break_glass", "high_risk", "not_screened", "review_overdue"])
def test_an_alert_of_any_other_kind_is_refused(application: Connection, kind: str) -> None:
    clinic_id = records.clinic(application)
    patient_id = records.patient(application, clinic_id)
    alert(application, clinic_id, patient_id, kind=kind)
    with pytest.raises(DBAPIError) as caught:
        alert(application, clinic_id, patient_id, kind=f"{kind}s")
    assert (CheckViolation, "ck_alerts_kind") == refusal(caught)


@pytest.mark.parametrize("missing", ["acknowledged_at", "acknowledged_by"])
def test_an_acknowledgement_says_who_and_when(application: Connection, missing: str) -> None:
    clinic_id = records.clinic(application)
    patient_id = records.patient(application, clinic_id)
    whole = {"acknowledged_at": NOW, "acknowledged_by": records.user(application, clinic_id)}
    alert(application, clinic_id, patient_id, **whole)
    with pytest.raises(DBAPIError) as caught:
        alert(application, clinic_id, patient_id, **{**whole, missing: None})
    assert (CheckViolation, "ck_alerts_acknowledgement") == refusal(caught)


def test_a_cause_has_one_alert_of_a_kind(application: Connection) -> None:
    clinic_id = records.clinic(application)
    patient_id, cause = records.patient(application, clinic_id), uuid4()
    alert(application, clinic_id, patient_id, cause_id=cause)
    alert(application, clinic_id, patient_id, cause_id=cause, kind="review_overdue")
    elsewhere = records.clinic(application)
    alert(application, elsewhere, records.patient(application, elsewhere), cause_id=cause)
    enter(application, clinic_id)
    with pytest.raises(DBAPIError) as caught:
        alert(application, clinic_id, patient_id, cause_id=cause)
    assert (UniqueViolation, "uq_alerts_clinic_id_kind_cause_id") == refusal(caught)


def test_a_patient_has_one_alert_of_not_being_screened_that_nobody_has_seen(application: Connection) -> None:
    clinic_id = records.clinic(application)
    patient_id = records.patient(application, clinic_id)
    seen = {"acknowledged_at": NOW, "acknowledged_by": records.user(application, clinic_id)}
    for fields in (seen, seen, {}):
        alert(application, clinic_id, patient_id, kind="not_screened", **fields)
    for _ in range(2):
        alert(application, clinic_id, patient_id, kind="high_risk")
    alert(application, clinic_id, records.patient(application, clinic_id), kind="not_screened")
    with pytest.raises(DBAPIError) as caught:
        alert(application, clinic_id, patient_id, kind="not_screened")
    assert (UniqueViolation, "ix_alerts_not_screened") == refusal(caught)


@pytest.mark.parametrize("column", ["patient_id", "acknowledged_by"])
def test_keys_alone_keep_an_alert_in_the_clinic_of_its_patient_and_of_who_saw_it(
    database_superuser: Connection, column: str
) -> None:
    """Row-level security does not bind a superuser: here only the composite foreign keys stand."""
    theirs = records.clinic(database_superuser)
    strangers = {
        "patient_id": records.patient(database_superuser, theirs),
        "acknowledged_by": records.user(database_superuser, theirs),
    }
    ours = records.clinic(database_superuser)
    own = {
        "patient_id": records.patient(database_superuser, ours),
        "acknowledged_by": records.user(database_superuser, ours),
    }
    fields = {"acknowledged_at": NOW, **own}
    alert(database_superuser, ours, **fields)  # type: ignore[arg-type]  # patient_id is among them
    with pytest.raises(DBAPIError) as caught:
        alert(database_superuser, ours, **{**fields, column: strangers[column]})  # type: ignore[arg-type]  # likewise
    assert (ForeignKeyViolation, f"fk_alerts_clinic_id_{column}") == refusal(caught)


def test_another_clinics_alerts_are_not_seen_nor_acknowledged_nor_raised(application: Connection) -> None:
    theirs = records.clinic(application)
    patient_id = records.patient(application, theirs)
    alert(application, theirs, patient_id)
    ours = records.clinic(application)
    somebody = records.user(application, ours)
    alert(application, ours, records.patient(application, ours))
    assert 1 == application.scalar(select(func.count()).select_from(ALERTS))
    seen = update(ALERTS).where(ALERTS.c.clinic_id == theirs).values(acknowledged_at=NOW, acknowledged_by=somebody)
    assert 0 == application.execute(seen).rowcount
    with pytest.raises(DBAPIError) as caught:
        alert(application, theirs, patient_id)
    assert (InsufficientPrivilege, None) == refusal(caught)


def test_no_alert_is_deleted(application: Connection) -> None:
    records.clinic(application)
    with pytest.raises(DBAPIError) as caught:
        application.execute(delete(ALERTS))
    assert (InsufficientPrivilege, None) == refusal(caught)
