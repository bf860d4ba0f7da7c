"""Giving a record out, accounting for it, and telling who accessed it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import attrs
import pytest

from mindbridge_core import Action, Actor, Operator, Role
from mindbridge_core.audit import Outcome
from mindbridge_core.errors import ConsentRequired, DamagedRecord, InvalidInput, NotFound
from mindbridge_core.patients import PatientChanges, PatientDraft, PatientFilter
from mindbridge_core.privacy import (
    AccessQuery,
    ConsentDraft,
    ConsentType,
    DisclosureGround,
    DisclosureRequest,
    require_disclosure_consent,
)
from mindbridge_core.privacy.accounting import six_years_before
from mindbridge_core.privacy.rules import PART2_NOTICE
from tests.core.house import START, Anything, Town, actor, settled
from tests.core.test_consents import SUD


@attrs.frozen
class Place:
    """A town, its admin, and a patient of the caseload who agreed to the sharing of their data."""

    town: Town
    admin: Actor
    patient_id: UUID

    def disclose(self, **fields: Anything) -> Any:
        plain: dict[str, Any] = {"recipient": "Elm Clinic", "purpose": "Continued care", "description": "The record"}
        return self.town.house.core.disclose_record(self.admin, self.patient_id, DisclosureRequest(**plain | fields))

    def diagnose(self, code: str | None) -> None:
        self.town.house.core.change_patient(self.admin, self.patient_id, PatientChanges(diagnosis_code=code))

    def consent(self, **fields: Anything) -> UUID:
        draft = ConsentDraft(**SUD | fields)
        return self.town.house.core.record_consent(self.admin, self.patient_id, draft).id


@pytest.fixture
def place() -> Place:
    town = settled()
    return Place(town, actor(town.staff[Role.ADMIN]), town.records["caseload"])


def test_an_ordinary_record_goes_out_on_a_consent_to_data_sharing(place: Place) -> None:
    record = place.disclose(recipient_address="1 Elm Street")
    assert (record.notice, record.consent.consent_type) == (None, ConsentType.DATA_SHARING)
    assert (record.patient.id, record.disclosure.part2) == (place.patient_id, False)
    place.town.house.core.revoke_consent(place.admin, record.consent.id)
    with pytest.raises(ConsentRequired):
        place.disclose()
    entry = place.town.house.entries()[-1]
    assert (entry.action, entry.outcome, entry.resource_id) == (
        Action.DISCLOSURE_MAKE,
        Outcome.DENIED,
        place.patient_id,
    )
    assert entry.changed_values == {"reason": "consent_required:data_sharing"}


def test_a_part2_record_needs_a_consent_to_sud_disclosure_to_just_this(place: Place) -> None:
    place.diagnose("F10.20")
    with pytest.raises(ConsentRequired) as raised:
        place.disclose()
    assert raised.value.reason == "consent_required:sud_disclosure"
    consent_id = place.consent()
    record = place.disclose(recipient="ELM clinic")
    assert (record.notice, record.consent.id, record.disclosure.part2) == (PART2_NOTICE, consent_id, True)
    for other in ({"recipient": "Oak Clinic"}, {"purpose": "Research"}):
        with pytest.raises(ConsentRequired):
            place.disclose(**other)


def test_a_part2_consent_that_has_expired_lets_nothing_out(place: Place) -> None:
    place.diagnose("F19.9")
    place.consent(expires_at=START + timedelta(hours=1))
    assert place.disclose().notice == PART2_NOTICE
    place.town.house.clock.forward(hours=1)
    with pytest.raises(ConsentRequired):
        place.disclose()


def test_a_changed_diagnosis_changes_the_mark_at_once(place: Place) -> None:
    place.diagnose("F11.2")
    with pytest.raises(ConsentRequired):
        place.disclose()
    place.diagnose("F31.9")
    assert place.disclose().disclosure.part2 is False
    place.diagnose(None)
    assert place.disclose().disclosure.part2 is False


def test_the_patient_is_read_again_once_the_consents_are_held(place: Place) -> None:
    before = place.town.house.core.view_patient(place.admin, place.patient_id)
    place.diagnose("F10")
    asked = {"recipient": "Elm Clinic", "purpose": "Continued care"}
    with place.town.house.store.open_unit(place.town.clinic) as unit, pytest.raises(ConsentRequired):
        require_disclosure_consent(unit, before, START, **asked)
    place.town.house.core.remove_patient(place.admin, place.patient_id)
    with place.town.house.store.open_unit(place.town.clinic) as unit, pytest.raises(NotFound):
        require_disclosure_consent(unit, before, START, **asked)


def test_the_accounting_says_who_got_what_and_why_and_groups_repeats(place: Place) -> None:
    place.disclose(recipient_address="1 Elm Street", description="All of it")
    place.town.house.clock.forward(days=1)
    place.disclose(recipient="elm  CLINIC", purpose="continued CARE", description="Again")
    place.disclose(recipient="Ash Clinic")
    for ground in (DisclosureGround.TREATMENT, DisclosureGround.PAYMENT, DisclosureGround.OPERATIONS):
        place.disclose(recipient="Payer", ground=ground)
    accounting = place.town.house.core.account_disclosures(place.admin, place.patient_id)
    elm, ash = accounting.lines
    assert (elm.first, elm.last, elm.times) == (START, START + timedelta(days=1), 2)
    assert (elm.recipient, elm.recipient_address) == ("Elm Clinic", "1 Elm Street")
    assert (elm.purpose, elm.description) == ("Continued care", "All of it")
    assert (ash.recipient, ash.times) == ("Ash Clinic", 1)
    assert (accounting.since, accounting.until) == (six_years_before(accounting.until), place.town.house.clock())


def test_the_accounting_goes_back_six_years_and_no_further(place: Place) -> None:
    place.disclose()
    place.town.house.clock.now = datetime(2032, 3, 2, 9, 30, tzinfo=UTC)
    assert len(place.town.house.core.account_disclosures(place.admin, place.patient_id).lines) == 1
    place.town.house.clock.forward(minutes=1)
    assert place.town.house.core.account_disclosures(place.admin, place.patient_id).lines == ()
    assert six_years_before(datetime(2028, 2, 29, tzinfo=UTC)) == datetime(2022, 2, 28, tzinfo=UTC)


def test_a_disclosure_without_its_entry_and_an_entry_without_its_disclosure_are_found(place: Place) -> None:
    record = place.disclose()
    house = place.town.house
    lost = attrs.evolve(record.disclosure, id=uuid4())
    house.store.tables.disclosures.put((place.town.clinic, lost.id), lost)
    house.store.tables.keep()
    with pytest.raises(DamagedRecord):
        house.core.account_disclosures(place.admin, place.patient_id)
    for disclosure_id in (lost.id, record.disclosure.id):
        moved = attrs.evolve(record.disclosure, id=disclosure_id, patient_id=uuid4())
        house.store.tables.disclosures.put((place.town.clinic, disclosure_id), moved)
        house.store.tables.keep()
    with pytest.raises(DamagedRecord):
        house.core.account_disclosures(place.admin, place.patient_id)
    house.store.tables.disclosures.put((place.town.clinic, record.disclosure.id), record.disclosure)
    house.store.tables.keep()
    assert len(house.core.account_disclosures(place.admin, place.patient_id).lines) == 1


def test_the_trail_points_to_the_disclosure_and_does_not_say_to_whom(place: Place) -> None:
    record = place.disclose(recipient="Methadone Clinic")
    entry = place.town.house.entries()[-1]
    assert entry.changed_values["disclosure_id"] == str(record.disclosure.id)
    assert "Methadone" not in repr(entry)
    assert "Methadone" not in repr(record)


def test_the_access_report_tells_who_what_when_and_how_it_ended(place: Place) -> None:
    house, manager = place.town.house, place.town.staff[Role.CASE_MANAGER]
    house.clock.forward(minutes=1)
    since = house.clock()
    house.core.list_patients(actor(manager), PatientFilter())
    house.core.view_patient(actor(manager), place.patient_id)
    (consent,) = house.core.list_consents(place.admin, place.patient_id)
    house.core.revoke_consent(place.admin, consent.id)
    with pytest.raises(ConsentRequired):
        place.disclose()
    house.core.view_patient(place.admin, place.town.records["outside"])
    house.clock.forward(minutes=1)
    report = house.core.report_access(place.admin, place.patient_id, AccessQuery(since=since))
    told = [(line.entry.action, line.user_name, line.user_role, line.entry.outcome) for line in report.page.items]
    assert told == [
        (Action.PATIENT_LIST, "Some Body", Role.CASE_MANAGER, Outcome.SUCCESS),
        (Action.PATIENT_VIEW, "Some Body", Role.CASE_MANAGER, Outcome.SUCCESS),
        (Action.CONSENT_LIST, "Some Body", Role.ADMIN, Outcome.SUCCESS),
        (Action.CONSENT_REVOKE, "Some Body", Role.ADMIN, Outcome.SUCCESS),
        (Action.DISCLOSURE_MAKE, "Some Body", Role.ADMIN, Outcome.DENIED),
    ]
    assert (house.entries()[-1].action, house.entries()[-1].resource_id) == (
        Action.PATIENT_ACCESS_REPORT,
        place.patient_id,
    )


def test_the_access_report_covers_ninety_days_unless_told_and_shows_its_pages(place: Place) -> None:
    house = place.town.house
    operator = Operator(clinic_id=place.admin.clinic_id)
    patient_id = house.core.admit_patient(operator, PatientDraft(name="Jane Roe")).id
    house.core.view_patient(place.admin, patient_id)
    house.clock.forward(seconds=1)
    first = house.core.report_access(place.admin, patient_id, AccessQuery(limit=1))
    assert (first.until - first.since, len(first.page.items)) == (timedelta(days=90), 1)
    assert first.page.items[0].user_name is None  # admitted by the operator
    second = house.core.report_access(place.admin, patient_id, AccessQuery(until=first.until, after=first.page.after))
    assert first.page.items[0] not in second.page.items
    house.clock.forward(days=91)
    later = house.core.report_access(place.admin, patient_id, AccessQuery())
    assert later.page.items == ()


@pytest.mark.parametrize(
    ("since", "until", "pointer"),
    [
        (START, START, "/since"),
        (START + timedelta(seconds=1), START, "/since"),
        (START - timedelta(days=367), START, "/since"),
        (None, datetime(1, 1, 2, tzinfo=UTC), "/until"),
    ],
)
def test_a_period_that_is_none_or_too_long_is_refused(
    place: Place, since: datetime | None, until: datetime, pointer: str
) -> None:
    with pytest.raises(InvalidInput) as raised:
        place.town.house.core.report_access(place.admin, place.patient_id, AccessQuery(since=since, until=until))
    assert [(one.pointer, one.code) for one in raised.value.findings] == [(pointer, "out_of_range")]
    year = AccessQuery(since=START - timedelta(days=366), until=START)
    assert place.town.house.core.report_access(place.admin, place.patient_id, year).until == START


def test_a_user_who_is_no_longer_known_has_no_name(place: Place) -> None:
    house = place.town.house
    stranger = Actor(clinic_id=place.town.clinic, user_id=uuid4(), role=Role.ADMIN)
    house.core.view_patient(stranger, place.patient_id)
    house.clock.forward(seconds=1)
    report = house.core.report_access(place.admin, place.patient_id, AccessQuery())
    assert [line.user_name for line in report.page.items if line.entry.user_id == stranger.user_id] == [None]
