"""Looking over a set-up, part by part; a part that cannot be looked at because another is broken says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import attrs
import psycopg

from mindbridge_cli.compose import compose
from mindbridge_cli.inspection import (
    Finding,
    clock_findings,
    migration_findings,
    partition_findings,
    reason,
    role_findings,
    version_findings,
)
from mindbridge_cli.key_ages import age_findings
from mindbridge_cli.readiness import late_clinics
from mindbridge_cli.rings import ring_of
from mindbridge_cli.safety import insecure, missing, open_settings_file
from mindbridge_cli.settings import Settings, SettingsRefused, load_settings, unknown_variables
from mindbridge_core.errors import DependencyUnavailable, MindBridgeError, UnknownClinic
from mindbridge_core.ids import PLATFORM_CLINIC_ID
from mindbridge_core.screening import DailyStanding
from mindbridge_security import KeyRing

__all__ = ["Check", "examine"]

Look = Callable[[psycopg.Connection], Iterator[Finding]]
FIT: Final = "key ring fits the database"
AGES: Final = "age of keys"
DAILY: Final = "daily screening"
NOT_REACHED: Final = "not looked at: what it needs is wrong, see above"


@attrs.frozen
class Check:
    """One part of the set-up, and what is wrong with it, each with how to mend it."""

    name: str
    findings: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Return a line per finding."""
        return [f"WRONG {self.name}: {finding}" for finding in self.findings]


def examine(config: Path | None) -> list[Check]:
    """Look at everything; nothing is changed."""
    try:
        settings = load_settings(config)
    except SettingsRefused as refused:
        return [Check("settings", refused.findings)]
    found = [*missing(settings), *insecure(settings), *open_settings_file(config, settings), *unknown_variables()]
    ring, ring_check = _ring(settings)
    database = list(_database(settings))
    reached = ring is not None and not database[0].findings
    fit = _fit(settings, ring) if reached and ring else Check(FIT, (NOT_REACHED,))
    ages = _ages(settings, ring) if reached and ring else Check(AGES, (NOT_REACHED,))
    opens = ring if reached and not fit.findings else None
    daily = _daily(settings, opens) if opens else Check(DAILY, (NOT_REACHED,))
    return [Check("settings", tuple(found)), ring_check, *database, fit, ages, daily, *_redis(settings)]


def _redis(settings: Settings) -> Iterator[Check]:
    """Look for the Redis that counts tries, where one is named; without it nobody can log in."""
    if settings.throttle_redis is None:
        return
    from mindbridge_redis import RedisThrottle

    throttle = RedisThrottle.connect(settings.throttle_redis)
    wrong = () if throttle.answers() else ("does not answer: start it, or mend MINDBRIDGE_THROTTLE_REDIS",)
    throttle.close()
    yield Check("Redis", wrong)


def _ring(settings: Settings) -> tuple[KeyRing | None, Check]:
    try:
        return ring_of(settings), Check("key ring")
    except (MindBridgeError, SettingsRefused) as refused:
        return None, Check("key ring", (str(refused),))


def _database(settings: Settings) -> Iterator[Check]:
    now = datetime.now(UTC)
    looks: dict[str, Look] = {
        "PostgreSQL's version": version_findings,
        "role and row-level security": role_findings,
        "migrations": migration_findings,
        "clock": lambda connection: clock_findings(connection, now),
        "audit partitions": lambda connection: partition_findings(connection, now),
    }
    try:
        connection = psycopg.connect(
            settings.database_url or "", autocommit=True, connect_timeout=settings.connect_timeout_seconds
        )
    except psycopg.OperationalError as error:
        why = reason(error) if settings.database_url else "no address is set"
        yield Check("database", (f"does not answer: {why}",))
        yield from (Check(name, (NOT_REACHED,)) for name in looks)
        return
    with connection:
        yield Check("database")
        for name, look in looks.items():
            yield Check(name, tuple(_told(look, connection)))


def _told(look: Look, connection: psycopg.Connection) -> Iterator[str]:
    try:
        yield from (str(finding) for finding in look(connection))
    except psycopg.Error as error:
        yield f"the database refused to say ({type(error).__name__}): run `mindbridge db upgrade`"


def _fit(settings: Settings, ring: KeyRing) -> Check:
    """Look whether the ring opens the keys that are in the database; one that has none yet fits every ring."""
    product = compose(settings, ring)
    try:
        product.keys.cipher(PLATFORM_CLINIC_ID)
    except UnknownClinic:
        return Check(FIT)
    except DependencyUnavailable:
        return Check(FIT, (NOT_REACHED,))
    except MindBridgeError as refused:
        return Check(FIT, (str(refused),))
    finally:
        product.close()
    return Check(FIT)


def _daily(settings: Settings, ring: KeyRing) -> Check:
    """Look whether each clinic's patients have been screened as they are every day."""
    product = compose(settings, ring)
    try:
        return Check(DAILY, tuple(_late(standing) for standing in late_clinics(product.core)))
    except MindBridgeError:
        return Check(DAILY, (NOT_REACHED,))
    finally:
        product.close()


def _late(standing: DailyStanding) -> str:
    last = "never" if standing.last_ended_at is None else f"last on {standing.last_ended_at:%Y-%m-%d at %H:%M} UTC"
    return (
        f"clinic {standing.clinic_id}: the screening that was due on {standing.due_at:%Y-%m-%d at %H:%M} UTC has not"
        f" been done ({last}), so a crisis may go unseen: run `mindbridge worker`, or look into its log where it runs"
    )


def _ages(settings: Settings, ring: KeyRing) -> Check:
    """Look whether keys have been in use for longer than the settings say."""
    product = compose(settings, ring)
    try:
        found = age_findings(product, ring, datetime.now(UTC), timedelta(days=settings.key_age_days))
        return Check(AGES, tuple(str(finding) for finding in found))
    except MindBridgeError:
        return Check(AGES, (NOT_REACHED,))
    finally:
        product.database.close()
