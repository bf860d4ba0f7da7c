"""What a store is put through: the ground that all its contracts share."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TypeVar
from uuid import UUID

from mindbridge_core.app import AnyUnit
from mindbridge_core.compliance import ChainBreak, ChainHead, SealedEntry, verify_clinic
from mindbridge_core.oversight import SinkBook, Trails
from mindbridge_core.patients import AlertFeed
from mindbridge_core.phi import ClinicKeys, WrappedKeys

__all__ = ["ContractStore", "StoreContract", "breaks", "raises", "together"]

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds after which a thread that has not come back counts as a deadlock."""


class ContractStore(Protocol):
    """A fresh store with two clinics that have their keys, and whose platform clinic has none yet."""

    @property
    def clinic_a(self) -> UUID:
        """One clinic."""

    @property
    def clinic_b(self) -> UUID:
        """Another."""

    @property
    def keys(self) -> ClinicKeys:
        """The clinics' keys that units are opened with."""

    @property
    def wrapped_keys(self) -> WrappedKeys:
        """Where the store keeps them, wrapped."""

    @property
    def trails(self) -> Trails:
        """All clinics' trails, to read."""

    @property
    def alert_feed(self) -> AlertFeed:
        """What wakes those who wait for alerts, once it hears of them."""

    @property
    def sink_book(self) -> SinkBook:
        """How far sinks have been fed."""

    def open_unit(self, clinic_id: UUID) -> AbstractContextManager[AnyUnit]:
        """Open a unit: what is under test."""

    def trail(self, clinic_id: UUID) -> tuple[Mapping[int, ChainHead], Mapping[int, Sequence[SealedEntry]]]:
        """Return the clinic's heads by lane, and its entries by lane in the order of their numbers."""

    def break_trail(self, clinic_id: UUID) -> None:
        """Damage every head of the clinic, behind the store's back, so that none may be built upon."""


class StoreContract(ABC):
    """One port's promises as tests. Subclass it, return a fresh store from `store`, and let pytest collect it."""

    @abstractmethod
    def store(self) -> ContractStore:
        """Return a fresh store; called once by each test."""


@contextmanager
def raises(kind: type[Exception]) -> Iterator[None]:
    """Pass if and only if the block raises `kind`."""
    try:
        yield
    except kind:
        return
    message = f"{kind.__name__} was not raised"
    raise AssertionError(message)


def together(*tasks: Callable[[], T]) -> list[T | Exception]:
    """Run the tasks in threads that start at one moment; return what each returned or raised, in order."""
    gate = threading.Barrier(len(tasks))
    results: dict[int, T | Exception] = {}

    def run(place: int, task: Callable[[], T]) -> None:
        gate.wait(PATIENCE)
        try:
            results[place] = task()
        except Exception as error:  # noqa: BLE001 - what was raised is the result
            results[place] = error

    threads = [threading.Thread(target=run, args=item, daemon=True) for item in enumerate(tasks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(results) == len(tasks), "a thread did not come back"
    return [results[place] for place in range(len(tasks))]


def breaks(store: ContractStore, clinic_id: UUID) -> list[ChainBreak]:
    """Return every break of the clinic's trail."""
    heads, lanes = store.trail(clinic_id)
    return list(verify_clinic(store.keys.cipher(clinic_id).audit_key, heads, lanes))
