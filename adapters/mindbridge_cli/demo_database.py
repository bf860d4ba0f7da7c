"""The demo's database: roles, schema and rights, made again or completed at every start."""

from __future__ import annotations

import secrets
from typing import Final

import attrs
import psycopg
from psycopg import sql

from mindbridge_cli.owner import upgrade
from mindbridge_embedded import EmbeddedPostgres

__all__ = ["DemoDatabase", "prepare_database"]

DATABASE: Final = "mindbridge"
OWNER: Final = "mindbridge_owner"
APPLICATION: Final = "mindbridge_app"


@attrs.frozen(kw_only=True)
class DemoDatabase:
    """The application's address, and whether clinics have keys in it already."""

    url: str = attrs.field(repr=False)
    used: bool


def prepare_database(server: EmbeddedPostgres) -> DemoDatabase:
    """Bring the database to this release. The roles get new random passwords, so that none is kept anywhere."""
    passwords = {role: secrets.token_urlsafe(24) for role in (OWNER, APPLICATION)}
    with psycopg.connect(server.superuser_url, autocommit=True) as superuser:
        for role, password in passwords.items():
            _renew_role(superuser, role, password)
        if superuser.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone() is None:
            superuser.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER))
            )
    upgrade(server.url(user=OWNER, password=passwords[OWNER], database=DATABASE), APPLICATION)
    superuser_url = server.superuser_url.rpartition("/")[0] + "/" + DATABASE
    with psycopg.connect(superuser_url, autocommit=True) as superuser:
        row = superuser.execute("SELECT EXISTS (SELECT FROM clinic_keys)").fetchone()
    url = server.url(user=APPLICATION, password=passwords[APPLICATION], database=DATABASE)
    return DemoDatabase(url=url, used=row == (True,))


def _renew_role(superuser: psycopg.Connection, role: str, password: str) -> None:
    known = superuser.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
    verb = "ALTER" if known else "CREATE"
    order = "ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD {}"
    superuser.execute(sql.SQL(f"{verb} {order}").format(sql.Identifier(role), sql.Literal(password)))
