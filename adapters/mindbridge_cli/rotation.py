"""Rotating master and data keys to their end, from wherever the last run stopped.

How far a rotation got is written nowhere but in what it changes: a ring with an older master key, keys wrapped with
it, a clinic with an older data key that is not retired, cells sealed under it. So nothing can be out of step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import attrs

from mindbridge_cli.compose import Composed, composed
from mindbridge_cli.owner import owner_url
from mindbridge_cli.settings import Settings, SettingsRefused
from mindbridge_core import Operator
from mindbridge_core.custody import CellCount
from mindbridge_core.custody.use_cases import SETTLED
from mindbridge_core.errors import KeyInUse
from mindbridge_core.phi import KeyPurpose, WrappedKey, current_key
from mindbridge_postgres.reseal import Resealed, reseal
from mindbridge_security import KeyRing, changing_ring, utc_now

__all__ = [
    "ClinicRotation",
    "Custody",
    "Refused",
    "add_master_key",
    "as_owner",
    "retire_master_key",
    "ring_path",
]

PATIENCE: Final = timedelta(minutes=2)
"""How long the walk comes back to rows that somebody holds."""
PAUSE: Final = 0.2
SLOW_STATEMENT: Final = 600_000
Told = Callable[[int], object]


@attrs.frozen(kw_only=True)
class ClinicRotation:
    """Where a clinic's data key stands: `left` cells are under older versions, of which `damaged` do not open."""

    clinic_id: UUID
    version: int
    cells: int = 0
    left: int = 0
    damaged: int = 0


@attrs.frozen(kw_only=True)
class Refused:
    """What could not be retired, and why."""

    what: str
    why: str


@contextmanager
def as_owner(settings: Settings) -> Iterator[Composed]:
    """Compose the product as the owner of the tables, who alone may change keys and every table's cells."""
    slow = max(settings.statement_timeout_ms, SLOW_STATEMENT)
    with composed(attrs.evolve(settings, database_url=owner_url(settings), statement_timeout_ms=slow)) as product:
        yield product


def ring_path(settings: Settings) -> Path:
    """Return the ring's file; SettingsRefused for a ring in a variable, which no command can change."""
    if settings.key_ring_file is None:
        raise SettingsRefused(["no key ring file: to rotate master keys, put the ring into MINDBRIDGE_KEY_RING_FILE"])
    return settings.key_ring_file


def add_master_key(path: Path) -> tuple[KeyRing, bool]:
    """Put a new master key into the ring's file, unless a rotation is under way there; return the ring, and which."""
    with changing_ring(path) as ring:
        if len(ring.master_keys) > 1:
            return ring, False
        rotated = ring.with_new_master_key()
        rotated.save(path, overwrite=True)
        return rotated, True


def retire_master_key(product: Composed, path: Path, master_key_id: str) -> None:
    """Take an older master key out of the ring's file; KeyInUse while anything is wrapped with it."""
    retire = product.core.retire_master_key
    with changing_ring(path) as ring:
        retire(Operator(), master_key_id)
        ring.without(master_key_id).save(path, overwrite=True)
        if retire.wrapped_with(master_key_id):  # in this very moment, by somebody with a ring of the past
            ring.save(path, overwrite=True)
            raise KeyInUse("Something has just been wrapped with this master key: rotate it to its end again.")


@attrs.frozen(kw_only=True)
class Custody:
    """The clinics' keys in the hands of an operator. `offline` says that no server runs."""

    product: Composed
    offline: bool = False

    def clinics(self) -> Sequence[UUID]:
        """Return the clinics that have keys, the platform's first."""
        return self.product.core.ports.trails.clinics()

    def keys(self, clinic_id: UUID) -> Sequence[WrappedKey]:
        """Return the clinic's keys, oldest version first."""
        return self.product.core.ports.wrapped_keys.of_clinic(clinic_id)

    def rewrap(self, clinic_id: UUID) -> int:
        """Bring the clinic's keys under the current master key; return how many were not."""
        current = self.product.keys.master_key_id
        if all(key.master_key_id == current for key in self.keys(clinic_id)):
            return 0
        return self.product.core.rewrap_keys(Operator(clinic_id=clinic_id)).keys

    def begin(self, clinic_id: UUID) -> WrappedKey:
        """Return the clinic's current data key, made now unless a rotation is under way."""
        standing = [key for key in _data(self.keys(clinic_id)) if key.retired_at is None]
        if len(standing) == 1:
            return self.product.core.rotate_data_key(Operator(clinic_id=clinic_id))
        return standing[-1]

    def older_cells(self, clinic_id: UUID) -> int:
        """Count the clinic's cells under older versions; those of the trail stay as they are and do not count."""
        current = current_key(self.keys(clinic_id), KeyPurpose.DATA).version
        return sum(count.records for version, count in self.cells(clinic_id).items() if version != current)

    def cells(self, clinic_id: UUID) -> dict[int, CellCount]:
        """Count the clinic's sealed cells by version."""
        with self.product.core.ports.open_unit(clinic_id) as unit:
            return dict(unit.keys.cells())

    def pass_once(self, clinic_id: UUID, told: Told) -> Resealed:
        """Seal anew what is under older versions, once."""
        return reseal(self.product.database, self.product.keys, clinic_id, told=told)

    def settle(self, since: datetime, told: Callable[[float], object]) -> None:
        """Wait until no server seals under an older version than those made until `since`."""
        wait = (since + SETTLED - utc_now()).total_seconds()
        if not self.offline and wait > 0:
            told(wait)
            time.sleep(wait)

    def finish(self, clinic_id: UUID, told: Told) -> ClinicRotation:
        """Pass until nothing is left but what does not open, or until what is held is held for too long."""
        until, cells = utc_now() + PATIENCE, 0
        while True:
            done = self.pass_once(clinic_id, told)
            cells += done.cells
            left = self.older_cells(clinic_id)
            if left <= done.damaged or utc_now() >= until:
                version = current_key(self.keys(clinic_id), KeyPurpose.DATA).version
                return ClinicRotation(
                    clinic_id=clinic_id, version=version, cells=cells, left=left, damaged=done.damaged
                )
            time.sleep(PAUSE)

    def retire(self, clinic_id: UUID, *, destroy: bool) -> Iterator[tuple[int, str | None]]:
        """Retire the clinic's older data keys, or destroy the retired ones: yield each version, and why not."""
        keys = self.keys(clinic_id)
        current = current_key(keys, KeyPurpose.DATA).version
        for key in _data(keys):
            if key.version == current or (key.retired_at is None) is destroy:
                continue
            try:
                self.product.core.retire_data_key(
                    Operator(clinic_id=clinic_id), key.version, destroy=destroy, offline=self.offline
                )
            except KeyInUse as refused:
                yield key.version, str(refused)
            else:
                yield key.version, None


def _data(keys: Sequence[WrappedKey]) -> list[WrappedKey]:
    return [key for key in keys if key.purpose is KeyPurpose.DATA]
