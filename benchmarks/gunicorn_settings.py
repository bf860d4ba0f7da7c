"""How the servers beside the product run: as `mindbridge serve` runs it."""

from __future__ import annotations

import gc

worker_class = "gthread"
workers = 2
threads = 4
keepalive = 30
graceful_timeout = 2
loglevel = "warning"
control_socket_disable = True


def post_worker_init(_: object) -> None:
    """Take what was loaded out of the collector's sight."""
    gc.collect()
    gc.freeze()
