"""The blind index of names: what it holds, what it says, and how it is made for records older than it."""

from __future__ import annotations

import psycopg

from mindbridge_core import Operator
from mindbridge_core.patients import PatientDraft, PatientFilter, name_tokens
from mindbridge_postgres import index_names
from tests.support.postgres import TestDatabase
from tests.support.product import Product

NAMES = ("Zdenka Quillfeather", "Ignatius Vandermolen", "Perpetua Okonkwo")


def stored(database: TestDatabase) -> list[tuple[bytes, ...]]:
    with psycopg.connect(database.superuser_url) as superuser:
        return superuser.execute("SELECT token, patient_id::text::bytea FROM patient_search ORDER BY 1, 2").fetchall()


def test_the_index_shows_no_beginning_of_a_name(product: Product, database: TestDatabase) -> None:
    operator = Operator(clinic_id=product.clinic())
    for name in NAMES:
        product.core.admit_patient(operator, PatientDraft(name=name))

    rows = stored(database)

    assert sum(len(name_tokens(name)) for name in NAMES) == len(rows)
    dump = b"".join(token for token, _ in rows).lower()
    assert not [token for name in NAMES for token in name_tokens(name) if len(token) > 3 and token.encode() in dump]


def test_equal_names_of_two_clinics_have_no_token_in_common(product: Product, database: TestDatabase) -> None:
    for clinic in ("North", "South"):
        product.core.admit_patient(Operator(clinic_id=product.clinic(clinic)), PatientDraft(name=NAMES[0]))

    tokens = [token for token, _ in stored(database)]

    assert 2 * len(name_tokens(NAMES[0])) == len(tokens) == len(set(tokens))


def test_records_older_than_the_index_are_found_once_it_is_made(product: Product, database: TestDatabase) -> None:
    operator = Operator(clinic_id=product.clinic())
    patients = [product.core.admit_patient(operator, PatientDraft(name=f"{name} {n}")) for name in NAMES for n in "123"]
    made = stored(database)
    with psycopg.connect(database.superuser_url) as superuser:
        superuser.execute("TRUNCATE patient_search")
    only = PatientFilter(query="quill zdenka")
    assert () == product.core.list_patients(operator, only).items

    counted = index_names(product.database, product.keys, page=2)

    assert len(patients) == counted
    assert made == stored(database)
    assert len(patients) == index_names(product.database, product.keys, page=100)
    assert made == stored(database)
    assert 3 == len(product.core.list_patients(operator, only).items)
