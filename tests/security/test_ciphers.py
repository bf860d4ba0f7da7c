from __future__ import annotations

import secrets
import threading
import time
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from os import urandom
from uuid import UUID, uuid4

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mindbridge_core.errors import DamagedRecord, DependencyUnavailable, UnknownClinic
from mindbridge_core.ids import uuid7_maker
from mindbridge_core.phi import KeyPurpose, WrappedKey
from mindbridge_core.testing.keys import KeptKeys
from mindbridge_security import ClinicKeyRing, KeyRing, LocalMasterKey, utc_now, wrapping_context

RING = KeyRing.generate()
MASTER = LocalMasterKey(RING)
COLUMN = "patients.last_name"


def ring_over(stored: KeptKeys, *, capacity: int = 10_000) -> ClinicKeyRing:
    new_id = uuid7_maker(utc_now, urandom)
    return ClinicKeyRing(master=MASTER, stored=stored, clock=utc_now, new_id=new_id, capacity=capacity)


def stored_for(*clinics: UUID) -> KeptKeys:
    stored = KeptKeys()
    for clinic_id in clinics:
        stored.keys += ring_over(stored).make(clinic_id)
    return stored


def key_of(clinic_id: UUID, version: int, purpose: KeyPurpose = KeyPurpose.DATA, size: int = 32) -> WrappedKey:
    return WrappedKey(
        id=uuid4(),
        clinic_id=clinic_id,
        purpose=purpose,
        version=version,
        wrapped=MASTER.wrap(secrets.token_bytes(size), wrapping_context(clinic_id, purpose, version)),
        master_key_id=MASTER.id,
        created_at=utc_now(),
    )


def together(calls: Sequence[Callable[[], object]]) -> list[object]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


CIPHER = ring_over(stored_for(UUID(int=7))).cipher(UUID(int=7))


@given(column=st.text(), row=st.uuids(), text=st.text())
def test_any_text_of_any_cell_comes_back(column: str, row: UUID, text: str) -> None:
    assert CIPHER.decrypt(column, row, CIPHER.encrypt(column, row, text)) == text


@given(data=st.data(), row=st.uuids(), text=st.text())
def test_a_cell_with_any_byte_changed_is_refused(data: st.DataObject, row: UUID, text: str) -> None:
    cell = bytearray(CIPHER.encrypt(COLUMN, row, text))
    cell[data.draw(st.integers(0, len(cell) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DamagedRecord):
        CIPHER.decrypt(COLUMN, row, bytes(cell))


@given(garbage=st.binary())
def test_bytes_that_were_never_encrypted_are_refused(garbage: bytes) -> None:
    for cell in (garbage, b"\x01\x00\x01" + garbage):
        with pytest.raises(DamagedRecord):
            CIPHER.decrypt(COLUMN, UUID(int=1), cell)


@given(text=st.text())
def test_a_blind_index_does_not_depend_on_the_unicode_form(text: str) -> None:
    forms = {unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC", "NFKD")}
    assert {CIPHER.blind_index(COLUMN, form) for form in forms} == {CIPHER.blind_index(COLUMN, text)}


@given(one=st.tuples(st.sampled_from(["a.b", "a.bc"]), st.text()), two=st.tuples(st.just("a.b"), st.text()))
def test_equal_indexes_mean_equal_columns(one: tuple[str, str], two: tuple[str, str]) -> None:
    if CIPHER.blind_index(*one) == CIPHER.blind_index(*two):
        assert one[0] == two[0]


def test_text_that_is_no_text_is_refused_without_being_repeated() -> None:
    with pytest.raises(ValueError, match="lone surrogates") as refusal:
        CIPHER.encrypt(COLUMN, UUID(int=1), "Margaret \ud800")
    assert "Margaret" not in repr(refusal.value)
    assert (refusal.value.__cause__, refusal.value.__suppress_context__) == (None, True)


def test_a_cell_is_format_version_nonce_ciphertext_and_tag() -> None:
    cell = CIPHER.encrypt(COLUMN, UUID(int=1), "Margaret")
    assert (cell[:3], len(cell)) == (b"\x01\x00\x01", 3 + 12 + 8 + 16)


def test_a_new_key_version_encrypts_and_the_old_one_still_reads() -> None:
    clinic_id, row = uuid4(), uuid4()
    stored = stored_for(clinic_id)
    before = ring_over(stored).cipher(clinic_id)
    old = before.encrypt(COLUMN, row, "before")
    stored.keys.append(key_of(clinic_id, 2))
    cipher = ring_over(stored).cipher(clinic_id)
    new = cipher.encrypt(COLUMN, row, "after")
    assert (old[1:3], new[1:3]) == (b"\x00\x01", b"\x00\x02")
    assert [cipher.decrypt(COLUMN, row, cell) for cell in (old, new)] == ["before", "after"]
    assert cipher.blind_index(COLUMN, "x") == before.blind_index(COLUMN, "x")
    assert cipher.audit_key == before.audit_key


def test_a_retired_key_reads_but_does_not_encrypt() -> None:
    clinic_id, row = uuid4(), uuid4()
    stored = stored_for(clinic_id)
    stored.keys.append(key_of(clinic_id, 2))
    retired = ring_over(stored).cipher(clinic_id).encrypt(COLUMN, row, "text")
    stored.keys[-1] = attrs.evolve(stored.keys[-1], retired_at=utc_now())
    cipher = ring_over(stored).cipher(clinic_id)
    assert cipher.encrypt(COLUMN, row, "text")[1:3] == b"\x00\x01"
    assert cipher.decrypt(COLUMN, row, retired) == "text"


def test_a_key_that_another_process_rotated_in_is_found_by_one_reload() -> None:
    clinic_id, row = uuid4(), uuid4()
    stored = stored_for(clinic_id)
    here = ring_over(stored).cipher(clinic_id)
    stored.keys.append(key_of(clinic_id, 2))
    cells = [ring_over(stored).cipher(clinic_id).encrypt(COLUMN, row, text) for text in ("one", "two")]
    before = stored.asked
    assert [here.decrypt(COLUMN, row, cell) for cell in cells] == ["one", "two"]
    assert stored.asked - before == 1
    assert here.encrypt(COLUMN, row, "three")[1:3] == b"\x00\x02"


def test_a_key_version_that_nobody_has_is_a_damaged_record_after_one_reload() -> None:
    clinic_id, row = uuid4(), uuid4()
    stored = stored_for(clinic_id)
    cipher = ring_over(stored).cipher(clinic_id)
    cell = cipher.encrypt(COLUMN, row, "text")
    before = stored.asked
    with pytest.raises(DamagedRecord):
        cipher.decrypt(COLUMN, row, b"\x01\x00\x09" + cell[3:])
    assert stored.asked - before == 1
    for header in (b"\x02\x00\x01", b"\x00\x00\x01"):
        with pytest.raises(DamagedRecord):
            cipher.decrypt(COLUMN, row, header + cell[3:])
    assert stored.asked - before == 1
    assert cipher.decrypt(COLUMN, row, cell) == "text"


def test_cells_forged_under_one_unknown_version_ask_the_store_once() -> None:
    clinic_id, row = uuid4(), uuid4()
    stored = stored_for(clinic_id)
    cipher = ring_over(stored).cipher(clinic_id)
    cell = cipher.encrypt(COLUMN, row, "text")
    before = stored.asked
    for _ in range(50):
        with pytest.raises(DamagedRecord):
            cipher.decrypt(COLUMN, row, b"\x01\x00\x09" + cell[3:])
    assert stored.asked - before == 1
    stored.keys.append(key_of(clinic_id, 2))
    new = ring_over(stored).cipher(clinic_id).encrypt(COLUMN, row, "of a version that is stored")
    assert cipher.decrypt(COLUMN, row, new) == "of a version that is stored"


def test_keys_are_read_again_when_their_time_is_up_and_not_before() -> None:
    clinic_id, row, now = uuid4(), uuid4(), [100.0]
    stored = stored_for(clinic_id)
    ring = attrs.evolve(ring_over(stored), refresh=30.0, seconds=lambda: now[0])
    assert ring.cipher(clinic_id).encrypt(COLUMN, row, "one")[1:3] == b"\x00\x01"
    stored.keys.append(key_of(clinic_id, 2))
    before = stored.asked
    now[0] += 14.9
    assert ring.cipher(clinic_id).encrypt(COLUMN, row, "two")[1:3] == b"\x00\x01"
    assert stored.asked == before
    now[0] += 0.1
    assert ring.cipher(clinic_id).encrypt(COLUMN, row, "three")[1:3] == b"\x00\x02"
    ring.cipher(clinic_id)
    assert stored.asked == before + 1


def test_while_one_thread_reads_the_keys_again_the_others_go_on() -> None:
    clinic_id, now, reading, go_on = uuid4(), [0.0], threading.Event(), threading.Event()
    stored = stored_for(clinic_id)

    class Slow(KeptKeys):
        def of_clinic(self, clinic_id: UUID) -> Sequence[WrappedKey]:
            if now[0]:
                reading.set()
                assert go_on.wait(60)
            return stored.of_clinic(clinic_id)

    ring = attrs.evolve(ring_over(Slow()), refresh=30.0, seconds=lambda: now[0])
    ring.cipher(clinic_id)
    now[0] = 16.0
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(ring.cipher, clinic_id)
        assert reading.wait(60)
        assert len(ring.cipher(clinic_id).audit_key) == 32
        assert not slow.done()
        go_on.set()
        assert len(slow.result().audit_key) == 32


def test_keys_that_cannot_be_read_again_in_time_are_given_to_nobody() -> None:
    """Also not to whoever comes while another thread is reading; and one failure answers all who waited for it."""
    clinic_id, now, reading, go_on, asked = uuid4(), [0.0], threading.Event(), threading.Event(), [0]
    stored = stored_for(clinic_id)

    class Failing(KeptKeys):
        def of_clinic(self, clinic_id: UUID) -> Sequence[WrappedKey]:
            if not now[0]:
                return stored.of_clinic(clinic_id)
            asked[0] += 1
            reading.set()
            assert go_on.wait(60)
            raise DependencyUnavailable

    ring = attrs.evolve(ring_over(Failing()), refresh=30.0, seconds=lambda: now[0])
    ring.cipher(clinic_id)
    now[0] = 31.0
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(ring.cipher, clinic_id)
        assert reading.wait(60)
        others = [pool.submit(ring.cipher, clinic_id) for _ in range(2)]
        time.sleep(0.1)
        assert not any(one.done() for one in others)
        go_on.set()
        for one in (first, *others):
            with pytest.raises(DependencyUnavailable):
                one.result(60)
    assert asked == [1]
    now[0] = 32.0
    with pytest.raises(DependencyUnavailable):
        ring.cipher(clinic_id)
    assert asked == [2]


def test_keys_made_here_stay_until_they_are_stored_and_then_follow_the_store() -> None:
    clinic_id, row, now = uuid4(), uuid4(), [0.0]
    stored = KeptKeys()
    ring = attrs.evolve(ring_over(stored), refresh=30.0, seconds=lambda: now[0])
    made = ring.make(clinic_id)
    now[0] = 31.0
    assert ring.cipher(clinic_id).encrypt(COLUMN, row, "not stored yet")[1:3] == b"\x00\x01"
    stored.keys += [*made, key_of(clinic_id, 2)]
    now[0] = 47.0
    assert ring.cipher(clinic_id).encrypt(COLUMN, row, "stored, and rotated")[1:3] == b"\x00\x02"
    stored.keys.clear()
    now[0] = 78.0
    for _ in range(2):
        with pytest.raises(UnknownClinic):
            ring.cipher(clinic_id)


def test_a_record_whose_keys_are_gone_is_damaged_not_missing() -> None:
    clinic_id, row = uuid4(), uuid4()
    stored = stored_for(clinic_id)
    cipher = ring_over(stored).cipher(clinic_id)
    stored.keys.clear()
    with pytest.raises(DamagedRecord):
        cipher.decrypt(COLUMN, row, b"\x01\x00\x02" + bytes(40))


@pytest.mark.parametrize("purpose", KeyPurpose)
def test_a_clinic_that_lacks_a_key_or_has_a_short_one_is_damaged(purpose: KeyPurpose) -> None:
    clinic_id = uuid4()
    stored = stored_for(clinic_id)
    stored.keys = [key for key in stored.keys if key.purpose is not purpose]
    with pytest.raises(DamagedRecord):
        ring_over(stored).cipher(clinic_id)
    stored.keys.append(key_of(clinic_id, 1, purpose, size=16))
    with pytest.raises(DamagedRecord):
        ring_over(stored).cipher(clinic_id)
    stored.keys[-1] = key_of(clinic_id, 1, purpose)
    assert ring_over(stored).cipher(clinic_id).audit_key


def test_a_key_cannot_pass_for_another_version() -> None:
    clinic_id = uuid4()
    stored = stored_for(clinic_id)
    stored.keys = [attrs.evolve(key, version=2) for key in stored.keys]
    with pytest.raises(DamagedRecord):
        ring_over(stored).cipher(clinic_id)


def test_the_clinics_used_least_recently_leave_memory_first() -> None:
    clinics = [uuid4() for _ in range(3)]
    stored = stored_for(*clinics)
    ring = ring_over(stored, capacity=2)
    for clinic_id in (clinics[0], clinics[1], clinics[0], clinics[2]):
        ring.cipher(clinic_id)
    before = stored.asked
    ring.cipher(clinics[0])
    ring.cipher(clinics[2])
    assert stored.asked == before
    ring.cipher(clinics[1])
    assert stored.asked == before + 1


class SlowKeys(KeptKeys):
    def of_clinic(self, clinic_id: UUID) -> Sequence[WrappedKey]:
        time.sleep(0.02)
        return super().of_clinic(clinic_id)


def test_threads_that_need_a_clinic_at_once_load_it_once() -> None:
    clinic_id, slow = uuid4(), SlowKeys()
    slow.keys = stored_for(clinic_id).keys
    ring = ring_over(slow)
    ciphers = together([lambda: ring.cipher(clinic_id)] * 16)
    assert (len({id(cipher) for cipher in ciphers}), slow.asked) == (1, 1)


def test_threads_that_make_a_clinics_keys_at_once_make_the_same() -> None:
    clinic_id, ring = uuid4(), ring_over(KeptKeys())
    made = together([lambda: ring.make(clinic_id)] * 16)
    assert all(keys == made[0] for keys in made)


def test_keys_made_for_a_clinic_in_use_do_not_replace_its_own() -> None:
    clinic_id = uuid4()
    stored = stored_for(clinic_id)
    ring = ring_over(stored)
    audit_key = ring.cipher(clinic_id).audit_key
    assert {key.wrapped for key in ring.make(clinic_id)}.isdisjoint(key.wrapped for key in stored.keys)
    assert ring.cipher(clinic_id).audit_key == audit_key


def test_many_threads_can_use_clinics_that_come_and_go() -> None:
    clinics, row = [uuid4() for _ in range(6)], uuid4()
    ring = ring_over(stored_for(*clinics), capacity=3)

    def work(start: int) -> int:
        for turn in range(200):
            clinic_id = clinics[(start + turn) % len(clinics)]
            cipher = ring.cipher(clinic_id)
            text = f"{start} {turn}"
            assert cipher.decrypt(COLUMN, row, cipher.encrypt(COLUMN, row, text)) == text
            if turn % 10 == 0:
                ring.forget(clinic_id)
        return start

    assert together([partial(work, start) for start in range(8)]) == list(range(8))


def test_a_rotation_in_the_middle_of_reads_breaks_none() -> None:
    clinic_id, row = uuid4(), uuid4()
    stored = stored_for(clinic_id)
    cipher, stop = ring_over(stored).cipher(clinic_id), threading.Event()

    def read() -> int:
        done = 0
        while not stop.is_set() or done == 0:
            assert cipher.decrypt(COLUMN, row, cipher.encrypt(COLUMN, row, "text")) == "text"
            done += 1
        return done

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(4)]
        for version in range(2, 12):
            stored.keys.append(key_of(clinic_id, version))
            newest = ring_over(stored).cipher(clinic_id).encrypt(COLUMN, row, "newest")
            assert cipher.decrypt(COLUMN, row, newest) == "newest"
        stop.set()
        assert all(reader.result() > 0 for reader in readers)


class SilentKeys(KeptKeys):
    silent = True

    def of_clinic(self, clinic_id: UUID) -> Sequence[WrappedKey]:
        if self.silent:
            raise DependencyUnavailable
        return super().of_clinic(clinic_id)


def test_a_store_that_does_not_answer_is_asked_again_next_time() -> None:
    clinic_id, stored = uuid4(), SilentKeys()
    stored.keys = stored_for(clinic_id).keys
    ring = ring_over(stored)
    with pytest.raises(DependencyUnavailable):
        ring.cipher(clinic_id)
    stored.silent = False
    assert ring.cipher(clinic_id).audit_key
    with pytest.raises(UnknownClinic):
        ring.cipher(uuid4())


def test_keys_wrapped_under_an_older_master_key_open_under_a_rotated_ring() -> None:
    clinic_id, row = uuid4(), uuid4()
    stored = stored_for(clinic_id)
    cell = ring_over(stored).cipher(clinic_id).encrypt(COLUMN, row, "text")
    rotated = LocalMasterKey(RING.with_new_master_key())
    ring = attrs.evolve(ring_over(stored), master=rotated)
    assert ring.cipher(clinic_id).decrypt(COLUMN, row, cell) == "text"
    assert {key.master_key_id for key in ring.make(uuid4())} == {rotated.id}


def test_no_repr_shows_a_key() -> None:
    clinic_id = uuid4()
    ring = ring_over(KeptKeys())
    made = ring.make(clinic_id)
    cipher = ring.cipher(clinic_id)
    text = repr(ring) + repr(cipher) + repr(made)
    assert repr(cipher.audit_key)[2:12] not in text
    assert repr(made[0].wrapped)[2:12] not in text
