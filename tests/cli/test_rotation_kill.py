"""A rotation killed at any moment, and one beside a real server: every row is readable and the same, at each point."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import attrs
import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from mindbridge_core import Operator, Role
from mindbridge_core.identity import ClinicDraft
from mindbridge_core.patients.importing import ImportPlan
from mindbridge_core.phi import cell_stamp, stamped_version
from mindbridge_core.privacy import ConsentDraft, ConsentType, DisclosureRequest
from mindbridge_postgres import PoolSettings
from mindbridge_postgres.schema.sealed import sealed_columns
from mindbridge_security import KeyRing
from tests.cli.conftest import Run
from tests.cli.demos import SECONDS, wait_until
from tests.cli.test_kill import call, server, wait_until_ready, write_until_it_dies
from tests.support.postgres import TestDatabase
from tests.support.product import PASSWORD, Product, compose
from tests.support.sockets import free_port
from tests.support.trail import breaks

PATIENTS: Final = 600
DATA_ROUNDS: Final = 10
MASTER_ROUNDS: Final = 6
CLINICS: Final = 5


@attrs.frozen
class Place:
    """A database, the ring's file, and the settings that a rotation needs."""

    database: TestDatabase
    path: Path
    superuser: psycopg.Connection
    """One for all that is asked again and again: to connect each time would take the processor from what is watched."""

    @property
    def settings(self) -> dict[str, str]:
        return {
            "database_url": self.database.application_url,
            "owner_database_url": self.database.owner_url,
            "key_ring_file": str(self.path),
        }

    @property
    def environment(self) -> dict[str, str]:
        return {f"MINDBRIDGE_{name.upper()}": value for name, value in self.settings.items()} | {
            "PATH": os.environ["PATH"]
        }

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "mindbridge_cli", "keys", *arguments, "--json"]
        return subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, *arguments: str) -> Any:
        """Run a command to its end, which must be a good one."""
        process = self.start(*arguments)
        answer, said = process.communicate(timeout=300)
        assert 0 == process.returncode, said.decode()
        return json.loads(answer)


def everything(place: Place) -> tuple[dict[str, list[object]], Counter[int]]:
    """Return every row of every table that seals cells, in clear, and how many cells are under which version."""
    product = compose(place.database.application_url, KeyRing.load(place.path), PoolSettings(most=2))
    found: dict[str, list[object]] = {}
    versions: Counter[int] = Counter()
    try:
        with psycopg.connect(place.database.superuser_url, row_factory=dict_row) as superuser:
            for table, columns in sealed_columns().items():
                rows = superuser.execute(sql.SQL("SELECT * FROM {} ORDER BY id").format(sql.Identifier(table)))
                found[table] = [in_clear(product, table, columns, row, versions) for row in rows.fetchall()]
    finally:
        product.database.close()
    del found["audit_logs"]  # a rotation adds to it; no entry here has a sealed reason
    return found, versions


def in_clear(
    product: Product, table: str, columns: tuple[str, ...], row: dict[str, Any], versions: Counter[int]
) -> dict[str, Any]:
    clinic_id = row["id"] if table == "clinics" else row["clinic_id"]
    for column in columns:
        if row[column] is not None:
            versions[stamped_version(row[column])] += 1
            row[column] = product.keys.cipher(clinic_id).decrypt(f"{table}.{column}", row["id"], row[column])
    return row


def wrapped_under(place: Place) -> set[str]:
    with psycopg.connect(place.database.superuser_url) as superuser:
        return {id for (id,) in superuser.execute("SELECT master_key_id FROM clinic_keys").fetchall()}


def made(place: Place, version: int) -> bool:
    """Whether any clinic has the version of its data key."""
    query = "SELECT EXISTS (SELECT FROM clinic_keys WHERE purpose = 'data' AND version = %s)"
    row = place.superuser.execute(query, (version,)).fetchone()
    return bool(row and row[0])


@pytest.fixture
def superuser(database: TestDatabase) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def place(product: Product, database: TestDatabase, superuser: psycopg.Connection, tmp_path: Path) -> Place:
    """A lived-in clinic, and some that were only opened."""
    path = tmp_path / "keys.json"
    product.ring.save(path)
    clinic_id = product.core.open_clinic(ClinicDraft(organization="Oak", name="North", address="1 Oak St"))
    admin = product.session(product.staff(clinic_id, Role.ADMIN))
    rows = [f"Name {number},M-{number},Insomnia,F51.0" for number in range(PATIENTS)]
    text = "\n".join(["name,mrn,diagnosis,diagnosis_code", *rows, ""]).encode()
    product.core.import_patients(Operator(clinic_id=clinic_id), lambda: [text], ImportPlan())
    ids = [row[0] for row in superuser.execute("SELECT id FROM patients ORDER BY id").fetchall()]
    assert PATIENTS == len(ids)
    for number, patient_id in enumerate(ids[::20]):
        consent = ConsentDraft(consent_type=ConsentType.DATA_SHARING, consent_form_version="1")
        product.core.record_consent(admin, patient_id, consent)
        request = DisclosureRequest(recipient="Elm", purpose="Care", description=f"Record {number}")
        product.core.disclose_record(admin, patient_id, request)
    for number in range(CLINICS):
        product.clinic(f"Clinic {number}")
    return Place(database, path, superuser)


def sealed_under(place: Place, version: int) -> bool:
    """Whether any patient's name is sealed under the version."""
    query = "SELECT EXISTS (SELECT FROM patients WHERE substring(name FROM 1 FOR 3) = %s)"
    row = place.superuser.execute(query, (cell_stamp(version),)).fetchone()
    return bool(row and row[0])


def killed(place: Place, arguments: tuple[str, ...], began: Callable[[], bool], longest: float) -> bool:
    """Start the command, kill it at a random moment after `began`, and return whether that ended it."""
    process = place.start(*arguments)
    wait_until(lambda: process.poll() is not None or began(), pause=0.005)
    time.sleep(random.uniform(0, longest))  # noqa: S311 - a moment, not a secret
    process.kill()
    process.communicate(timeout=SECONDS)
    return process.returncode == -signal.SIGKILL


def complete(run: Run, place: Place, *arguments: str) -> None:
    ended = run("keys", *arguments, **place.settings)
    assert 0 == ended.exit_code, ended.output


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_rotation_of_data_keys_killed_at_random_is_completed_by_the_next_run(
    run: Run, place: Place, product: Product
) -> None:
    before, _ = everything(place)
    command, midway, ended_by_force, version = ("rotate", "data", "--offline"), 0, 0, 1
    # How many kills meet a rotation under way is up to the machine: a quick one is through before the signal comes.
    while ended_by_force <= DATA_ROUNDS // 2 or not midway or version <= DATA_ROUNDS:
        version += 1
        assert version < 4 * DATA_ROUNDS
        # The first rounds from the first new version on, the others in the midst of the walk.
        moments: list[tuple[Callable[[Place, int], bool], float]] = [(made, 1.0), (sealed_under, 0.03)]
        began, longest = moments[version > DATA_ROUNDS // 3]
        ended_by_force += killed(place, command, partial(began, place, version), longest)
        after, versions = everything(place)
        assert before == after
        midway += len(versions) > 1
        complete(run, place, *command)
        after, versions = everything(place)
        assert before == after
        assert {version} == versions.keys()
        complete(run, place, "retire", "data", "--offline")
    for clinic_id in product.core.ports.trails.clinics():
        product.keys.forget(clinic_id)
        assert [] == breaks(place.database.application_url, clinic_id, product.keys.cipher(clinic_id))


def replaced(place: Place, ring: KeyRing) -> bool:
    return KeyRing.load(place.path) != ring


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_rotation_of_the_master_key_killed_at_random_is_completed_by_the_next_run(run: Run, place: Place) -> None:
    before, _ = everything(place)
    for _ in range(MASTER_ROUNDS):
        old = KeyRing.load(place.path)
        killed(place, ("rotate", "master"), partial(replaced, place, old), 2.5)
        assert before == everything(place)[0]
        complete(run, place, "rotate", "master")
        new = KeyRing.load(place.path).current_master_key
        assert new != old.current_master_key
        assert {new} == wrapped_under(place)
        complete(run, place, "retire", "master")
        assert [new] == list(KeyRing.load(place.path).master_keys)
        assert before == everything(place)[0]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_real_server_goes_on_while_both_keys_are_rotated_and_retired(
    product: Product, database: TestDatabase, superuser: psycopg.Connection, tmp_path: Path
) -> None:
    """Without `--offline`: what is written with the old key until the server takes the new one is found as well."""
    place = Place(database, tmp_path / "keys.json", superuser)
    product.ring.save(place.path)
    clinic_id, port = product.clinic(), free_port()
    user, answered = product.staff(clinic_id, Role.ADMIN), Counter[str]()
    with server(database, place.path, port) as process:
        wait_until_ready(port)
        token = call(port, "POST", "/v1/auth/login", {"email": user.email, "password": PASSWORD})["access_token"]
        # Most of the time goes by waiting: without a rest between writes other tests would have no processor.
        given = (port, token, answered, 0.1)
        writers = [threading.Thread(target=write_until_it_dies, args=given) for _ in range(2)]
        for writer in writers:
            writer.start()
        wait_until(lambda: answered["change"] >= 20)
        assert place.run("rotate", "master")["new"]
        place.run("retire", "master")
        done = place.run("rotate", "data")
        assert {(2, 0)} == {(one["version"], one["left"]) for one in done["clinics"]}
        assert {None} == {one["refused"] for one in place.run("retire", "data")["keys"]}
        written = answered["create"]
        call(port, "POST", "/v1/patients", {"name": "The last"}, token)
        os.killpg(process.pid, signal.SIGKILL)
        for writer in writers:
            writer.join(60)
    found, versions = everything(place)
    assert {2} == versions.keys()
    names = [row["name"] for row in rows_of(found, "patients", clinic_id)]
    assert "The last" in names
    assert len(names) >= written > 20


def rows_of(found: dict[str, list[Any]], table: str, clinic_id: UUID) -> list[Any]:
    return [row for row in found[table] if row["clinic_id"] == clinic_id]
