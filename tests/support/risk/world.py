"""A clinic over any store, in which time goes only when it is told to, and whose store dies when it is told to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any, Final, TypeVar
from uuid import UUID

import attrs

from mindbridge_core import Actor, MindBridge, Operator, Ports, Role
from mindbridge_core.errors import DamagedRecord, DependencyUnavailable, MindBridgeError
from mindbridge_core.identity import ClinicDraft, StaffDraft
from mindbridge_core.ids import uuid7_maker
from mindbridge_core.patients import Patient, PatientFilter
from mindbridge_core.screening import JobLimits, ReviewLimits
from tests.support.risk.answers import Oracle, Talker

T = TypeVar("T")

START: Final = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
PIECES: Final = JobLimits(by_rules=2, at_once=1, covered=2)
_numbers = count()


class Died(BaseException):
    """The process was killed."""


@attrs.define
class Clock:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, by: timedelta) -> None:
        self.now += by


@attrs.define
class Fate:
    """Of the units to come, the one after `spared` ends badly: at its beginning (0), its end (1), or after it (2)."""

    spared: int | None = None
    phase: int = 0
    killed: bool = True

    def strikes(self) -> bool:
        """Whether it is this unit; of a fate that has struck nothing is left."""
        if self.spared is None:
            return False
        self.spared -= 1
        if self.spared >= 0:
            return False
        self.spared = None
        return True

    def strike(self) -> None:
        raise Died if self.killed else DependencyUnavailable


@attrs.frozen
class DamagedPatients:
    """The patients of a unit, of whom one's record cannot be opened."""

    patients: Any
    damaged: UUID

    def __getattr__(self, name: str) -> Any:
        return getattr(self.patients, name)

    def get(self, patient_id: UUID) -> Any:
        return self._sound(self.patients.get(patient_id))

    def get_many(self, patient_ids: Collection[UUID]) -> Any:
        return [self._sound(one) for one in self.patients.get_many(patient_ids)]

    def list(self, only: PatientFilter) -> Any:
        page = self.patients.list(only)
        return attrs.evolve(page, items=tuple(self._sound(one) for one in page.items))

    def _sound(self, patient: Patient | None) -> Patient | None:
        if patient is not None and patient.id == self.damaged:
            raise DamagedRecord
        return patient


@attrs.frozen
class DamagedUnit:
    """A unit in which one patient's record cannot be opened."""

    unit: Any
    damaged: UUID

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unit, name)

    @property
    def patients(self) -> DamagedPatients:
        return DamagedPatients(self.unit.patients, self.damaged)


@attrs.define(slots=False)
class World:
    """The product, the staff of one clinic, and what can be made to go wrong."""

    ports: Ports
    clock: Clock = attrs.field(factory=Clock)
    fate: Fate = attrs.field(factory=Fate)
    talker: Talker = attrs.field(factory=Talker)
    damaged: UUID | None = None
    """Whose record cannot be opened now."""
    oracle: Oracle = attrs.field(factory=lambda: Oracle(asks=False))
    core: MindBridge = attrs.field(init=False)
    clinic: UUID = attrs.field(init=False)
    admins: list[Actor] = attrs.field(init=False)
    managers: list[Actor] = attrs.field(init=False)
    officer: Actor = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Compose the product, and open a clinic."""
        ports = attrs.evolve(
            self.ports,
            open_unit=self.open_unit,
            clock=self.clock,
            new_id=uuid7_maker(self.clock, lambda size: next(_numbers).to_bytes(size, "big")),
            risk_assessor=self.talker,
            batch_assessor=self.oracle,
            review_limits=ReviewLimits(),
        )
        core = MindBridge.build(ports)
        self.core = attrs.evolve(core, order_batch=attrs.evolve(core.order_batch, at_once=1))
        self.core.prepare_platform()
        self.clinic = self.core.open_clinic(ClinicDraft(organization="Oakwood", name=f"North {next(_numbers)}"))
        self.admins, self.managers = ([self._staff(role) for _ in range(2)] for role in (Role.ADMIN, Role.CASE_MANAGER))
        self.officer = self._staff(Role.COMPLIANCE_OFFICER)

    def _staff(self, role: Role) -> Actor:
        draft = StaffDraft(email=f"{role}.{next(_numbers)}.{id(self)}@example.org", full_name="Some Body", role=role)
        user = self.core.register_staff(Operator(clinic_id=self.clinic), draft, password=None)
        return Actor(clinic_id=self.clinic, user_id=user.id, role=role)

    @property
    def clinicians(self) -> list[Actor]:
        return [*self.admins, *self.managers]

    @property
    def operator(self) -> Operator:
        return Operator(clinic_id=self.clinic)

    @contextmanager
    def open_unit(self, clinic_id: UUID) -> Iterator[Any]:
        struck = self.fate.strikes()
        if struck and self.fate.phase == 0:
            self.fate.strike()
        with self.ports.open_unit(clinic_id) as unit:
            yield unit if self.damaged is None else DamagedUnit(unit, self.damaged)
            if struck and self.fate.phase == 1:
                self.fate.strike()
        if struck:
            self.fate.strike()

    def attempt(self, operation: Callable[..., T], *arguments: Any, **more: Any) -> T | None:
        """Do it; None where it was refused, or nobody lived to tell. A fate strikes once, or not at all."""
        try:
            return operation(*arguments, **more)
        except (MindBridgeError, Died):
            return None
        finally:
            self.fate.spared = None

    def worker(self) -> Callable[[], Any]:
        """Somebody who does a piece of a batch each time."""
        return partial(self.core.run_batch, self.operator, self.core.ports.new_id(), PIECES)
