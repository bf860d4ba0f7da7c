"""Two walls between clinics: the statements' own filter and row-level security. Either one alone must hold."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import attrs
import psycopg
import pytest

from mindbridge_core import Actor, Operator, Role, SessionClaim
from mindbridge_core.care import (
    AppointmentChanges,
    AppointmentDraft,
    CrisisEventChanges,
    CrisisEventDraft,
    CrisisEventType,
    Severity,
    Span,
)
from mindbridge_core.errors import InvalidInput, NotFound, SessionEnded
from mindbridge_core.identity import ClinicChanges
from mindbridge_core.patients import (
    BreakGlassFilter,
    BreakGlassRequest,
    Patient,
    PatientChanges,
    PatientDraft,
    PatientFilter,
    PatientStatus,
)
from mindbridge_postgres import care, emergency, identity, patients
from mindbridge_postgres import clinics as clinic_rows
from tests.support.postgres import TestDatabase
from tests.support.product import Product

CITIES = ("Paris", "Rome")
REASON = BreakGlassRequest(access_reason="On the crisis line, nobody else is there")
CHANGE = PatientChanges(status=PatientStatus.DISCHARGED)
FILTERED = [(patients, "_GET"), (patients, "_UPDATE"), (patients, "_ALL")]
FILTERED += [(identity, "_SIGNED_IN"), (identity, "_GET_USER")]
FILTERED += [(emergency, "_GET"), (emergency, "_LIST"), (emergency, "_STANDING")]
FILTERED += [(clinic_rows, "_GET_CLINIC"), (clinic_rows, "_CHANGE")]
FILTERED += [(care, "_HOLD"), (care, "_SAVE_APPOINTMENT"), (care, "_SAVE_EVENT")]
CALL = CrisisEventDraft(
    severity=Severity.HIGH, event_type=CrisisEventType.CRISIS_CALL, occurred_at=datetime(2026, 1, 5, tzinfo=UTC)
)
VISIT = AppointmentDraft(scheduled_at=datetime(2026, 1, 5, tzinfo=UTC))
FILTER = re.compile(r"(?:\b[su]\.)?clinic_id = (%s|%\(clinic_id\)s)")


@attrs.frozen
class TwoClinics:
    """An admin here, a patient of theirs, and a patient of another clinic; a session and a case manager of each."""

    admin: Actor
    own: Patient
    foreign: Patient
    own_session: SessionClaim
    foreign_session: SessionClaim
    own_manager: UUID
    foreign_manager: UUID
    own_care: tuple[UUID, UUID]
    foreign_care: tuple[UUID, UUID]


@pytest.fixture
def clinics(product: Product) -> TwoClinics:
    def admin(name: str) -> tuple[Actor, SessionClaim, UUID]:
        clinic_id = product.clinic(name)
        user = product.staff(clinic_id, Role.ADMIN)
        actor = Actor(clinic_id=clinic_id, user_id=user.id, role=user.role)
        return actor, product.session(user), product.staff(clinic_id, Role.CASE_MANAGER).id

    here, own_session, own_manager = admin("North")
    there, foreign_session, foreign_manager = admin("South")
    own = product.core.admit_patient(here, PatientDraft(name="Own"))
    foreign = product.core.admit_patient(there, PatientDraft(name="Foreign"))
    kept = [
        (
            product.core.schedule_appointment(who, patient.id, VISIT).id,
            product.core.report_crisis_event(who, patient.id, CALL).id,
        )
        for who, patient in ((here, own), (there, foreign))
    ]
    return TwoClinics(
        here,
        product.core.view_patient(here, own.id),
        product.core.view_patient(there, foreign.id),
        own_session,
        foreign_session,
        own_manager,
        foreign_manager,
        *kept,
    )


def take_filters_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in FILTERED:
        unfiltered, found = FILTER.subn(r"\1::uuid IS NOT NULL", getattr(module, name))
        assert found
        monkeypatch.setattr(module, name, unfiltered)

    for name in ("APPOINTMENTS", "CRISIS_EVENTS", "METRICS"):
        kind = getattr(care, name)
        unfiltered, found = FILTER.subn(r"\1::uuid IS NOT NULL", kind.rows)
        assert found
        monkeypatch.setattr(care, name, attrs.evolve(kind, rows=unfiltered))


def take_row_level_security_off(database: TestDatabase) -> None:
    with psycopg.connect(database.superuser_url) as superuser:
        tables = superuser.execute("SELECT relname FROM pg_class WHERE relrowsecurity").fetchall()
        assert tables
        for (table,) in tables:
            superuser.execute(f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY'.encode())


@pytest.fixture(params=["both walls", "no filter in the statements", "no row-level security"])
def walls(
    request: pytest.FixtureRequest, database: TestDatabase, clinics: TwoClinics, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Take one wall away, once the records are there."""
    del clinics
    if request.param == "no filter in the statements":
        take_filters_out(monkeypatch)
    if request.param == "no row-level security":
        take_row_level_security_off(database)
    return str(request.param)


def test_own_records_are_reached(walls: str, product: Product, clinics: TwoClinics) -> None:
    assert clinics.own == product.core.view_patient(clinics.admin, clinics.own.id), walls
    assert [clinics.own] == list(product.core.list_patients(clinics.admin, PatientFilter()).items)
    assert 2 == product.core.change_patient(clinics.admin, clinics.own.id, CHANGE).version


REACHES: dict[str, Callable[[Product, Actor, UUID], object]] = {
    "view": lambda product, admin, patient_id: product.core.view_patient(admin, patient_id),
    "change": lambda product, admin, patient_id: product.core.change_patient(admin, patient_id, CHANGE),
    "remove": lambda product, admin, patient_id: product.core.remove_patient(admin, patient_id),
}


@pytest.mark.parametrize("reach", REACHES)
def test_records_of_another_clinic_are_as_if_missing(
    reach: str, walls: str, product: Product, clinics: TwoClinics
) -> None:
    with pytest.raises(NotFound):
        REACHES[reach](product, clinics.admin, clinics.foreign.id)

    assert walls
    listed = product.core.list_patients(clinics.admin, PatientFilter(total=True))
    assert (clinics.own.id,) == tuple(patient.id for patient in listed.items)
    assert 1 == listed.total


def test_own_records_of_care_are_reached_and_foreign_ones_as_if_missing(
    walls: str, product: Product, clinics: TwoClinics
) -> None:
    core, admin = product.core, clinics.admin
    seen = core.show_timeline(admin, clinics.own.id, Span()).items
    assert set(clinics.own_care) == {event.id for event in seen}, walls
    assert 2 == core.change_appointment(admin, clinics.own_care[0], AppointmentChanges(notes="n")).version
    assert 2 == core.change_crisis_event(admin, clinics.own_care[1], CrisisEventChanges(resolution="r")).version
    with pytest.raises(NotFound):
        core.show_timeline(admin, clinics.foreign.id, Span())
    with pytest.raises(NotFound):
        core.change_appointment(admin, clinics.foreign_care[0], AppointmentChanges(notes="n"))
    with pytest.raises(NotFound):
        core.change_crisis_event(admin, clinics.foreign_care[1], CrisisEventChanges(resolution="r"))


def test_own_sessions_and_colleagues_are_found(walls: str, product: Product, clinics: TwoClinics) -> None:
    assert clinics.admin.user_id == product.core.view_self(clinics.own_session).id, walls
    assert [clinics.own] == list(product.core.list_patients(clinics.own_session, PatientFilter()).items)
    draft = PatientDraft(name="Another", case_manager_id=clinics.own_manager)
    assert clinics.own_manager == product.core.admit_patient(clinics.own_session, draft).case_manager_id


def test_the_own_clinic_is_changed_and_no_other(walls: str, product: Product, clinics: TwoClinics) -> None:
    core, foreign = product.core, Operator(clinic_id=clinics.foreign_session.clinic_id)
    there = core.change_clinic(foreign, ClinicChanges(timezone="Asia/Tokyo", screening_time="05:30"))
    first, second = (core.change_clinic(clinics.admin, ClinicChanges(timezone=f"Europe/{zone}")) for zone in CITIES)
    assert [(None, 2), (None, 3)] == [(one.screening_time, one.version) for one in (first, second)], walls
    assert second == core.view_clinic(clinics.admin)
    assert there == core.view_clinic(foreign)


def foreign_claims(clinics: TwoClinics) -> dict[str, SessionClaim]:
    """Return claims that mix what is of this clinic with what is of the other."""
    own, foreign = clinics.own_session, clinics.foreign_session
    return {
        "session and user": attrs.evolve(foreign, clinic_id=own.clinic_id),
        "session": attrs.evolve(own, session_id=foreign.session_id),
        "user": attrs.evolve(own, user_id=foreign.user_id),
        "clinic": attrs.evolve(own, clinic_id=foreign.clinic_id),
    }


@pytest.mark.parametrize("named", ["session and user", "session", "user", "clinic"])
def test_a_claim_that_names_what_is_another_clinics_is_refused(
    named: str, walls: str, product: Product, clinics: TwoClinics
) -> None:
    claim = foreign_claims(clinics)[named]

    with pytest.raises(SessionEnded):
        product.core.view_self(claim)
    with pytest.raises(SessionEnded):
        product.core.list_patients(claim, PatientFilter())
    assert walls


def test_staff_of_another_clinic_are_as_if_missing(walls: str, product: Product, clinics: TwoClinics) -> None:
    with pytest.raises(InvalidInput):
        product.core.admit_patient(clinics.admin, PatientDraft(name="X", case_manager_id=clinics.foreign_manager))
    with product.core.ports.open_unit(clinics.admin.clinic_id) as unit:
        assert unit.users.get(clinics.foreign_manager) is None, walls
        assert unit.users.get(clinics.own_manager) is not None


def test_emergency_accesses_of_another_clinic_are_as_if_missing(
    product: Product, database: TestDatabase, clinics: TwoClinics, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_glass(clinic_id: UUID, user_id: UUID, patient_id: UUID) -> UUID:
        manager = Actor(clinic_id=clinic_id, user_id=user_id, role=Role.CASE_MANAGER)
        return product.core.break_the_glass(manager, patient_id, REASON).id

    own = break_glass(clinics.admin.clinic_id, clinics.own_manager, clinics.own.id)
    foreign = break_glass(clinics.foreign.clinic_id, clinics.foreign_manager, clinics.foreign.id)

    def seen(access_id: UUID) -> tuple[bool, list[UUID]]:
        with product.core.ports.open_unit(clinics.admin.clinic_id) as unit:
            found = unit.emergency_accesses.get(access_id) is not None
            return found, [one.id for one in unit.emergency_accesses.list(BreakGlassFilter()).items]

    assert [(True, [own]), (False, [own])] == [seen(own), seen(foreign)]
    with monkeypatch.context() as patch:
        take_filters_out(patch)
        assert [(True, [own]), (False, [own])] == [seen(own), seen(foreign)]
    take_row_level_security_off(database)
    assert [(True, [own]), (False, [own])] == [seen(own), seen(foreign)]


def test_only_with_both_walls_gone_are_another_clinics_session_and_staff_found(
    product: Product, database: TestDatabase, clinics: TwoClinics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the tests above would pass with walls that stand for nothing."""
    take_filters_out(monkeypatch)
    take_row_level_security_off(database)

    with product.core.ports.open_unit(clinics.admin.clinic_id) as unit:
        assert unit.sessions.signed_in(clinics.foreign_session.session_id) is not None
        assert unit.users.get(clinics.foreign_manager) is not None
