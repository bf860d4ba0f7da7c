"""`mindbridge audit`: verified against the database and offline, with an export, checkpoints and a public key."""

from __future__ import annotations

import csv
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import attrs
import psycopg
import pytest

from mindbridge_cli import examining
from mindbridge_core import Operator
from mindbridge_core.patients import PatientDraft
from mindbridge_postgres import PoolSettings
from mindbridge_security import CheckpointKey, KeyRing
from tests.cli.conftest import Run
from tests.support.postgres import TestDatabase
from tests.support.product import Product, compose


@attrs.frozen
class Clinic:
    """A clinic with a trail, the settings that lead to it, and a checkpoint key."""

    id: UUID
    product: Product
    settings: dict[str, str]
    public_key: Path
    folder: Path
    superuser_url: str

    def admit(self) -> None:
        self.product.core.admit_patient(Operator(clinic_id=self.id), PatientDraft(name="Jane Roe"))

    def tamper(self, *statements: str) -> None:
        with psycopg.connect(self.superuser_url) as attacker:
            for table in ("audit_logs", "audit_chain_heads"):
                attacker.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
            for statement in statements:
                attacker.execute(statement.encode())


@pytest.fixture
def clinic(database: TestDatabase, served: dict[str, str], tmp_path: Path, run: Run) -> Iterator[Clinic]:
    ring = KeyRing.load(Path(served["key_ring_file"]))
    product = compose(database.application_url, ring, PoolSettings(most=2))
    try:
        product.core.prepare_platform()
        private, public = tmp_path / "checkpoint.pem", tmp_path / "public.pem"
        made = run("audit", "checkpoint-key", "--out", str(private))
        assert (0, 0o600) == (made.exit_code, stat.S_IMODE(private.stat().st_mode))
        public.write_text(made.stdout)
        settings = {**served, "checkpoint_key_file": str(private)}
        found = Clinic(product.clinic(), product, settings, public, tmp_path, database.superuser_url)
        for _ in range(3):
            found.admit()
        yield found
    finally:
        product.database.close()


def verified(run: Run, clinic: Clinic, *arguments: str) -> tuple[int, dict[str, Any]]:
    ended = run("audit", "verify", "--json", *arguments, **clinic.settings)
    return ended.exit_code, json.loads(ended.stdout)


def breaks(document: dict[str, Any]) -> list[tuple[int, str, str | None]]:
    return [
        (broken["seq"], broken["kind"], broken["entry_id"]) for one in document["clinics"] for broken in one["breaks"]
    ]


def test_a_trail_that_is_as_written_verifies(run: Run, clinic: Clinic) -> None:
    code, document = verified(run, clinic)
    assert (0, True, 2) == (code, document["verified"], len(document["clinics"]))
    code, document = verified(run, clinic, "--clinic", str(clinic.id))
    assert (0, [str(clinic.id)]) == (code, [one["clinic_id"] for one in document["clinics"]])


def test_an_edited_entry_is_named_and_the_command_exits_with_3(run: Run, clinic: Clinic) -> None:
    clinic.tamper(
        "UPDATE audit_logs SET outcome = 'denied'"
        " WHERE id = (SELECT id FROM audit_logs WHERE action = 'patient.create' LIMIT 1)"
    )
    code, document = verified(run, clinic)
    (found,) = breaks(document)
    assert (3, False, "altered") == (code, document["verified"], found[1])
    told = run("audit", "verify", "--all", **clinic.settings)
    assert 3 == told.exit_code
    assert f"number {found[0]}, entry {found[2]}: altered" in told.stdout
    assert "entries examined" in told.stderr


def test_an_export_verifies_offline_with_the_public_key_alone(run: Run, clinic: Clinic) -> None:
    export, checkpoints = clinic.folder / "export.ndjson", clinic.folder / "checkpoints"
    assert 0 == run("audit", "checkpoint", "--out", str(checkpoints), **clinic.settings).exit_code
    platform, own = checkpoints.read_text().splitlines()
    checkpoints.write_text(own + "\n")
    exported = run("audit", "export", "--clinic", str(clinic.id), "--out", str(export), **clinic.settings)
    assert (0, 0o600) == (exported.exit_code, stat.S_IMODE(export.stat().st_mode))
    secrets = dict.fromkeys(("database_url", "key_ring_file", "checkpoint_key_file", "owner_database_url"), "")
    offline = ("--offline", str(export), "--checkpoints", str(checkpoints), "--public-key", str(clinic.public_key))
    told = run("audit", "verify", "--json", *offline, **secrets)
    assert (0, True) == (told.exit_code, json.loads(told.stdout)["verified"])
    assert 1 == json.loads(told.stdout)["unproven"]  # the export's own entry

    lines = export.read_text().splitlines()
    changed = json.loads(lines[1]) | {"outcome": "denied"}
    export.write_text("\n".join([lines[0], json.dumps(changed), *lines[2:]]) + "\n")
    told = run("audit", "verify", "--json", *offline, **secrets)
    assert (3, "rewritten") == (told.exit_code, breaks(json.loads(told.stdout))[0][1])

    checkpoints.write_text(own.replace('"made_at": "2', '"made_at": "1') + "\n")
    assert 1 == run("audit", "verify", *offline, **secrets).exit_code
    checkpoints.write_text("")
    assert 1 == run("audit", "verify", *offline, **secrets).exit_code
    assert platform != own


def test_a_trail_put_back_with_its_heads_is_caught_by_a_checkpoint(run: Run, clinic: Clinic) -> None:
    clinic.tamper(
        "CREATE TABLE kept_audit_logs AS SELECT * FROM audit_logs",
        "CREATE TABLE kept_audit_chain_heads AS SELECT * FROM audit_chain_heads",
    )
    for _ in range(3):
        clinic.admit()
    checkpoints = clinic.folder / "checkpoints"
    made = run("audit", "checkpoint", "--clinic", str(clinic.id), **clinic.settings)
    checkpoints.write_text(made.stdout)
    held = ("--clinic", str(clinic.id), "--checkpoints", str(checkpoints), "--public-key", str(clinic.public_key))
    assert 0 == verified(run, clinic, *held)[0]
    clinic.tamper(
        "DELETE FROM audit_logs", "INSERT INTO audit_logs SELECT * FROM kept_audit_logs",
        "DELETE FROM audit_chain_heads", "INSERT INTO audit_chain_heads SELECT * FROM kept_audit_chain_heads",
    )  # fmt: skip
    assert 0 == verified(run, clinic, "--clinic", str(clinic.id))[0]
    clinic.tamper(
        "DELETE FROM audit_logs", "INSERT INTO audit_logs SELECT * FROM kept_audit_logs",
        "DELETE FROM audit_chain_heads", "INSERT INTO audit_chain_heads SELECT * FROM kept_audit_chain_heads",
    )  # fmt: skip
    code, document = verified(run, clinic, *held)
    assert 3 == code
    assert {"rolled_back"} <= {kind for _, kind, _ in breaks(document)} <= {"rolled_back", "rewritten"}


def test_no_checkpoint_is_made_of_a_broken_trail_but_of_the_others(run: Run, clinic: Clinic) -> None:
    clinic.tamper("UPDATE audit_logs SET request_id = 'x' WHERE action = 'patient.create'")
    ended = run("audit", "checkpoint", **clinic.settings)
    assert (3, 1) == (ended.exit_code, len(ended.stdout.splitlines()))
    assert str(clinic.id) in ended.stderr
    assert str(clinic.id) not in ended.stdout


def test_a_checkpoint_of_another_key_is_not_believed(run: Run, clinic: Clinic) -> None:
    checkpoints = clinic.folder / "checkpoints"
    checkpoints.write_text(run("audit", "checkpoint", **clinic.settings).stdout)
    assert 0 == verified(run, clinic, "--checkpoints", str(checkpoints))[0]
    clinic.public_key.write_text(CheckpointKey.generate().public.text())
    told = run(
        "audit", "verify", "--checkpoints", str(checkpoints), "--public-key", str(clinic.public_key), **clinic.settings
    )
    assert 1 == told.exit_code
    assert "not signed by the key" in told.stderr


def test_an_export_says_what_it_was_asked_for(run: Run, clinic: Clinic) -> None:
    asked = ("audit", "export", "--clinic", str(clinic.id))
    rows = list(csv.DictReader(run(*asked, "--format", "csv", **clinic.settings).stdout.splitlines()))
    assert ["patient.create"] * 3 == [row["action"] for row in rows if row["action"] == "patient.create"]
    assert "" == run(*asked, "--until", "2001-01-01", **clinic.settings).stdout
    assert 7 == len(run(*asked, "--since", "2001-01-01", **clinic.settings).stdout.splitlines())
    assert 1 == run("audit", "export", "--clinic", str(UUID(int=7)), **clinic.settings).exit_code


def test_the_public_key_is_printed_and_needs_a_private_one(run: Run, clinic: Clinic) -> None:
    assert clinic.public_key.read_text() == run("audit", "public-key", **clinic.settings).stdout
    assert 2 == run("audit", "public-key", **{**clinic.settings, "checkpoint_key_file": ""}).exit_code


@pytest.mark.parametrize("arguments", [("--clinic", str(UUID(int=7)), "--all"), ("--offline", __file__)])
def test_what_does_not_go_together_is_wrong_usage(run: Run, arguments: tuple[str, ...]) -> None:
    assert 2 == run("audit", "verify", *arguments).exit_code


def test_a_long_trail_is_gone_through_by_several_processes_with_the_same_result(
    run: Run, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examining, "WORTH_IT", 1)
    code, document = verified(run, clinic, "--processes", "2")
    assert (0, True) == (code, document["verified"])
    clinic.tamper(
        "UPDATE audit_logs SET outcome = 'denied'"
        " WHERE id = (SELECT id FROM audit_logs WHERE action = 'patient.create' LIMIT 1)"
    )
    code, document = verified(run, clinic, "--processes", "2")
    (found,) = breaks(document)
    assert (3, "altered") == (code, found[1])
    alone = verified(run, clinic, "--processes", "1")[1]
    assert breaks(document) == breaks(alone)
