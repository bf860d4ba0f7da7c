"""The contract of organizations, clinics and their wrapped keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, time
from uuid import UUID, uuid4

import attrs

from mindbridge_core.errors import Conflict
from mindbridge_core.identity import Clinic, Organization
from mindbridge_core.ids import PLATFORM_CLINIC_ID, PLATFORM_ORGANIZATION_ID
from mindbridge_core.phi import KeyPurpose, WrappedKey
from mindbridge_core.testing.records import LATER, NOW, SCRIPTS
from mindbridge_core.testing.store import ContractStore, StoreContract, raises, together

__all__ = ["ClinicsContract"]


def _organization(store: ContractStore, organization: Organization) -> Organization:
    with store.open_unit(store.clinic_a) as unit:
        unit.clinics.add_organization(organization)
    return organization


def _opened(store: ContractStore, clinic: Clinic) -> Sequence[WrappedKey]:
    made = store.keys.make(clinic.id)
    with store.open_unit(clinic.id) as unit:
        unit.clinics.add(clinic, made)
    return made


def _clinic(organization: Organization, clinic_id: UUID, name: str = "North") -> Clinic:
    return Clinic(id=clinic_id, organization_id=organization.id, name=name, created_at=NOW)


def _new(name: str) -> Organization:
    return Organization(id=uuid4(), name=name, created_at=NOW, updated_at=NOW)


class ClinicsContract(StoreContract):
    """Clinics and organizations are found by exact name, the oldest first; a clinic gets its keys once."""

    def test_an_organization_comes_back_as_it_was_added(self) -> None:
        """Every field, in any script, from any clinic."""
        store = self.store()
        full = Organization(
            id=uuid4(),
            name="Full",
            subscription_tier="t" * 50,
            hipaa_baa_signed=True,
            hipaa_baa_date=date(2026, 2, 28),
            settings={"nested": {"list": [1, None, "ü"]}},
            created_at=NOW,
            updated_at=LATER,
        )
        for organization in (full, *map(_new, SCRIPTS)):
            _organization(store, organization)
            with store.open_unit(store.clinic_b) as unit:
                assert organization == unit.clinics.find_organization(organization.name)

    def test_an_absent_organization_is_none(self) -> None:
        """A name is found exactly, or not at all."""
        store = self.store()
        _organization(store, _new("Oakwood"))
        with store.open_unit(store.clinic_a) as unit:
            assert unit.clinics.find_organization("oakwood") is None
            assert unit.clinics.find_organization("Oak") is None

    def test_the_oldest_of_two_organizations_is_found(self) -> None:
        """Ids ascend with time, so the lowest is the oldest."""
        store = self.store()
        twins = sorted((_new("Twin"), _new("Twin")), key=lambda one: one.id)
        for organization in reversed(twins):
            _organization(store, organization)
        with store.open_unit(store.clinic_a) as unit:
            assert twins[0] == unit.clinics.find_organization("Twin")

    def test_a_clinic_comes_back_as_it_was_added(self) -> None:
        """Every field; it is its own unit's clinic and nobody else's."""
        store = self.store()
        organization = _organization(store, _new("Oakwood"))
        plain = _clinic(organization, uuid4())
        full = attrs.evolve(
            plain,
            id=uuid4(),
            name=SCRIPTS[-1],
            address="ß" * 500,
            phone="+" * 20,
            npi_number="1234567893",
            timezone="Asia/Tokyo",
        )
        for clinic in (plain, full):
            _opened(store, clinic)
            with store.open_unit(clinic.id) as unit:
                assert clinic == unit.clinics.get()

    def test_a_clinic_changes_its_clock_and_nothing_else(self) -> None:
        """With a new version each time; what another clinic changes is its own."""
        store = self.store()
        organization = _organization(store, _new("Oakwood"))
        here, there = (attrs.evolve(_clinic(organization, uuid4()), address="1 Elm Street") for _ in range(2))
        for clinic in (here, there):
            _opened(store, clinic)
        held = here
        for zone, at in (("Asia/Tokyo", time(5, 30)), ("Asia/Tokyo", None), ("UTC", time(0, 0))):
            moved = attrs.evolve(held, timezone=zone, screening_time=at, updated_at=LATER)
            with store.open_unit(here.id) as unit:
                saved = unit.clinics.save(moved)
            assert saved == attrs.evolve(moved, version=held.version + 1)
            with store.open_unit(here.id) as unit:
                assert saved == unit.clinics.get()
            held = saved
        with store.open_unit(there.id) as unit:
            assert there == unit.clinics.get()
            moved = unit.clinics.save(attrs.evolve(there, timezone="Asia/Tokyo", updated_at=LATER))
        assert moved.version == 2

    def test_of_several_who_change_a_clinic_at_once_one_does(self) -> None:
        """LostUpdate for the others, at the first change and at a later one."""
        store = self.store()
        clinic = _clinic(_organization(store, _new("Oakwood")), uuid4())
        _opened(store, clinic)
        for version in (1, 2):

            def save(version: int = version) -> Clinic:
                with store.open_unit(clinic.id) as unit:
                    return unit.clinics.save(attrs.evolve(clinic, version=version, updated_at=LATER))

            results = together(*[save] * 3)
            assert sorted(type(one).__name__ for one in results) == ["Clinic", "LostUpdate", "LostUpdate"]

    def test_a_clinic_is_found_by_organization_and_name(self) -> None:
        """The oldest of that exact name; None when there is none."""
        store = self.store()
        organization, other = _organization(store, _new("Oakwood")), _organization(store, _new("Elm"))
        older, newer = sorted((uuid4(), uuid4()))
        for clinic_id in (newer, older):
            _opened(store, _clinic(organization, clinic_id))
        with store.open_unit(store.clinic_a) as unit:
            assert older == unit.clinics.find(organization.id, "North")
            assert unit.clinics.find(organization.id, "north") is None
            assert unit.clinics.find(other.id, "North") is None

    def test_a_clinics_keys_come_back_as_they_were_stored(self) -> None:
        """Oldest version first; a clinic without keys has an empty list."""
        store = self.store()
        clinic_id = uuid4()
        assert list(store.wrapped_keys.of_clinic(clinic_id)) == []
        made = list(_opened(store, _clinic(_organization(store, _new("Oakwood")), clinic_id)))
        retired = attrs.evolve(
            made[0], id=uuid4(), version=2, purpose=KeyPurpose.DATA, master_key_id="m" * 128, retired_at=LATER
        )
        found = list(store.wrapped_keys.of_clinic(clinic_id))
        assert sorted(found, key=lambda key: key.id) == sorted(made, key=lambda key: key.id)
        second = uuid4()
        store.keys.make(second)
        with store.open_unit(second) as unit:
            organization = unit.clinics.find_organization("Oakwood")
            assert organization is not None
            keys = [attrs.evolve(key, id=uuid4(), clinic_id=second) for key in (retired, *made)]
            unit.clinics.add(_clinic(organization, second), keys)
        versions = [key.version for key in store.wrapped_keys.of_clinic(second)]
        assert versions == sorted(versions)
        assert {key.id: key for key in keys} == {key.id: key for key in store.wrapped_keys.of_clinic(second)}

    def test_a_clinic_gets_its_keys_once(self) -> None:
        """Conflict; the keys that it had stay."""
        store = self.store()
        clinic = _clinic(_organization(store, _new("Oakwood")), uuid4())
        made = _opened(store, clinic)
        again = [attrs.evolve(key, id=uuid4()) for key in made]
        with raises(Conflict), store.open_unit(clinic.id) as unit:
            unit.clinics.add(clinic, again)
        assert {key.id for key in made} == {key.id for key in store.wrapped_keys.of_clinic(clinic.id)}

    def test_a_dropped_unit_opens_no_clinic(self) -> None:
        """Neither the clinic nor its keys are kept."""
        store = self.store()
        clinic = _clinic(_organization(store, _new("Oakwood")), uuid4())
        made = store.keys.make(clinic.id)
        with raises(ValueError), store.open_unit(clinic.id) as unit:
            unit.clinics.add(clinic, made)
            raise ValueError
        assert list(store.wrapped_keys.of_clinic(clinic.id)) == []
        with store.open_unit(store.clinic_a) as unit:
            assert unit.clinics.find(clinic.organization_id, clinic.name) is None

    def test_the_platform_clinic_exists_and_takes_its_keys_once(self) -> None:
        """Of it the keys alone are stored; its organization is never found by name."""
        store = self.store()
        made = store.keys.make(PLATFORM_CLINIC_ID)
        platform = Clinic(
            id=PLATFORM_CLINIC_ID, organization_id=PLATFORM_ORGANIZATION_ID, name="Renamed", created_at=NOW
        )
        with store.open_unit(PLATFORM_CLINIC_ID) as unit:
            unit.clinics.add(platform, made)
        assert {key.id for key in made} == {key.id for key in store.wrapped_keys.of_clinic(PLATFORM_CLINIC_ID)}
        with raises(Conflict), store.open_unit(PLATFORM_CLINIC_ID) as unit:
            unit.clinics.add(platform, [attrs.evolve(key, id=uuid4()) for key in made])
        with store.open_unit(PLATFORM_CLINIC_ID) as unit:
            found = unit.clinics.get()
            assert found is not None
            assert (found.id, found.name) == (PLATFORM_CLINIC_ID, "MindBridge platform")
            assert unit.clinics.find_organization("MindBridge platform") is None
