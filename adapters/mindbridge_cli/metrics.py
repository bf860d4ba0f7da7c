"""Figures for Prometheus, read anew at each asking, so that every server process says the same.

Labels are names out of the settings. No figure is of a clinic, a patient or a member of staff.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from mindbridge_cli.readiness import lag_of, ready_checks
from mindbridge_cli.settings import Settings
from mindbridge_core import MindBridge
from mindbridge_core.errors import MindBridgeError
from mindbridge_postgres import Database

__all__ = ["metrics_of"]


def metrics_of(core: MindBridge, database: Database, settings: Settings) -> Callable[[], tuple[bytes, str]] | None:
    """Return what makes the page, None where the settings do not switch it on."""
    if not settings.metrics:
        return None
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

    checks, sinks = ready_checks(core, database), tuple(dict.fromkeys(settings.audit_sinks))

    def page() -> tuple[bytes, str]:
        registry = CollectorRegistry(auto_describe=False)
        ready = Gauge("mindbridge_ready", "Whether a check of readiness holds.", ["check"], registry=registry)
        for name, check in checks.items():
            ready.labels(name).set(_holds(check))
        lag = Gauge(
            "mindbridge_audit_sink_lag_seconds",
            "How long ago the sink last had the whole audit trail; +Inf: never.",
            ["sink"],
            registry=registry,
        )
        failing = Gauge(
            "mindbridge_audit_sink_failing", "Whether the sink took nothing when last fed.", ["sink"], registry=registry
        )
        standings = core.ports.sink_book.standings() if sinks else {}
        for sink in sinks:
            since = lag_of(core, sink)
            lag.labels(sink).set(math.inf if since is None else since.total_seconds())
            failing.labels(sink).set(sink in standings and standings[sink].failing_since is not None)
        return generate_latest(registry), CONTENT_TYPE_LATEST

    return page


def _holds(check: Callable[[], str | None]) -> bool:
    try:
        return check() is None
    except MindBridgeError:
        return False
