"""Starting `serve`: everything that must hold before the first request is looked at, once, by the parent."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psycopg

from mindbridge_cli.compose import composed
from mindbridge_cli.inspection import migration_findings, partition_findings, reason, role_findings, version_findings
from mindbridge_cli.rings import ring_of
from mindbridge_cli.safety import insecure, missing, open_settings_file
from mindbridge_cli.server import Serving
from mindbridge_cli.settings import Settings
from mindbridge_core.errors import MindBridgeError
from mindbridge_security import KeyRing

__all__ = ["StartRefused", "prepare"]

PAUSE: Final = 0.25
_log: Final = logging.getLogger("mindbridge.server")


class StartRefused(RuntimeError):
    """The server must not start; `findings` says why and how to mend it."""

    def __init__(self, findings: list[str]) -> None:
        super().__init__("; ".join(findings))
        self.findings = findings


def prepare(settings: Settings, config: Path | None = None) -> Serving:
    """Return what to serve. Raises StartRefused with all findings, KeyRingRefused, DependencyUnavailable."""
    findings = [*missing(settings), *insecure(settings), *open_settings_file(config, settings)]
    ring: KeyRing | None = None
    try:
        ring = ring_of(settings) if not findings else None
    except MindBridgeError as refused:
        findings.append(str(refused))
    if findings or ring is None:
        raise StartRefused(findings)
    with _connected(settings) as connection:
        found = [*version_findings(connection), *role_findings(connection), *migration_findings(connection)]
        late = [] if found else list(partition_findings(connection, datetime.now(UTC)))
    if found:
        raise StartRefused([str(finding) for finding in found])
    for finding in late:  # not made here: the role that serves must own no table, and entries find room all the same
        _log.warning("%s", finding)
    with composed(settings, ring):
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        return Serving(settings=settings, ring=ring, bind=f"{host}:{settings.port}")


def _connected(settings: Settings) -> psycopg.Connection:
    """Connect, waiting for a database that is only just starting."""
    deadline = datetime.now(UTC).timestamp() + settings.start_timeout_seconds
    while True:
        try:
            return psycopg.connect(
                str(settings.database_url), autocommit=True, connect_timeout=settings.connect_timeout_seconds
            )
        except psycopg.OperationalError as error:
            if datetime.now(UTC).timestamp() >= deadline:
                raise StartRefused([f"the database does not answer: {reason(error)}"]) from None
            _log.warning("the database does not answer yet")
            time.sleep(PAUSE)
