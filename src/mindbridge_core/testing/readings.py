"""The contract of reading trails: pages, lanes and exports show exactly what was appended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from mindbridge_core.access import Action
from mindbridge_core.audit import AuditEntry, Outcome
from mindbridge_core.compliance import LANES, verify_links
from mindbridge_core.ids import PLATFORM_CLINIC_ID
from mindbridge_core.oversight import ChainPlace, Period, TrailFilter, TrailRecord, examine
from mindbridge_core.testing.records import NOW, an_entry
from mindbridge_core.testing.store import ContractStore, StoreContract, together

__all__ = ["TrailReadingContract"]

SECOND = timedelta(seconds=1)


def _append(store: ContractStore, *entries: AuditEntry) -> None:
    for entry in entries:
        with store.open_unit(entry.clinic_id) as unit:
            unit.audit.append(entry)


def _page(store: ContractStore, **asked: Any) -> list[UUID]:  # noqa: ANN401 - any condition
    with store.open_unit(store.clinic_a) as unit:
        return [record.id for record in unit.trail.page(TrailFilter(**asked)).items]


def _exported(store: ContractStore, period: Period, limit: int = 2) -> list[TrailRecord]:
    found: list[TrailRecord] = []
    after: ChainPlace | None = None
    while batch := store.trails.batch(store.clinic_a, period, after, limit):
        found += batch
        after = ChainPlace(batch[-1].lane, batch[-1].seq, batch[-1].id)
    return found


def _series(store: ContractStore, count: int) -> Sequence[AuditEntry]:
    entries = [an_entry(store.clinic_a, created_at=NOW + number * SECOND) for number in range(count)]
    _append(store, *entries)
    return entries


class TrailReadingContract(StoreContract):
    """What was appended is what is read, by everybody who reads it."""

    def test_a_record_says_all_that_the_entry_said(self) -> None:
        """Every field, in a page and in an export, and both know it to be intact."""
        store = self.store()
        entry = an_entry(
            store.clinic_a,
            action=Action.PATIENT_LIST,
            outcome=Outcome.DENIED,
            resource_id=uuid4(),
            resource_ids=(uuid4(), uuid4()),
            changed_fields=("name", "status"),
            changed_values={"none": None, "number": -1, "text": 'ü"\\', "truth": True},
            phi_accessed=True,
            user_id=uuid4(),
            session_id=uuid4(),
            request_id="r" * 128,
            ip_address="f" * 45,
            user_agent="ü" * 255,
            access_reason="Ärztlicher Notfall",
        )
        _append(store, entry)
        (exported,) = _exported(store, Period())
        with store.open_unit(store.clinic_a) as unit:
            (shown,) = unit.trail.page(TrailFilter()).items
        assert exported == shown
        assert shown.intact
        assert (shown.action, shown.outcome) == ("patient.list", "denied")
        for name in ("id", "clinic_id", "created_at", "resource_type", "resource_id", "resource_ids", "changed_fields"):
            assert getattr(shown, name) == getattr(entry, name)
        for name in (
            "user_id",
            "session_id",
            "request_id",
            "ip_address",
            "user_agent",
            "access_reason",
            "phi_accessed",
        ):
            assert getattr(shown, name) == getattr(entry, name)
        assert shown.changed_values == entry.changed_values

    def test_pages_go_from_the_newest_to_the_oldest_without_loss_or_repetition(self) -> None:
        """Entries of one moment too; and what is added meanwhile does not disturb."""
        store = self.store()
        entries = list(_series(store, 5))
        twins = [an_entry(store.clinic_a, created_at=NOW + SECOND) for _ in range(3)]
        _append(store, *twins)
        ordered = sorted([*entries, *twins], key=lambda entry: (entry.created_at, entry.id), reverse=True)
        seen, before = list[UUID](), None
        for _ in range(4):
            with store.open_unit(store.clinic_a) as unit:
                page = unit.trail.page(TrailFilter(limit=2, before=before))
            seen += [record.id for record in page.items]
            before = page.before
            _append(store, an_entry(store.clinic_a, created_at=NOW + 60 * SECOND))
        assert seen == [entry.id for entry in ordered]
        assert before is None

    def test_every_condition_of_a_page_holds(self) -> None:
        """Each alone finds the one entry that meets it, and one of another clinic never."""
        store = self.store()
        conditions: dict[str, Any] = {
            "user_id": uuid4(),
            "session_id": uuid4(),
            "action": Action.USER_REGISTER,
            "outcome": Outcome.FAILURE,
            "resource_type": "session",
            "resource_id": uuid4(),
            "phi_accessed": True,
        }
        for name, value in conditions.items():
            meant = an_entry(store.clinic_a, **{name: value})
            _append(store, meant, an_entry(store.clinic_b, **{name: value}))
            assert _page(store, **{name: value}) == [meant.id]
        assert _page(store, user_id=uuid4()) == []

    def test_a_period_begins_with_its_since_and_ends_before_its_until(self) -> None:
        """In a page and in an export."""
        store = self.store()
        entries = _series(store, 5)
        meant = [entry.id for entry in entries[1:3]]
        since, until = entries[1].created_at, entries[3].created_at
        assert _page(store, since=since, until=until) == meant[::-1]
        assert {record.id for record in _exported(store, Period(since=since, until=until))} == set(meant)

    def test_an_export_is_all_of_the_trail_in_the_order_of_its_places(self) -> None:
        """However few at once; the other clinic's is not in it."""
        store = self.store()
        entries = _series(store, 7)
        _append(store, an_entry(store.clinic_b))
        found = _exported(store, Period())
        places = [(record.lane, record.seq) for record in found]
        assert places == sorted(places)
        assert {record.id for record in found} == {entry.id for entry in entries}

    def test_every_lane_verifies_link_by_link(self) -> None:
        """And there is no lane but the ones that are known."""
        store = self.store()
        entries = _series(store, 4)
        key, seen = store.keys.cipher(store.clinic_a).audit_key, set[str]()
        for lane in range(LANES):
            with store.trails.lane(store.clinic_a, lane) as reading:
                assert reading.head is not None
                links = list(reading.links)
                assert list(verify_links(key, reading.head, links)) == []
                seen |= {link.id for link in links}
        assert seen == {entry.id.hex for entry in entries}
        assert store.trails.unknown_lanes(store.clinic_a) == []

    def test_a_lane_that_does_not_exist_is_empty_and_has_no_head(self) -> None:
        """No error: that it is missing is what verifying is to say."""
        store = self.store()
        with store.trails.lane(store.clinic_a, LANES) as reading:
            assert (reading.head, list(reading.links)) == (None, [])

    def test_all_clinics_are_known_the_platform_first(self) -> None:
        """Each once."""
        store = self.store()
        clinics = list(store.trails.clinics())
        assert clinics[0] == PLATFORM_CLINIC_ID
        assert sorted(clinics[1:]) == sorted([store.clinic_a, store.clinic_b])

    def test_verifying_while_others_write_raises_no_alarm(self) -> None:
        """Head and entries of a lane are of one moment."""
        store = self.store()
        key = store.keys.cipher(store.clinic_a).audit_key

        def write() -> int:
            for _ in range(20):
                _append(store, an_entry(store.clinic_a))
            return 0

        def verify() -> int:
            return sum(examine(store.trails, key, store.clinic_a).found for _ in range(5))

        assert together(partial(write), partial(write), partial(verify), partial(verify)) == [0, 0, 0, 0]
        assert examine(store.trails, key, store.clinic_a).entries == 40
