"""MindBridge on PostgreSQL: psycopg 3, row-level security, and the audit trail."""

from mindbridge_postgres.clinics import PostgresWrappedKeys
from mindbridge_postgres.database import Database, PoolSettings
from mindbridge_postgres.feed import PostgresAlertFeed
from mindbridge_postgres.search import index_names
from mindbridge_postgres.sinks import PostgresSinkBook
from mindbridge_postgres.throttle import PostgresThrottle
from mindbridge_postgres.trails import PostgresTrails
from mindbridge_postgres.units import PostgresUnit, PostgresUnits

__all__ = [
    "Database",
    "PoolSettings",
    "PostgresAlertFeed",
    "PostgresSinkBook",
    "PostgresThrottle",
    "PostgresTrails",
    "PostgresUnit",
    "PostgresUnits",
    "PostgresWrappedKeys",
    "index_names",
]
