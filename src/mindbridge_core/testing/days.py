"""The contract of the clinic's day: the daily batch over a real store, whatever the clocks do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, cast
from uuid import UUID, uuid4

import attrs

from mindbridge_core.actor import Actor, Operator
from mindbridge_core.app import AnyUnit
from mindbridge_core.screening.use_cases.batches import OrderBatch
from mindbridge_core.testing.records import a_patient
from mindbridge_core.testing.store import ContractStore, StoreContract, together
from mindbridge_core.work import Work

__all__ = ["DaysContract"]

NEW_YORK: Final = "America/New_York"
AUCKLAND: Final = "Pacific/Auckland"
MARCH_8: Final = date(2026, 3, 8)
NOVEMBER_1: Final = date(2026, 11, 1)


@attrs.frozen
class _Here:
    """A unit whose clinic lies in another time zone."""

    unit: Any  # a unit, all of whose parts but one are handed on
    zone: str

    def __getattr__(self, name: str) -> object:
        return getattr(self.unit, name)

    @property
    def clinics(self) -> _Here:
        """The clinic, moved."""
        return self

    def get(self) -> object:
        """Return the clinic there."""
        return attrs.evolve(self.unit.clinics.get(), timezone=self.zone)


@attrs.define
class _Morning:
    """A clinic with one patient, in a zone that can change, and a clock."""

    store: ContractStore
    clinic_id: UUID
    zone: str
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def open_unit(self, clinic_id: UUID) -> AbstractContextManager[Any]:
        """Open a unit of the store, in the zone."""
        return self._there(self.store.open_unit(clinic_id))

    @contextmanager
    def _there(self, opened: AbstractContextManager[AnyUnit]) -> Iterator[_Here]:
        with opened as unit:
            yield _Here(unit, self.zone)

    def clock(self) -> datetime:
        """Tell the time."""
        return self.now

    def ordered(self, at: str, *moments: str) -> list[date | None]:
        """Look at each of the moments, which are of UTC; return the day of the batch that this ordered."""
        return [self._look(time.fromisoformat(at), datetime.fromisoformat(f"{moment}Z")) for moment in moments]

    def _look(self, at: time, now: datetime) -> date | None:
        self.now = now
        # The operator has no session, so nobody is identified.
        work: Work[Any] = Work(
            open_unit=self.open_unit, identify=lambda *_: cast("Actor", None), clock=self.clock, new_id=uuid4
        )
        batch = OrderBatch(work=work, clock=self.clock, new_id=uuid4).daily(Operator(clinic_id=self.clinic_id), at)
        return None if batch is None else batch.day


class DaysContract(StoreContract):
    """Each day of the clinic's own calendar has one batch, from the clinic's own hour on."""

    def morning(self, zone: str) -> _Morning:
        """Return a clinic in the zone."""
        store = self.store()
        with store.open_unit(store.clinic_a) as unit:
            unit.patients.add(a_patient(store.clinic_a))
        return _Morning(store, store.clinic_a, zone)

    def test_an_hour_that_the_clocks_skip_counts_from_the_next(self) -> None:
        """In New York there is no 02:30 on 8 March 2026: after 01:59 comes 03:00."""
        here = self.morning(NEW_YORK)
        seen = here.ordered("02:30", "2026-03-08T06:59:59", "2026-03-08T07:00:00", "2026-03-08T07:30:00")
        assert seen == [None, MARCH_8, None]
        assert here.ordered("02:30", "2026-03-09T06:29:59", "2026-03-09T06:30:00") == [None, date(2026, 3, 9)]

    def test_an_hour_that_comes_twice_counts_the_first_time(self) -> None:
        """In New York 01:30 comes at 05:30 and at 06:30 of UTC on 1 November 2026."""
        here = self.morning(NEW_YORK)
        looks = ("2026-11-01T05:29:59", "2026-11-01T05:30:00", "2026-11-01T06:29:00", "2026-11-01T06:30:00")
        assert here.ordered("01:30", *looks) == [None, NOVEMBER_1, None, None]
        assert here.ordered("01:30", "2026-11-02T06:29:59", "2026-11-02T06:30:00") == [None, date(2026, 11, 2)]

    def test_who_looks_only_when_the_hour_comes_again_orders_then(self) -> None:
        """The first 01:30 has passed, though the clock shows 01:10."""
        here = self.morning(NEW_YORK)
        assert here.ordered("01:30", "2026-11-01T06:10:00", "2026-11-01T06:30:00") == [None, NOVEMBER_1]

    def test_a_day_is_the_clinics_own(self) -> None:
        """At one moment it is 3 March in Auckland, and 2 March in New York and by UTC."""
        moment, here = "2026-03-02T20:00:00", self.morning(AUCKLAND)
        assert here.ordered("09:30", moment) == [None]
        for zone, day in ((AUCKLAND, 3), (NEW_YORK, 2)):
            here.zone = zone
            assert here.ordered("06:30", moment) == [date(2026, 3, day)]
        assert _Morning(here.store, here.store.clinic_b, "UTC").ordered("06:30", moment) == [date(2026, 3, 2)]

    def test_every_day_has_one_batch(self) -> None:
        """Looked at every six hours for the weeks in which the clocks of the north and of the south change."""
        north = self.morning(NEW_YORK)
        for here in (north, _Morning(north.store, north.store.clinic_b, AUCKLAND)):
            days = _days(here, datetime(2026, 3, 1, 12, tzinfo=UTC), 4 * 40)
            assert days == [days[0] + timedelta(days=number) for number in range(40)]

    def test_a_clinic_whose_zone_changes_has_no_day_twice(self) -> None:
        """East to west a date comes again and is not screened again; west to east the date that begins is."""
        here = self.morning(AUCKLAND)
        assert here.ordered("06:30", "2026-03-01T18:00:00") == [date(2026, 3, 2)]
        here.zone = NEW_YORK
        looks = ("2026-03-01T18:00:00", "2026-03-02T12:00:00", "2026-03-03T11:30:00")
        assert here.ordered("06:30", *looks) == [date(2026, 3, 1), None, date(2026, 3, 3)]
        here.zone = AUCKLAND
        assert here.ordered("06:30", "2026-03-03T11:31:00", "2026-03-03T18:00:00") == [None, date(2026, 3, 4)]

    def test_of_many_who_look_at_once_one_orders(self) -> None:
        """Whatever day it is for them."""
        here = self.morning(AUCKLAND)
        made = together(*[lambda: here.ordered("06:30", "2026-03-01T18:00:00")] * 4)
        assert sorted(str(one) for one in made) == sorted(["[None]"] * 3 + [str([date(2026, 3, 2)])])


def _days(here: _Morning, begin: datetime, looks: int) -> Sequence[date]:
    moments = [f"{begin + timedelta(hours=6 * number):%Y-%m-%dT%H:%M:%S}" for number in range(looks)]
    return [day for day in here.ordered("06:30", *moments) if day is not None]
