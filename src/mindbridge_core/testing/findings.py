"""The contract of findings of unusual access."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from mindbridge_core.oversight import AuditFinding
from mindbridge_core.testing.records import LATER, NOW
from mindbridge_core.testing.store import ContractStore, StoreContract, together

__all__ = ["AuditFindingsContract"]

HOUR = timedelta(hours=1)
SOMEBODY = UUID(int=7)


def _finding(clinic_id: UUID, **fields: Any) -> AuditFinding:  # noqa: ANN401 - any field of the record
    plain: dict[str, Any] = {
        "id": uuid4(),
        "clinic_id": clinic_id,
        "user_id": SOMEBODY,
        "rule": "patient_volume",
        "window_start": NOW,
        "window_end": NOW + HOUR,
        "observed": 2_147_483_647,
        "threshold": 100,
        "found_at": LATER,
    }
    return AuditFinding(**plain | fields)


def _add(store: ContractStore, finding: AuditFinding) -> AuditFinding:
    with store.open_unit(finding.clinic_id) as unit:
        return unit.audit_findings.add(finding)


def _listed(store: ContractStore, clinic_id: UUID, after: UUID | None = None, limit: int = 100) -> list[AuditFinding]:
    with store.open_unit(clinic_id) as unit:
        return list(unit.audit_findings.list(after, limit).items)


class AuditFindingsContract(StoreContract):
    """Per clinic there is one finding of each user, rule and window, however often it is added."""

    def test_a_finding_is_stored_once(self) -> None:
        """The second of its user, rule and window gives back the first; any other is stored beside it."""
        store = self.store()
        first = _finding(store.clinic_a)
        assert first == _add(store, first)
        assert first == _add(store, _finding(store.clinic_a, observed=101, found_at=NOW))
        others: list[dict[str, Any]] = [{"user_id": uuid4()}, {"rule": "r" * 64}, {"window_start": NOW - HOUR}]
        added = [_add(store, _finding(store.clinic_a, **fields)) for fields in others]
        assert sorted([first, *added], key=lambda one: one.id) == _listed(store, store.clinic_a)

    def test_findings_of_another_clinic_are_not_there(self) -> None:
        """Nor do they stand in the way of one's own."""
        store = self.store()
        first, second = _finding(store.clinic_a), _finding(store.clinic_b)
        assert [first, second] == [_add(store, first), _add(store, second)]
        assert [first] == _listed(store, store.clinic_a)
        assert [second] == _listed(store, store.clinic_b)

    def test_the_list_is_in_pages(self) -> None:
        """Each finding once, in the order of the ids."""
        store = self.store()
        added = [_add(store, _finding(store.clinic_a, window_start=NOW - number * HOUR)) for number in range(5)]
        added.sort(key=lambda one: one.id)
        with store.open_unit(store.clinic_a) as unit:
            page = unit.audit_findings.list(None, 3)
        assert (tuple(added[:3]), added[2].id) == (page.items, page.after)
        assert added[3:] == _listed(store, store.clinic_a, page.after, 3)

    def test_of_two_at_once_one_is_stored_and_both_get_it(self) -> None:
        """The second waits for the first."""
        store = self.store()
        results = together(*[lambda: _add(store, _finding(store.clinic_a)) for _ in range(4)])
        assert results == _listed(store, store.clinic_a) * 4
