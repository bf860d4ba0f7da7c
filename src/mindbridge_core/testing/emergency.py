"""The contract of emergency accesses."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import attrs

from mindbridge_core.errors import LostUpdate
from mindbridge_core.patients import (
    BreakGlass,
    BreakGlassFilter,
    BreakGlassReview,
    ReviewOutcome,
    ReviewStatus,
)
from mindbridge_core.testing.records import LATER, NOW, SCRIPTS, a_patient, a_user
from mindbridge_core.testing.store import ContractStore, StoreContract, raises, together

__all__ = ["EmergencyAccessesContract"]

HOUR = timedelta(hours=1)
JUSTIFIED = BreakGlassReview(outcome=ReviewOutcome.JUSTIFIED, note=SCRIPTS[-1])
UNJUSTIFIED = BreakGlassReview(outcome=ReviewOutcome.UNJUSTIFIED, note="No")


@attrs.frozen
class Ground:
    """A store with a user, their reviewer, and two patients."""

    store: ContractStore
    user_id: UUID
    reviewer_id: UUID
    patient_id: UUID
    other_id: UUID

    @classmethod
    def of(cls, store: ContractStore) -> Ground:
        """Add them to the first clinic."""
        users = [a_user(store.clinic_a) for _ in range(2)]
        patients = [a_patient(store.clinic_a) for _ in range(2)]
        with store.open_unit(store.clinic_a) as unit:
            for user, patient in zip(users, patients, strict=True):
                unit.users.add(user)
                unit.patients.add(patient)
        return cls(store, users[0].id, users[1].id, patients[0].id, patients[1].id)

    def access(self, **fields: Any) -> BreakGlass:  # noqa: ANN401 - any field of the record
        """Return a new access of an hour, not yet stored."""
        plain: dict[str, Any] = {
            "id": uuid4(),
            "clinic_id": self.store.clinic_a,
            "user_id": self.user_id,
            "patient_id": self.patient_id,
            "access_reason": "On the crisis line",
            "granted_at": NOW,
            "expires_at": NOW + HOUR,
        }
        return BreakGlass(**plain | fields)

    def added(self, **fields: Any) -> BreakGlass:  # noqa: ANN401 - any field of the record
        """Store a new access."""
        access = self.access(**fields)
        with self.store.open_unit(self.store.clinic_a) as unit:
            unit.emergency_accesses.add(access)
        return access

    def stored(self, access: BreakGlass) -> BreakGlass | None:
        """Return the access as it is stored."""
        with self.store.open_unit(self.store.clinic_a) as unit:
            return unit.emergency_accesses.get(access.id)

    def standing(self, now: datetime, patient_id: UUID | None = None, user_id: UUID | None = None) -> BreakGlass | None:
        """Return what stands."""
        with self.store.open_unit(self.store.clinic_a) as unit:
            return unit.emergency_accesses.standing(user_id or self.user_id, patient_id or self.patient_id, now)

    def save(self, access: BreakGlass) -> BreakGlass:
        """Store a change."""
        with self.store.open_unit(self.store.clinic_a) as unit:
            return unit.emergency_accesses.save(access)

    def listed(self, only: BreakGlassFilter) -> tuple[list[UUID], UUID | None]:
        """Return the ids of a page, and where the next one begins."""
        with self.store.open_unit(self.store.clinic_a) as unit:
            page = unit.emergency_accesses.list(only)
        return [one.id for one in page.items], page.after


class EmergencyAccessesContract(StoreContract):
    """Emergency accesses are added one by one for each user, found while they stand, and reviewed once."""

    def test_an_access_comes_back_as_it_was_added(self) -> None:
        """In any script, and up to the longest reason."""
        ground = Ground.of(self.store())
        for reason in (*SCRIPTS, "𒀀" * 1000):
            access = ground.added(access_reason=reason)
            assert access == ground.stored(access)

    def test_an_access_stands_until_it_ends_for_its_user_and_its_patient(self) -> None:
        """And the last to end is found of several."""
        ground = Ground.of(self.store())
        ground.added(expires_at=LATER)
        access = ground.added()
        ground.added(expires_at=LATER)
        assert access == ground.standing(NOW)
        assert access == ground.standing(access.expires_at - timedelta(microseconds=1))
        assert ground.standing(access.expires_at) is None
        assert ground.standing(NOW, patient_id=ground.other_id) is None
        assert ground.standing(NOW, user_id=ground.reviewer_id) is None

    def test_accesses_of_another_clinic_are_not_there(self) -> None:
        """Not by id, not as standing, not as waiting, not in the list; and none is changed from there."""
        store = self.store()
        ground = Ground.of(store)
        access = ground.added()
        with store.open_unit(store.clinic_b) as unit:
            assert unit.emergency_accesses.get(access.id) is None
            assert unit.emergency_accesses.standing(ground.user_id, ground.patient_id, NOW) is None
            assert unit.emergency_accesses.waiting_since(ground.user_id) is None
            assert unit.emergency_accesses.list(BreakGlassFilter()).items == ()
        with raises(LostUpdate), store.open_unit(store.clinic_b) as unit:
            unit.emergency_accesses.save(access.reviewed(ground.reviewer_id, LATER, JUSTIFIED))
        assert access == ground.stored(access)

    def test_the_oldest_access_without_a_review_says_since_when_it_waits(self) -> None:
        """Per user; a reviewed one waits no more."""
        ground = Ground.of(self.store())
        first, second = ground.added(), ground.added(granted_at=LATER)
        ground.added(user_id=ground.reviewer_id, granted_at=NOW - HOUR)
        waits = []
        for access in (None, first, second):
            if access is not None:
                ground.save(access.reviewed(ground.reviewer_id, LATER, JUSTIFIED))
            with ground.store.open_unit(ground.store.clinic_a) as unit:
                waits.append(unit.emergency_accesses.waiting_since(ground.user_id))
        assert waits == [NOW, LATER, None]

    def test_the_list_is_in_pages_by_standing_of_the_review(self) -> None:
        """Each access once, in the order of the ids."""
        ground = Ground.of(self.store())
        added = sorted((ground.added() for _ in range(5)), key=lambda one: one.id)
        for access in added[:2]:
            ground.save(access.reviewed(ground.reviewer_id, LATER, JUSTIFIED))
        ids = [access.id for access in added]
        assert ground.listed(BreakGlassFilter()) == (ids, None)
        assert ground.listed(BreakGlassFilter(limit=3)) == (ids[:3], ids[2])
        assert ground.listed(BreakGlassFilter(limit=3, after=ids[2])) == (ids[3:], None)
        assert ground.listed(BreakGlassFilter(status=ReviewStatus.REVIEWED)) == (ids[:2], None)
        assert ground.listed(BreakGlassFilter(status=ReviewStatus.UNREVIEWED, limit=2)) == (ids[2:4], ids[3])

    def test_a_review_changes_nothing_else(self) -> None:
        """The next version, and the end; what was asked for stays, whatever the caller hands in."""
        ground = Ground.of(self.store())
        for review in (JUSTIFIED, UNJUSTIFIED):
            access = ground.added()
            reviewed = access.reviewed(ground.reviewer_id, LATER, review)
            saved = ground.save(reviewed)
            assert saved == attrs.evolve(reviewed, version=2)
            assert saved == ground.stored(access)

    def test_a_stale_version_is_refused(self) -> None:
        """LostUpdate; so it is for an access that the clinic does not have."""
        ground = Ground.of(self.store())
        access = ground.added()
        reviewed = access.reviewed(ground.reviewer_id, LATER, JUSTIFIED)
        ground.save(reviewed)
        for lost in (reviewed, ground.access()):
            with raises(LostUpdate):
                ground.save(lost)

    def test_of_two_reviews_at_once_one_loses_and_knows_it(self) -> None:
        """One is stored, the other raises LostUpdate."""
        ground = Ground.of(self.store())
        access = ground.added()
        reviews = [access.reviewed(ground.reviewer_id, LATER, review) for review in (JUSTIFIED, UNJUSTIFIED)]
        results = together(lambda: ground.save(reviews[0]), lambda: ground.save(reviews[1]))
        assert sorted(type(result).__name__ for result in results) == ["BreakGlass", "LostUpdate"]
        assert ground.stored(access) in results

    def test_of_many_that_hold_at_once_each_sees_what_those_before_it_added(self) -> None:
        """So one access comes of it."""
        ground = Ground.of(self.store())

        def ask() -> UUID:
            with ground.store.open_unit(ground.store.clinic_a) as unit:
                unit.emergency_accesses.hold(ground.user_id)
                access = unit.emergency_accesses.standing(ground.user_id, ground.patient_id, NOW)
                if access is None:
                    access = ground.access()
                    unit.emergency_accesses.add(access)
                return access.id

        results = together(*[ask] * 6)
        assert len(set(results)) == 1
        assert ground.listed(BreakGlassFilter()) == (results[:1], None)
