"""How often the database is asked: machine-independent, so a figure that grows is a test that fails."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from mindbridge_core import Operator, Role, SessionClaim
from mindbridge_core.care import CrisisEventDraft, CrisisEventType, Severity, Span
from mindbridge_core.errors import NotFound
from mindbridge_core.identity import StaffDraft
from mindbridge_core.patients import BreakGlassRequest, PatientChanges, PatientDraft, PatientFilter, PatientStatus
from mindbridge_postgres.database import Connection
from mindbridge_security import utc_now
from tests.support.product import PASSWORD, Product

CAREFUL = PatientDraft(name="Ada")
CALL = CrisisEventDraft(
    severity=Severity.HIGH, event_type=CrisisEventType.CRISIS_CALL, occurred_at=utc_now() - timedelta(days=1)
)


class Counted:
    """Keeps what is sent from here on; each `execute` and each `command` is one round trip."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[str] = []
        execute = psycopg.Cursor.execute

        def counted(cursor: psycopg.Cursor[Any], statement: str, *rest: Any, **options: Any) -> Any:
            self.sent.append(statement.strip())
            return execute(cursor, statement, *rest, **options)

        command = Connection.command

        def counted_command(connection: Connection, text: str) -> str:
            self.sent.append(text)
            return command(connection, text)

        monkeypatch.setattr(psycopg.Cursor, "execute", counted)
        monkeypatch.setattr(Connection, "command", counted_command)


@pytest.fixture
def admin(product: Product) -> SessionClaim:
    return product.session(product.staff(product.clinic(), Role.ADMIN))


OPERATIONS: dict[str, tuple[int, Callable[[Product, SessionClaim], object]]] = {
    # One message opens the transaction for its clinic, one commits; between them the session, the records, the entry.
    "view": (5, lambda product, claim: product.core.view_patient(claim, PATIENT[claim])),
    "list": (5, lambda product, claim: product.core.list_patients(claim, PatientFilter())),
    "create": (5, lambda product, claim: product.core.admit_patient(claim, CAREFUL)),
    # A change is followed by a second look, for a record may have come while it was made.
    "change": (
        7,
        lambda product, claim: product.core.change_patient(
            claim, PATIENT[claim], PatientChanges(status=PatientStatus.INACTIVE)
        ),
    ),
    # A history takes the patient too, to know whether the caller may reach them: four statements between the two.
    "appointments": (6, lambda product, claim: product.core.list_appointments(claim, PATIENT[claim], Span())),
    "crisis events": (6, lambda product, claim: product.core.list_crisis_events(claim, PATIENT[claim], Span())),
    "metrics": (6, lambda product, claim: product.core.list_metrics(claim, PATIENT[claim], Span())),
    "timeline": (6, lambda product, claim: product.core.show_timeline(claim, PATIENT[claim], Span())),
    "recount": (
        7,
        lambda product, claim: product.core.change_patient(
            claim, PATIENT[claim], PatientChanges(crisis_calls_30days=2)
        ),
    ),
    # Whatever is written holds the patient first, has their numbers follow, and looks last at what they have come to.
    "report": (9, lambda product, claim: product.core.report_crisis_event(claim, PATIENT[claim], CALL)),
    "me": (4, lambda product, claim: product.core.view_self(claim)),
}
PATIENT: dict[SessionClaim, UUID] = {}
READING = ("view", "list", "appointments", "crisis events", "metrics", "timeline")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_takes_its_few_round_trips_and_one_commit(
    operation: str, product: Product, admin: SessionClaim, monkeypatch: pytest.MonkeyPatch
) -> None:
    PATIENT[admin] = product.core.admit_patient(admin, CAREFUL).id
    expected, operate = OPERATIONS[operation]
    operate(product, admin)
    counted = Counted(monkeypatch)

    operate(product, admin)

    assert expected == len(counted.sent), counted.sent
    assert counted.sent[0].startswith("BEGIN; SET LOCAL app.clinic_id")
    assert 1 == counted.sent.count("COMMIT")
    assert "COMMIT" == counted.sent[-1]


@pytest.fixture
def manager(product: Product, admin: SessionClaim) -> SessionClaim:
    return product.session(product.core.register_staff(*case_manager(admin.clinic_id), password=PASSWORD))


def case_manager(clinic_id: UUID) -> tuple[Operator, StaffDraft]:
    draft = StaffDraft(email="maria@example.org", full_name="Maria", role=Role.CASE_MANAGER)
    return Operator(clinic_id=clinic_id), draft


def test_an_emergency_access_costs_one_look_more_and_the_caseload_none(
    product: Product, admin: SessionClaim, manager: SessionClaim, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = product.core.admit_patient(manager, CAREFUL).id
    other = product.core.admit_patient(admin, CAREFUL).id
    product.core.break_the_glass(manager, other, BreakGlassRequest(access_reason="On the crisis line just now"))
    counted = Counted(monkeypatch)
    sent = []
    for patient_id in (own, other):
        counted.sent.clear()
        product.core.view_patient(manager, patient_id)
        sent.append(len(counted.sent))
    assert sent == [5, 6]


def test_a_patient_out_of_reach_and_one_that_is_missing_cost_the_same(
    product: Product, admin: SessionClaim, manager: SessionClaim, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = product.core.admit_patient(admin, CAREFUL).id
    counted = Counted(monkeypatch)
    sent = []
    for patient_id in (outside, outside, uuid4()):  # the first time, statements are prepared
        counted.sent.clear()
        with pytest.raises(NotFound):
            product.core.view_patient(manager, patient_id)
        sent.append([statement.split()[0] for statement in counted.sent])
    assert sent[1] == sent[2]


@pytest.mark.parametrize("operation", READING)
def test_numbers_that_follow_from_records_cost_no_statement(
    operation: str, product: Product, admin: SessionClaim, monkeypatch: pytest.MonkeyPatch
) -> None:
    PATIENT[admin] = product.core.admit_patient(admin, CAREFUL).id
    product.core.report_crisis_event(admin, PATIENT[admin], CALL)
    assert 1 == product.core.view_patient(admin, PATIENT[admin]).crisis_calls_30days
    expected, operate = OPERATIONS[operation]
    counted = Counted(monkeypatch)

    operate(product, admin)

    assert expected == len(counted.sent), counted.sent
    within = [statement for statement in counted.sent if not statement.startswith(("BEGIN", "COMMIT"))]
    assert 4 >= len(within)


def test_a_list_leaves_one_entry_with_all_that_it_returned(
    product: Product, admin: SessionClaim, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        product.core.admit_patient(admin, PatientDraft(name=f"Patient {number}"))
    counted = Counted(monkeypatch)

    product.core.list_patients(admin, PatientFilter())

    assert 1 == sum("INSERT INTO audit_logs" in statement for statement in counted.sent)
