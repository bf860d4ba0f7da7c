"""Whatever a superuser does to the trail behind the triggers' back is located, column by column."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Iterator
from uuid import UUID

import attrs
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mindbridge_core import Operator
from mindbridge_core.audit import AuditEntry
from mindbridge_core.compliance import ChainBreak
from mindbridge_core.oversight import Examination, ExportFormat, Period, TrailFilter
from mindbridge_core.patients import PatientDraft
from mindbridge_core.testing.records import an_entry
from mindbridge_postgres.schema import metadata
from tests.support.postgres import TestDatabase
from tests.support.product import Product

OTHER = "00000000-0000-4000-8000-000000000007"

CHANGES = {
    "action": "'patient.delete'",
    "outcome": "'failure'",
    "resource_type": "'user'",
    "resource_id": f"'{OTHER}'",
    "resource_ids": "ARRAY[resource_ids[1]]",
    "changes": """'{"fields": [], "values": {}}'""",
    "ip_address": "NULL",
    "user_agent": "''",
    "session_id": f"'{OTHER}'",
    "request_id": "'another'",
    "user_id": "NULL",
    "phi_accessed": "NOT phi_accessed",
    "access_reason": "NULL",
    "created_at": "created_at + interval '1 microsecond'",
    "id": f"'{OTHER}'",
    "mac": "decode(repeat('00', 32), 'hex')",
    "prev_mac": "decode(repeat('00', 32), 'hex')",
    "lane": "lane + 1",
    "seq": "seq + 100",
    "clinic_id": f"'{OTHER}'",
}
MALFORMED = {
    "more in changes": """changes = changes || '{"more": 1}'""",
    "less in changes": "changes = changes - 'values'",
    "text for fields": """changes = '{"fields": "ab", "values": {}}'""",
    "a list for values": """changes = '{"fields": [], "values": []}'""",
    "ids counted from 0": "resource_ids = ('[0:1]={' || resource_ids[1] || ',' || resource_ids[2] || '}')::uuid[]",
    "ids in two dimensions": "resource_ids = ARRAY[resource_ids]",
    "a null among ids": "resource_ids = ARRAY[NULL, resource_ids[2]]::uuid[]",
    "no time at all": "created_at = 'infinity'",
    "a reason from elsewhere": "access_reason = decode(repeat('01', 60), 'hex')",
    "an action of nobody's": "action = 'nobody.knows'",
}


@attrs.frozen
class Scene:
    """A clinic whose trail has three full entries in one unit, and so in one lane."""

    product: Product
    clinic_id: UUID
    entries: list[AuditEntry]
    superuser: psycopg.Connection

    def verify(self) -> Examination:
        return self.product.core.verify_trail(Operator(clinic_id=self.clinic_id))

    def tamper(self, statement: str, *params: object) -> None:
        done = self.superuser.execute(statement.encode(), params)
        assert done.rowcount != 0


@pytest.fixture
def scene(product: Product, database: TestDatabase) -> Iterator[Scene]:
    clinic_id = product.clinic()
    entries = [
        an_entry(
            clinic_id,
            resource_id=UUID(int=1),
            resource_ids=(UUID(int=2), UUID(int=3)),
            changed_fields=("a", "b"),
            changed_values={"a": 1},
            ip_address="::1",
            user_agent="agent",
            session_id=UUID(int=4),
            request_id="request",
            user_id=UUID(int=5),
            access_reason="a crisis",
        )
        for _ in range(3)
    ]
    with product.core.ports.open_unit(clinic_id) as unit:
        for entry in entries:
            unit.audit.append(entry)
    with psycopg.connect(database.superuser_url, autocommit=True) as superuser:
        superuser.execute("ALTER TABLE audit_logs DISABLE TRIGGER USER")
        for name in ("lane", "changes"):
            superuser.execute(f"ALTER TABLE audit_logs DROP CONSTRAINT IF EXISTS ck_audit_logs_{name}".encode())
        superuser.execute("SET session_replication_role = replica")
        yield Scene(product, clinic_id, entries, superuser)


def test_every_column_is_tried() -> None:
    assert set(CHANGES) == {column.name for column in metadata.tables["audit_logs"].columns}


@pytest.mark.parametrize("column", CHANGES)
def test_an_edit_of_any_column_is_located(scene: Scene, column: str) -> None:
    assert scene.verify().verified
    entry = scene.entries[1]
    row = scene.superuser.execute("SELECT lane, seq FROM audit_logs WHERE id = %s", (entry.id,)).fetchone()
    assert row is not None
    scene.tamper(f"UPDATE audit_logs SET {column} = {CHANGES[column]} WHERE id = %s", entry.id)  # noqa: S608 - our own names
    found = scene.verify()
    assert tuple(row) in {(broken.lane, broken.seq) for broken in found.breaks}
    named = {broken.entry_id for broken in found.breaks if broken.kind in {"altered", "unlinked", "misplaced"}}
    assert named <= {None, *(entry.id for entry in scene.entries), UUID(OTHER)}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_row_in_a_form_that_is_never_written_is_located_and_still_shown(scene: Scene, name: str) -> None:
    entry = scene.entries[1]
    scene.tamper(f"UPDATE audit_logs SET {MALFORMED[name]} WHERE id = %s", entry.id)  # noqa: S608 - our own names
    (broken,) = scene.verify().breaks
    assert (broken.kind, broken.entry_id) == ("altered", entry.id)
    caller = Operator(clinic_id=scene.clinic_id)
    exported = list(scene.product.core.export_trail(caller, Period(), ExportFormat.NDJSON))
    assert [entry.id] == [record.id for record in exported if not record.intact]
    with scene.product.core.ports.open_unit(scene.clinic_id) as unit:
        shown = unit.trail.page(TrailFilter()).items
    assert [entry.id] == [record.id for record in shown if not record.intact]


def test_a_row_in_the_wrong_partition_is_located(scene: Scene, database: TestDatabase) -> None:
    """A superuser makes the catalogue say that a partition's rows were looked at, so that ATTACH does not look."""
    entry, april = scene.entries[1], "audit_logs_y2026m04"
    scene.tamper("CREATE TABLE moved AS SELECT * FROM audit_logs WHERE id = %s", entry.id)
    scene.tamper("DELETE FROM audit_logs WHERE id = %s", entry.id)
    for statement in (
        f"ALTER TABLE audit_logs DETACH PARTITION {april}",
        f"INSERT INTO {april} SELECT * FROM moved",  # noqa: S608 - our own names
        (
            f"ALTER TABLE {april} ADD CONSTRAINT april CHECK (created_at IS NOT NULL"
            " AND created_at >= '2026-04-01 00:00+00' AND created_at < '2026-05-01 00:00+00') NOT VALID"
        ),
        "UPDATE pg_constraint SET convalidated = true WHERE conname = 'april'",
    ):
        scene.superuser.execute(statement.encode())
    with psycopg.connect(database.superuser_url) as attacker:
        attacker.execute(
            f"ALTER TABLE audit_logs ATTACH PARTITION {april}"
            " FOR VALUES FROM ('2026-04-01 00:00+00') TO ('2026-05-01 00:00+00')".encode()
        )
    (broken,) = scene.verify().breaks
    assert (broken.kind, broken.entry_id) == ("misfiled", entry.id)


def test_a_lane_beyond_the_known_ones_is_located(scene: Scene) -> None:
    scene.tamper("UPDATE audit_logs SET lane = 64 WHERE id = %s", scene.entries[2].id)
    assert ChainBreak(lane=64, seq=0, kind="unknown_lane") in scene.verify().breaks


def test_the_same_place_taken_twice_is_located(scene: Scene) -> None:
    scene.tamper(
        "INSERT INTO audit_logs SELECT clinic_id, gen_random_uuid(), lane, seq, created_at, user_id, action,"
        " resource_type, resource_id, resource_ids, outcome, changes, ip_address, user_agent, session_id, request_id,"
        " phi_accessed, access_reason, prev_mac, mac FROM audit_logs WHERE id = %s",
        scene.entries[1].id,
    )
    assert {"misplaced"} <= {broken.kind for broken in scene.verify().breaks} <= {"misplaced", "altered"}


def test_random_tampering_is_always_located_and_putting_it_right_ends_the_alarm(scene: Scene) -> None:
    ids = [entry.id for entry in scene.entries]

    @settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
    @given(st.sampled_from(ids), st.sampled_from(["drop", "truncate", "swap", *sorted(CHANGES)]))
    def tampered(id: UUID, how: str) -> None:
        scene.superuser.execute("CREATE TEMPORARY TABLE kept AS SELECT * FROM audit_logs")
        try:
            if how == "drop":
                scene.tamper("DELETE FROM audit_logs WHERE id = %s", id)
            elif how == "truncate":
                scene.tamper("DELETE FROM audit_logs WHERE id >= %s AND id = ANY(%s)", id, ids)
            elif how == "swap":
                scene.tamper("UPDATE audit_logs SET seq = 10000 - seq WHERE id = ANY(%s)", ids)
            else:
                scene.tamper(f"UPDATE audit_logs SET {how} = {CHANGES[how]} WHERE id = %s", id)  # noqa: S608 - our own names
            assert scene.verify().found
        finally:
            scene.superuser.execute("DELETE FROM audit_logs WHERE (clinic_id, id) IN (SELECT clinic_id, id FROM kept)")
            scene.superuser.execute("DELETE FROM audit_logs WHERE id = %s OR clinic_id = %s", (OTHER, OTHER))
            scene.superuser.execute("INSERT INTO audit_logs SELECT * FROM kept")
            scene.superuser.execute("DROP TABLE kept")
        assert scene.verify().verified

    tampered()


@pytest.mark.slow
def test_verifying_takes_the_same_memory_for_four_times_the_entries(scene: Scene) -> None:
    def grow(count: int) -> None:
        with scene.product.core.ports.open_unit(scene.clinic_id) as unit:
            for _ in range(count):
                unit.audit.append(an_entry(scene.clinic_id, user_agent="a" * 200))

    def peak() -> int:
        tracemalloc.start()
        try:
            assert scene.verify().verified
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    grow(5_000)
    few = peak()
    grow(15_000)
    assert peak() < 1.2 * few


def test_writers_at_work_raise_no_alarm(scene: Scene) -> None:
    stop, written = threading.Event(), list[int]()

    def write() -> None:
        while not stop.is_set():
            scene.product.core.admit_patient(Operator(clinic_id=scene.clinic_id), PatientDraft(name="Jane Roe"))
            written.append(1)

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    try:
        found = [scene.verify() for _ in range(5)]
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert [] == [broken for one in found for broken in one.breaks]
    assert written
