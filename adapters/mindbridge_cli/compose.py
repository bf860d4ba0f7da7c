"""The composition root: the product over PostgreSQL, as the settings say."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import time, timedelta

import attrs
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from mindbridge_anthropic import AnthropicAssessor
from mindbridge_cli.assessors import assessor_of, batch_assessor_of
from mindbridge_cli.metrics import metrics_of
from mindbridge_cli.readiness import daily_watch, lag_watches, ready_checks
from mindbridge_cli.rings import followed_ring, ring_of
from mindbridge_cli.safety import missing
from mindbridge_cli.settings import Settings, SettingsRefused
from mindbridge_core import MindBridge, Ports
from mindbridge_core.identity import AccountLinks, Lockout, SessionLimits
from mindbridge_core.ids import uuid7_maker
from mindbridge_core.notices import Notifier
from mindbridge_core.oversight import DetectionLimits, detectors_of
from mindbridge_core.patients import EmergencyLimits
from mindbridge_core.screening import DailyWatch, ReviewLimits
from mindbridge_core.throttle import Throttle, ThrottleLimits
from mindbridge_flask import HttpSettings, Streams, create_app
from mindbridge_notify import Aside, ConsoleNotifier, NoNotifier, SmtpNotifier, SmtpSecurity, SmtpSettings
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

__all__ = ["Composed", "compose", "composed", "web_application"]


@attrs.frozen(kw_only=True)
class Composed:
    """The wired product and what it holds open; whoever composed it closes it."""

    core: MindBridge
    database: Database
    feed: PostgresAlertFeed
    keys: ClinicKeyRing
    ring: KeyRing = attrs.field(repr=False)

    def close(self) -> None:
        """Close all connections, to the database and to the language model."""
        self.feed.close()
        self.database.close()
        if isinstance(self.core.ports.risk_assessor, AnthropicAssessor):
            self.core.ports.risk_assessor.close()


def compose(settings: Settings, ring: KeyRing | None = None) -> Composed:
    """Wire every port to its adapter. Call it after a fork: the database's connections belong to one process.

    Raises SettingsRefused without a database or a key ring, KeyRingRefused for a ring that cannot be used.
    """
    ring = ring or ring_of(settings)
    if settings.database_url is None:
        raise SettingsRefused([finding for finding in missing(settings) if "database" in finding])
    database = Database.connect(settings.database_url, _pool(settings))
    feed = PostgresAlertFeed(settings.database_url, _pool(settings))
    new_id = uuid7_maker(utc_now, secrets.token_bytes)
    keys = ClinicKeyRing(
        master=LocalMasterKey(followed_ring(settings, ring)),
        stored=PostgresWrappedKeys(database),
        clock=utc_now,
        new_id=new_id,
    )
    ports = Ports(
        open_unit=PostgresUnits(database, keys, new_id=new_id, clock=utc_now),
        trails=PostgresTrails(database, keys),
        sink_book=PostgresSinkBook(database, utc_now),
        clinic_keys=keys,
        key_making=keys,
        wrapped_keys=keys.stored,
        password_hasher=Argon2Hasher(_argon2(settings)),
        common_passwords=ZxcvbnPasswords(),
        access_tokens=JwtAccessTokens(ring, issuer=settings.token_issuer, audience=settings.token_audience),
        one_time_codes=TotpCodes(),
        clock=utc_now,
        new_id=new_id,
        new_secret=random_secret,
        session_limits=_session_limits(settings),
        lockout=Lockout(limit=settings.lockout_attempts, lasts=timedelta(minutes=settings.lockout_minutes)),
        account_links=_links(settings),
        notifier=_notifier(settings),
        later=Aside(),
        throttle=_throttle(settings, database),
        throttle_limits=ThrottleLimits(
            per_address=settings.throttle_per_address,
            per_email=settings.throttle_per_email,
            seconds=settings.throttle_seconds,
        ),
        emergency_limits=EmergencyLimits(
            lasts=timedelta(minutes=settings.emergency_minutes),
            review_within=timedelta(hours=settings.emergency_review_hours),
        ),
        detectors=detectors_of(_detection_limits(settings)),
        risk_assessor=assessor_of(settings),
        batch_assessor=batch_assessor_of(settings),
        review_limits=ReviewLimits(high_hours=settings.review_high_hours),
        daily_watch=_daily_watch(settings),
        alert_feed=feed,
    )
    return Composed(core=MindBridge.build(ports), database=database, feed=feed, keys=keys, ring=ring)


@contextmanager
def composed(settings: Settings, ring: KeyRing | None = None) -> Iterator[Composed]:
    """Compose for the length of a block, with the platform prepared."""
    product = compose(settings, ring)
    try:
        product.core.prepare_platform()
        yield product
    finally:
        product.close()


def web_application(product: Composed, settings: Settings, streams: Streams | None = None) -> Flask:
    """Return the HTTP application; `/api/ready` looks at database, migrations, key ring and the sinks' lag.

    Whoever passes `streams` can end them all.
    """
    origins: frozenset[str] = frozenset(settings.cors_origins)
    http = HttpSettings(
        body_limit=settings.body_limit_bytes,
        import_limit=settings.import_limit_bytes,
        cors_origins=origins,
        hsts=settings.behind_tls,
        streams=settings.streams,
    )
    app = create_app(
        product.core,
        settings=http,
        checks=ready_checks(product.core, product.database),
        watches={**lag_watches(product.core, settings), **daily_watch(product.core)},
        metrics=metrics_of(product.core, product.database, settings),
        streams=streams,
    )
    app.debug = False  # whatever FLASK_DEBUG says
    if settings.trusted_proxies:
        proxied = ProxyFix(app.wsgi_app, x_for=settings.trusted_proxies, x_proto=0, x_host=0)
        app.wsgi_app = proxied  # type: ignore[method-assign]  # Flask's own place for middleware
    return app


def _throttle(settings: Settings, database: Database) -> Throttle:
    """Count tries in Redis where one is named; it alone needs the extra."""
    if settings.throttle_redis is None:
        return PostgresThrottle(database, utc_now)
    from mindbridge_redis import RedisThrottle

    return RedisThrottle.connect(settings.throttle_redis)


def _daily_watch(settings: Settings) -> DailyWatch:
    at = None if settings.screening_time == "never" else time.fromisoformat(settings.screening_time)
    return DailyWatch(at=at, within=timedelta(hours=settings.screening_late_hours))


def _links(settings: Settings) -> AccountLinks:
    return AccountLinks(
        base=settings.links_url,
        invitation=timedelta(hours=settings.invitation_hours),
        reset=timedelta(minutes=settings.reset_minutes),
    )


def _notifier(settings: Settings) -> Notifier:
    """Send mail where a server is named; the terminal keeps secrets in its scroll-back, so it must be asked for."""
    if settings.notify == "smtp" and settings.smtp_host is not None and settings.smtp_sender is not None:
        return SmtpNotifier(
            SmtpSettings(
                host=settings.smtp_host,
                port=settings.smtp_port,
                security=SmtpSecurity(settings.smtp_security),
                username=settings.smtp_username,
                password=settings.smtp_password,
                sender=settings.smtp_sender,
                timeout=settings.smtp_timeout_seconds,
                ca_file=settings.smtp_ca_file,
            )
        )
    return ConsoleNotifier() if settings.notify == "console" else NoNotifier()


def _pool(settings: Settings) -> PoolSettings:
    return PoolSettings(
        least=settings.pool_min,
        most=settings.pool_max,
        wait=settings.pool_wait_seconds,
        connect=settings.connect_timeout_seconds,
        statement=settings.statement_timeout_ms / 1000,
        lock=settings.lock_timeout_ms / 1000,
        idle_in_transaction=settings.idle_in_transaction_timeout_ms / 1000,
    )


def _argon2(settings: Settings) -> Argon2Settings:
    """All processes together hash no more at once than there are cores."""
    return Argon2Settings(
        time_cost=settings.argon2_time_cost,
        memory_kib=settings.argon2_memory_kib,
        parallelism=settings.argon2_parallelism,
        at_once=max(1, len(os.sched_getaffinity(0)) // settings.workers),
    )


def _detection_limits(settings: Settings) -> DetectionLimits:
    return DetectionLimits(
        volume_most=settings.detect_volume_patients,
        volume_factor=settings.detect_volume_factor,
        history=timedelta(days=settings.detect_history_days),
        day_begins=settings.detect_day_begins,
        day_ends=settings.detect_day_ends,
        off_hours_most=settings.detect_off_hours_patients,
        refusals_most=settings.detect_refusals,
    )


def _session_limits(settings: Settings) -> SessionLimits:
    return SessionLimits(
        access=timedelta(minutes=settings.access_minutes),
        idle=timedelta(minutes=settings.session_idle_minutes),
        absolute=timedelta(hours=settings.session_absolute_hours),
    )
