"""The memory store as the contracts see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from uuid import UUID

import attrs

from mindbridge_core.app import AnyUnit
from mindbridge_core.compliance import LANES, ChainHead, SealedEntry
from mindbridge_core.oversight import SinkBook, Trails
from mindbridge_core.patients import AlertFeed
from mindbridge_core.phi import ClinicKeys, WrappedKeys
from mindbridge_memory import MemoryStore
from tests.support.clinics import bare_clinic


@attrs.frozen
class ReadyStore:
    """A memory store with two clinics."""

    inner: MemoryStore = attrs.field(factory=MemoryStore)
    clinic_a: UUID = attrs.field(init=False)
    clinic_b: UUID = attrs.field(init=False)

    @clinic_a.default
    def _make_clinic_a(self) -> UUID:
        return bare_clinic(self.inner.open_unit, self.inner.keys)

    @clinic_b.default
    def _make_clinic_b(self) -> UUID:
        return bare_clinic(self.inner.open_unit, self.inner.keys)

    @property
    def keys(self) -> ClinicKeys:
        return self.inner.keys

    @property
    def wrapped_keys(self) -> WrappedKeys:
        return self.inner.wrapped_keys

    @property
    def trails(self) -> Trails:
        return self.inner.trails

    @property
    def alert_feed(self) -> AlertFeed:
        return self.inner.alert_feed

    @property
    def sink_book(self) -> SinkBook:
        return self.inner.sink_book

    def open_unit(self, clinic_id: UUID) -> AbstractContextManager[AnyUnit]:
        return self.inner.open_unit(clinic_id)

    def trail(self, clinic_id: UUID) -> tuple[Mapping[int, ChainHead], Mapping[int, Sequence[SealedEntry]]]:
        return self.inner.audit_trail(clinic_id)

    def break_trail(self, clinic_id: UUID) -> None:
        heads, _ = self.inner.audit_trail(clinic_id)
        for lane in range(LANES):
            self.inner.tables.heads.put((clinic_id, lane), attrs.evolve(heads[lane], mac=bytes(32)))
        self.inner.tables.keep()
