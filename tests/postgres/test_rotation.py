"""The walk that seals cells anew: every sealed column, nothing else, beside writers, and only by the owner."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from sqlalchemy import Boolean, Column, Date, DateTime, Integer, LargeBinary, Numeric, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from mindbridge_core import Action, Operator, Role, SessionClaim
from mindbridge_core.errors import AuditUnavailable, DependencyUnavailable, KeyInUse
from mindbridge_core.patients import PatientChanges, PatientDraft, PatientFilter
from mindbridge_core.phi import ClinicCipher, KeyPurpose, stamped_version
from mindbridge_postgres import PoolSettings
from mindbridge_postgres.reseal import Resealed, reseal
from mindbridge_postgres.schema import metadata
from mindbridge_postgres.schema.sealed import APPEND_ONLY, sealed_columns
from tests.support.postgres import TestDatabase
from tests.support.product import Product, compose
from tests.support.trail import breaks, entries

NOW: Final = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
SEALED: Final = [(table, column) for table, columns in sealed_columns().items() for column in columns]
Rows = dict[str, dict[str, Any]]


@pytest.fixture
def owned(product: Product, database: TestDatabase) -> Iterator[Product]:
    """The product as the owner of the tables has it."""
    owned = compose(database.owner_url, product.ring, PoolSettings(most=4))
    yield owned
    owned.database.close()


def walk(owned: Product, clinic_id: UUID) -> Resealed:
    return reseal(owned.database, owned.keys, clinic_id, told=lambda _: None, page=7)


def cells_by_version(owned: Product, clinic_id: UUID) -> dict[int, tuple[int, int]]:
    with owned.core.ports.open_unit(clinic_id) as unit:
        return {version: (count.records, count.trail) for version, count in unit.keys.cells().items()}


def some_value(column: Column[Any], clinic_id: UUID) -> object:
    """Return a value for a column that needs one."""
    kinds: dict[type, object] = {
        Uuid: clinic_id if column.name == "clinic_id" else uuid4(),
        DateTime: NOW,
        Date: date(2026, 5, 4),
        Boolean: False,
        Integer: 1,
        Numeric: 1,
        LargeBinary: uuid4().bytes,
        JSONB: Jsonb({}),
        Text: uuid4().hex,
    }
    return next(value for kind, value in kinds.items() if isinstance(column.type, kind))


def fill(superuser: psycopg.Connection[Any], clinic_id: UUID, cipher: ClinicCipher) -> None:
    """Put a row into every table that seals cells, whatever its checks and references, with each of its cells."""
    superuser.execute("SET session_replication_role = replica")
    for table, columns in sealed_columns().items():
        for name in {str(one.name) for one in metadata.tables[table].constraints if str(one.name)[:3] == "ck_"}:
            superuser.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(*map(sql.Identifier, (table, name))))
        id = clinic_id if table == "clinics" else uuid4()
        needed = [one for one in metadata.tables[table].columns if not one.nullable and one.server_default is None]
        row = {one.name: some_value(one, clinic_id) for one in needed} | {"id": id}
        row |= {name: cipher.encrypt(f"{table}.{name}", id, f"{table} {name}") for name in columns}
        superuser.execute(sql.SQL("DELETE FROM {} WHERE id = %s").format(sql.Identifier(table)), (id,))
        insert = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(sql.Placeholder() for _ in row),
        )
        superuser.execute(insert, list(row.values()))
    superuser.execute("SET session_replication_role = origin")


def stored(database: TestDatabase, clinic_id: UUID) -> Rows:
    """Return the row of every table that seals cells."""
    found: Rows = {}
    with psycopg.connect(database.superuser_url, row_factory=dict_row) as superuser:
        for table in sealed_columns():
            clinic = "id" if table == "clinics" else "clinic_id"
            query = sql.SQL("SELECT * FROM {} WHERE {} = %s AND {} IS NOT NULL").format(
                sql.Identifier(table), sql.Identifier(clinic), sql.Identifier(sealed_columns()[table][0])
            )
            (found[table],) = superuser.execute(query, (clinic_id,)).fetchall()
    return found


def test_every_cell_of_every_table_is_sealed_anew_and_nothing_else_changes(
    product: Product, owned: Product, database: TestDatabase
) -> None:
    clinic_id = product.clinic()
    with psycopg.connect(database.superuser_url) as superuser:
        fill(superuser, clinic_id, product.keys.cipher(clinic_id))
    before = stored(database, clinic_id)

    owned.core.rotate_data_key(Operator(clinic_id=clinic_id))
    walked = [one for one in SEALED if one[0] not in APPEND_ONLY]
    assert Resealed(cells=len(walked)) == walk(owned, clinic_id)

    after, cipher = stored(database, clinic_id), owned.keys.cipher(clinic_id)
    for table, column in SEALED:
        one = after[table]
        assert f"{table} {column}" == cipher.decrypt(f"{table}.{column}", one["id"], one[column])
        assert (1 if table in APPEND_ONLY else 2) == stamped_version(one[column]), (table, column)
    for table, columns in sealed_columns().items():
        for row in (before[table], after[table]):
            for column in columns:
                del row[column]
    assert before == after
    assert {1: (0, 1), 2: (len(walked), 0)} == cells_by_version(owned, clinic_id)
    assert Resealed() == walk(owned, clinic_id)


def test_the_walk_touches_one_clinic_alone(product: Product, owned: Product) -> None:
    clinics = [product.clinic(name) for name in ("North", "South")]
    for clinic_id in clinics:
        product.core.admit_patient(Operator(clinic_id=clinic_id), PatientDraft(name="Ada"))
        owned.core.rotate_data_key(Operator(clinic_id=clinic_id))
    assert Resealed(cells=1) == walk(owned, clinics[0])
    assert [{2: (1, 0)}, {1: (1, 0)}] == [cells_by_version(owned, clinic_id) for clinic_id in clinics]
    for clinic_id in clinics:
        page = product.core.list_patients(Operator(clinic_id=clinic_id), PatientFilter())
        assert ["Ada"] == [one.name for one in page.items]


def test_a_cell_that_does_not_open_is_left_and_counted(
    product: Product, owned: Product, database: TestDatabase
) -> None:
    clinic_id = product.clinic()
    operator = Operator(clinic_id=clinic_id)
    damaged, sound = (product.core.admit_patient(operator, PatientDraft(name=name)) for name in ("Ada", "Eve"))
    with psycopg.connect(database.superuser_url) as superuser:
        superuser.execute(
            "UPDATE patients SET name = set_byte(name, 20, get_byte(name, 20) # 1) WHERE id = %s", (damaged.id,)
        )
        before = superuser.execute("SELECT name FROM patients WHERE id = %s", (damaged.id,)).fetchone()
    owned.core.rotate_data_key(operator)
    assert Resealed(cells=1, damaged=1) == walk(owned, clinic_id)
    with psycopg.connect(database.superuser_url) as superuser:
        assert before == superuser.execute("SELECT name FROM patients WHERE id = %s", (damaged.id,)).fetchone()
        cell = superuser.execute("SELECT name FROM patients WHERE id = %s", (sound.id,)).fetchone()
    assert cell is not None
    assert "Eve" == owned.keys.cipher(clinic_id).decrypt("patients.name", sound.id, cell[0])
    with pytest.raises(KeyInUse, match="1 cells"):
        owned.core.retire_data_key(operator, 1, offline=True)


def test_a_row_that_somebody_holds_is_passed_over_and_sealed_by_the_next_pass(
    product: Product, owned: Product, database: TestDatabase
) -> None:
    clinic_id = product.clinic()
    held, free = (
        product.core.admit_patient(Operator(clinic_id=clinic_id), PatientDraft(name=name)) for name in ("Ada", "Eve")
    )
    owned.core.rotate_data_key(Operator(clinic_id=clinic_id))
    with psycopg.connect(database.superuser_url) as superuser:
        superuser.execute("SELECT FROM patients WHERE id = %s FOR UPDATE", (held.id,))
        began = time.monotonic()
        assert Resealed(cells=1) == walk(owned, clinic_id)
        assert time.monotonic() - began < 4.5  # a statement waits five seconds for a lock
    assert {1: (1, 0), 2: (1, 0)} == cells_by_version(owned, clinic_id)
    assert Resealed(cells=1) == walk(owned, clinic_id)
    assert {2: (2, 0)} == cells_by_version(owned, clinic_id)
    assert free.id != held.id


class Writers:
    """Threads that rename patients until they are told to end, and remember what was acknowledged last."""

    def __init__(self, product: Product, caller: SessionClaim, ids: list[UUID]) -> None:
        self.product, self.caller = product, caller
        self.names: dict[UUID, tuple[str, int]] = {}
        self.faults = list[Exception]()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(ids[place::4],)) for place in range(4)]
        for thread in self._threads:
            thread.start()

    def _write(self, mine: list[UUID]) -> None:
        turn = 0
        while not self._ended.is_set():
            turn += 1
            for patient_id in mine:
                name = f"Turn {turn} {patient_id.hex[-4:]}"
                try:
                    changed = self.product.core.change_patient(self.caller, patient_id, PatientChanges(name=name))
                except Exception as error:  # noqa: BLE001 - any of them fails the test
                    self.faults.append(error)
                    return
                self.names[patient_id] = name, changed.version

    def end(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(120)


def rotate_to_the_end(product: Product, owned: Product, clinic_id: UUID) -> None:
    """Rotate once, and come back to rows that were held."""
    version = owned.core.rotate_data_key(Operator(clinic_id=clinic_id)).version
    product.keys.forget(clinic_id)  # as if half a minute had passed
    until = time.monotonic() + 120
    while cells_by_version(owned, clinic_id).keys() != {version}:
        walk(owned, clinic_id)
        assert time.monotonic() < until
    owned.core.retire_data_key(Operator(clinic_id=clinic_id), version - 1, offline=True)


def test_who_writes_beside_the_walk_loses_nothing(product: Product, owned: Product, database: TestDatabase) -> None:
    clinic_id = product.clinic()
    operator, admin = Operator(clinic_id=clinic_id), product.session(product.staff(clinic_id, Role.ADMIN))
    ids = [product.core.admit_patient(operator, PatientDraft(name=f"Name {n}", mrn=f"M-{n}")).id for n in range(40)]
    writers = Writers(product, admin, ids)
    try:
        for _ in range(3):
            rotate_to_the_end(product, owned, clinic_id)
    finally:
        writers.end()
    assert [] == writers.faults
    page = product.core.list_patients(operator, PatientFilter(limit=100))
    assert writers.names == {one.id: (one.name, one.version) for one in page.items}
    assert {f"M-{n}" for n in range(40)} == {one.mrn for one in page.items}
    assert [] == breaks(database.application_url, clinic_id, product.keys.cipher(clinic_id))


def test_the_application_can_neither_walk_nor_end_a_key(product: Product) -> None:
    clinic_id = product.clinic()
    operator = Operator(clinic_id=clinic_id)
    product.core.rotate_data_key(operator)  # to add one it may
    with pytest.raises(DependencyUnavailable):
        product.core.retire_data_key(operator, 1, offline=True)
    with pytest.raises(DependencyUnavailable):
        walk(product, clinic_id)
    assert [1, 2] == [
        key.version
        for key in product.core.ports.wrapped_keys.of_clinic(clinic_id)
        if key.purpose is KeyPurpose.DATA and key.retired_at is None
    ]


def test_a_key_is_not_retired_without_its_entry(product: Product, owned: Product, database: TestDatabase) -> None:
    clinic_id = product.clinic()
    operator = Operator(clinic_id=clinic_id)
    owned.core.rotate_data_key(operator)
    before = owned.core.ports.wrapped_keys.of_clinic(clinic_id)
    with psycopg.connect(database.owner_url) as owner:
        owner.execute("REVOKE INSERT ON audit_logs FROM CURRENT_USER")
    with pytest.raises(AuditUnavailable):
        owned.core.retire_data_key(operator, 1, offline=True)
    assert before == owned.core.ports.wrapped_keys.of_clinic(clinic_id)
    with psycopg.connect(database.owner_url) as owner:
        owner.execute("GRANT INSERT ON audit_logs TO CURRENT_USER")
    owned.core.retire_data_key(operator, 1, offline=True)
    assert before != owned.core.ports.wrapped_keys.of_clinic(clinic_id)


def test_each_step_is_in_the_trail_of_the_clinic(product: Product, owned: Product, database: TestDatabase) -> None:
    clinic_id = product.clinic()
    operator = Operator(clinic_id=clinic_id)
    owned.core.rotate_data_key(operator)
    walk(owned, clinic_id)
    owned.core.retire_data_key(operator, 1, offline=True)
    owned.core.retire_data_key(operator, 1, destroy=True, offline=True)
    found = entries(database.application_url, clinic_id, product.keys.cipher(clinic_id))
    assert [Action.CLINIC_OPEN, Action.KEY_ROTATE, Action.KEY_RETIRE, Action.KEY_RETIRE] == [
        one.action for one in found
    ]
    assert [] == breaks(database.application_url, clinic_id, product.keys.cipher(clinic_id))
