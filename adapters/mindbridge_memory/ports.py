"""Everything that the core needs, in memory."""

from __future__ import annotations

import secrets

from mindbridge_core.app import Ports
from mindbridge_core.clock import Clock
from mindbridge_core.identity import AccountLinks, Lockout, PasswordHasher, SessionLimits
from mindbridge_core.ids import uuid7_maker
from mindbridge_core.notices import Later, Notifier
from mindbridge_core.oversight import DetectionLimits, detectors_of
from mindbridge_core.patients import EmergencyLimits
from mindbridge_core.screening import BatchAssessor, DailyWatch, NoBatches, ReviewLimits, RiskAssessor, RulesOnly
from mindbridge_core.throttle import ThrottleLimits
from mindbridge_memory.codes import StandardCodes
from mindbridge_memory.keys import OpaqueAccessTokens, ProcessKeys, utc_now
from mindbridge_memory.notices import KeptMessages, at_once
from mindbridge_memory.passwords import FewCommonPasswords, ScryptHasher
from mindbridge_memory.throttle import MemoryThrottle
from mindbridge_memory.units import MemoryStore

__all__ = ["memory_ports"]


def random_secret() -> str:
    """Return 256 random bits as 43 characters of base64url."""
    return secrets.token_urlsafe(32)


def memory_ports(
    *,
    store: MemoryStore | None = None,
    clock: Clock = utc_now,
    password_hasher: PasswordHasher | None = None,
    session_limits: SessionLimits | None = None,
    lockout: Lockout | None = None,
    account_links: AccountLinks | None = None,
    notifier: Notifier | None = None,
    later: Later = at_once,
    throttle_limits: ThrottleLimits | None = None,
    emergency_limits: EmergencyLimits | None = None,
    risk_assessor: RiskAssessor | None = None,
    batch_assessor: BatchAssessor | None = None,
    review_limits: ReviewLimits | None = None,
    daily_watch: DailyWatch | None = None,
) -> Ports:
    """Return ports over `store`, or over a new one; pass your own, with the same clock, to read its audit trail."""
    store = store or MemoryStore(clock=clock)
    return Ports(
        open_unit=store.open_unit,
        trails=store.trails,
        sink_book=store.sink_book,
        clinic_keys=store.keys,
        key_making=ProcessKeys(store.wrapped_keys, clock),
        wrapped_keys=store.wrapped_keys,
        password_hasher=password_hasher or ScryptHasher(),
        common_passwords=FewCommonPasswords(),
        access_tokens=OpaqueAccessTokens(),
        one_time_codes=StandardCodes(),
        clock=clock,
        new_id=uuid7_maker(clock, secrets.token_bytes),
        new_secret=random_secret,
        session_limits=session_limits or SessionLimits(),
        lockout=lockout or Lockout(),
        account_links=account_links or AccountLinks(),
        notifier=notifier or KeptMessages(),
        later=later,
        throttle=MemoryThrottle(clock),
        throttle_limits=throttle_limits or ThrottleLimits(),
        emergency_limits=emergency_limits or EmergencyLimits(),
        detectors=detectors_of(DetectionLimits()),
        risk_assessor=risk_assessor or RulesOnly(),
        batch_assessor=batch_assessor or NoBatches(),
        review_limits=review_limits or ReviewLimits(),
        daily_watch=daily_watch or DailyWatch(),
        alert_feed=store.alert_feed,
    )
