"""What is stored about a request, and what stays on a connection when statements fail."""

from __future__ import annotations

import hashlib

import psycopg
import pytest

from mindbridge_core import Operator, Origin, Role
from mindbridge_core.errors import AccountLocked, AuthenticationFailed, DuplicateMrn, IdempotencyKeyReused
from mindbridge_core.idempotency import IdempotencyKey
from mindbridge_core.identity import Credentials
from mindbridge_core.patients import PatientDraft
from tests.support.postgres import TestDatabase
from tests.support.product import PASSWORD, Product, running_product
from tests.support.trail import entries


def test_a_request_is_not_kept_as_a_hash_that_could_be_guessed(product: Product, database: TestDatabase) -> None:
    claim = product.session(product.staff(product.clinic(), Role.ADMIN))
    guessed = hashlib.sha256(b"a body of PHI with few spellings").digest()
    first = product.core.admit_patient(claim, PatientDraft(name="Ada"), once=IdempotencyKey("key", guessed))

    with psycopg.connect(database.superuser_url) as superuser:
        ((stored,),) = superuser.execute("SELECT fingerprint FROM idempotency_keys").fetchall()
    assert 32 == len(stored)
    assert guessed[:16] not in stored
    assert first == product.core.admit_patient(claim, PatientDraft(name="Ada"), once=IdempotencyKey("key", guessed))
    with pytest.raises(IdempotencyKeyReused):
        product.core.admit_patient(claim, PatientDraft(name="Eve"), once=IdempotencyKey("key", bytes(32)))


def test_a_key_is_forgotten_a_day_later(product: Product, database: TestDatabase) -> None:
    claim = product.session(product.staff(product.clinic(), Role.ADMIN))
    key = IdempotencyKey("key", bytes(32))
    first = product.core.admit_patient(claim, PatientDraft(name="Ada"), once=key)
    with psycopg.connect(database.superuser_url) as superuser:
        superuser.execute("UPDATE idempotency_keys SET created_at = created_at - interval '25 hours'")

    second = product.core.admit_patient(claim, PatientDraft(name="Ada"), once=key)

    assert first.id != second.id
    with psycopg.connect(database.superuser_url) as superuser:
        assert (1,) == superuser.execute("SELECT count(*) FROM idempotency_keys").fetchone()


def test_any_user_agent_logs_in(product: Product) -> None:
    user = product.staff(product.clinic(), Role.ADMIN)
    origin = Origin(user_agent="Mozilla/5.0 \ud800\x00" * 100, ip_address="f" * 60, request_id="r" * 500)
    assert product.core.log_in(Credentials(email=user.email, password=PASSWORD), origin).access_token


def test_failing_statements_leave_nothing_on_their_connection(database: TestDatabase) -> None:
    with running_product(database, connections=1) as product:
        operator = Operator(clinic_id=product.clinic())
        product.core.admit_patient(operator, PatientDraft(name="Ada", mrn="1"))
        for _ in range(50):
            with pytest.raises(DuplicateMrn):
                product.core.admit_patient(operator, PatientDraft(name="Eve", mrn="1"))
        with product.database.connection() as connection:
            (prepared,) = connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() or (0,)
    assert 30 > prepared


def test_the_trail_says_why_a_session_was_refused(product: Product, database: TestDatabase) -> None:
    clinic_id = product.clinic()
    user = product.staff(clinic_id, Role.ADMIN)
    for _ in range(6):
        with pytest.raises((AuthenticationFailed, AccountLocked)):
            product.core.log_in(Credentials(email=user.email, password="not the password"), Origin())

    found = entries(database.application_url, clinic_id, product.keys.cipher(clinic_id))
    reasons = [entry.changed_values["reason"] for entry in found if "reason" in entry.changed_values]
    assert ["invalid_credentials"] * 5 + ["account_locked"] == reasons
