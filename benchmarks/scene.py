"""A durable PostgreSQL with clinics, staff who are logged in, and patients: what the load is driven against."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

import attrs
import psycopg
from sqlalchemy import NullPool, create_engine, make_url

import mindbridge_migrations
from benchmarks.composition import PaddedKeys, product_settings, with_hasher
from benchmarks.people import load_patients
from mindbridge_cli.compose import Composed, compose
from mindbridge_core import Operator, Origin, Role
from mindbridge_core.identity import ClinicDraft, Credentials, StaffDraft
from mindbridge_core.phi import ClinicKeys
from mindbridge_embedded import EmbeddedPostgres, start
from mindbridge_postgres.tenancy import grant_application_role
from mindbridge_security import Argon2Hasher, Argon2Settings, KeyRing

__all__ = ["PASSWORD", "Clinic", "Scene", "running_scene"]

OWNER: Final = "mindbridge_owner"
APPLICATION: Final = "mindbridge_app"
DATABASE: Final = "mindbridge"
PASSWORD: Final = "a lantern over nine quiet rivers"  # noqa: S105 - of accounts that live as long as the benchmark
SMALL_CLINICS: Final = 16
SMALL_CLINIC_PATIENTS: Final = 1_000
LOGGING_IN: Final = 8
CHEAPEST: Final = Argon2Settings(time_cost=1, memory_kib=8, parallelism=1)


@attrs.frozen(kw_only=True)
class Clinic:
    """A clinic with its patients in the order of their ids, and access tokens for an admin and a case manager."""

    id: UUID
    patients: Sequence[UUID]
    token: str
    manager_token: str


@attrs.frozen(kw_only=True)
class Scene:
    """All that the measures need."""

    application_url: str
    superuser_url: str
    ring_path: Path
    large: Clinic
    clear: Clinic
    """Its cells are unencrypted, for the server whose encryption is switched off."""
    small: Sequence[Clinic]
    emails: Sequence[str]
    """Accounts of the large clinic whose password is `PASSWORD`, at the default cost."""


@contextmanager
def running_scene(folder: Path, patients: int) -> Iterator[Scene]:
    """Run PostgreSQL in `folder`, fsync on, and fill it; `patients` is the size of the large clinic."""
    with start(folder / "postgres", durable=True) as server:
        secret = secrets.token_urlsafe(16)
        _prepare(server, secret)
        KeyRing.generate().save(folder / "keys")
        url = server.url(user=APPLICATION, password=secret, database=DATABASE)
        superuser = server.superuser_url.rpartition("/")[0] + "/" + DATABASE
        yield _fill(url, superuser, folder / "keys", patients)


def _prepare(server: EmbeddedPostgres, secret: str) -> None:
    with psycopg.connect(server.superuser_url, autocommit=True) as connection:
        for role in (OWNER, APPLICATION):
            connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{secret}'".encode())
        connection.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}".encode())
    url = server.url(user=OWNER, password=secret, database=DATABASE)
    mindbridge_migrations.upgrade(url)
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool, hide_parameters=True)
    with engine.begin() as connection:
        grant_application_role(connection, APPLICATION)


def _fill(url: str, superuser: str, ring_path: Path, patients: int) -> Scene:
    settings = product_settings(url, ring_path)
    composed, costly = with_hasher(settings, Argon2Hasher(CHEAPEST)), compose(settings)
    try:
        composed.core.prepare_platform()
        few = min(patients, SMALL_CLINIC_PATIENTS)
        large = _clinic(composed, superuser, "Large", patients)
        scene = Scene(
            application_url=url,
            superuser_url=superuser,
            ring_path=ring_path,
            large=large,
            clear=_clinic(composed, superuser, "Clear", patients, encrypted=False),
            small=[_clinic(composed, superuser, f"Small {number}", few) for number in range(SMALL_CLINICS)],
            emails=[_staff(costly, large.id, Role.ADMIN)[1] for _ in range(LOGGING_IN)],
        )
    finally:
        for made in (composed, costly):
            made.database.close()
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
    return scene


def _clinic(composed: Composed, superuser: str, name: str, patients: int, *, encrypted: bool = True) -> Clinic:
    clinic_id = composed.core.open_clinic(ClinicDraft(organization="Oak", name=name))
    _, admin = _staff(composed, clinic_id, Role.ADMIN)
    manager_id, manager = _staff(composed, clinic_id, Role.CASE_MANAGER)
    keys: ClinicKeys = composed.keys if encrypted else PaddedKeys(composed.keys)
    loaded = load_patients(superuser, clinic_id, keys.cipher(clinic_id), manager_id, patients)
    return Clinic(
        id=clinic_id, patients=loaded, token=_log_in(composed, admin), manager_token=_log_in(composed, manager)
    )


def _staff(composed: Composed, clinic_id: UUID, role: Role) -> tuple[UUID, str]:
    draft = StaffDraft(email=f"{role}.{secrets.token_hex(4)}@example.org", full_name="Some Member", role=role)
    user = composed.core.register_staff(Operator(clinic_id=clinic_id), draft, password=PASSWORD)
    return user.id, user.email


def _log_in(composed: Composed, email: str) -> str:
    return composed.core.log_in(Credentials(email=email, password=PASSWORD), Origin()).access_token
