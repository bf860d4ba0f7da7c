"""Whoever tries too often is turned away for a while, and the trail says so once."""

from __future__ import annotations

import attrs
import pytest

from mindbridge_core import Action, MindBridge, Origin
from mindbridge_core.audit import AuditEntry, Outcome
from mindbridge_core.errors import TooManyRequests
from mindbridge_core.ids import PLATFORM_CLINIC_ID
from mindbridge_core.throttle import HoldBack, ThrottleLimits, address_group
from tests.core.house import ORIGIN, House

LIMITS = ThrottleLimits(per_address=3, per_email=2, seconds=60)


@pytest.fixture
def house() -> House:
    made = House()
    made.core = MindBridge.build(attrs.evolve(made.core.ports, throttle_limits=LIMITS))
    made.core.prepare_platform()
    return made


def refusals(house: House) -> list[AuditEntry]:
    return [entry for entry in house.entries() if entry.outcome is Outcome.DENIED]


def tries(hold: HoldBack, times: int, origin: Origin = ORIGIN, action: Action = Action.AUTH_LOGIN) -> int:
    """Try `times` and return how many were let through."""
    passed = 0
    for _ in range(times):
        try:
            hold.address(action, origin)
        except TooManyRequests:
            continue
        passed += 1
    return passed


def test_an_address_has_its_tries_and_no_more_until_the_window_ends(house: House) -> None:
    hold = house.core.hold_back
    assert 3 == tries(hold, 5)
    house.clock.forward(seconds=59)
    with pytest.raises(TooManyRequests) as refused:
        hold.address(Action.AUTH_LOGIN, ORIGIN)
    assert 1 == refused.value.retry_after
    house.clock.forward(seconds=1)
    assert 3 == tries(hold, 5)


def test_another_address_and_another_operation_have_their_own(house: House) -> None:
    hold = house.core.hold_back
    assert 3 == tries(hold, 5)
    assert 3 == tries(hold, 5, Origin(ip_address="203.0.113.10"))
    assert 3 == tries(hold, 5, action=Action.AUTH_REFRESH)


def test_an_e_mail_has_its_tries_wherever_they_come_from(house: House) -> None:
    hold = house.core.hold_back
    for last in range(2):
        hold.email(Action.AUTH_LOGIN, Origin(ip_address=f"203.0.113.{last}"), "some@example.org")
    with pytest.raises(TooManyRequests):
        hold.email(Action.AUTH_LOGIN, Origin(ip_address="203.0.113.77"), "some@example.org")
    hold.email(Action.AUTH_LOGIN, ORIGIN, "other@example.org")


def test_a_flood_leaves_one_entry_in_each_window_and_in_the_platforms_trail(house: House) -> None:
    hold = house.core.hold_back
    tries(hold, 50)
    (entry,) = refusals(house)
    assert PLATFORM_CLINIC_ID == entry.clinic_id
    assert (Action.AUTH_LOGIN, "203.0.113.9") == (entry.action, entry.ip_address)
    assert {"reason": "too_many_requests_per_address"} == dict(entry.changed_values)
    house.clock.forward(seconds=60)
    tries(hold, 50)
    assert 2 == len(refusals(house))


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9:5678", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::1]", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::1]:443", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("no address", "unknown"),
        (":", "unknown"),
        ("[", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_what_counts_as_one_sender(address: str | None, group: str) -> None:
    assert group == address_group(address)
