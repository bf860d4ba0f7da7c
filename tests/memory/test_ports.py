"""What the memory adapter has besides the records: keys, tokens, passwords, and one unit at a time."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from mindbridge_core import MindBridge, Operator, Role
from mindbridge_core.actor import Actor, Origin, SessionClaim
from mindbridge_core.compliance import verify_clinic
from mindbridge_core.errors import AuditUnavailable, DependencyUnavailable, SessionEnded, UnknownClinic
from mindbridge_core.identity import AccessTokens, ClinicDraft, CommonPasswords, PasswordHasher, StaffDraft
from mindbridge_core.patients import PatientDraft, PatientFilter
from mindbridge_core.phi import KeyPurpose
from mindbridge_core.testing import (
    AccessTokensContract,
    CommonPasswordsContract,
    OneTimeCodesContract,
    PasswordHasherContract,
)
from mindbridge_core.testing.records import LATER, NOW, a_patient, an_entry
from mindbridge_memory import (
    FewCommonPasswords,
    MemoryStore,
    OpaqueAccessTokens,
    ScryptHasher,
    StandardCodes,
    memory_ports,
)
from tests.memory.stores import ReadyStore


class TestHasher(PasswordHasherContract):
    def hasher(self) -> PasswordHasher:
        return ScryptHasher(cost=2)

    def hasher_of_another_cost(self) -> PasswordHasher:
        return ScryptHasher(cost=4)


class TestCommonPasswords(CommonPasswordsContract):
    def common_passwords(self) -> CommonPasswords:
        return FewCommonPasswords()


class TestOneTimeCodes(OneTimeCodesContract):
    def codes(self) -> StandardCodes:
        return StandardCodes()


class TestAccessTokens(AccessTokensContract):
    def access_tokens(self) -> AccessTokens:
        return OpaqueAccessTokens()


def test_a_unit_inside_a_unit_is_refused_and_does_not_deadlock() -> None:
    store = ReadyStore()
    with store.open_unit(store.clinic_a) as unit:
        inner = store.open_unit(store.clinic_a)
        with pytest.raises(RuntimeError, match="open on this thread already"):
            inner.__enter__()
        unit.audit.append(an_entry(store.clinic_a))
    with store.open_unit(store.clinic_b):
        pass
    assert len(store.trail(store.clinic_a)[1][0]) == 1


def test_a_unit_of_another_thread_waits_for_this_one() -> None:
    store, order = ReadyStore(), []

    def second() -> None:
        with store.open_unit(store.clinic_b):
            order.append("second")

    with store.open_unit(store.clinic_a):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.05)
        order.append("first")
    thread.join(60)
    assert order == ["first", "second"]


def test_an_entry_of_another_clinic_is_not_written() -> None:
    store = ReadyStore()
    unit = store.inner.open_unit(store.clinic_a)
    with unit as opened, pytest.raises(AuditUnavailable):
        opened.audit.append(an_entry(store.clinic_b))
    assert store.trail(store.clinic_a)[1] == {}


def test_keys_of_the_process_encrypt_nothing() -> None:
    store = ReadyStore()
    cipher = store.keys.cipher(store.clinic_a)
    assert len(cipher.audit_key) == 32
    assert cipher.audit_key != store.keys.cipher(store.clinic_b).audit_key
    for call in (
        lambda: cipher.encrypt("patients.name", uuid4(), "Jane"),
        lambda: cipher.decrypt("patients.name", uuid4(), b"Jane"),
    ):
        with pytest.raises(DependencyUnavailable, match="security"):
            call()


def test_keys_that_were_not_stored_are_forgotten_and_stored_ones_stay() -> None:
    store, clinic_id = ReadyStore(), uuid4()
    made = store.keys.make(clinic_id)
    assert made == store.keys.make(clinic_id)
    assert {key.purpose for key in made} == set(KeyPurpose)
    store.keys.forget(clinic_id)
    with pytest.raises(UnknownClinic):
        store.keys.cipher(clinic_id)
    store.keys.forget(store.clinic_a)
    assert len(store.keys.cipher(store.clinic_a).audit_key) == 32


def test_expired_tokens_are_not_remembered() -> None:
    tokens, claim = OpaqueAccessTokens(), SessionClaim(clinic_id=uuid4(), user_id=uuid4(), session_id=uuid4())
    old = tokens.issue(claim, NOW, LATER)
    new = tokens.issue(claim, LATER, LATER + timedelta(minutes=5))
    with pytest.raises(SessionEnded):
        tokens.read(old, NOW, Origin())
    assert claim == tokens.read(new, LATER, Origin())


def test_a_list_in_a_unit_shows_what_the_unit_has_changed() -> None:
    store = ReadyStore()
    patient = a_patient(store.clinic_a)
    with store.open_unit(store.clinic_a) as unit:
        unit.patients.add(patient)
        assert unit.patients.list(PatientFilter()).items == (patient,)


def opened(core: MindBridge) -> UUID:
    core.prepare_platform()
    return core.open_clinic(ClinicDraft(organization="Oakwood", name="North"))


def test_the_product_runs_over_memory_with_defaults_alone() -> None:
    store = MemoryStore()
    core = MindBridge.build(memory_ports(store=store))
    clinic_id = opened(core)
    draft = StaffDraft(email="ana@oakwood.example", full_name="Ana Diaz", role=Role.ADMIN)
    admin = core.register_staff(Operator(clinic_id=clinic_id), draft, password="plum orbit seven gravel")
    actor = Actor(clinic_id=clinic_id, user_id=admin.id, role=admin.role)
    patient = core.admit_patient(actor, PatientDraft(name="Jane Roe"))
    assert core.list_patients(actor, PatientFilter()).items == (patient,)
    heads, lanes = store.audit_trail(clinic_id)
    actions = [sealed.entry.action.value for sealed in lanes[0]]
    assert actions == ["clinic.open", "user.register", "patient.create", "patient.list"]
    assert list(verify_clinic(store.keys.cipher(clinic_id).audit_key, heads, lanes)) == []


def test_two_stores_share_nothing() -> None:
    first, second = MindBridge.build(memory_ports()), MindBridge.build(memory_ports())
    clinic_id = opened(first)
    assert clinic_id != opened(second)
    with pytest.raises(UnknownClinic):
        second.list_patients(Operator(clinic_id=clinic_id), PatientFilter())
