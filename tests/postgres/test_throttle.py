"""The count in PostgreSQL keeps the contract and cleans up after itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from mindbridge_core import testing
from mindbridge_postgres import Database, PoolSettings, PostgresThrottle
from tests.support.postgres import TestDatabase

KEY = bytes(range(16))


class Time:
    now = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class TestThrottle(testing.ThrottleContract):
    """Each throttle has a pool of its own, as in another process."""

    @pytest.fixture(autouse=True)
    def _ready(self, database: TestDatabase) -> Iterator[None]:
        self.time = Time()
        self.url = database.application_url
        self.pools: list[Database] = []
        yield
        for pool in self.pools:
            pool.close()

    def throttle(self) -> PostgresThrottle:
        self.pools.append(Database.connect(self.url, PoolSettings(most=8, wait=30)))
        return PostgresThrottle(self.pools[-1], self.time)

    def wait(self, seconds: int) -> None:
        self.time.now += timedelta(seconds=seconds)


@pytest.fixture
def pool(database: TestDatabase) -> Iterator[Database]:
    opened = Database.connect(database.application_url)
    yield opened
    opened.close()


def test_windows_that_have_ended_and_tries_of_yesterday_are_purged_and_no_others(
    pool: Database, database: TestDatabase
) -> None:
    time = Time()
    throttle = PostgresThrottle(pool, time)
    for number in range(20):
        throttle.hit(bytes([number] * 16), 60)
    throttle.hit(KEY, 3600)
    with psycopg.connect(database.application_url) as connection:
        rows = [
            (b"old".rjust(32), 1, None, timedelta(hours=25)),
            (b"old lock".rjust(32), 5, timedelta(hours=-1), timedelta(hours=25)),
            (b"locked".rjust(32), 5, timedelta(hours=1), timedelta(hours=25)),
            (b"young".rjust(32), 4, None, timedelta(hours=23)),
        ]
        later = time.now + timedelta(seconds=61)
        for digest, failures, lock, age in rows:
            connection.execute(
                "INSERT INTO login_attempts (email_digest, failures, locked_until, updated_at) VALUES (%s, %s, %s, %s)",
                (digest, failures, None if lock is None else later + lock, later - age),
            )
    time.now = later
    throttle.hit(bytes(16), 60)
    with psycopg.connect(database.application_url) as connection:
        kept = connection.execute("SELECT key FROM throttle_windows").fetchall()
        tries = connection.execute("SELECT email_digest FROM login_attempts").fetchall()
    assert {KEY, bytes(16)} == {row[0] for row in kept}
    assert {b"locked", b"young"} == {row[0].strip() for row in tries}


def test_a_count_that_has_run_full_stays_full(pool: Database, database: TestDatabase) -> None:
    throttle = PostgresThrottle(pool, Time())
    throttle.hit(KEY, 60)
    with psycopg.connect(database.application_url) as connection:
        connection.execute("UPDATE throttle_windows SET hits = 2147483647")
    assert 2147483647 == throttle.hit(KEY, 60).hits
