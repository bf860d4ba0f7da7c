"""How long keys have been in use: what the doctor says of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from mindbridge_cli.compose import Composed
from mindbridge_cli.inspection import Finding
from mindbridge_core.phi import KeyPurpose, current_key
from mindbridge_security import KeyRing

__all__ = ["age_findings"]


def age_findings(product: Composed, ring: KeyRing, now: datetime, longest: timedelta) -> Iterator[Finding]:
    """Yield a finding for a master key, and one for clinics' data keys, that have been in use for longer."""
    made_on = ring.made_on.get(ring.current_master_key)
    if made_on is not None and made_on < (now - longest).date():
        yield Finding(f"the master key is of {made_on}", "run `mindbridge keys rotate master`")
    ports = product.core.ports
    stored = (ports.wrapped_keys.of_clinic(clinic_id) for clinic_id in ports.trails.clinics())
    made = [current_key(keys, KeyPurpose.DATA).created_at for keys in stored if keys]
    if older := [at for at in made if at < now - longest]:
        wrong = f"{len(older)} data keys are older than {longest.days} days, the oldest of {min(older):%Y-%m-%d}"
        yield Finding(wrong, "run `mindbridge keys rotate data`")
