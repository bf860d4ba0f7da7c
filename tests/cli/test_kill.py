"""The server killed at any moment: every change has its entry, every entry its change, and the chain holds."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from mindbridge_core import Role
from mindbridge_core.access import Action
from mindbridge_core.audit import Outcome
from mindbridge_core.identity import User
from mindbridge_core.phi import ClinicCipher
from tests.cli.demos import wait_until
from tests.support.postgres import TestDatabase
from tests.support.product import PASSWORD, Product
from tests.support.sockets import free_port
from tests.support.trail import breaks, entries

ROUNDS = 20
WRITERS = 4


@contextmanager
def server(database: TestDatabase, key_ring: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run `mindbridge serve` in a process group of its own until it is killed."""
    settings = {
        "MINDBRIDGE_DATABASE_URL": database.application_url,
        "MINDBRIDGE_KEY_RING_FILE": str(key_ring),
        "MINDBRIDGE_PORT": str(port),
        "MINDBRIDGE_THROTTLE_PER_EMAIL": "1000",  # each round logs in, and all rounds may fall into one minute
        "PATH": os.environ["PATH"],
    }
    command = [sys.executable, "-m", "mindbridge_cli", "serve"]
    process = subprocess.Popen(
        command, env=settings, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=60)


def call(port: int, method: str, path: str, body: object = None, token: str | None = None) -> Any:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api{path}", data=data, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - loopback
        return json.load(answer)


def wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            call(port, "GET", "/ready")
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


def write_until_it_dies(port: int, token: str, answered: Counter[str], rest: float = 0.0) -> None:
    """Create patients and change them, counting what was answered, until the server is gone; rest after each."""
    with suppress(OSError, HTTPException):
        while True:
            created = call(port, "POST", "/v1/patients", {"name": "Ada"}, token)
            answered["create"] += 1
            call(port, "PATCH", f"/v1/patients/{created['id']}", {"status": "inactive"}, token)
            answered["change"] += 1
            time.sleep(rest)


def one_round(database: TestDatabase, key_ring: Path, user: User, answered: Counter[str]) -> None:
    port = free_port()
    with server(database, key_ring, port) as process:
        wait_until_ready(port)
        token = call(port, "POST", "/v1/auth/login", {"email": user.email, "password": PASSWORD})["access_token"]
        writers = [threading.Thread(target=write_until_it_dies, args=(port, token, answered)) for _ in range(WRITERS)]
        before = answered["create"]
        for writer in writers:
            writer.start()
        wait_until(lambda: answered["create"] > before)
        time.sleep(random.uniform(0.05, 0.6))  # noqa: S311 - a moment, not a secret
        os.killpg(process.pid, signal.SIGKILL)
        for writer in writers:
            writer.join(timeout=60)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_killed_server_leaves_no_change_without_entry_and_no_entry_without_change(
    product: Product, database: TestDatabase, tmp_path: Path
) -> None:
    key_ring = tmp_path / "keys.json"
    product.ring.save(key_ring)
    clinic_id = product.clinic()
    user = product.staff(clinic_id, Role.ADMIN)
    answered: Counter[str] = Counter()

    for _ in range(ROUNDS):
        one_round(database, key_ring, user, answered)

    cipher = product.keys.cipher(clinic_id)
    made, versions = entered(database, clinic_id, cipher)
    with psycopg.connect(database.superuser_url) as superuser:
        stored: dict[UUID, int] = dict(superuser.execute("SELECT id, version FROM patients").fetchall())
    assert ROUNDS <= answered["create"]
    assert answered["create"] <= len(stored)
    assert set(stored) == made
    assert stored == {patient_id: 1 + versions[patient_id] for patient_id in stored}
    assert [] == breaks(database.application_url, clinic_id, cipher)


def entered(database: TestDatabase, clinic_id: UUID, cipher: ClinicCipher) -> tuple[set[UUID], Counter[UUID]]:
    """Return which patients the trail says were made, and how often each was changed."""
    made: set[UUID] = set()
    changed: Counter[UUID] = Counter()
    for entry in entries(database.application_url, clinic_id, cipher):
        if entry.outcome is Outcome.SUCCESS and entry.resource_id is not None:
            if entry.action is Action.PATIENT_CREATE:
                made.add(entry.resource_id)
            if entry.action is Action.PATIENT_CHANGE:
                changed[entry.resource_id] += 1
    return made, changed
