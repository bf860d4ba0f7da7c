"""The server: gunicorn with threads. Its parent keeps the workers alive; each opens its own connections."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import Final

import attrs
from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]  # gunicorn has no types
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]  # likewise
from gunicorn.errors import HaltServer  # type: ignore[import-untyped]  # likewise
from gunicorn.glogging import Logger  # type: ignore[import-untyped]  # likewise

from mindbridge_cli.compose import compose, web_application
from mindbridge_cli.settings import Settings
from mindbridge_cli.worker import ENDING, DiscreetWorker, die_with_parent
from mindbridge_flask import Streams
from mindbridge_security import KeyRing

__all__ = ["Serving", "run_server"]

ANNOUNCING_PAUSE: Final = 0.05
M_ARENA_MAX: Final = -8  # mallopt(3)
_log: Final = logging.getLogger("mindbridge.server")


@attrs.frozen(kw_only=True)
class Serving:
    """What to serve and where. `announce` is asked again and again until it says that its work is done."""

    settings: Settings
    ring: KeyRing = attrs.field(repr=False)
    bind: str
    announce: Callable[[], bool] | None = None
    ends_with_terminal: bool = False


def run_server(serving: Serving) -> int:
    """Serve until SIGTERM or SIGINT; return 0 after an orderly end, 1 when the workers cannot work.

    Call it in the main thread of a process without other threads.
    """
    owner = os.getpid()
    _log.info("serving on %s", serving.bind)
    gc.collect()
    gc.freeze()  # what is loaded now is shared with the workers, as long as no collection touches it
    try:
        _Arbiter(_Server(serving)).run()
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        if os.getpid() != owner:
            # A worker ends here, below everything that the parent has yet to clean up: that is not its to do.
            sys.stderr.flush()
            os._exit(status)
        return 1 if status else 0
    return 0


class _Logger(Logger):  # type: ignore[misc]  # likewise
    """Leaves handlers and levels to `configure_logs`."""

    def setup(self, cfg: object) -> None:
        self.cfg = cfg
        self.error_log.propagate = True
        self._access_log_enabled = False

    def access(self, *_: object) -> None:
        """Log nothing: the application logs its routes, gunicorn would log addresses."""


class _Server(BaseApplication):  # type: ignore[misc]  # likewise
    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        self.streams = Streams(serving.settings.streams)
        super().__init__()

    def load_config(self) -> None:
        settings = self.serving.settings
        for name, value in {
            "bind": self.serving.bind,
            "workers": settings.workers,
            "threads": settings.threads + settings.streams,  # so that streams leave those to requests
            "worker_class": DiscreetWorker,
            "timeout": settings.worker_timeout_seconds,
            "graceful_timeout": settings.graceful_timeout_seconds,
            "keepalive": settings.keepalive_seconds,
            "limit_request_line": 4094,
            "limit_request_fields": 50,
            "limit_request_field_size": 8190,
            "forwarded_allow_ips": "",
            "accesslog": None,
            "logger_class": _Logger,
            "control_socket_disable": True,
            "proc_name": "mindbridge",
            "post_fork": _after_fork,
            "post_worker_init": _after_loading,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Compose, in the worker. The platform was prepared before, so a database that is down now ends nothing."""
        product = compose(self.serving.settings, self.serving.ring)
        return web_application(product, self.serving.settings, self.streams)


def _after_fork(arbiter: Arbiter, _: object) -> None:
    die_with_parent(arbiter.pid)
    _share_one_arena()


def _share_one_arena() -> None:
    """Have all threads hash passwords in the same memory: glibc would keep a block of argon2's for each of them.

    Giving each block back at once would cost a hash half its speed in page faults.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # musl has none, and one arena anyway
        mallopt(M_ARENA_MAX, 1)


def _after_loading(_: object) -> None:
    gc.collect()
    gc.freeze()


class _Arbiter(Arbiter):  # type: ignore[misc]  # likewise
    """The parent of the workers; announces the server when it is ready, without a thread that a fork would cut off."""

    def __init__(self, server: _Server) -> None:
        self.serving = server.serving
        self.announce = server.serving.announce
        super().__init__(server)

    def wait_for_signals(self, timeout: float = 1.0) -> list[int]:
        """Wait; while there is something to announce, look after that as well."""
        if self.announce is not None:
            timeout = ANNOUNCING_PAUSE
            try:
                if self.announce():
                    self.announce = None
            except (OSError, TimeoutError) as error:
                raise HaltServer(str(error), 1) from error
        signals: list[int] = super().wait_for_signals(timeout)
        return signals

    def spawn_worker(self) -> int:
        """Start a worker, which takes no signal before it knows what to do with one.

        Between the fork and then a signal would go to this process's own handler, and in the worker nobody would ever
        look at what that keeps: told to stop at such a moment, the worker would go on until it is killed.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        try:
            pid: int = super().spawn_worker()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        return pid

    def handle_hup(self) -> None:
        """Start new workers, or end where the server belongs to a terminal that is gone."""
        if self.serving.ends_with_terminal:
            raise StopIteration
        super().handle_hup()

    def handle_usr2(self) -> None:
        """Do nothing: this process was not started as a gunicorn that could replace itself."""
