"""A ring that follows its file, and the turns of those who change it."""

from __future__ import annotations

import threading
from pathlib import Path
from uuid import UUID

import pytest

from mindbridge_core.phi import KeyPurpose
from mindbridge_core.testing.keys import KeptKeys, MasterKeyContract
from mindbridge_security import (
    ClinicKeyRing,
    KeyRing,
    KeyRingRefused,
    LocalMasterKey,
    RingFile,
    UnknownMasterKey,
    changing_ring,
    utc_now,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    KeyRing.generate().save(path)
    return path


class TestLocalMasterKeyOfAFile(MasterKeyContract):
    @pytest.fixture(autouse=True)
    def _file(self, path: Path) -> None:
        self.path = path

    def master_key(self) -> LocalMasterKey:
        return LocalMasterKey(RingFile(self.path))


def test_a_new_ring_is_taken_when_the_file_changes(path: Path) -> None:
    followed = RingFile(path)
    master = LocalMasterKey(followed)
    old, wrapped = master.id, master.wrap(b"k" * 32, b"here")
    rotated = followed.latest().with_new_master_key()
    rotated.save(path, overwrite=True)
    assert master.id == rotated.current_master_key != old
    assert master.unwrap(old, wrapped, b"here") == b"k" * 32
    rotated.without(old).save(path, overwrite=True)
    with pytest.raises(UnknownMasterKey):
        master.unwrap(old, wrapped, b"here")


def test_a_ring_given_for_a_file_gives_way_to_what_the_file_holds(path: Path) -> None:
    assert RingFile(path, KeyRing.generate()).latest() == KeyRing.load(path)


def test_a_file_is_read_only_when_it_changes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    followed, reads, load = RingFile(path), list[Path](), KeyRing.load

    def counted(path: Path) -> KeyRing:
        reads.append(path)
        return load(path)

    monkeypatch.setattr(KeyRing, "load", counted)
    for _ in range(10):
        followed.latest()
    assert reads == []
    KeyRing.generate().save(path, overwrite=True)
    for _ in range(10):
        followed.latest()
    assert reads == [path]


@pytest.mark.parametrize("damage", ["no ring", "gone", "open to others"])
def test_a_file_that_cannot_be_used_leaves_the_last_good_ring_in_force(path: Path, damage: str) -> None:
    followed = RingFile(path)
    good = followed.latest()
    if damage == "no ring":
        path.write_text("{}")
    elif damage == "gone":
        path.unlink()
    else:
        path.chmod(0o644)
    assert followed.latest() == good
    mended = good.with_new_master_key()
    mended.save(path, overwrite=True)
    assert followed.latest() == mended


def test_a_file_that_is_missing_from_the_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyRingRefused):
        RingFile(tmp_path / "none.json")


def test_all_keys_that_many_add_at_once_are_in_the_ring(path: Path) -> None:
    def add() -> None:
        with changing_ring(path) as ring:
            ring.with_new_master_key().save(path, overwrite=True)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(KeyRing.load(path).master_keys) == 9


def test_a_key_is_stored_under_the_name_of_the_master_key_that_wrapped_it() -> None:
    """Also when the ring changes between naming and wrapping."""
    rings = [KeyRing.generate()]
    rings.append(rings[0].with_new_master_key())

    class Changing(RingFile):
        def __init__(self) -> None:
            self.asked = 0

        def latest(self) -> KeyRing:
            self.asked += 1
            return rings[self.asked > 1]

    master = LocalMasterKey(Changing())
    keys = ClinicKeyRing(master=master, stored=KeptKeys(), clock=utc_now, new_id=lambda: UUID(int=1))
    made = keys.make(UUID(int=7))
    assert {key.purpose for key in made} == set(KeyPurpose)
    assert {key.master_key_id for key in made} == {rings[1].current_master_key}
    stored = KeptKeys()
    stored.keys += made
    after = ClinicKeyRing(master=LocalMasterKey(rings[1]), stored=stored, clock=utc_now, new_id=lambda: UUID(int=1))
    assert after.cipher(UUID(int=7)).audit_key == keys.cipher(UUID(int=7)).audit_key
