"""Hearing of alerts from PostgreSQL: one connection in each process listens for all who wait there."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

import psycopg
from psycopg import sql

from mindbridge_core.patients import AlertWatchers
from mindbridge_postgres.alerts import ALERT_CHANNEL
from mindbridge_postgres.database import PoolSettings

__all__ = ["PostgresAlertFeed"]

TICK: Final = 1.0
"""Seconds after which the listener looks whether it is to end."""
LEAST_PAUSE, MOST_PAUSE = 0.25, 15.0
"""Seconds between tries to connect: twice as long after each one that fails."""
_log: Final = logging.getLogger("mindbridge.alerts")


class PostgresAlertFeed:
    """`AlertFeed` of the core, by LISTEN on a connection of its own beside the pool.

    It begins when somebody first watches, so in the process that serves and not in its parent. When the connection
    is lost it connects again, and wakes everybody: what was raised meanwhile was not heard.
    """

    def __init__(self, url: str, settings: PoolSettings) -> None:
        """Remember where to listen."""
        self._url, self._settings = url, settings
        self._watchers = AlertWatchers()
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._listening = threading.Event()

    @contextmanager
    def watch(self, clinic_id: UUID, wake: Callable[[], None]) -> Iterator[None]:
        """Have `wake` called for each alert of the clinic; the first who watches does not wait for the connection."""
        with self._lock:
            if self._thread is None and not self._ending.is_set():
                self._thread = threading.Thread(target=self._run, name="mindbridge-alerts", daemon=True)
                self._thread.start()
        with self._watchers.watch(clinic_id, wake):
            yield

    @property
    def listening(self) -> bool:
        """Whether alerts are heard of now."""
        return self._listening.is_set()

    def close(self) -> None:
        """Hang up; nobody is woken any more."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        pause = LEAST_PAUSE
        while not self._ending.is_set():
            try:
                with self._connect() as connection:
                    connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(ALERT_CHANNEL)))
                    pause = LEAST_PAUSE
                    self._watchers.tell_all()
                    self._listening.set()
                    self._hear(connection)
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not end the listening for good
                self._listening.clear()
                _log.warning("alerts are not heard of, only looked for: %s", type(error).__name__)
                self._ending.wait(pause)
                pause = min(2 * pause, MOST_PAUSE)

    def _connect(self) -> psycopg.Connection:
        """Connect so that a server that vanished is noticed while nothing is sent."""
        return psycopg.connect(
            self._url,
            autocommit=True,
            connect_timeout=self._settings.connect,
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
        )

    def _hear(self, connection: psycopg.Connection) -> None:
        while not self._ending.is_set():
            for notice in connection.notifies(timeout=TICK):
                self._pass_on(notice.payload)

    def _pass_on(self, payload: str) -> None:
        """Wake who waits for the clinic that is named; a payload that is none of ours names nobody."""
        try:
            self._watchers.tell(UUID(payload.partition(" ")[0]))
        except ValueError:
            _log.warning("a notification was not understood")
