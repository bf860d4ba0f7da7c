"""`keys rotate`, `keys retire` and `keys status`, as an operator runs them while the product serves."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from mindbridge_cli.compose import Composed, compose
from mindbridge_cli.settings import Settings
from mindbridge_core import Operator
from mindbridge_core.identity import ClinicDraft
from mindbridge_core.patients import PatientDraft, PatientFilter
from mindbridge_security import KeyRing
from tests.cli.conftest import Run
from tests.cli.demos import SECONDS
from tests.support.postgres import TestDatabase

NAMES = {f"Name {number}" for number in range(5)}


@pytest.fixture
def serving(served: dict[str, str]) -> Iterator[Composed]:
    """The product as a server of long standing has it: composed before anything was rotated."""
    settings = Settings(database_url=served["database_url"], key_ring_file=Path(served["key_ring_file"]))
    product = compose(settings)
    product.core.prepare_platform()
    yield product
    product.database.close()


@pytest.fixture
def clinic(serving: Composed) -> UUID:
    clinic_id = serving.core.open_clinic(ClinicDraft(organization="Oak", name="North", address="1 Oak St"))
    for name in sorted(NAMES):
        serving.core.admit_patient(Operator(clinic_id=clinic_id), PatientDraft(name=name))
    return clinic_id


def listed(product: Composed, clinic_id: UUID) -> set[str]:
    """Return the names as a server reads them whose time to read its keys again has come."""
    product.keys.forget(clinic_id)
    page = product.core.list_patients(Operator(clinic_id=clinic_id), PatientFilter())
    return {one.name for one in page.items}


def content(run: Run, *arguments: str, code: int = 0, served: dict[str, str] | None = None) -> Any:
    ended = run("keys", *arguments, "--json", **(served or {}))
    assert code == ended.exit_code, ended.output
    return json.loads(ended.stdout)


def wrapped_under(database: TestDatabase) -> set[str]:
    with psycopg.connect(database.superuser_url) as superuser:
        return {id for (id,) in superuser.execute("SELECT master_key_id FROM clinic_keys").fetchall()}


def test_a_master_key_is_rotated_and_retired_under_a_server_that_goes_on(
    run: Run, served: dict[str, str], serving: Composed, clinic: UUID, database: TestDatabase
) -> None:
    path = Path(served["key_ring_file"])
    old = KeyRing.load(path).current_master_key
    assert {old} == wrapped_under(database)

    done = content(run, "rotate", "master", served=served)
    ring = KeyRing.load(path)
    assert {"master_key": ring.current_master_key, "new": True, "keys": 6} == done
    assert {ring.current_master_key} == wrapped_under(database) != {old}
    assert {old, ring.current_master_key} == set(ring.master_keys)
    assert 0o600 == path.stat().st_mode & 0o777
    assert NAMES == listed(serving, clinic)

    again = content(run, "rotate", "master")
    assert {"master_key": ring.current_master_key, "new": False, "keys": 0} == again

    assert {"keys": [{"master_key": old, "refused": None}]} == content(run, "retire", "master")
    assert [ring.current_master_key] == list(KeyRing.load(path).master_keys)
    assert {"keys": []} == content(run, "retire", "master")
    assert NAMES == listed(serving, clinic)


def test_a_master_key_that_something_is_wrapped_with_is_not_retired(
    run: Run, served: dict[str, str], serving: Composed, clinic: UUID, database: TestDatabase
) -> None:
    path = Path(served["key_ring_file"])
    old = KeyRing.load(path).current_master_key
    assert 0 == content(run, "rotate", "master", "--ring-only", served=served)["keys"]
    assert {old} == wrapped_under(database)
    assert NAMES == listed(serving, clinic)
    refused = content(run, "retire", "master", code=3)
    assert [old] == [one["master_key"] for one in refused["keys"]]
    assert "6 keys are wrapped" in refused["keys"][0]["refused"]
    assert 2 == len(KeyRing.load(path).master_keys)
    assert 6 == content(run, "rotate", "master")["keys"]
    assert 0 == run("keys", "retire", "master").exit_code


@pytest.mark.usefixtures("clinic")
def test_a_ring_in_a_variable_is_not_rotated(run: Run, served: dict[str, str]) -> None:
    text = Path(served.pop("key_ring_file")).read_text()
    for arguments in (("rotate", "master"), ("retire", "master")):
        ended = run("keys", *arguments, key_ring=text, **served)
        assert (2, True) == (ended.exit_code, "MINDBRIDGE_KEY_RING_FILE" in ended.stderr)


@pytest.mark.usefixtures("clinic")
def test_only_the_owner_rotates(run: Run, served: dict[str, str]) -> None:
    del served["owner_database_url"]
    for arguments in (("rotate", "data"), ("retire", "data")):
        ended = run("keys", *arguments, **served)
        assert (2, True) == (ended.exit_code, "MINDBRIDGE_OWNER_DATABASE_URL" in ended.stderr)


def test_data_keys_are_rotated_retired_and_destroyed_under_a_server_that_goes_on(
    run: Run, served: dict[str, str], serving: Composed, clinic: UUID
) -> None:
    done = content(run, "rotate", "data", "--offline", served=served)
    assert 2 == len(done["clinics"])  # the platform's is one
    here = next(one for one in done["clinics"] if one["clinic_id"] == str(clinic))
    assert {"clinic_id": str(clinic), "version": 2, "cells": 6, "left": 0, "damaged": 0} == here
    assert NAMES == listed(serving, clinic)

    again = content(run, "rotate", "data", "--offline")
    assert [(2, 0)] * 2 == [(one["version"], one["cells"]) for one in again["clinics"]]

    assert [None, None] == [one["refused"] for one in content(run, "retire", "data", "--offline")["keys"]]
    assert {"keys": []} == content(run, "retire", "data", "--offline")
    refused = content(run, "retire", "data", "--destroy", code=3)
    assert ["try again" in one["refused"] for one in refused["keys"]] == [True, True]
    destroyed = content(run, "retire", "data", "--destroy", "--offline", "--clinic", str(clinic))
    assert {"keys": [{"clinic_id": str(clinic), "version": 1, "refused": None}]} == destroyed
    assert NAMES == listed(serving, clinic)


def test_a_data_key_is_not_retired_before_every_server_has_the_next(
    run: Run, served: dict[str, str], clinic: UUID
) -> None:
    content(run, "rotate", "data", "--offline", "--clinic", str(clinic), served=served)
    refused = content(run, "retire", "data", code=3)
    assert ["A server may still be at work with it" in one["refused"] for one in refused["keys"]] == [True]


def test_status_shows_versions_and_how_far_a_rotation_got(
    run: Run, served: dict[str, str], serving: Composed, clinic: UUID
) -> None:
    def standing() -> list[dict[str, Any]]:
        found = content(run, "status", served=served)
        (here,) = [one for one in found["clinics"] if one["clinic_id"] == str(clinic)]
        return [key for key in here["keys"] if key["purpose"] == "data"]

    assert [(1, None)] == [(key["version"], key["retired_at"]) for key in standing()]
    serving.core.rotate_data_key(Operator(clinic_id=clinic))
    assert [(1, 6), (2, 0)] == [(key["version"], key["cells"]) for key in standing()]
    content(run, "rotate", "data", "--offline")
    assert [(1, 0), (2, 6)] == [(key["version"], key["cells"]) for key in standing()]
    content(run, "retire", "data", "--offline")
    assert [True, False] == [key["retired_at"] is not None for key in standing()]
    lines = run("keys", "status").stdout
    assert "data key 1 under" in lines
    assert ", 6 cells" in lines
    assert ", retired " in lines


def test_a_cell_that_does_not_open_is_told(
    run: Run, served: dict[str, str], clinic: UUID, database: TestDatabase
) -> None:
    with psycopg.connect(database.superuser_url) as superuser:
        superuser.execute("UPDATE clinics SET address = '\\x0100' WHERE id = %s", (clinic,))
    ended = run("keys", "rotate", "data", "--offline", "--clinic", str(clinic), **served)
    assert 3 == ended.exit_code
    assert "5 cells sealed anew, 1 left, of which 1 do not open" in ended.stdout


def test_on_a_terminal_the_progress_is_drawn_and_nowhere_else(run: Run, served: dict[str, str], clinic: UUID) -> None:
    ended = run("keys", "rotate", "data", "--offline", **served)
    assert ("" == ended.stderr, str(clinic) in ended.stdout) == (True, True)
    ours, theirs = pty.openpty()
    environment = {f"MINDBRIDGE_{name.upper()}": value for name, value in served.items()} | {"PATH": os.environ["PATH"]}
    command = [sys.executable, "-m", "mindbridge_cli", "keys", "rotate", "master", "--json"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    drawn = b""
    with suppress(OSError):  # how a terminal ends
        while chunk := os.read(ours, 4096):
            drawn += chunk
    answer, _ = process.communicate(timeout=SECONDS)
    os.close(ours)
    assert (0, True) == (process.returncode, json.loads(answer)["new"])
    assert b"wrapping" in drawn
    assert b"100%" in drawn
