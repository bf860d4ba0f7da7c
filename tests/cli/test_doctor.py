"""The doctor finds each thing that was broken on purpose, says how to mend it, and finds nothing in a sound set-up."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from mindbridge_cli import owner
from mindbridge_cli.compose import composed
from mindbridge_cli.doctor import examine
from mindbridge_cli.inspection import PARTITIONS, clock_findings, partition_findings
from mindbridge_cli.settings import Settings
from mindbridge_core.identity import ClinicDraft
from mindbridge_postgres import tenancy
from mindbridge_postgres.tenancy import FEW_MONTHS_AHEAD, MONTHS_AHEAD
from mindbridge_security import KeyRing
from tests.cli.conftest import Run
from tests.cli.demos import SECONDS
from tests.support.postgres import PASSWORD, TestDatabase
from tests.support.redis import needs_redis, redis_server
from tests.support.sockets import free_port

NAMES = [
    "settings",
    "key ring",
    "database",
    "PostgreSQL's version",
    "role and row-level security",
    "migrations",
    "clock",
    "audit partitions",
    "key ring fits the database",
    "age of keys",
    "daily screening",
]


def wrong(run: Run, **settings: str) -> dict[str, list[str]]:
    """What is found, by the name of the check; the exit code must agree."""
    ended = run("doctor", "--json", **settings)
    content = json.loads(ended.stdout)
    found = {check["name"]: check["findings"] for check in content["checks"] if check["findings"]}
    assert (3 if found else 0, not found) == (ended.exit_code, content["ok"])
    return found


@pytest.fixture
def sound(run: Run, served: dict[str, str]) -> dict[str, str]:
    """A set-up with partitions ahead."""
    assert 0 == run("db", "upgrade", **served).exit_code
    return served


def test_a_sound_set_up_is_well(run: Run, sound: dict[str, str]) -> None:
    assert {} == wrong(run, **sound)
    ended = run("doctor")
    assert [f"ok    {name}" for name in NAMES] == ended.stdout.splitlines()


def test_nothing_set_is_found_part_by_part(run: Run) -> None:
    ended = run("doctor")
    assert 3 == ended.exit_code
    assert all(line.startswith("WRONG ") for line in ended.stdout.splitlines() if not line.startswith("ok"))
    assert "keys generate" in ended.stdout


def test_unusable_settings_are_all_that_is_looked_at(run: Run) -> None:
    assert {"settings": ["port (MINDBRIDGE_PORT): must be a whole number from 1 to 65535"]} == wrong(run, port="x")


def test_a_misspelt_variable_and_an_open_key_ring_are_found(run: Run, sound: dict[str, str]) -> None:
    Path(sound["key_ring_file"]).chmod(0o640)
    found = wrong(run, **sound, prot="1")
    assert "did you mean MINDBRIDGE_PORT?" in found["settings"][0]
    assert "chmod 600" in found["key ring"][0]


def test_a_settings_file_with_secrets_that_others_can_read_is_found(tmp_path: Path) -> None:
    config = tmp_path / "mindbridge.toml"
    config.write_text('database_url = "postgresql://app:x@127.0.0.1:1/x"\n')
    config.chmod(0o644)
    assert "chmod 600" in str(examine(config)[0].findings)
    config.chmod(0o600)
    assert "chmod 600" not in str(examine(config)[0].findings)


def test_a_database_that_does_not_answer_is_found_without_its_password(run: Run, sound: dict[str, str]) -> None:
    found = wrong(run, **sound | {"database_url": "postgresql://app:hunter2@127.0.0.1:1/x"})
    assert "Connection refused" in found["database"][0]
    assert "hunter2" not in str(found)


def test_the_owner_and_the_superuser_are_no_roles_to_serve_as(
    run: Run, sound: dict[str, str], database: TestDatabase
) -> None:
    owner = wrong(run, **sound | {"database_url": database.owner_url})
    assert "owns tables" in owner["role and row-level security"][0]
    superuser = wrong(run, **sound | {"database_url": database.superuser_url})
    assert "is a superuser" in superuser["role and row-level security"][0]


@pytest.fixture
def bypassing(database: TestDatabase) -> Iterator[str]:
    with psycopg.connect(database.superuser_url, autocommit=True) as superuser:
        superuser.execute(
            f"CREATE ROLE passes_by LOGIN BYPASSRLS PASSWORD '{PASSWORD}' IN ROLE mindbridge_app".encode()
        )
        yield database.server.url(user="passes_by", password=PASSWORD, database=database.name)
        superuser.execute("DROP ROLE passes_by")


def test_a_role_that_bypasses_row_level_security_is_found(run: Run, sound: dict[str, str], bypassing: str) -> None:
    found = wrong(run, **sound | {"database_url": bypassing})
    assert "has BYPASSRLS" in found["role and row-level security"][0]


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("ALTER TABLE patients NO FORCE ROW LEVEL SECURITY", ("role and row-level security", "forced on patients")),
        ("ALTER TABLE sessions DISABLE ROW LEVEL SECURITY", ("role and row-level security", "forced on sessions")),
        ("UPDATE alembic_version SET version_num = '0001'", ("migrations", "at revision 0001")),
        ("REVOKE ALL ON alembic_version FROM mindbridge_app", ("migrations", "no rights")),
        ("DROP TABLE alembic_version", ("migrations", "at revision none")),
    ],
)
def test_each_wall_taken_away_is_found(
    statement: str, found: tuple[str, str], run: Run, sound: dict[str, str], database: TestDatabase
) -> None:
    with psycopg.connect(database.superuser_url) as superuser:
        superuser.execute(statement.encode())
    said = wrong(run, **sound)
    assert [found[0]] == list(said)
    assert found[1] in said[found[0]][0]


def test_a_key_ring_of_another_database_is_found(run: Run, sound: dict[str, str], tmp_path: Path) -> None:
    assert 0 == run("seed", **sound).exit_code
    assert {} == wrong(run, **sound)
    other = tmp_path / "other.json"
    KeyRing.generate().save(other)
    found = wrong(run, **sound | {"key_ring_file": str(other)})
    assert ["key ring fits the database", "daily screening"] == list(found)
    assert ["not looked at: what it needs is wrong, see above"] == found["daily screening"]


def test_clocks_apart_and_missing_partitions_are_found(sound: dict[str, str]) -> None:
    with psycopg.connect(sound["database_url"]) as connection:
        now = datetime.now(UTC)
        assert [] == list(clock_findings(connection, now))
        (told,) = clock_findings(connection, now - timedelta(seconds=60))
        found = re.search(r"\b(\d+) s apart", str(told))
        assert found is not None
        assert 60 <= int(found[1]) < 60 + SECONDS
        assert [] == list(partition_findings(connection, now))
        late = datetime(now.year + 3, 12, 31, tzinfo=UTC)
        assert FEW_MONTHS_AHEAD + 1 == len(list(partition_findings(connection, late)))


def test_partitions_are_made_a_year_ahead_and_missed_when_half_of_that_has_gone(
    run: Run, sound: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = json.loads(run("db", "partitions", "--json", **sound).stdout)["made"]
    assert [] == made
    assert "nothing to make\n" == run("db", "partitions", **sound).stdout
    now = datetime.now(UTC)
    made_until = tenancy.partition_names(now.date(), MONTHS_AHEAD + 1)
    with psycopg.connect(sound["database_url"]) as connection:
        present = {name for (name,) in connection.execute(PARTITIONS).fetchall()}
        assert set(made_until) <= present
        last = max(name for name in present if name != "audit_logs_default")
        year, month = int(last[-7:-3]), int(last[-2:])
        just = datetime(year, month, 1, tzinfo=UTC) - timedelta(days=30 * FEW_MONTHS_AHEAD)
        assert [] == list(partition_findings(connection, just))
        assert 1 <= len(list(partition_findings(connection, just + timedelta(days=32))))
    monkeypatch.setattr(owner, "MONTHS_AHEAD", 60)
    made = json.loads(run("db", "partitions", "--json", **sound).stdout)["made"]
    assert len(made) == 61 - len([name for name in tenancy.partition_names(now.date(), 61) if name in present])


@needs_redis
def test_a_redis_that_is_named_is_looked_for(run: Run, sound: dict[str, str], tmp_path: Path) -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    assert ["Redis"] == list(wrong(run, throttle_redis=url, **sound))
    with redis_server(int(url.split(":")[2].removesuffix("/0")), tmp_path):
        assert {} == wrong(run, throttle_redis=url, **sound)


def test_keys_in_use_for_longer_than_the_setting_are_found_and_new_ones_are_not(
    run: Run, sound: dict[str, str], database: TestDatabase
) -> None:
    path = Path(sound["key_ring_file"])
    with composed(Settings(database_url=sound["database_url"], key_ring_file=path)) as product:
        product.core.open_clinic(ClinicDraft(organization="Oak", name="North"))
    ring = json.loads(path.read_text())
    ring["master_keys"][0]["made_on"] = "2024-02-29"
    path.write_text(json.dumps(ring))
    with psycopg.connect(database.superuser_url) as superuser:
        superuser.execute("UPDATE clinic_keys SET created_at = '2024-03-01T00:00:00Z' WHERE purpose = 'data'")
    found = wrong(run, **sound)["age of keys"]
    assert [
        "the master key is of 2024-02-29: run `mindbridge keys rotate master`",
        "2 data keys are older than 365 days, the oldest of 2024-03-01: run `mindbridge keys rotate data`",
    ] == found
    assert {} == wrong(run, key_age_days="36500")
    assert 0 == run("keys", "rotate", "master", key_age_days="365").exit_code
    assert 0 == run("keys", "rotate", "data", "--offline").exit_code
    assert {} == wrong(run)
