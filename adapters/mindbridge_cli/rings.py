"""The key ring that the settings name."""

from __future__ import annotations

from mindbridge_cli.safety import missing
from mindbridge_cli.settings import Settings, SettingsRefused
from mindbridge_security import KeyRing, RingFile

__all__ = ["followed_ring", "ring_of"]


def ring_of(settings: Settings) -> KeyRing:
    """Return the key ring; raises SettingsRefused when none is set, KeyRingRefused when it cannot be used."""
    if settings.key_ring is not None:
        return KeyRing.parse(settings.key_ring)
    if settings.key_ring_file is not None:
        return KeyRing.load(settings.key_ring_file)
    raise SettingsRefused([finding for finding in missing(settings) if "key ring" in finding])


def followed_ring(settings: Settings, ring: KeyRing) -> KeyRing | RingFile:
    """Return the ring as something that follows its file, when it is in one; `ring` is what was read of it."""
    return ring if settings.key_ring_file is None else RingFile(settings.key_ring_file, ring)
