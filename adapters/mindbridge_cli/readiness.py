"""What must be in order before requests may come, and how it is found out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Final

from mindbridge_cli.settings import Settings
from mindbridge_core import MindBridge, Operator
from mindbridge_core.errors import DependencyUnavailable, MindBridgeError
from mindbridge_core.ids import PLATFORM_CLINIC_ID
from mindbridge_core.screening import DailyStanding
from mindbridge_postgres import Database
from mindbridge_postgres.errors import translated

__all__ = [
    "behind",
    "daily_watch",
    "lag_of",
    "lag_watches",
    "late_clinics",
    "newest_revision",
    "ready_checks",
    "revisions",
]

_REVISION: Final = re.compile(r'^revision = "(\w+)"$', re.MULTILINE)
LOOK_SECONDS: Final = 60.0
_FOLLOWS: Final = re.compile(r'^down_revision = "(\w+)"$', re.MULTILINE)


@cache
def revisions() -> Mapping[str, str | None]:
    """Return every revision that this release knows, with the one that it follows.

    Read from the files, not through Alembic: a server that never migrates need not hold 25 MB for it.
    """
    spec = find_spec("mindbridge_migrations")
    if spec is None or spec.origin is None:
        raise LookupError("the package was installed without its migrations")
    texts = [path.read_text("utf-8") for path in Path(spec.origin).with_name("versions").glob("*.py")]
    named = [(_REVISION.search(text), _FOLLOWS.search(text)) for text in texts]
    return {name[1]: follows and follows[1] for name, follows in named if name}


def newest_revision() -> str:
    """Return the revision that no other follows."""
    (newest,) = revisions().keys() - revisions().values()
    return newest


def behind(current: str | None) -> bool:
    """Whether a database at `current` lacks something that this release needs.

    A revision that this release does not know is a later release's: while that one is being rolled out the old servers
    go on, since migrations first add and only a later release takes away.
    """
    return current is None or (current in revisions() and current != newest_revision())


def ready_checks(core: MindBridge, database: Database) -> Mapping[str, Callable[[], str | None]]:
    """Return the checks of `/api/ready`, each of which returns what is wrong, or None."""

    def reachable() -> str | None:
        return None if database.answers() else "the database does not answer"

    def migrated() -> str | None:
        with database.connection() as connection, translated():
            row = connection.run("SELECT version_num FROM alembic_version").fetchone()
        return "the database's migrations are behind" if behind(row[0] if row else None) else None

    def unlocked() -> str | None:
        try:
            core.ports.clinic_keys.cipher(PLATFORM_CLINIC_ID)
        except DependencyUnavailable:
            return "the database does not answer"
        except MindBridgeError:
            return "the key ring does not open this database"
        return None

    return {"database": reachable, "migrations": migrated, "key_ring": unlocked}


def lag_watches(core: MindBridge, settings: Settings) -> Mapping[str, Callable[[], str | None]]:
    """Return what `/api/ready` tells of the sinks that are set: each lags, or does not."""
    longest = timedelta(seconds=settings.audit_lag_seconds)

    def watch(sink: str) -> str | None:
        lag = lag_of(core, sink)
        return None if lag is not None and lag <= longest else f"the sink {sink} lags"

    return {f"audit_sink_{sink}": partial(watch, sink) for sink in dict.fromkeys(settings.audit_sinks)}


def daily_watch(core: MindBridge) -> Mapping[str, Callable[[], str | None]]:
    """Return what `/api/ready` tells of the clinics' daily screenings: one lags, or none does; never which.

    Looked at once a minute at most, by one thread, for it takes a look at each clinic; to who asks meanwhile it tells
    what was found before.
    """
    found: list[tuple[float, str | None]] = []
    looking = Lock()

    def watch() -> str | None:
        if looking.acquire(blocking=not found):
            try:
                if not found or monotonic() >= found[0][0]:
                    late = any(True for _ in late_clinics(core))
                    found[:] = [(monotonic() + LOOK_SECONDS, "a clinic's daily screening is late" if late else None)]
            finally:
                looking.release()
        return found[0][1]

    return {"daily_screening": watch}


def late_clinics(core: MindBridge) -> Iterator[DailyStanding]:
    """Yield how the daily screening stands in each clinic where it is late."""
    for clinic_id in core.ports.trails.clinics():
        if clinic_id != PLATFORM_CLINIC_ID:
            standing = core.watch_daily(Operator(clinic_id=clinic_id))
            if standing.late:
                yield standing


def lag_of(core: MindBridge, sink: str) -> timedelta | None:
    """Return how long ago the sink last had everything; None when it never had. Whoever stops shipping is found out."""
    standing = core.ports.sink_book.standings().get(sink)
    if standing is None or standing.complete_until is None:
        return None
    return max(timedelta(0), core.ports.clock() - standing.complete_until)
