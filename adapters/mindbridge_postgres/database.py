"""Connections to PostgreSQL: a pool that waits for nothing for ever and outlives the server's restarts."""

from __future__ import annotations

import select
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, LiteralString
from uuid import UUID

import attrs
import psycopg
from psycopg import errors
from psycopg.abc import Params
from psycopg.pq import ExecStatus
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolTimeout

from mindbridge_core.compliance import ChainHead
from mindbridge_core.errors import DependencyUnavailable
from mindbridge_postgres.errors import translated

__all__ = ["Connection", "Database", "PoolSettings", "set_clinic"]

HEADS_KEPT: Final = 1_000
UNASKED: Final = 1_000_000_000
"""How often a statement comes before it is prepared unasked: never. None would prepare nothing at all."""
Row = tuple[Any, ...]
Held = tuple[tuple["ConnectionPool[Connection]", UUID, "Connection"], ...]

_HELD: ContextVar[Held] = ContextVar("mindbridge_held", default=())
"""The connections of the transactions that are open here, in this thread, innermost last."""


@attrs.frozen(kw_only=True)
class PoolSettings:
    """Bounds of the pool and of every statement; times in seconds."""

    least: int = 1
    most: int = 8
    wait: float = 5.0
    """How long a request waits for a free connection."""
    connect: int = 5
    statement: float = 10.0
    lock: float = 5.0
    idle_in_transaction: float = 30.0

    @property
    def server_options(self) -> str:
        """The session's settings, as the server takes them at connect."""
        milliseconds = {
            "statement_timeout": self.statement,
            "lock_timeout": self.lock,
            "idle_in_transaction_session_timeout": self.idle_in_transaction,
        }
        limits = [f"-c {name}={int(seconds * 1000)}" for name, seconds in milliseconds.items()]
        return " ".join([*limits, "-c timezone=UTC", "-c search_path=public"])


class Connection(psycopg.Connection[TupleRow]):
    """A connection that remembers, for each clinic, the audit lane it wrote to last and where that stood."""

    heads: OrderedDict[UUID, ChainHead]

    def remember(self, head: ChainHead) -> None:
        """Keep the head of the lane that this connection goes on with."""
        self.heads[head.clinic_id] = head
        self.heads.move_to_end(head.clinic_id)
        if len(self.heads) > HEADS_KEPT:
            self.heads.popitem(last=False)

    def command(self, text: str) -> str:
        """Send what has neither parameters nor rows, such as COMMIT, at a fraction of a cursor's cost.

        Returns the last command's tag.
        """
        result = self.pgconn.exec_(text.encode())
        if result.status != ExecStatus.COMMAND_OK:
            raise errors.error_from_result(result)
        return (result.command_status or b"").decode()

    def run(self, statement: LiteralString, params: Params | None = None) -> psycopg.Cursor[TupleRow]:
        """Send a statement, prepared on the server at its first use."""
        return self.cursor(binary=True).execute(statement, params, prepare=True)


def _configure(connection: Connection) -> None:
    connection.heads = OrderedDict()


def _check(connection: Connection) -> None:
    """Refuse a connection that the server has closed: then its idle socket is readable. Costs no round trip."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        connection.close()  # else the pool takes it back and offers it again
        message = "the server has closed the connection"
        raise psycopg.OperationalError(message)


def set_clinic(clinic_id: UUID) -> LiteralString:
    """Return the statement that lets row-level security see one clinic, until the transaction ends.

    SET takes no parameters, and set_config() is not forwarded by a distributing proxy; a UUID's text is
    hexadecimal digits and hyphens only.
    """
    return f"SET LOCAL app.clinic_id = '{UUID(int=clinic_id.int)}'"


@attrs.frozen
class Database:
    """A PostgreSQL database as the application's role sees it."""

    pool: ConnectionPool[Connection] = attrs.field(repr=False)
    settings: PoolSettings

    @classmethod
    def connect(cls, url: str, settings: PoolSettings = PoolSettings()) -> Database:
        """Open a pool; it connects in the background, so a server that is down is found out at first use.

        Call it after a fork: connections cannot be shared by processes.
        """
        pool = ConnectionPool(
            url,
            connection_class=Connection,
            kwargs={
                "autocommit": True,  # units send their own BEGIN and COMMIT
                "connect_timeout": settings.connect,
                "tcp_user_timeout": int(settings.statement * 1000),  # a network that swallows everything is noticed
                "options": settings.server_options,
                "prepare_threshold": UNASKED,
            },
            min_size=settings.least,
            max_size=settings.most,
            timeout=settings.wait,
            reconnect_timeout=settings.wait,
            configure=_configure,
            check=_check,
            name="mindbridge",
            open=True,
        )
        return cls(pool, settings)

    def close(self) -> None:
        """Close all connections."""
        self.pool.close(timeout=self.settings.wait)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection; DependencyUnavailable when none is to be had in time."""
        try:
            connection = self.pool.getconn()
        except (PoolTimeout, psycopg.Error) as error:
            raise DependencyUnavailable from error
        try:
            yield connection
        finally:
            self.pool.putconn(connection)

    @contextmanager
    def holding(self, clinic_id: UUID, connection: Connection) -> Iterator[None]:
        """Have `held` return the connection for the length of the block, in which its transaction is on the clinic."""
        token = _HELD.set((*_HELD.get(), (self.pool, clinic_id, connection)))
        try:
            yield
        finally:
            _HELD.reset(token)

    def held(self, clinic_id: UUID) -> Connection | None:
        """Return the connection whose transaction on the clinic is open here, if any.

        Whoever needs a row of the clinic in the midst of a transaction asks there: a second connection might only come
        free when this one is given back.
        """
        for pool, clinic, connection in reversed(_HELD.get()):
            if pool is self.pool and clinic == clinic_id:
                return connection
        return None

    def answers(self) -> bool:
        """Whether the database answers a query now."""
        try:
            with self.connection() as connection, translated():
                return connection.run("SELECT 1").fetchone() == (1,)
        except DependencyUnavailable:
            return False
