"""The one door: what it enters, whatever happens inside, and what the operator does through it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid4

import attrs
import pytest

from mindbridge_core import Action, Actor, Operator, Origin, Role
from mindbridge_core.access import GRANTS, Audited
from mindbridge_core.audit import Outcome
from mindbridge_core.compliance import verify_clinic
from mindbridge_core.errors import DuplicateEmail, Finding, Forbidden, InvalidInput, MindBridgeError, UnknownClinic
from mindbridge_core.identity import ClinicDraft, StaffDraft
from mindbridge_core.ids import PLATFORM_CLINIC_ID
from mindbridge_core.patients import PatientFilter
from mindbridge_core.phi import ClinicCipher, ClinicKeys, WrappedKey
from mindbridge_core.testing.store import together
from tests.core.house import CHEAPEST, ORIGIN, START, House, Town, actor


class LateKeys:
    """Keys that at the first look do not know what another process has just stored."""

    def __init__(self, keys: ClinicKeys) -> None:
        self.keys = keys
        self.looked = False

    def cipher(self, clinic_id: UUID) -> ClinicCipher:
        if not self.looked:
            self.looked = True
            raise UnknownClinic
        return self.keys.cipher(clinic_id)

    def make(self, clinic_id: UUID) -> Sequence[WrappedKey]:
        return self.keys.make(clinic_id)

    def forget(self, clinic_id: UUID) -> None:
        self.keys.forget(clinic_id)


def test_an_error_that_nobody_foresaw_is_entered_as_a_failure_and_comes_through(town: Town) -> None:
    admin, record = actor(town.staff[Role.ADMIN]), uuid4()
    with (
        pytest.raises(ZeroDivisionError),
        town.house.core.view_patient.work(admin, Action.PATIENT_VIEW, resource_id=record),
    ):
        raise ZeroDivisionError
    entry = town.house.entries()[-1]
    assert (entry.outcome, entry.resource_id, entry.phi_accessed) == (Outcome.FAILURE, record, False)


def test_a_call_for_an_unknown_clinic_is_entered_with_the_platform(town: Town) -> None:
    stranger = Actor(clinic_id=uuid4(), user_id=uuid4(), role=Role.ADMIN)
    with pytest.raises(UnknownClinic):
        town.house.core.list_patients(stranger, PatientFilter())
    entry = town.house.entries()[-1]
    assert (entry.clinic_id, entry.outcome, entry.user_id) == (PLATFORM_CLINIC_ID, Outcome.DENIED, stranger.user_id)


def test_a_refusal_that_keeps_changes_is_entered_and_raised(town: Town) -> None:
    admin = town.staff[Role.ADMIN]

    def note_and_refuse() -> None:
        with town.house.core.view_self.work(actor(admin), Action.AUTH_ME) as desk:
            desk.unit.users.note_login(admin.id, START.replace(year=2027))
            desk.refuse(DuplicateEmail())

    with pytest.raises(DuplicateEmail):
        note_and_refuse()
    assert town.house.entries()[-1].outcome is Outcome.FAILURE
    assert town.house.core.view_self(actor(admin)).last_login == START.replace(year=2027)


def test_what_came_with_the_call_is_made_to_fit_its_columns(town: Town) -> None:
    origin = Origin(request_id="r\n" * 100, ip_address="\u202e" + "f" * 60, user_agent="a\ud800\x00" * 200)
    town.house.core.list_patients(actor(town.staff[Role.ADMIN], origin), PatientFilter())
    entry = town.house.entries()[-1]
    assert entry.request_id == "r?" * 64
    assert entry.ip_address == "?" + "f" * 44
    assert entry.user_agent == "a??" * 85


def test_every_clinics_trail_verifies_after_a_busy_day(town: Town) -> None:
    admin = actor(town.staff[Role.ADMIN])
    together(*[lambda: town.house.core.list_patients(admin, PatientFilter())] * 4)
    for clinic_id in (town.clinic, PLATFORM_CLINIC_ID):
        heads, lanes = town.house.store.audit_trail(clinic_id)
        assert list(verify_clinic(town.house.store.keys.cipher(clinic_id).audit_key, heads, lanes)) == []
        assert lanes


def test_only_what_shows_no_phi_goes_without_an_entry_of_success() -> None:
    silent = [action for action, grant in GRANTS.items() if grant.audited is Audited.REFUSALS]
    assert [action for action in silent if GRANTS[action].phi] == []


def test_opening_a_clinic_again_changes_nothing() -> None:
    house = House()
    house.core.prepare_platform()
    draft = ClinicDraft(organization="Oakwood", name="North", address="1 Oak St", npi_number="1234567893")
    clinic_id = house.core.open_clinic(draft)
    before = house.snapshot()
    assert clinic_id == house.core.open_clinic(draft)
    assert before == house.snapshot()
    second = house.core.open_clinic(ClinicDraft(organization="Oakwood", name="South"))
    other = house.core.open_clinic(ClinicDraft(organization="Elm", name="North"))
    assert len({clinic_id, second, other}) == 3
    with house.store.open_unit(clinic_id) as unit:
        clinic = unit.clinics.get()
    assert clinic is not None
    assert (clinic.address, clinic.npi_number, clinic.timezone) == ("1 Oak St", "1234567893", "America/New_York")


def test_a_clinic_that_somebody_else_opens_meanwhile_is_found_and_not_opened_twice() -> None:
    house = House()
    house.core.prepare_platform()
    draft, others = ClinicDraft(organization="Oakwood", name="North"), list[UUID]()

    def late_id() -> UUID:
        """Make an id, after somebody else was faster."""
        if not others:
            others.append(house.core.open_clinic(draft))
        return uuid4()

    opened = attrs.evolve(house.core.open_clinic, new_id=late_id)(draft)
    assert [opened] == others
    refused = house.entries()[-1]
    assert (refused.action, refused.clinic_id) == (Action.CLINIC_OPEN, PLATFORM_CLINIC_ID)
    assert (refused.outcome, refused.changed_values) == (Outcome.FAILURE, {"reason": "duplicate_clinic"})
    with pytest.raises(UnknownClinic):
        house.store.keys.cipher(refused.resource_id or opened)


def test_preparing_the_platform_again_changes_nothing() -> None:
    house = House()
    house.core.prepare_platform()
    before = house.snapshot()
    house.core.prepare_platform()
    assert before == house.snapshot()


def test_two_that_prepare_the_platform_at_once_agree_on_its_keys() -> None:
    for _ in range(20):
        house = House()
        assert together(*[house.core.prepare_platform] * 4) == [None] * 4
        assert len(house.store.wrapped_keys.of_clinic(PLATFORM_CLINIC_ID)) == 3
        heads, lanes = house.store.audit_trail(PLATFORM_CLINIC_ID)
        assert list(verify_clinic(house.store.keys.cipher(PLATFORM_CLINIC_ID).audit_key, heads, lanes)) == []


def test_one_that_prepares_the_platform_after_another_takes_the_others_keys() -> None:
    house = House()
    late = attrs.evolve(house.core.prepare_platform, keys=LateKeys(house.store.keys))
    house.core.prepare_platform()
    before = house.store.wrapped_keys.of_clinic(PLATFORM_CLINIC_ID)
    late()
    assert before == house.store.wrapped_keys.of_clinic(PLATFORM_CLINIC_ID)


def test_an_e_mail_is_registered_once(town: Town) -> None:
    draft = StaffDraft(email="New@Example.org", full_name="N B", role=Role.READONLY, license_number="L-1")
    user = town.house.core.register_staff(Operator(clinic_id=town.clinic), draft)
    assert (user.email, user.license_number, user.password_hash) == ("new@example.org", "L-1", None)
    assert town.house.entries()[-1].changed_values == {"role": "readonly"}
    with pytest.raises(DuplicateEmail):
        town.house.core.register_staff(Operator(clinic_id=town.clinic), draft)
    assert town.house.entries()[-1].outcome is Outcome.FAILURE


def test_nobody_is_registered_with_an_unknown_clinic(town: Town) -> None:
    draft = StaffDraft(email="new@example.org", full_name="N B", role=Role.READONLY)
    for password in (None, "a lantern over nine rivers"):
        with pytest.raises(UnknownClinic):
            town.house.core.register_staff(Operator(clinic_id=uuid4()), draft, password=password)


def test_nobody_works_at_the_platform_itself(town: Town) -> None:
    draft = StaffDraft(email="new@example.org", full_name="N B", role=Role.READONLY)
    with pytest.raises(Forbidden):
        town.house.core.register_staff(Operator(), draft, password="a lantern over nine rivers")
    user = town.house.core.register_staff(Operator(clinic_id=town.clinic), draft, password="a lantern over nine rivers")
    assert CHEAPEST.verify(user.password_hash, "a lantern over nine rivers")


@pytest.mark.parametrize("sent", ["x" * 300, "tab\tnew\nline", "\ud800", "ü" * 255])
def test_where_a_call_came_from_is_cut_to_fit(sent: str) -> None:
    origin = Origin(request_id=sent, ip_address=sent, user_agent=sent)
    assert (origin.request_id or "").isprintable()
    assert (128, 45, 255) >= (len(origin.request_id or ""), len(origin.ip_address or ""), len(origin.user_agent or ""))


def test_a_request_that_cannot_be_read_is_refused_as_the_operation_would_be(town: Town) -> None:
    unread = InvalidInput([Finding("/name", "required", "is required")])
    for holder, refusal in ((Role.ADMIN, InvalidInput), (Role.READONLY, Forbidden)):
        with pytest.raises(refusal):
            town.house.core.turn_away(town.caller(holder), Action.PATIENT_CREATE, unread)
        entry = town.house.entries()[-1]
        assert (Action.PATIENT_CREATE, {"reason": refusal.code}) == (entry.action, dict(entry.changed_values))


def test_an_error_has_a_text_of_its_kind_or_of_its_own() -> None:
    assert str(MindBridgeError()) == "The operation could not be done."
    assert str(DuplicateEmail("Taken.")) == "Taken."


def test_the_origin_reaches_the_entry(town: Town) -> None:
    town.house.core.list_patients(town.caller("admin"), PatientFilter())
    assert town.house.entries()[-1].user_agent == ORIGIN.user_agent
