"""One world per test."""

from __future__ import annotations

import pytest

from mindbridge_core import Role
from tests.http.world import Staff, World, new_world


@pytest.fixture
def world() -> World:
    """A core in memory, served at /api."""
    return new_world()


@pytest.fixture
def admin(world: World) -> Staff:
    """An admin with a session."""
    return world.session(Role.ADMIN)
