"""The contracts of keys: the master key, and the clinics' keys under it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import product
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core.errors import DamagedRecord, UnknownClinic
from mindbridge_core.phi import ClinicKeys, KeyPurpose, MasterKey, WrappedKey
from mindbridge_core.testing.security import refused

__all__ = ["ClinicKeysContract", "KeptKeys", "MasterKeyContract"]

CLINICS: Final = (UUID(int=0xC1), UUID(int=0xC2))
ROWS: Final = (UUID(int=0xA1), UUID(int=0xA2))
COLUMNS: Final = ("patients.first_name", "patients.last_name", "staff.first_name")
TEXTS: Final = ("", "Oakwood", "  spaces kept  ", "Zoë Ångström", "李小龍", "🌱", "line\nbreak\ttab", "x" * 100_000)


class MasterKeyContract(ABC):
    """What was wrapped opens in its own context and nowhere else."""

    @abstractmethod
    def master_key(self) -> MasterKey:
        """Return a master key."""

    def test_what_is_wrapped_unwraps_in_its_context(self) -> None:
        """Under the name that the key had then."""
        master = self.master_key()
        assert master.unwrap(master.id, master.wrap(b"k" * 32, b"here"), b"here") == b"k" * 32

    def test_the_wrapped_key_does_not_show_the_key_and_never_looks_the_same(self) -> None:
        """Equal keys are not visibly equal."""
        master = self.master_key()
        one, two = master.wrap(b"k" * 32, b"here"), master.wrap(b"k" * 32, b"here")
        assert one != two
        assert b"k" * 8 not in one

    def test_another_context_is_refused(self) -> None:
        """A clinic's key does not open as another clinic's, nor for another purpose."""
        master = self.master_key()
        wrapped = master.wrap(b"k" * 32, b"here")
        assert all(refused(DamagedRecord, master.unwrap, master.id, wrapped, other) for other in (b"", b"there"))

    def test_altered_bytes_are_refused(self) -> None:
        """Every byte is checked, and every length."""
        master = self.master_key()
        wrapped = master.wrap(b"k" * 32, b"here")
        for at in range(len(wrapped)):
            altered = wrapped[:at] + bytes([wrapped[at] ^ 1]) + wrapped[at + 1 :]
            assert refused(DamagedRecord, master.unwrap, master.id, altered, b"here")
            assert refused(DamagedRecord, master.unwrap, master.id, wrapped[:at], b"here")

    def test_an_unknown_master_key_is_refused(self) -> None:
        """The key is gone, and so is what it wrapped."""
        master = self.master_key()
        assert refused(DamagedRecord, master.unwrap, "no-such-key", master.wrap(b"k" * 32, b"here"), b"here")


class KeptKeys:
    """`WrappedKeys` in memory, counting how often it is asked."""

    def __init__(self) -> None:
        self.keys: list[WrappedKey] = []
        self.asked = 0

    def of_clinic(self, clinic_id: UUID) -> Sequence[WrappedKey]:
        """Return the clinic's keys, oldest version first."""
        self.asked += 1
        return sorted((key for key in self.keys if key.clinic_id == clinic_id), key=lambda key: key.version)


class ClinicKeysContract(ABC):
    """A cell opens in its place and nowhere else, in this process and the next."""

    @abstractmethod
    def clinic_keys(self, stored: KeptKeys) -> ClinicKeys:
        """Return clinic keys over `stored`, under the same master key at each call within a test."""

    def test_a_clinic_without_keys_is_unknown(self) -> None:
        """It stays so until keys are stored, and is not remembered as unknown."""
        stored = KeptKeys()
        keys = self.clinic_keys(stored)
        assert refused(UnknownClinic, keys.cipher, CLINICS[0])
        stored.keys += self.clinic_keys(stored).make(CLINICS[0])
        assert len(keys.cipher(CLINICS[0]).audit_key) == 32

    def test_a_new_clinic_has_one_first_key_per_purpose_bound_to_it(self) -> None:
        """That is all there is to store."""
        made = self.clinic_keys(KeptKeys()).make(CLINICS[0])
        assert sorted(key.purpose for key in made) == sorted(KeyPurpose)
        assert {(key.clinic_id, key.version, key.retired_at) for key in made} == {(CLINICS[0], 1, None)}

    def test_every_text_comes_back_in_this_process_and_the_next(self) -> None:
        """Nothing is trimmed, normalised or cut."""
        stored = KeptKeys()
        keys = self.clinic_keys(stored)
        stored.keys += keys.make(CLINICS[0])
        here, after_restart = keys.cipher(CLINICS[0]), self.clinic_keys(stored).cipher(CLINICS[0])
        for text in TEXTS:
            cell = here.encrypt(COLUMNS[0], ROWS[0], text)
            assert here.decrypt(COLUMNS[0], ROWS[0], cell) == text
            assert after_restart.decrypt(COLUMNS[0], ROWS[0], cell) == text
        assert after_restart.audit_key == here.audit_key
        assert after_restart.blind_index("patients.mrn", "A-1") == here.blind_index("patients.mrn", "A-1")

    def test_no_cell_opens_in_the_place_of_another(self) -> None:
        """Another clinic, table, column or row: each alone is enough."""
        keys = self._two_clinics()
        places = list(product(CLINICS, COLUMNS, ROWS))
        cells = {place: keys.cipher(place[0]).encrypt(place[1], place[2], "Margaret") for place in places}
        for home, place in product(places, places):
            clinic, column, row = place
            decrypt = keys.cipher(clinic).decrypt
            if home == place:
                assert decrypt(column, row, cells[home]) == "Margaret"
            else:
                assert refused(DamagedRecord, decrypt, column, row, cells[home])

    def test_an_altered_cell_is_refused(self) -> None:
        """Every byte is checked, and every length."""
        cipher = self._two_clinics().cipher(CLINICS[0])
        cell = cipher.encrypt(COLUMNS[0], ROWS[0], "Margaret")
        for at in range(len(cell)):
            altered = cell[:at] + bytes([cell[at] ^ 0x80]) + cell[at + 1 :]
            assert refused(DamagedRecord, cipher.decrypt, COLUMNS[0], ROWS[0], altered)
            assert refused(DamagedRecord, cipher.decrypt, COLUMNS[0], ROWS[0], cell[:at])
        assert refused(DamagedRecord, cipher.decrypt, COLUMNS[0], ROWS[0], cell + b"\0")

    def test_equal_cells_never_look_the_same(self) -> None:
        """Who reads the table does not learn which patients share a name."""
        cipher = self._two_clinics().cipher(CLINICS[0])
        assert len({cipher.encrypt(COLUMNS[0], ROWS[0], "Margaret") for _ in range(100)}) == 100

    def test_a_blind_index_is_equal_for_equal_text_of_one_clinic_and_column_only(self) -> None:
        """Case, spacing and Unicode form do not count; 16 bytes."""
        keys = self._two_clinics()
        here, there = (keys.cipher(clinic).blind_index for clinic in CLINICS)
        index = here("patients.last_name", "Ångström  Lee")
        assert len(index) == 16
        for same in ("ångström lee", " A\u030aNGSTRO\u0308M\tLEE ", "Ångström\u00a0Lee"):
            assert here("patients.last_name", same) == index
        assert here("patients.last_name", "Angstrom Lee") != index
        assert here("patients.first_name", "Ångström  Lee") != index
        assert there("patients.last_name", "Ångström  Lee") != index

    def test_clinics_and_purposes_share_no_key(self) -> None:
        """One clinic's audit key says nothing about another's."""
        keys = self._two_clinics()
        assert keys.cipher(CLINICS[0]).audit_key != keys.cipher(CLINICS[1]).audit_key

    def test_keys_are_loaded_once(self) -> None:
        """A request asks the store for no keys."""
        stored = KeptKeys()
        stored.keys += self.clinic_keys(stored).make(CLINICS[0])
        keys, before = self.clinic_keys(stored), stored.asked
        for _ in range(10):
            keys.cipher(CLINICS[0])
        assert stored.asked - before == 1

    def test_made_keys_work_before_they_are_stored_and_can_be_forgotten(self) -> None:
        """Storing failed: what another process stored is loaded instead, or there is nothing."""
        stored = KeptKeys()
        keys = self.clinic_keys(stored)
        keys.make(CLINICS[0])
        lost = keys.cipher(CLINICS[0]).audit_key
        keys.forget(CLINICS[0])
        assert refused(UnknownClinic, keys.cipher, CLINICS[0])
        stored.keys += self.clinic_keys(stored).make(CLINICS[0])
        assert keys.cipher(CLINICS[0]).audit_key != lost

    def test_a_key_moved_to_another_clinic_or_purpose_is_refused(self) -> None:
        """Wrapped keys are bound to what they are for."""
        made = self.clinic_keys(KeptKeys()).make(CLINICS[0])
        following = dict(zip(KeyPurpose, [*list(KeyPurpose)[1:], *KeyPurpose], strict=False))
        elsewhere = [attrs.evolve(key, clinic_id=CLINICS[1]) for key in made]
        otherwise = [attrs.evolve(key, purpose=following[key.purpose]) for key in made]
        for moved in (elsewhere, otherwise):
            stored = KeptKeys()
            stored.keys += moved
            assert refused(DamagedRecord, self.clinic_keys(stored).cipher, moved[0].clinic_id)

    def _two_clinics(self) -> ClinicKeys:
        stored = KeptKeys()
        keys = self.clinic_keys(stored)
        for clinic_id in CLINICS:
            stored.keys += keys.make(clinic_id)
        return keys
