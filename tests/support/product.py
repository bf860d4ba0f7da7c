"""The product composed over a test database, with real cryptography at the lowest cost."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import attrs

from mindbridge_core import MindBridge, Operator, Origin, Ports, Role, SessionClaim
from mindbridge_core.clock import Clock
from mindbridge_core.identity import AccountLinks, ClinicDraft, Credentials, Lockout, SessionLimits, StaffDraft, User
from mindbridge_core.ids import uuid7_maker
from mindbridge_core.oversight import DetectionLimits, detectors_of
from mindbridge_core.patients import EmergencyLimits
from mindbridge_core.screening import DailyWatch, NoBatches, ReviewLimits, RulesOnly
from mindbridge_core.throttle import ThrottleLimits
from mindbridge_memory import KeptMessages, at_once
from mindbridge_postgres import (
    Database,
    PoolSettings,
    PostgresAlertFeed,
    PostgresSinkBook,
    PostgresThrottle,
    PostgresTrails,
    PostgresUnits,
    PostgresWrappedKeys,
)
from mindbridge_security import (
    Argon2Hasher,
    Argon2Settings,
    ClinicKeyRing,
    JwtAccessTokens,
    KeyRing,
    LocalMasterKey,
    TotpCodes,
    ZxcvbnPasswords,
    random_secret,
    utc_now,
)
from tests.support.postgres import TestDatabase

PASSWORD = "a lantern over nine quiet rivers"
WIDE = ThrottleLimits(per_address=1_000_000, per_email=1_000_000)
CHEAPEST = Argon2Settings(time_cost=1, memory_kib=8, parallelism=1)


@attrs.frozen(kw_only=True)
class Product:
    """The core over PostgreSQL, and what it was made from."""

    core: MindBridge
    database: Database
    feed: PostgresAlertFeed
    keys: ClinicKeyRing
    ring: KeyRing

    def clinic(self, name: str = "North") -> UUID:
        """Open a clinic."""
        return self.core.open_clinic(ClinicDraft(organization="Oak", name=name))

    def staff(self, clinic_id: UUID, role: Role) -> User:
        """Register a member of staff with `PASSWORD`."""
        email = f"{role}.{secrets.token_hex(4)}@example.org"
        draft = StaffDraft(email=email, full_name=f"Some {role.name.title()}", role=role)
        return self.core.register_staff(Operator(clinic_id=clinic_id), draft, password=PASSWORD)

    def session(self, user: User) -> SessionClaim:
        """Log `user` in."""
        pair = self.core.log_in(Credentials(email=user.email, password=PASSWORD), Origin())
        return self.core.ports.access_tokens.read(pair.access_token, utc_now(), Origin())


def compose(url: str, ring: KeyRing, pool: PoolSettings, clock: Clock = utc_now) -> Product:
    """Wire the product to a database; the caller closes `product.database`."""
    database = Database.connect(url, pool)
    feed = PostgresAlertFeed(url, pool)
    new_id = uuid7_maker(clock, secrets.token_bytes)
    keys = ClinicKeyRing(
        master=LocalMasterKey(ring), stored=PostgresWrappedKeys(database), clock=utc_now, new_id=new_id
    )
    core = MindBridge.build(
        Ports(
            open_unit=PostgresUnits(database, keys, new_id=new_id, clock=clock),
            trails=PostgresTrails(database, keys),
            sink_book=PostgresSinkBook(database, utc_now),
            clinic_keys=keys,
            key_making=keys,
            wrapped_keys=keys.stored,
            password_hasher=Argon2Hasher(CHEAPEST),
            common_passwords=ZxcvbnPasswords(),
            access_tokens=JwtAccessTokens(ring, issuer="tests", audience="tests"),
            one_time_codes=TotpCodes(),
            clock=clock,
            new_id=new_id,
            new_secret=random_secret,
            session_limits=SessionLimits(),
            lockout=Lockout(),
            account_links=AccountLinks(),
            notifier=KeptMessages(),
            later=at_once,
            throttle=PostgresThrottle(database, clock),
            throttle_limits=WIDE,
            emergency_limits=EmergencyLimits(),
            detectors=detectors_of(DetectionLimits()),
            risk_assessor=RulesOnly(),
            batch_assessor=NoBatches(),
            review_limits=ReviewLimits(),
            daily_watch=DailyWatch(),
            alert_feed=feed,
        )
    )
    return Product(core=core, database=database, feed=feed, keys=keys, ring=ring)


@contextmanager
def running_product(test_database: TestDatabase, *, connections: int = 8) -> Iterator[Product]:
    """Compose the product as the application's role and prepare the platform."""
    product = compose(test_database.application_url, KeyRing.generate(), PoolSettings(most=connections))
    try:
        product.core.prepare_platform()
        yield product
    finally:
        product.feed.close()
        product.database.close()
