"""The database's own bounds: each refuses what is outside and accepts the value beside it."""

from datetime import timedelta
from uuid import uuid4

import pytest
from psycopg.errors import CheckViolation, NotNullViolation
from sqlalchemy import Connection, insert, update
from sqlalchemy.exc import DBAPIError

from mindbridge_postgres import schema
from tests.schema import records
from tests.schema.records import NOW, SEALED

PATIENT_BOUNDS = [
    ("medication_adherence", "-0.01", "0"),
    ("medication_adherence", "-1", "0.01"),
    ("medication_adherence", "100.01", "100"),
    ("medication_adherence", "NaN", "99.99"),
    ("status", "bananas", "discharged"),
    ("current_risk_level", "extreme", "high"),
    ("appointments_missed", -1, 0),
    ("crisis_calls_30days", -1, 2_147_483_647),
    ("diagnosis", b"", SEALED),
    ("diagnosis_code", bytes(4097), bytes(4096)),
    ("mrn_index", bytes(15), bytes(16)),
    ("version", 0, 1),
    ("name", b"", SEALED),
    ("name", bytes(4097), bytes(4096)),
]
USER_BOUNDS = [
    ("email", "EVIL@example.org", "evil@example.org"),
    ("email", "no address", "an@address"),
    ("role", "superuser", "readonly"),
    ("full_name", "", "J"),
    ("mfa_enabled", True, False),
]


def _violated(caught: pytest.ExceptionInfo[DBAPIError]) -> str | None:
    assert isinstance(caught.value.orig, CheckViolation)
    return caught.value.orig.diag.constraint_name


@pytest.mark.parametrize(("field", "refused", "accepted"), PATIENT_BOUNDS)
def test_a_patient_outside_the_bounds_is_refused(
    application: Connection, field: str, refused: object, accepted: object
) -> None:
    clinic_id = records.clinic(application)
    # An MRN comes with its index; the others ignore it.
    mrn = {"mrn": SEALED} if field == "mrn_index" else {}
    records.patient(application, clinic_id, **mrn, **{field: accepted})
    with pytest.raises(DBAPIError) as caught:
        records.patient(application, clinic_id, **mrn, **{field: refused})
    assert _violated(caught) == f"ck_patients_{field}"


@pytest.mark.parametrize(("field", "refused", "accepted"), USER_BOUNDS)
def test_a_user_outside_the_bounds_is_refused(
    application: Connection, field: str, refused: object, accepted: object
) -> None:
    clinic_id = records.clinic(application)
    records.user(application, clinic_id, **{field: accepted})
    with pytest.raises(DBAPIError) as caught:
        records.user(application, clinic_id, **{field: refused})
    names = {"email": "ck_users_email_normalised", "mfa_enabled": "ck_users_mfa_enrolled"}
    assert _violated(caught) == names.get(field, f"ck_users_{field}")


@pytest.mark.parametrize("npi", ["123456789", "12345678901", "12345678x0", " 1234567893"])
def test_a_clinic_with_a_misshapen_npi_is_refused(owner: Connection, npi: str) -> None:
    clinic_id = records.clinic(owner)
    change = update(schema.clinics).where(schema.clinics.c.id == clinic_id)
    owner.execute(change.values(npi_number="1234567893"))
    with pytest.raises(DBAPIError) as caught:
        owner.execute(change.values(npi_number=npi))
    assert _violated(caught) == "ck_clinics_npi_number"


@pytest.mark.parametrize(
    ("field", "refused"),
    [
        ("lane", 64),
        ("lane", -1),
        ("seq", 0),
        ("outcome", "maybe"),
        ("changes", ["not", "an", "object"]),
        ("mac", bytes(31)),
        ("prev_mac", bytes(33)),
        ("user_agent", "x" * 256),
    ],
)
def test_an_entry_outside_the_bounds_is_refused(application: Connection, field: str, refused: object) -> None:
    clinic_id = records.clinic(application)
    records.entry(application, clinic_id, lane=63)
    with pytest.raises(DBAPIError) as caught:
        records.entry(application, clinic_id, **{field: refused})
    assert _violated(caught) == f"ck_audit_logs_{field}"


def test_a_patient_without_a_name_is_refused(application: Connection) -> None:
    clinic_id = records.clinic(application)
    with pytest.raises(DBAPIError) as caught:
        records.patient(application, clinic_id, name=None)
    assert isinstance(caught.value.orig, NotNullViolation)


def test_a_deletion_says_who(application: Connection) -> None:
    clinic_id = records.clinic(application)
    somebody = records.user(application, clinic_id)
    records.patient(application, clinic_id, deleted_at=NOW, deleted_by=somebody)
    with pytest.raises(DBAPIError) as caught:
        records.patient(application, clinic_id, deleted_at=NOW)
    assert _violated(caught) == "ck_patients_deletion"


def test_an_overridden_screening_says_who_and_why(application: Connection) -> None:
    clinic_id = records.clinic(application)
    reviewer = records.user(application, clinic_id)
    row = {
        "clinic_id": clinic_id,
        "patient_id": records.patient(application, clinic_id),
        "risk_level": "high",
        "screening_type": "daily",
        "assessor": "rules",
        "rules_level": "high",
        "rules_version": "2026.1",
        "provenance": SEALED,
        "screened_at": NOW,
    }
    first = {"proposed_by": records.user(application, clinic_id), "proposed_at": NOW, "proposed_level": "low"}
    review = {"review_status": "overridden", "reviewed_by": reviewer, "reviewed_at": NOW, "reviewed_level": "low"}
    review |= first | {"proposed_reason": SEALED}
    application.execute(insert(schema.screenings), {**row, "id": uuid4()})
    application.execute(insert(schema.screenings), {**row, "id": uuid4(), **review, "review_note": SEALED})
    with pytest.raises(DBAPIError) as caught:
        application.execute(insert(schema.screenings), {**row, "id": uuid4(), **review})
    assert _violated(caught) == "ck_screenings_override_states_why"


def test_a_drivers_error_shows_no_parameters(application: Connection) -> None:
    """The engine hides what was bound; of the row itself PostgreSQL shows only ciphertext."""
    clinic_id = records.clinic(application)
    with pytest.raises(DBAPIError) as caught:
        records.patient(application, clinic_id, name=b"Zebediah Canary", status="bananas")
    assert "Zebediah" not in str(caught.value)
    assert "bytea" not in str(caught.value.params)


def test_nobody_reviews_their_own_emergency_access_and_a_review_is_whole(application: Connection) -> None:
    clinic_id = records.clinic(application)
    user_id, reviewer_id = records.user(application, clinic_id), records.user(application, clinic_id)
    plain = {
        "clinic_id": clinic_id,
        "user_id": user_id,
        "patient_id": records.patient(application, clinic_id),
        "access_reason": SEALED,
        "granted_at": NOW,
        "expires_at": NOW,
    }
    review = {"reviewed_at": NOW, "reviewed_by": reviewer_id, "outcome": "justified", "note": SEALED}

    def add(**fields: object) -> None:
        application.execute(insert(schema.emergency_accesses), {**plain, "id": uuid4(), **fields})

    add()
    add(**review)
    for broken, fields in (
        ("reviewed_by_another", {**review, "reviewed_by": user_id}),
        ("review", {"reviewed_at": NOW}),
        ("review", {**review, "note": None}),
        ("outcome", {**review, "outcome": "fine"}),
        ("expires_after_granted", {"expires_at": NOW - timedelta(seconds=1)}),
    ):
        with pytest.raises(DBAPIError) as caught, application.begin_nested():
            add(**fields)
        assert _violated(caught) == f"ck_emergency_accesses_{broken}"
