"""Ports of the loopback interface."""

from __future__ import annotations

import random
import socket
from pathlib import Path

LOWEST = 10_000
RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """Return a port that nobody listens on, and that the system gives to nobody who asks for any.

    Between this choice and the listening a second goes by, in which other tests open hundreds of connections. A port
    out of the system's own range might be one end of one of them by then.
    """
    below = int(RANGE.read_text("ascii").split()[0]) if RANGE.exists() else 32_768
    while True:
        port = random.randrange(LOWEST, max(below, LOWEST + 1_000))  # noqa: S311 - a port, not a secret
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
