"""The contract of what wakes those who wait for alerts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from mindbridge_core.testing.alerts import AlertGround
from mindbridge_core.testing.store import ContractStore, StoreContract, raises

__all__ = ["AlertFeedContract"]

PATIENCE = 20.0
"""Seconds in which a wake comes, however busy the machine is."""
MOMENT = 0.3
"""Seconds in which one would have come that must not."""


class Sleeper:
    """Somebody who waits, and is woken."""

    def __init__(self) -> None:
        """Begin asleep."""
        self._woken = threading.Event()

    def wake(self) -> None:
        """Be woken."""
        self._woken.set()

    def woken(self, seconds: float) -> bool:
        """Whether a wake came within so long since it was asked last."""
        found = self._woken.wait(seconds)
        self._woken.clear()
        return found


class AlertFeedContract(StoreContract):
    """Who watches a clinic is woken by its alerts, once they are kept, and by those of no other clinic."""

    def test_all_who_watch_are_woken_by_an_alert_that_is_kept(self) -> None:
        """Everybody, each time."""
        store = self.store()
        ground = AlertGround.of(store)
        with watching(store, store.clinic_a) as one, watching(store, store.clinic_a) as other:
            for _ in range(2):
                ground.raised(ground.alert())
                assert [one.woken(PATIENCE), other.woken(PATIENCE)] == [True, True]

    def test_an_alert_that_is_not_kept_wakes_nobody(self) -> None:
        """Nor does one before it is kept."""
        store = self.store()
        ground = AlertGround.of(store)
        with watching(store, store.clinic_a) as one:
            with raises(KeyError), store.open_unit(store.clinic_a) as unit:
                unit.alerts.raise_all([ground.alert()])
                assert not one.woken(MOMENT)
                raise KeyError
            assert not one.woken(MOMENT)

    def test_alerts_of_another_clinic_wake_nobody_here(self) -> None:
        """Only those who watch that one."""
        store = self.store()
        ground = AlertGround.of(store)
        with watching(store, store.clinic_b) as here, watching(store, store.clinic_a) as there:
            ground.raised(ground.alert())
            assert there.woken(PATIENCE)
            assert not here.woken(MOMENT)

    def test_who_has_gone_is_not_woken(self) -> None:
        """And whoever stays, is."""
        store = self.store()
        ground = AlertGround.of(store)
        with watching(store, store.clinic_a) as stays:
            with watching(store, store.clinic_a) as goes:
                pass
            ground.raised(ground.alert())
            assert stays.woken(PATIENCE)
            assert not goes.woken(MOMENT)


@contextmanager
def watching(store: ContractStore, clinic_id: UUID) -> Iterator[Sleeper]:
    """Watch the clinic."""
    sleeper = Sleeper()
    with store.alert_feed.watch(clinic_id, sleeper.wake):
        yield sleeper
