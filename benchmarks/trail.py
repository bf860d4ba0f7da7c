"""How fast a trail is verified, and in how much memory: `python -m benchmarks.trail --entries 1000000`.

The bound is measured in the same run: the same rows read as they are, and the bare HMAC over as many bytes.
"""

from __future__ import annotations

import argparse
import hmac
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import psycopg

from benchmarks.scene import running_scene
from mindbridge_cli.compose import composed
from mindbridge_cli.examining import examiner
from mindbridge_cli.settings import Settings
from mindbridge_core import Action, Operator
from mindbridge_core.audit import AuditEntry, Outcome
from mindbridge_core.compliance import LANES, ChainHead, SealedEntry, first_head, link_of, seal
from mindbridge_core.identity import ClinicDraft
from mindbridge_core.ids import uuid7_maker
from mindbridge_core.phi import ClinicCipher

LANES_USED: Final = 16
START: Final = datetime(2026, 1, 5, 8, tzinfo=UTC)
AGENT: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
COPY: Final = (
    "COPY audit_logs (clinic_id, id, lane, seq, created_at, user_id, action, resource_type, resource_id, resource_ids,"
    " outcome, changes, ip_address, user_agent, session_id, request_id, phi_accessed, prev_mac, mac) FROM STDIN"
)


def _entries(clinic_id: UUID, count: int) -> Iterator[AuditEntry]:
    """Yield what a clinic's day leaves: views, changes, and lists of fifty."""
    clock = iter(range(count + 1))
    new_id = uuid7_maker(
        lambda: START + timedelta(milliseconds=next(clock)), lambda size: hmac.digest(b"", b"", "sha512")[:size]
    )
    users, patients = [UUID(int=one) for one in range(20)], [UUID(int=one << 64) for one in range(1, 2_001)]
    for number in range(count):
        listing, changing = number % 20 == 0, number % 5 == 1
        yield AuditEntry(
            id=new_id(),
            clinic_id=clinic_id,
            created_at=START + timedelta(milliseconds=number),
            action=Action.PATIENT_LIST if listing else Action.PATIENT_CHANGE if changing else Action.PATIENT_VIEW,
            outcome=Outcome.SUCCESS,
            resource_type="patient",
            resource_id=None if listing else patients[number % len(patients)],
            resource_ids=tuple(patients[:50]) if listing else (),
            changed_fields=("medication_adherence", "status") if changing else (),
            changed_values={"status": "active"} if changing else {},
            phi_accessed=True,
            user_id=users[number % len(users)],
            session_id=users[number % len(users)],
            request_id=f"{number:032x}",
            ip_address="203.0.113.9",
            user_agent=AGENT,
        )


def _row(sealed: SealedEntry) -> tuple[object, ...]:
    entry = sealed.entry
    changes = json.dumps({"fields": entry.changed_fields, "values": dict(entry.changed_values)})
    ids = "{" + ",".join(one.hex for one in entry.resource_ids) + "}"
    return (
        entry.clinic_id, entry.id, sealed.lane, sealed.seq, entry.created_at, entry.user_id, entry.action.value,
        entry.resource_type, entry.resource_id, ids, entry.outcome.value, changes, entry.ip_address, entry.user_agent,
        entry.session_id, entry.request_id, entry.phi_accessed, sealed.prev_mac, sealed.mac,
    )  # fmt: skip


def write(superuser: str, clinic_id: UUID, cipher: ClinicCipher, count: int) -> float:
    """Write a trail of `count` entries behind the product's back; return the seconds of a bare HMAC over each."""
    heads: dict[int, ChainHead] = {
        lane: first_head(cipher.audit_key, clinic_id, lane) for lane in range(LANES - LANES_USED, LANES)
    }
    bare = 0.0
    with psycopg.connect(superuser) as connection:
        with connection.cursor().copy(COPY.encode()) as copy:
            for number, entry in enumerate(_entries(clinic_id, count)):
                lane = LANES - 1 - number % LANES_USED
                sealed, heads[lane] = seal(cipher.audit_key, heads[lane], entry)
                copy.write_row(_row(sealed))
                if number % 100 == 0:
                    content = link_of(sealed).content
                    began = time.perf_counter()
                    hmac.digest(cipher.audit_key, content, "sha256")
                    bare += 100 * (time.perf_counter() - began)
        for head in heads.values():
            connection.execute(
                "UPDATE audit_chain_heads SET seq = %s, entry_mac = %s, mac = %s WHERE clinic_id = %s AND lane = %s",
                (head.seq, head.entry_mac, head.mac, clinic_id, head.lane),
            )
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE audit_logs")
    return bare


def read(superuser: str, clinic_id: UUID) -> float:
    """Return the seconds of reading the same rows, as they are, in the same order."""
    began = time.perf_counter()
    with psycopg.connect(superuser) as connection, connection.cursor("reading", binary=True) as cursor:
        cursor.itersize = 2_000
        cursor.execute("SELECT * FROM audit_logs WHERE clinic_id = %s ORDER BY lane, seq", (clinic_id,))
        for _ in cursor:
            pass
    return time.perf_counter() - began


def main() -> None:
    """Write a trail, verify it, print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trail", description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_scene(Path(folder), 10) as scene:
        settings = Settings(database_url=scene.application_url, key_ring_file=scene.ring_path)
        with composed(settings) as product, examiner(settings, product, asked.processes) as by:
            clinic_id = product.core.open_clinic(ClinicDraft(organization="Elm", name="Trail"))
            bare = write(scene.superuser_url, clinic_id, product.keys.cipher(clinic_id), asked.entries)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            seconds, processor, reading, grown = [], [], [], 0
            for _ in range(asked.rounds):
                began, used = time.perf_counter(), time.process_time()
                found = product.core.verify_trail(Operator(clinic_id=clinic_id), by=by)
                seconds.append(time.perf_counter() - began)
                processor.append(time.process_time() - used)
                assert found.verified, found
                grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
                reading.append(read(scene.superuser_url, clinic_id))
    best = min(seconds)
    worked = asked.entries / min(processor)
    print(f"{asked.entries / best:,.0f} entries/s verified, {asked.processes} processes")
    if asked.processes == 1:
        print(f"{worked:,.0f} entries per second of processor")
    print(f"{asked.entries / min(reading):,.0f} entries/s read alone; {asked.entries / bare:,.0f}/s bare HMAC")
    print(f"{grown / 1024:.1f} MiB more memory than before")


if __name__ == "__main__":
    main()
