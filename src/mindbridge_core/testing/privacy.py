"""The contracts of consents, of disclosures, and of the trail read for one patient."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import attrs

from mindbridge_core.access import Action
from mindbridge_core.audit import AuditEntry, Outcome
from mindbridge_core.errors import ConsentRequired, LostUpdate
from mindbridge_core.patients import Patient
from mindbridge_core.privacy import (
    AccessPeriod,
    Consent,
    ConsentType,
    Disclosure,
    DisclosureGround,
    require_disclosure_consent,
)
from mindbridge_core.testing.records import LATER, NOW, SCRIPTS, a_patient, a_user, an_entry
from mindbridge_core.testing.store import ContractStore, StoreContract, raises, together

__all__ = ["AccessHistoryContract", "ConsentsContract", "DisclosuresContract"]

TO = {"recipient": "Elm Street Clinic", "purpose": "Continued care"}


@attrs.frozen
class Ground:
    """A store with a member of staff and a patient."""

    store: ContractStore
    user_id: UUID
    patient: Patient

    @classmethod
    def of(cls, store: ContractStore) -> Ground:
        """Add both to the first clinic."""
        user, patient = a_user(store.clinic_a), a_patient(store.clinic_a)
        with store.open_unit(store.clinic_a) as unit:
            unit.users.add(user)
            unit.patients.add(patient)
        return cls(store, user.id, patient)

    def consent(self, **fields: Any) -> Consent:  # noqa: ANN401 - any field of the record
        """Return a new consent to data sharing, not yet stored."""
        plain: dict[str, Any] = {
            "id": uuid4(),
            "clinic_id": self.store.clinic_a,
            "patient_id": self.patient.id,
            "consent_type": ConsentType.DATA_SHARING,
            "granted": True,
            "granted_at": NOW,
            "created_at": NOW,
        }
        return Consent(**plain | fields)

    def added(self, consent: Consent) -> Consent:
        """Store the consent."""
        with self.store.open_unit(self.store.clinic_a) as unit:
            unit.consents.add(consent)
        return consent

    def stored(self, consent: Consent) -> Consent | None:
        """Return the consent as it is stored."""
        with self.store.open_unit(self.store.clinic_a) as unit:
            return unit.consents.get(consent.id)

    def history(self) -> Sequence[Consent]:
        """Return the patient's consents."""
        with self.store.open_unit(self.store.clinic_a) as unit:
            return unit.consents.of_patient(self.patient.id)

    def disclosure(self, consent: Consent, **fields: Any) -> Disclosure:  # noqa: ANN401 - any field of the record
        """Return a new disclosure, not yet stored."""
        plain: dict[str, Any] = {
            "id": uuid4(),
            "clinic_id": self.store.clinic_a,
            "patient_id": self.patient.id,
            "consent_id": consent.id,
            "disclosed_by": self.user_id,
            "disclosed_at": NOW,
            "ground": DisclosureGround.OTHER,
            "part2": False,
            "description": "The record",
            **TO,
        }
        return Disclosure(**plain | fields)


class ConsentsContract(StoreContract):
    """Consents are added and revoked; what acts on one sees each revocation that was committed before it."""

    def test_a_consent_comes_back_as_it_was_added(self) -> None:
        """Every field, with nothing but the needed and with everything, in any script; oldest first."""
        ground = Ground.of(self.store())
        full = ground.consent(
            consent_type=ConsentType.SUD_DISCLOSURE,
            consent_form_version="v" * 50,
            recorded_by=ground.user_id,
            witness_user_id=ground.user_id,
            discloser=SCRIPTS[-1],
            information="δ" * 1000,
            recipients="\n".join(SCRIPTS[:3]),
            purpose=SCRIPTS[-1],
            expires_at=LATER,
            expiry_event=SCRIPTS[-1],
            right_to_revoke_stated=True,
            signed_name=SCRIPTS[-1],
            signed_on=date(9999, 12, 31),
            revoked_at=LATER,
            revoked_by=ground.user_id,
            created_at=LATER,
        )
        bare = ground.consent(granted=False, granted_at=None)
        for consent in (full, bare):
            ground.added(consent)
            assert consent == ground.stored(consent)
        assert [bare, full] == list(ground.history())

    def test_consents_of_another_patient_or_clinic_are_not_there(self) -> None:
        """Neither by id nor in the history."""
        store = self.store()
        ground = Ground.of(store)
        consent = ground.added(ground.consent())
        with store.open_unit(store.clinic_b) as unit:
            assert unit.consents.get(consent.id) is None
            assert list(unit.consents.of_patient(ground.patient.id)) == []
            assert list(unit.consents.held(ground.patient.id)) == []
        with store.open_unit(store.clinic_a) as unit:
            assert list(unit.consents.of_patient(uuid4())) == []

    def test_a_revocation_changes_nothing_else(self) -> None:
        """The next version; what the form said stays, whatever the caller hands in."""
        ground = Ground.of(self.store())
        consent = ground.added(ground.consent())
        with ground.store.open_unit(ground.store.clinic_a) as unit:
            saved = unit.consents.save(consent.revoked(ground.user_id, LATER))
        assert saved == attrs.evolve(consent, revoked_at=LATER, revoked_by=ground.user_id, version=2)
        assert saved == ground.stored(consent)

    def test_a_stale_version_is_refused(self) -> None:
        """LostUpdate; so it is for a consent that the clinic does not have."""
        ground = Ground.of(self.store())
        consent = ground.added(ground.consent())
        revoked = consent.revoked(ground.user_id, LATER)
        with ground.store.open_unit(ground.store.clinic_a) as unit:
            unit.consents.save(revoked)
        for lost in (revoked, ground.consent()):
            with raises(LostUpdate), ground.store.open_unit(ground.store.clinic_a) as unit:
                unit.consents.save(lost)

    def test_of_two_revocations_at_once_one_loses_and_knows_it(self) -> None:
        """One is stored, the other raises LostUpdate."""
        ground = Ground.of(self.store())
        consent = ground.added(ground.consent())

        def revoke(minutes: int) -> Consent:
            with ground.store.open_unit(ground.store.clinic_a) as unit:
                return unit.consents.save(consent.revoked(ground.user_id, LATER + timedelta(minutes=minutes)))

        results = together(lambda: revoke(1), lambda: revoke(2))
        assert sorted(type(result).__name__ for result in results) == ["Consent", "LostUpdate"]
        assert ground.stored(consent) in results

    def test_who_holds_the_consents_second_sees_what_the_first_revoked(self) -> None:
        """The second waits: of many at once, one finds the consent standing and revokes it, the others see that."""
        ground = Ground.of(self.store())
        ground.added(ground.consent())

        def revoke() -> bool:
            with ground.store.open_unit(ground.store.clinic_a) as unit:
                (found,) = unit.consents.held(ground.patient.id)
                if found.revoked_at is not None:
                    return False
                unit.consents.save(found.revoked(ground.user_id, LATER))
            return True

        results = together(*[revoke] * 6)
        assert [result for result in results if result is not False] == [True]

    def test_a_disclosure_at_the_moment_of_a_revocation_comes_before_it_or_not_at_all(self) -> None:
        """What was disclosed was disclosed before the revocation had the consents; after it there is nothing."""
        ground = Ground.of(self.store())
        consent = ground.added(ground.consent())
        order: list[str] = []

        def disclose() -> None:
            with ground.store.open_unit(ground.store.clinic_a) as unit:
                _, found = require_disclosure_consent(unit, ground.patient, LATER, **TO)
                unit.disclosures.add(ground.disclosure(found))
                order.append("disclosed")

        def revoke() -> None:
            with ground.store.open_unit(ground.store.clinic_a) as unit:
                (found,) = unit.consents.held(ground.patient.id)
                unit.consents.save(found.revoked(ground.user_id, LATER))
                order.append("revoked")

        results = together(disclose, disclose, revoke, disclose, disclose)
        refused = [result for result in results if isinstance(result, ConsentRequired)]
        assert order[-1] == "revoked"
        assert len(order) - 1 + len(refused) == 4
        with ground.store.open_unit(ground.store.clinic_a) as unit:
            assert len(unit.disclosures.of_patient(ground.patient.id, NOW)) == len(order) - 1
        stored = ground.stored(consent)
        assert stored is not None
        assert stored.revoked_at == LATER

    def test_a_disclosure_waits_for_the_revocation_that_is_under_way(self) -> None:
        """It began while the revocation was not yet committed, and is refused all the same."""
        ground = Ground.of(self.store())
        ground.added(ground.consent())
        holding = threading.Event()

        def revoke() -> None:
            with ground.store.open_unit(ground.store.clinic_a) as unit:
                (found,) = unit.consents.held(ground.patient.id)
                holding.set()
                time.sleep(0.3)  # time enough for a disclosure that does not wait
                unit.consents.save(found.revoked(ground.user_id, LATER))

        def disclose() -> None:
            holding.wait()
            with ground.store.open_unit(ground.store.clinic_a) as unit:
                require_disclosure_consent(unit, ground.patient, LATER, **TO)

        revoked, refused = together(revoke, disclose)
        assert (revoked, type(refused)) == (None, ConsentRequired)


class DisclosuresContract(StoreContract):
    """Disclosures add up, patient by patient."""

    def test_a_disclosure_comes_back_as_it_was_added(self) -> None:
        """Every field at its far end; oldest first, and from the asked moment on."""
        ground = Ground.of(self.store())
        consent = ground.added(ground.consent())
        full = ground.disclosure(
            consent,
            disclosed_at=LATER,
            ground=DisclosureGround.TREATMENT,
            part2=True,
            recipient=SCRIPTS[-1],
            recipient_address=SCRIPTS[-1],
            purpose=SCRIPTS[-1],
            description="δ" * 1000,
        )
        plain = ground.disclosure(consent)
        with ground.store.open_unit(ground.store.clinic_a) as unit:
            unit.disclosures.add(full)
            unit.disclosures.add(plain)
        with ground.store.open_unit(ground.store.clinic_a) as unit:
            assert [plain, full] == list(unit.disclosures.of_patient(ground.patient.id, NOW))
            assert [full] == list(unit.disclosures.of_patient(ground.patient.id, LATER))
            assert list(unit.disclosures.of_patient(uuid4(), NOW)) == []
        with ground.store.open_unit(ground.store.clinic_b) as unit:
            assert list(unit.disclosures.of_patient(ground.patient.id, NOW)) == []


def _history(store: ContractStore, clinic_id: UUID, patient_id: UUID, period: AccessPeriod) -> list[AuditEntry]:
    """Read all pages."""
    found: list[AuditEntry] = []
    while True:
        with store.open_unit(clinic_id) as unit:
            page = unit.access_history.of_patient(patient_id, period)
        assert len(page.items) <= period.limit
        found += page.items
        if page.after is None:
            return found
        period = attrs.evolve(period, after=page.after)


class AccessHistoryContract(StoreContract):
    """Every entry about a patient is found once: those that name them, and those of lists that showed them."""

    def test_entries_that_name_the_patient_or_listed_them_are_found_page_by_page(self) -> None:
        """As they were appended, reason included, in ascending order of id; nobody else's."""
        store = self.store()
        patient_id = uuid4()
        wanted = [
            an_entry(store.clinic_a, resource_id=patient_id, user_id=uuid4(), session_id=uuid4(), request_id="r"),
            an_entry(store.clinic_a, resource_ids=(uuid4(), patient_id), ip_address="::1", user_agent="ü"),
            an_entry(store.clinic_a, resource_id=patient_id, access_reason="Notfall", phi_accessed=True),
            an_entry(store.clinic_a, resource_id=patient_id, outcome=Outcome.DENIED, changed_values={"reason": "x"}),
            an_entry(store.clinic_a, resource_id=patient_id, changed_fields=("name",)),
        ]
        others = [an_entry(store.clinic_a), an_entry(store.clinic_a, resource_id=uuid4(), resource_ids=(uuid4(),))]
        with store.open_unit(store.clinic_a) as unit:
            for entry in (*others, *wanted):
                unit.audit.append(entry)
        expected = sorted(wanted, key=lambda entry: entry.id)
        for limit in (1, 2, 5, 100):
            period = AccessPeriod(since=NOW, until=LATER, limit=limit)
            assert expected == _history(store, store.clinic_a, patient_id, period)
            assert _history(store, store.clinic_b, patient_id, period) == []

    def test_a_period_begins_with_its_first_moment_and_ends_before_its_last(self) -> None:
        """So that two periods that meet share no entry."""
        store = self.store()
        patient_id, tick = uuid4(), timedelta(microseconds=1)
        moments = (NOW - tick, NOW, LATER - tick, LATER)
        entries = [an_entry(store.clinic_a, resource_id=patient_id, created_at=moment) for moment in moments]
        with store.open_unit(store.clinic_a) as unit:
            for entry in entries:
                unit.audit.append(entry)
        found = _history(store, store.clinic_a, patient_id, AccessPeriod(since=NOW, until=LATER))
        assert {entry.id for entry in entries[1:3]} == {entry.id for entry in found}

    def test_the_disclosures_that_entries_name_are_known(self) -> None:
        """Those that were made, to this patient's record, from the asked moment on."""
        store = self.store()
        patient_id, made, before = uuid4(), uuid4(), NOW - timedelta(days=1)
        named = {"disclosure_id": str(made)}
        right: dict[str, Any] = {
            "action": Action.DISCLOSURE_MAKE, "resource_id": patient_id, "changed_values": named,
        }  # fmt: skip
        wrong: list[dict[str, Any]] = [
            {"outcome": Outcome.DENIED, "changed_values": {"reason": "consent_required"}},
            {"resource_id": uuid4(), "changed_values": {"disclosure_id": str(uuid4())}},
            {"created_at": before, "changed_values": {"disclosure_id": str(uuid4())}},
            {"action": Action.PATIENT_VIEW, "changed_values": {}},
        ]
        with store.open_unit(store.clinic_a) as unit:
            for fields in (right, *(right | fields for fields in wrong)):
                unit.audit.append(an_entry(store.clinic_a, **fields))
        with store.open_unit(store.clinic_a) as unit:
            assert {made: NOW} == dict(unit.access_history.disclosed(patient_id, NOW))
            assert dict(unit.access_history.disclosed(uuid4(), NOW)) == {}
