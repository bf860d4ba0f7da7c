"""The demo's passwords are made once, survive a killed start, and cannot be found out once they have been printed."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from mindbridge_cli.demo_place import DemoPlace
from mindbridge_core.errors import MindBridgeError
from mindbridge_core.identity import accept_password
from mindbridge_security import ZxcvbnPasswords

EMAILS = ["admin@oakwood.health", "maria@oakwood.health"]


def test_until_they_are_printed_every_start_has_the_same_passwords(tmp_path: Path) -> None:
    first, second = DemoPlace(tmp_path).passwords(EMAILS), DemoPlace(tmp_path).passwords(EMAILS)
    assert EMAILS == list(first)
    assert first == second
    assert 2 == len(set(first.values()))


def test_once_they_are_printed_nothing_is_left_that_they_came_out_of(tmp_path: Path) -> None:
    place = DemoPlace(tmp_path)
    place.passwords(EMAILS)
    place.forget_passwords()
    assert {} == place.passwords(EMAILS)
    assert ["passwords.announced"] == [path.name for path in tmp_path.iterdir()]


def test_a_start_killed_between_noting_and_forgetting_forgets_at_the_next(tmp_path: Path) -> None:
    place = DemoPlace(tmp_path)
    place.passwords(EMAILS)
    place.announced.touch()
    assert {} == place.passwords(EMAILS)
    assert not place.seed.exists()


def test_two_demos_have_different_passwords(tmp_path: Path) -> None:
    places = [tmp_path / "one", tmp_path / "other"]
    for place in places:
        place.mkdir()
    one, other = (DemoPlace(place).passwords(EMAILS) for place in places)
    assert set() == set(one.values()) & set(other.values())


def test_the_passwords_are_acceptable_and_their_seed_is_the_owner_s_alone(tmp_path: Path) -> None:
    place = DemoPlace(tmp_path)
    for password in place.passwords(EMAILS).values():
        assert password == accept_password(password, ZxcvbnPasswords(), EMAILS)
    assert 0o600 == stat.S_IMODE(place.seed.stat().st_mode)


def test_the_key_ring_is_made_once(tmp_path: Path) -> None:
    place = DemoPlace(tmp_path)
    assert place.ring(used=False).text() == place.ring(used=True).text()


def test_a_lost_key_ring_is_not_replaced_for_data_that_needs_it(tmp_path: Path) -> None:
    with pytest.raises(MindBridgeError, match="bring it back"):
        DemoPlace(tmp_path).ring(used=True)
    assert [] == list(tmp_path.iterdir())
