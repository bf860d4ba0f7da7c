"""Feeding the sinks that the settings name, once or for good."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

import attrs

from mindbridge_audit import JsonLinesFile, SyslogServer
from mindbridge_cli.compose import Composed
from mindbridge_cli.settings import Settings, SettingsRefused
from mindbridge_core.errors import DependencyUnavailable
from mindbridge_core.oversight import AuditSink, Feeder, SinkUnavailable
from mindbridge_flask.unexpected import trace

__all__ = ["Fed", "feed_once", "follow", "sinks_of"]

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
_log: Final = logging.getLogger("mindbridge.audit")


def sinks_of(settings: Settings) -> Sequence[AuditSink]:
    """Return the sinks in their order; raises SettingsRefused when none is named."""
    made = [_KINDS[kind](settings) for kind in dict.fromkeys(settings.audit_sinks)]
    if not made:
        raise SettingsRefused(["no sink: set MINDBRIDGE_AUDIT_SINKS to file, syslog, or both"])
    return made


def _file(settings: Settings) -> AuditSink:
    assert settings.audit_file is not None  # noqa: S101 - the settings were checked for it
    return JsonLinesFile(path=settings.audit_file, full=settings.audit_file_bytes, kept=settings.audit_file_kept)


def _syslog(settings: Settings) -> AuditSink:
    parts = urlsplit(settings.audit_syslog or "")
    assert parts.hostname is not None  # noqa: S101 - likewise
    assert parts.port is not None  # noqa: S101 - likewise
    return SyslogServer(host=parts.hostname, port=parts.port, tls=parts.scheme == "tls", ca=settings.audit_syslog_ca)


_KINDS: Final[dict[str, Callable[[Settings], AuditSink]]] = {"file": _file, "syslog": _syslog}


@attrs.frozen(kw_only=True)
class Fed:
    """What came of feeding a sink once: how many entries were sent, and what stopped it, if anything did."""

    sink: str
    entries: int
    wrong: str | None


def feed_once(product: Composed, sink: AuditSink) -> Fed:
    """Send all that waits now."""
    sent, complete = 0, True
    try:
        with product.core.ports.sink_book.alone(sink.name) as held:
            if held is None:
                return Fed(sink=sink.name, entries=0, wrong="another process feeds it")
            feeder = _feeder(product, sink)
            while True:
                found = feeder(held)
                sent, complete = sent + found.entries, found.complete
                if complete or not found.entries:
                    break
    except SinkUnavailable as down:
        return Fed(sink=sink.name, entries=sent, wrong=str(down))
    return Fed(sink=sink.name, entries=sent, wrong=None if complete else "the trail lacks entries: verify it")


def _feeder(product: Composed, sink: AuditSink) -> Feeder:
    ports = product.core.ports
    return Feeder(ship=product.core.ship_trail, trails=ports.trails, clock=ports.clock, sink=sink)


@contextmanager
def follow(product: Composed, sinks: Sequence[AuditSink], rest: float) -> Iterator[None]:
    """Feed each sink in a thread of its own, so that one that is down holds no other up.

    Leaving the block ends them after the batch that they are at.
    """
    stop = threading.Event()
    threads = [
        threading.Thread(target=_follow, args=(product, sink, rest, stop), name=f"sink-{sink.name}") for sink in sinks
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _follow(product: Composed, sink: AuditSink, rest: float, stop: threading.Event) -> None:
    feeder, pause = _feeder(product, sink), FIRST_PAUSE
    while not stop.is_set():
        try:
            with product.core.ports.sink_book.alone(sink.name) as held:
                while held is not None and not stop.is_set():
                    sent = feeder(held)
                    pause = FIRST_PAUSE
                    if sent.complete or not sent.entries:
                        stop.wait(rest)
        except (SinkUnavailable, DependencyUnavailable) as down:
            _log.warning("the sink %s waits: %s", sink.name, down if str(down) else type(down).__name__)
        except Exception as error:  # noqa: BLE001 - a sink whose feeding ended would lag unseen
            _log.error("the sink %s waits: %s at %s", sink.name, *trace(error))
        stop.wait(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
