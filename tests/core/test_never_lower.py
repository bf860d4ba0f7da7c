"""The sentence that the product is built on, held over lives of a clinic: no step shows a risk lower than the rules."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from mindbridge_memory import MemoryStore, memory_ports
from tests.core.house import CHEAPEST
from tests.support.risk.machine import ClinicLife
from tests.support.risk.world import Clock, World


class InMemory(ClinicLife):
    def make_world(self) -> World:
        clock = Clock()
        store = MemoryStore(clock=clock)
        ports = memory_ports(store=store, clock=clock, password_hasher=CHEAPEST)
        return World(ports, clock)


TestNeverLower = InMemory.TestCase
TestNeverLower.settings = settings(
    max_examples=30,
    stateful_step_count=30,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
