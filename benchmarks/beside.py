"""How much other requests feel it when people log in: hashing is slow on purpose."""

from __future__ import annotations

import threading
from typing import Final

from benchmarks.load import Sample, drive
from benchmarks.measures import MEASURES
from benchmarks.rows import Row
from benchmarks.scene import Scene
from benchmarks.servers import Server

__all__ = ["beside_logins"]

READERS: Final = 2
LOGGING_IN: Final = 2


def beside_logins(scene: Scene, product: Server, seconds: float) -> Row:
    """Compare the slowest of 100 views beside logins with the same when there are none.

    The views come from this thread, the logins from another one, which mostly waits.
    """
    views = MEASURES["get"].streams(scene)[:READERS]
    idle = drive(product.port, views, seconds, status=200)
    crowd = threading.Thread(target=_log_in, args=(scene, product, seconds + 0.5))
    crowd.start()
    busy: Sample = drive(product.port, views, seconds, status=200)
    crowd.join()
    return Row(
        group="beside",
        what=f"p99 of get while {LOGGING_IN} clients log in",
        figure=busy.p99 * 1000,
        unit="ms",
        against="ms when none does",
        bound=idle.p99 * 1000,
        goal=5.0,
        at_most=True,
    )


def _log_in(scene: Scene, product: Server, seconds: float) -> None:
    drive(product.port, MEASURES["login"].streams(scene)[:LOGGING_IN], seconds, status=200)
