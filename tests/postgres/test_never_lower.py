"""The lives of a clinic of `tests/core/test_never_lower.py`, on the real database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from mindbridge_core import Ports
from mindbridge_postgres import PoolSettings
from mindbridge_security import KeyRing
from tests.support.postgres import TestDatabase
from tests.support.product import compose
from tests.support.risk.machine import ClinicLife
from tests.support.risk.world import START, Clock, World


class OnPostgres(ClinicLife):
    """Every life is a clinic of its own in one database."""

    ports: ClassVar[Ports]
    clock: ClassVar[Clock]

    def make_world(self) -> World:
        self.clock.now = START
        return World(self.ports, self.clock)


@pytest.fixture
def machine(database: TestDatabase) -> Iterator[type[ClinicLife]]:
    clock = Clock()
    product = compose(database.application_url, KeyRing.generate(), PoolSettings(most=4), clock)
    try:
        OnPostgres.ports, OnPostgres.clock = product.core.ports, clock
        yield OnPostgres
    finally:
        product.database.close()


@pytest.mark.slow
def test_no_step_shows_a_risk_lower_than_the_rules(machine: type[ClinicLife]) -> None:
    few = settings(
        max_examples=3,
        stateful_step_count=12,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=few)
