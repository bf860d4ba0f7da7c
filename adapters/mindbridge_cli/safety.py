"""What must not be served: settings that would open the records to somebody. Each finding says how to mend it."""

from __future__ import annotations

import ipaddress
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

from mindbridge_cli.settings import Settings

__all__ = ["insecure", "missing", "open_settings_file"]

LEAST_ARGON2_WORK: Final = 35_840
"""KiB times passes: the weakest that OWASP's Password Storage Cheat Sheet still recommends (7 MiB, 5 passes)."""


def missing(settings: Settings) -> Iterator[str]:
    """Yield what `serve` cannot do without."""
    if settings.database_url is None:
        yield "no database: set MINDBRIDGE_DATABASE_URL to its address, as the application's role"
    if settings.key_ring is None and settings.key_ring_file is None:
        yield (
            "no key ring: make one with `mindbridge keys generate --out keys.json`, then set"
            " MINDBRIDGE_KEY_RING_FILE=keys.json"
        )


def insecure(settings: Settings) -> Iterator[str]:
    """Yield what would be served unsafely."""
    if not _is_loopback(settings.host) and not settings.behind_tls and not settings.allow_plain_http:
        yield (
            f"{settings.host} is reached by other machines, and passwords would travel in clear: put a proxy that ends"
            " TLS in front and set MINDBRIDGE_BEHIND_TLS=true, or listen on 127.0.0.1"
        )
    if settings.argon2_time_cost * settings.argon2_memory_kib < LEAST_ARGON2_WORK:
        yield (
            "argon2id would cost an attacker too little: raise MINDBRIDGE_ARGON2_MEMORY_KIB or"
            " MINDBRIDGE_ARGON2_TIME_COST, or leave both as they are by default"
        )
    if settings.notify == "smtp" and settings.smtp_security == "plain" and not _is_loopback(settings.smtp_host or ""):
        yield (
            f"mail to {settings.smtp_host} would travel in clear, and it holds one-time secrets: set"
            " MINDBRIDGE_SMTP_SECURITY to starttls or tls"
        )
    if os.environ.get("FLASK_DEBUG", "0").lower() not in {"", "0", "false", "no"}:
        yield "FLASK_DEBUG shows the inside of the program to whoever causes an error: unset it"


def open_settings_file(config: Path | None, settings: Settings) -> Iterator[str]:
    """Yield a finding when a settings file that may hold secrets can be read by more than its owner."""
    if config is None:
        return
    found = attrs.fields(Settings)
    secrets = [getattr(settings, field.name) for field in found if field.metadata["form"].secret]
    if any(secrets) and config.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield f"{config} may hold secrets and can be read by others: chmod 600 {config}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
