"""The contract of alerts."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import attrs

from mindbridge_core.patients import Alert, AlertFilter, AlertKind
from mindbridge_core.testing.records import LATER, NOW, a_batch, a_patient, a_user
from mindbridge_core.testing.store import ContractStore, StoreContract, raises, together

__all__ = ["AlertGround", "AlertsContract"]


@attrs.frozen
class AlertGround:
    """A store with two case managers, a patient of the first, and one of nobody who was removed."""

    store: ContractStore
    manager_id: UUID
    other_id: UUID
    patient_id: UUID
    removed_id: UUID

    @classmethod
    def of(cls, store: ContractStore) -> AlertGround:
        """Add them to the first clinic."""
        users = [a_user(store.clinic_a) for _ in range(2)]
        patient = a_patient(store.clinic_a, case_manager_id=users[0].id)
        removed = a_patient(store.clinic_a)
        with store.open_unit(store.clinic_a) as unit:
            for user in users:
                unit.users.add(user)
            unit.patients.add(patient)
            unit.patients.add(removed)
            unit.patients.save(attrs.evolve(removed, deleted_at=NOW, deleted_by=users[0].id))
        return cls(store, users[0].id, users[1].id, patient.id, removed.id)

    def alert(self, **fields: Any) -> Alert:  # noqa: ANN401 - any field of the record
        """Return a new alert, not yet stored."""
        plain: dict[str, Any] = {
            "id": uuid4(),
            "clinic_id": self.store.clinic_a,
            "kind": AlertKind.HIGH_RISK,
            "patient_id": self.patient_id,
            "cause_id": uuid4(),
            "created_at": NOW,
        }
        return Alert(**plain | fields)

    def raised(self, *alerts: Alert) -> frozenset[UUID]:
        """Store alerts; return the ids of the new ones."""
        with self.store.open_unit(self.store.clinic_a) as unit:
            return unit.alerts.raise_all(alerts)

    def stored(self, alert_id: UUID) -> Alert | None:
        """Return the alert as it is stored."""
        with self.store.open_unit(self.store.clinic_a) as unit:
            return unit.alerts.get(alert_id)

    def acknowledged(self, alert_id: UUID, by: UUID) -> Alert | None:
        """Acknowledge the alert."""
        with self.store.open_unit(self.store.clinic_a) as unit:
            return unit.alerts.acknowledge(alert_id, by, LATER)

    def listed(self, **only: Any) -> tuple[list[UUID], UUID | None]:  # noqa: ANN401 - any field of the filter
        """Return the ids of a page, and where the next one begins."""
        with self.store.open_unit(self.store.clinic_a) as unit:
            page = unit.alerts.list(AlertFilter(**only))
        return [one.id for one in page.items], page.after


class AlertsContract(StoreContract):
    """Alerts are raised once for each cause, and the first acknowledgement counts."""

    def test_an_alert_comes_back_as_it_was_raised(self) -> None:
        """Of every kind; none of none."""
        ground = AlertGround.of(self.store())
        alerts = [ground.alert(kind=kind) for kind in AlertKind]
        assert {one.id for one in alerts} == ground.raised(*alerts)
        assert alerts == [ground.stored(one.id) for one in alerts]
        assert ground.raised() == frozenset()
        assert ground.stored(uuid4()) is None

    def test_a_cause_raises_one_alert_of_a_kind(self) -> None:
        """Within one call, and in the next; of another kind it raises another."""
        ground = AlertGround.of(self.store())
        first = ground.alert()
        again = ground.alert(cause_id=first.cause_id)
        overdue = ground.alert(cause_id=first.cause_id, kind=AlertKind.REVIEW_OVERDUE)
        assert {first.id} == ground.raised(first, again)
        assert {overdue.id} == ground.raised(again, overdue)
        assert ground.listed() == (sorted([first.id, overdue.id]), None)

    def test_a_batch_raises_an_alert_for_each_patient(self) -> None:
        """Whom it could not screen; each says which batch it was."""
        ground = AlertGround.of(self.store())
        batch = a_batch(ground.store.clinic_a)
        with ground.store.open_unit(ground.store.clinic_a) as unit:
            assert unit.batches.add(batch)
        alerts = [
            ground.alert(kind=AlertKind.NOT_SCREENED, batch_id=batch.id, patient_id=patient_id)
            for patient_id in (ground.patient_id, ground.removed_id)
        ]
        assert {one.id for one in alerts} == ground.raised(*alerts)
        assert alerts == [ground.stored(one.id) for one in alerts]

    def test_who_is_not_screened_has_one_alert_until_it_is_acknowledged(self) -> None:
        """Of whatever cause, whoever raises it at once; of another kind there may be several."""
        ground = AlertGround.of(self.store())
        alerts = [ground.alert(kind=AlertKind.NOT_SCREENED) for _ in range(4)]
        outcomes = together(*[lambda one=one: ground.raised(one) for one in alerts])
        found = [outcome for outcome in outcomes if isinstance(outcome, frozenset)]
        assert sorted(map(len, found)) == [0, 0, 0, 1]
        (first,) = frozenset[UUID]().union(*found)
        assert frozenset() == ground.raised(ground.alert(kind=AlertKind.NOT_SCREENED))
        ground.acknowledged(first, ground.manager_id)
        again = ground.alert(kind=AlertKind.NOT_SCREENED)
        assert frozenset() == ground.raised(*[one for one in alerts if one.id == first])
        assert {again.id} == ground.raised(again, ground.alert(kind=AlertKind.NOT_SCREENED))

    def test_what_a_unit_did_not_keep_was_not_raised(self) -> None:
        """So an alert is there if its screening is."""
        ground = AlertGround.of(self.store())
        alert = ground.alert()
        with raises(KeyError), ground.store.open_unit(ground.store.clinic_a) as unit:
            unit.alerts.raise_all([alert])
            raise KeyError
        assert ground.stored(alert.id) is None

    def test_alerts_of_another_clinic_are_not_there(self) -> None:
        """Not by id, not in the list, not to acknowledge."""
        store = self.store()
        ground = AlertGround.of(store)
        alert = ground.alert()
        ground.raised(alert)
        with store.open_unit(store.clinic_b) as unit:
            assert unit.alerts.get(alert.id) is None
            assert unit.alerts.list(AlertFilter()).items == ()
            assert unit.alerts.alerted(alert.kind, [alert.patient_id]) == frozenset()
            assert unit.alerts.acknowledge(alert.id, ground.manager_id, LATER) is None
        assert alert == ground.stored(alert.id)

    def test_the_list_is_in_pages(self) -> None:
        """Each alert once, in the order of the ids."""
        ground = AlertGround.of(self.store())
        ids = sorted(ground.raised(*[ground.alert() for _ in range(5)]))
        assert ground.listed() == (ids, None)
        assert ground.listed(limit=3) == (ids[:3], ids[2])
        assert ground.listed(limit=3, after=ids[2]) == (ids[3:], None)
        assert ground.listed(limit=2, without=frozenset({ids[0], ids[2]})) == ([ids[1], ids[3]], ids[3])
        assert ground.listed(after=ids[1], without=frozenset({ids[4]})) == (ids[2:4], None)

    def test_the_list_shows_what_it_is_asked_for(self) -> None:
        """By kind, by case manager, by whether somebody acknowledged them."""
        ground = AlertGround.of(self.store())
        high, opened = ground.alert(), ground.alert(kind=AlertKind.BREAK_GLASS)
        ground.raised(high, opened)
        assert ground.listed(kinds=frozenset({AlertKind.BREAK_GLASS})) == ([opened.id], None)
        assert ground.listed(kinds=frozenset()) == ([], None)
        assert ground.listed(case_manager_id=ground.manager_id) == (sorted([high.id, opened.id]), None)
        assert ground.listed(case_manager_id=ground.other_id) == ([], None)
        ground.acknowledged(high.id, ground.manager_id)
        assert ground.listed(acknowledged=True) == ([high.id], None)
        assert ground.listed(acknowledged=False) == ([opened.id], None)

    def test_of_a_removed_patient_only_the_opening_of_the_record_is_shown(self) -> None:
        """The rest is as the patient is: not there."""
        ground = AlertGround.of(self.store())
        alerts = [ground.alert(kind=kind, patient_id=ground.removed_id) for kind in AlertKind]
        ground.raised(*alerts)
        assert ground.listed() == ([one.id for one in alerts if one.kind is AlertKind.BREAK_GLASS], None)

    def test_of_units_that_are_open_the_store_knows_since_when(self) -> None:
        """Of those that changed something, where units run beside one another; and of none that has ended."""
        ground = AlertGround.of(self.store())
        with ground.store.open_unit(ground.store.clinic_a) as unit:
            assert unit.alerts.open_since() is None

    def test_it_is_known_of_whom_there_was_an_alert(self) -> None:
        """Of that kind, acknowledged or not."""
        ground = AlertGround.of(self.store())
        alert = ground.alert()
        ground.raised(alert)
        ground.acknowledged(alert.id, ground.manager_id)
        asked = [ground.patient_id, ground.removed_id]
        with ground.store.open_unit(ground.store.clinic_a) as unit:
            assert unit.alerts.alerted(AlertKind.HIGH_RISK, asked) == {ground.patient_id}
            assert unit.alerts.alerted(AlertKind.REVIEW_OVERDUE, asked) == frozenset()
            assert unit.alerts.alerted(AlertKind.HIGH_RISK, []) == frozenset()

    def test_of_two_who_acknowledge_at_once_one_is_remembered_and_both_learn_who(self) -> None:
        """And so does whoever comes later."""
        ground = AlertGround.of(self.store())
        alert = ground.alert()
        ground.raised(alert)
        people = (ground.manager_id, ground.other_id)
        results = together(*[lambda by=by: ground.acknowledged(alert.id, by) for by in people])
        kept = ground.stored(alert.id)
        assert kept is not None
        assert (kept.acknowledged_at, kept.acknowledged_by in people) == (LATER, True)
        assert results == [kept, kept]
        assert kept == ground.acknowledged(alert.id, ground.other_id)
