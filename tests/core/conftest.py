"""The fixtures that the core's tests share."""

from __future__ import annotations

import pytest

from mindbridge_core import Role, SessionClaim
from mindbridge_core.identity import User
from tests.core.house import House, Town, settled


@pytest.fixture
def house() -> House:
    """The product over memory, without a clinic."""
    lived_in = House()
    lived_in.core.prepare_platform()
    return lived_in


@pytest.fixture
def town() -> Town:
    """The product over memory with two clinics, their staff and patients."""
    return settled()


@pytest.fixture
def user(house: House) -> User:
    """A case manager."""
    return house.staff(house.clinic("North"), Role.CASE_MANAGER)


@pytest.fixture
def claim(house: House, user: User) -> SessionClaim:
    """The case manager's session."""
    return house.claim(house.log_in(user))
